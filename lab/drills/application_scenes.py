"""The drills that trouble the application: killed, hung, starved, leaking, its port held by what it left behind."""

from __future__ import annotations

import time

from lab.drills.cloud import wait_for
from lab.drills.model import Outcome, at_most, exactly
from lab.drills.node import Node, Process
from lab.drills.quiet import gap_s, nobody_stirs, restarted, served_again
from lab.drills.stage import Situation, Stage

_SERVER = "process that listens on the clients' port"
_PATIENCE_S = 60.0
_LOOK_S = 5.0


def kill_application(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    node = Node(stage, before.holder)
    restarts, old = node.restarts(), node.must(node.server, _SERVER)
    at = node.signal(old, "SIGKILL")
    new = node.another_server(old, within_s=_PATIENCE_S)
    promises = (
        served_again(stage, at),
        at_most("added to the application's own start", _since(at, new), limit_s, "s"),
        restarted(node, restarts, 1),
        *nobody_stirs(stage, before),
    )
    return Outcome(promises, None, time.time())


def hang_application(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """It goes on holding its port, and the kernel completes handshakes for it: only an answer tells that it hangs."""
    node = Node(stage, before.holder)
    restarts, old = node.restarts(), node.must(node.server, _SERVER)
    at = node.signal(old, "SIGSTOP")
    new = node.another_server(old, within_s=_PATIENCE_S)
    promises = (
        served_again(stage, new.started_at if new else at),
        at_most("until a new process was started", _since(at, new), limit_s, "s"),
        exactly("the hung process is gone", int(not _exists(node, old)), 1),
        restarted(node, restarts, 1),
        *nobody_stirs(stage, before),
    )
    return Outcome(promises, None, time.time())


_STARVED_S = 30.0


def starve_application(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    node = Node(stage, before.holder)
    restarts, old = node.restarts(), node.must(node.server, _SERVER)
    at = float(node.do("starve", pid=old.pid)["at"])
    verdicts: set[str] = set()
    try:
        until = time.monotonic() + _STARVED_S
        while time.monotonic() < until:
            verdicts |= {str(verdict) for verdict in node.of_applications("verdict")}
            time.sleep(0.5)
        slowest = gap_s(stage, at) or _STARVED_S
    finally:
        fed_at = float(node.do("feed", pid=old.pid)["at"])
    wait_for(node.is_well, timeout_s=_PATIENCE_S)
    stage.unwell_until = time.time()
    well_after = stage.unwell_until - fed_at if node.is_well() else None
    same = node.server()
    promises = (
        served_again(stage, fed_at),
        exactly("clients felt it: half a second or more without an answer", int(slowest >= 0.5), 1),
        exactly("it was told busy", int("busy" in verdicts), 1),
        exactly("it was told failing", int("failing" in verdicts), 0),
        at_most("well again after the processor was given back", well_after, limit_s, "s"),
        exactly("the same process serves", int(same is not None and same.pid == old.pid), 1),
        restarted(node, restarts, 0),
        *nobody_stirs(stage, before),
    )
    return Outcome(promises, None, time.time())


_LEAK_BYTES_PER_S = 16_000_000


def leak_memory(stage: Stage, before: Situation, limit_mb: float) -> Outcome:
    node = Node(stage, before.holder)
    restarts, old = node.restarts(), node.must(node.server, _SERVER)
    at = _ask_for(node, old, f"leak {_LEAK_BYTES_PER_S}")
    told = len(node.journal())
    most, new = 0.0, None
    until = time.monotonic() + _PATIENCE_S
    while new is None and time.monotonic() < until:
        most = max(most, _memory_mb(node, old))
        new = node.another_server(old, within_s=0.2)
    reasons = [line for line in node.journal()[told:].splitlines() if "memory" in line]
    promises = (
        served_again(stage, new.started_at if new else at),
        at_most("most memory it had", most, limit_mb, "MB"),
        exactly("the agent says that its memory was the reason", int(bool(reasons)), 1),
        exactly("the leaking process is gone", int(not _exists(node, old)), 1),
        restarted(node, restarts, 1),
        *nobody_stirs(stage, before),
    )
    return Outcome(promises, None, time.time())


def grandchild_holds_port(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """A new process can bind the port only once whoever holds it is gone."""
    node = Node(stage, before.holder)
    restarts, old = node.restarts(), node.must(node.server, _SERVER)
    _ask_for(node, old, "hold-port")
    wait_for(lambda: len(node.holders()) > 1, timeout_s=10, every_s=0.1)
    left = node.holders() - {old.pid}
    at = node.signal(old, "SIGKILL")
    new = None
    if wait_for(lambda: bool(node.holders() - left - {old.pid}), timeout_s=_PATIENCE_S, every_s=0.05):
        new = node.another_server(old, within_s=_LOOK_S)
    promises = (
        exactly("processes that held the port besides it", len(left), 1),
        served_again(stage, new.started_at if new else at),
        at_most("until a new process was started", _since(at, new), limit_s, "s"),
        exactly("of the old ones, how many hold the port still", len(node.holders() & (left | {old.pid})), 0),
        restarted(node, restarts, 1),
        *nobody_stirs(stage, before),
    )
    return Outcome(promises, None, time.time())


def _ask_for(node: Node, server: Process, trouble: str) -> float:
    """The demo misbehaves on request: its folder is the last word of its command line (deployables/demo/counter.py)."""
    node.do("write", path=f"{server.argv[-1]}/trouble", text=trouble + "\n")
    return node.signal(server, "SIGUSR1")


def _since(at: float, new: Process | None) -> float | None:
    return None if new is None else max(0.0, new.started_at - at)


def _exists(node: Node, process: Process) -> bool:
    return process.pid in {int(p["pid"]) for p in node.do("processes")["processes"]}


def _memory_mb(node: Node, process: Process) -> float:
    try:
        return float(node.do("memory-of", pid=process.pid)["rss_mb"])
    except LookupError:
        return 0.0
