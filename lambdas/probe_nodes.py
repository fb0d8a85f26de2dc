"""Looks at every node from outside, at once, and says for each assembly in one number whether it serves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core import names
from core.fleet import Watched
from core.items import BadRecord
from core.outlook import answers, healthy_value, report_age_s, with_look, without_expired
from core.policy import Policy
from core.records import Looks, Report
from core.sweep import SWEEP_LATE_S
from core.wakes import BadEvent, message_body
from lambdas.adapters import clock, emf, log, register, table, world
from lambdas.adapters.asking import Address, look_from_outside
from lambdas.adapters.clients import WorldFailed

ME = "probe_nodes"
POLICY = Policy()
AT_ONCE = 200  # connections: two a node, far below Lambda's 1,024 descriptors


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """A sweep for each SQS record; or {"look": {"deployable", "assembly", "instance", "address"?}}: one fresh look, given back."""
    if "look" in event:
        register.hear(event)
        return _fresh_look(event["look"])
    failed = []
    for record in event.get("Records", []):
        try:
            _sweep_for(record)
        except BadEvent as error:
            log.say(ME, f"left alone: {error}")
        except WorldFailed as error:
            log.say(ME, f"sweep failed: {error}")
            failed.append({"itemIdentifier": str(record.get("messageId", ""))})
    return {"batchItemFailures": failed}


def _sweep_for(record: Mapping[str, Any]) -> None:
    """A late message is dropped: looking several times in a row says nothing that one look does not."""
    sweep = message_body(record).get("sweep")
    if not isinstance(sweep, dict) or not isinstance(sweep.get("due_ms"), int):
        raise BadEvent(f"sweep is {sweep!r:.80}: expected an object with due_ms")
    late_s = (clock.now_ms() - sweep["due_ms"]) / 1000
    if late_s > SWEEP_LATE_S:
        log.say(ME, f"dropped a sweep that is {late_s:.0f} s late")
        return
    register.hear(sweep)
    sweeps, failed = _read()
    asyncio.run(_look_at_all(sweeps))
    for watched, sweep in sweeps.items():
        _tell(watched, sweep)
    if failed is not None:
        raise failed  # the sweep was not a whole one; the others' numbers stand all the same
    dimension, values = register.sweeps_of()
    for value in values:
        emf.emit(names.METRIC_SWEEPS, 1, at_ms=clock.now_ms(), dimensions={dimension: value})


@dataclass
class _Sweep:
    """One assembly's: what its nodes say, what was seen of them before, and what is seen now."""

    reports: Mapping[str, Report]
    before: Mapping[str, Looks]
    after: dict[str, Looks] = field(default_factory=dict)


def _read() -> tuple[dict[Watched, _Sweep], WorldFailed | None]:
    """One assembly that cannot be read does not keep the others from being looked at; the last error is given beside them.

    Read at half the price of a consistent read: a sweep comes every ten seconds and decides nothing. What is a moment old
    makes a report at most one sweep older or younger than it is; whoever acts reads again.
    """
    found: dict[Watched, _Sweep] = {}
    failed: WorldFailed | None = None
    for watched in register.fleet().assemblies:
        name = (watched.deployable, watched.name)
        try:
            reports = without_expired(table.node_records(*name, consistent=False)[0], clock.now_ms())
            found[watched] = _Sweep(reports, table.looks(*name, consistent=False))
        except WorldFailed as error:
            log.say(ME, f"could not read {watched.name}: {error}")
            failed = error
    return found, failed


def _tell(watched: Watched, sweep: _Sweep) -> None:
    for looks in sweep.after.values():
        table.put_looks(looks)
    value = healthy_value(sweep.reports, sweep.after, POLICY)
    if value is not None:
        dimensions = {names.DIM_DEPLOYABLE: watched.deployable, names.DIM_ASSEMBLY: watched.name}
        emf.emit(names.METRIC_HEALTHY, value, at_ms=clock.now_ms(), dimensions=dimensions)
    if value == 0:
        seen = {i: f"{x.looks[-1].ha} / {x.looks[-1].http}" for i, x in sweep.after.items()}
        log.say(ME, f"{watched.name} does not serve", looks=seen)


async def _look_at_all(sweeps: Mapping[Watched, _Sweep]) -> None:
    """All nodes of all assemblies at once: silent ones cost one timeout together, not one each."""
    slots = asyncio.Semaphore(AT_ONCE)
    networks = register.fleet().networks

    async def look(watched: Watched, sweep: _Sweep, report: Report) -> None:
        address = Address(report.address, report.ha_port, report.http_port, networks[watched.deployable])
        async with slots:
            seen = await look_from_outside(address, now_ms=clock.now_ms)
        of = (watched.deployable, watched.name, report.instance)
        sweep.after[report.instance] = with_look(sweep.before.get(report.instance), seen, report, of=of)

    await asyncio.gather(*(look(watched, sweep, report) for watched, sweep in sweeps.items() for report in sweep.reports.values()))


def _fresh_look(wanted: Any) -> dict[str, Any]:
    """For whoever is about to act. Raises BadEvent, WorldFailed, BadRecord."""
    if not isinstance(wanted, Mapping) or not all(isinstance(wanted.get(k), str) for k in ("deployable", "assembly", "instance")):
        raise BadEvent(f"look is {wanted!r:.120}: expected deployable, assembly and instance")
    watched = world.watched(wanted["deployable"], wanted["assembly"])
    instance, name = wanted["instance"], (watched.deployable, watched.name)
    report = without_expired(table.node_records(*name)[0], clock.now_ms()).get(instance)
    network = register.fleet().networks[watched.deployable]
    address = Address(str(wanted.get("address", "")), watched.ha_port, watched.http_port, network)
    if report is not None:
        address = Address(report.address, report.ha_port, report.http_port, network)
    if not address.host:
        raise BadRecord(f"{instance} has no report, and no address was given to look at")
    look = asyncio.run(look_from_outside(address, now_ms=clock.now_ms))
    looks = with_look(table.looks(*name).get(instance), look, report, of=(*name, instance))
    table.put_looks(looks)
    said = {"at_ms": look.at_ms, "verdict": look.verdict.value, "ha": look.ha, "http": look.http}
    log.say(ME, f"a fresh look at {instance}", **said)
    return {"look": said, "answered": answers(look), "report_age_s": report_age_s(looks)}
