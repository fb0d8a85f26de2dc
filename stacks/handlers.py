"""What each function is given to work with: memory, time, and how often its events are tried again."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """What a function is given to work with.

    memory_mb also buys CPU: what stands between a failure and its recovery gets more, for its cold start.
    timeout_s: a handler leaves by itself before that; being cut off is a failure.
    retries, age_s: how often and how long Lambda tries an asynchronous event again after an error.
    loops: it wakes itself on purpose, and something else than Lambda's recursive loop detection bounds that.
    """

    module: str
    memory_mb: int
    timeout_s: int
    retries: int = 2
    age_s: int = 600
    loops: bool = False


# Concurrency is reserved for none: a young account has ten in all and may reserve none of them.
TICK = Handler(module="tick", memory_mb=256, timeout_s=50, retries=0, age_s=60)  # the next minute brings the next one
PROBE_NODES = Handler(module="probe_nodes", memory_mb=256, timeout_s=20, retries=0, age_s=60)
# For a shared foundation, which may come to have thousands of assemblies: this much buys the third of a processor with which
# `python -m bench.probing` was measured.
PROBE_MANY_NODES = replace(PROBE_NODES, memory_mb=512)
# Lambda would stop it at about sixteen messages of one incident, a quarter of an hour into it, and leave the rest to the dead letters
# (https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html). Its chain is bounded otherwise: a call sends one message at
# most, when its own time is up, so one in some fifty seconds; only who brings the incident's word goes on; and every incident ends,
# after an hour at the latest (core.policy.Policy.incident_s).
RECOVER_ASSEMBLY = Handler(module="recover_assembly", memory_mb=512, timeout_s=60, loops=True)
ADMIT_NODE = Handler(module="admit_node", memory_mb=512, timeout_s=60)
RETIRE_NODE = Handler(module="retire_node", memory_mb=512, timeout_s=60)
# Looks at the nodes until the database is over it or has had its time (core.policy.Policy.database_s); Lambda gives no more than this.
RECORD_EVENT = Handler(module="record_event", memory_mb=256, timeout_s=900, age_s=3600)
MOVE_FRONT = Handler(module="move_front", memory_mb=512, timeout_s=30)
# At deploy only, for databases with auth: iam. The first asks the second up to four times, each of which ends before it is given up.
HAND_SECRET = Handler(module="hand_secret", memory_mb=256, timeout_s=150)
MAKE_USER = Handler(module="make_user", memory_mb=256, timeout_s=24, retries=0)
