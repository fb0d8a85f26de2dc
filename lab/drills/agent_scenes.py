"""The drills that trouble the agent itself: killed, frozen, without room on its disk. Its application must not notice."""

from __future__ import annotations

import time

from lab.drills.cloud import wait_for
from lab.drills.model import Outcome, Promise, at_most, exactly
from lab.drills.node import Node, Process
from lab.drills.quiet import gap_s, nobody_stirs, restarted, served_again
from lab.drills.stage import Situation, Stage

_SERVER = "process that listens on the clients' port"
_PATIENCE_S = 60.0
_GAP_S = 1.0  # an agent that is down is no client's business; the client looks every 50 ms and waits half a second
_ALARM_S = 35.0  # three sweeps and an evaluation: a node that still looked failing would have its alarm by then


def kill_agent(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    return _lost(stage, before, "SIGKILL", limit_s, watch_s=15.0)


def freeze_agent(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    return _lost(stage, before, "SIGSTOP", limit_s, watch_s=_ALARM_S)


def _lost(stage: Stage, before: Situation, name: str, limit_s: float, *, watch_s: float) -> Outcome:
    """Its next run says whose process it adopted; limit_s: until that one says that all is well."""
    node = Node(stage, before.holder)
    restarts, server, old = node.restarts(), node.must(node.server, _SERVER), node.must(node.agent, "agent")
    at = node.signal(old, name)
    new = node.another_agent(old, within_s=_PATIENCE_S)
    well = new is not None and wait_for(node.is_well, timeout_s=_PATIENCE_S, every_s=0.1)
    back_s = time.time() - at if well else None
    promises = (
        served_again(stage, at),
        at_most("until the agent's next run says that all is well", back_s, limit_s, "s"),
        *_adopted(node, server),
        restarted(node, restarts, 0),
        *nobody_stirs(stage, before, for_s=watch_s),
        at_most("the client's gap", gap_s(stage, at), _GAP_S, "s"),
    )
    return Outcome(promises, None, time.time())


_HUNG_S = 3.0  # then its application is killed: well before anybody can have noticed that the agent hangs


def wedge_agent(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Its main thread hangs and its process lives; while nobody supervises the application, that one dies."""
    node = Node(stage, before.holder)
    restarts, server, old = node.restarts(), node.must(node.server, _SERVER), node.must(node.agent, "agent")
    at = float(node.do("wedge", pid=old.pid)["at"])
    time.sleep(_HUNG_S)
    alive = node.agent()
    silent = node.status() is None
    adopted = node.server()
    killed_at = node.signal(server, "SIGKILL")
    new = node.another_agent(old, within_s=_PATIENCE_S)
    started = node.another_server(server, within_s=_PATIENCE_S)
    promises = (
        exactly("it hung: its process lived, and it answered nobody", int(silent and alive is not None and alive.pid == old.pid), 1),
        exactly("the application ran on meanwhile", int(adopted is not None and adopted.pid == server.pid), 1),
        at_most("until the agent's next run began", new.started_at - at if new else None, limit_s, "s"),
        at_most("from the application's end to its next start", started.started_at - killed_at if started else None, limit_s, "s"),
        served_again(stage, killed_at),
        restarted(node, restarts, 1),
        *nobody_stirs(stage, before, for_s=_ALARM_S),
    )
    return Outcome(promises, None, time.time())


def _adopted(node: Node, server: Process) -> tuple[Promise, ...]:
    same = node.server()
    return (
        exactly("the same process serves", int(same is not None and same.pid == server.pid), 1),
        exactly("the agent says that it adopted it", int(True in node.of_applications("adopted")), 1),
    )


_SAYS_SO_S = 30.0
_FULL_S = 10.0  # at least, so that what is written every few seconds fails too


def fill_disk(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Nothing can be written any more, and then the application is killed."""
    node = Node(stage, before.holder)
    restarts, old, agent = node.restarts(), node.must(node.server, _SERVER), node.must(node.agent, "agent")
    told = len(node.journal())
    node.do("disk", full=True)
    try:
        at = node.signal(old, "SIGKILL")
        new = node.another_server(old, within_s=_PATIENCE_S)
        wait_for(lambda: _says_so(node.journal()[told:]) and _warns(node), timeout_s=_SAYS_SO_S)
        time.sleep(max(0.0, at + _FULL_S - time.time()))
        in_journal, in_status = _says_so(node.journal()[told:]), _warns(node)
        answered = node.status() is not None
    finally:
        node.do("disk", full=False)
    wait_for(lambda: not _warns(node), timeout_s=_SAYS_SO_S)
    same = node.agent()
    promises = (
        served_again(stage, at),
        at_most("added to the application's own start", max(0.0, new.started_at - at) if new else None, limit_s, "s"),
        exactly("the agent says so in its journal", int(in_journal), 1),
        exactly("the agent says so in its status", int(in_status), 1),
        exactly("the agent goes on answering", int(answered), 1),
        exactly("it is the same run of the agent", int(same is not None and same.pid == agent.pid), 1),
        exactly("with room again it warns no more", int(not _warns(node)), 1),
        restarted(node, restarts, 1),
        *nobody_stirs(stage, before),
    )
    return Outcome(promises, None, time.time())


_NO_ROOM = ("no space left", "enospc", "disk full", "disk is full")


def _says_so(text: str) -> bool:
    return any(words in text.lower() for words in _NO_ROOM)


def _warns(node: Node) -> bool:
    return _says_so(str(node.status() or ""))
