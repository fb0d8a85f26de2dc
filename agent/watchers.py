"""Those who look at the world for the cycle: the permit in the table, and what Auto Scaling wants of this instance."""

from __future__ import annotations

import asyncio

from agent.beat import AFTER_LOOP_S, until_beat_s
from agent.cycle import Cycle
from agent.log import Log, Once
from agent.ports import Metadata, Refused, Table, Unreachable
from core.items import BadRecord
from core.records import Phase

PERMIT_WAITING_S = 0.5  # a new node's applications wait for it: our share of a recovery
# A permit passes on only when its holder has released it or is terminated, so that a running holder's own look is a second
# line; and a look costs as much processor time as a report, a third of all that an idle agent uses if it came as often.
PERMIT_RUNNING_S = 30.0
TARGET_STATE_S = 15.0  # of a terminate hook's 180 s
POOL_STATE_S = 0.5  # the metadata service is on the host; whoever comes out of the warm pool is waited for by clients


async def watch_permit(cycle: Cycle, table: Table, log: Log) -> None:
    """Read the permit again and again. What cannot be read changes nothing."""
    trouble = Once(log, "permit")
    while True:
        try:
            permit = await asyncio.to_thread(table.read_permit, cycle.settings.deployable, cycle.settings.assembly.name)
        except (Unreachable, Refused, BadRecord) as error:
            cycle.tally.table_errors += 1
            trouble.trouble(error)
        else:
            cycle.tally.table_answered_at_s = cycle.clock()
            trouble.well()
            if permit is not None and permit != cycle.knowledge.permit:
                log.say("permit", named=permit.instance, permit_epoch=permit.epoch)
                cycle.knowledge.permit = permit
                cycle.wake()
        waits = cycle.concluded.phase is Phase.WAITING or not cycle.memory.confirmed
        await asyncio.sleep(PERMIT_WAITING_S if waits else until_beat_s(PERMIT_RUNNING_S, cycle.clock(), after_s=AFTER_LOOP_S))


async def watch_target_state(cycle: Cycle, metadata: Metadata, log: Log) -> None:
    """Ask the metadata service for the target lifecycle state. Terminated is final; an outage says nothing.

    Warmed:Stopped (or another state of a warm pool) is that of a machine which is prepared; it is InService once that is to serve.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
    """
    trouble = Once(log, "metadata")
    while not cycle.knowledge.terminating:
        try:
            state = await asyncio.to_thread(metadata.target_lifecycle_state)
        except Unreachable as error:
            trouble.trouble(error)
        else:
            trouble.well()
            prepared = state is not None and state.startswith("Warmed:")
            if state == "Terminated" or prepared is not cycle.knowledge.prepared:
                log.say("target-state", state=state)
                cycle.knowledge.terminating = state == "Terminated"
                cycle.knowledge.prepared = prepared
                cycle.wake()
        if cycle.knowledge.prepared:
            await asyncio.sleep(POOL_STATE_S)
            continue
        await asyncio.sleep(until_beat_s(TARGET_STATE_S, cycle.clock(), after_s=2 * AFTER_LOOP_S))
