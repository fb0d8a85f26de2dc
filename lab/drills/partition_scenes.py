"""The drills that cut wires: who cannot reach whom decides whether anybody may be killed."""

from __future__ import annotations

import threading
import time

from lab.drills.cloud import LabGone
from lab.drills.doubt import Doubt
from lab.drills.machine_scenes import replaced
from lab.drills.model import Outcome, at_most, exactly
from lab.drills.node import Node
from lab.drills.quiet import gap_s, served_again
from lab.drills.stage import Situation, Stage

_UNFELT_S = 2.0  # a cut that is no client's business; the client looks every 50 ms and waits half a second, on a machine that is busy


def partition_from_probes(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """The prober alone is blind: its looks are lost, clients are served, the node reports."""
    doubt = Doubt(stage, before)
    with doubt.cut("functions") as at:
        told = doubt.people_told(at, limit_s)
    promises = (*told, *doubt.nobody_killed(), at_most("the client's gap", gap_s(stage, at), _UNFELT_S, "s"))
    return Outcome(promises, None, time.time())


def disagreement(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Whoever calls the node hears nothing, clients too; inside all is well, and it says so."""
    doubt = Doubt(stage, before)
    with doubt.cut("callers", sorted({doubt.node.port, *stage.slot.ports, *doubt.node.own_ports()})) as at:
        told = doubt.people_told(at, limit_s)
        felt = sum(not sample.ok for sample in stage.samples(at) if sample.began >= at)
    mended = time.time()
    promises = (
        exactly("clients felt it", int(felt > 0), 1),
        *told,
        served_again(stage, mended),
        *doubt.nobody_killed(),
    )
    return Outcome(promises, None, time.time())


def partition_from_table(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Nothing of AWS answers the node any more: its reports stay away, and it answers all the same."""
    doubt = Doubt(stage, before)
    with doubt.cut("services") as at:
        told = doubt.people_told(at, limit_s)
        well = doubt.node.is_well()
    promises = (
        *told,
        exactly("all the while the node said that all is well", int(well), 1),
        *doubt.nobody_killed(),
        at_most("the client's gap", gap_s(stage, at), _UNFELT_S, "s"),
    )
    return Outcome(promises, None, time.time())


def partition_all(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Its applications run on where nobody sees them, until EC2 has ended it: nobody else may run them before."""
    node = Node(stage, before.holder)
    node.must(node.server, "process that listens on the clients' port")
    old = _LastSeen(node)
    at = time.time()
    node.do("link", up=False)
    with old:
        outcome, record = replaced(stage, before, at, limit_s)
    new = Node(stage, stage.situation().holder).server()
    apart = None if new is None or old.at is None else new.started_at - old.at
    ran_on = None if old.at is None else old.at - at
    promises = (
        *outcome.promises,
        exactly("the old applications ran on while nobody saw them", int(ran_on is not None and ran_on > 1.0), 1),
        exactly("they were stopped before the new ones were started", int(apart is not None and apart > 0), 1),
        exactly("two signals: its reports were silent and looks failed", int("silent" in str(record.get("reason", ""))), 1),
    )
    return Outcome(promises, outcome.incident, outcome.until)


class _LastSeen:
    """When the process that serves was last seen on a machine, by the lab's own eyes, for the machine has no network."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.at: float | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="last-seen")

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            try:
                if self._node.server() is not None:
                    self.at = time.time()
            except LabGone:
                return

    def __enter__(self) -> _LastSeen:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(timeout=5)
