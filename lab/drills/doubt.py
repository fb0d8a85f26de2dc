"""What every drill promises in which inside and outside disagree: people are told, once, and nobody is killed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from lab.drills.cloud import wait_for
from lab.drills.model import Promise, at_most, exactly
from lab.drills.node import Node, Process
from lab.drills.quiet import restarted
from lab.drills.stage import CALLS_A_PERSON, Situation, Stage

TOLD_TWICE_S = 15.0  # within which somebody who was told would be told again
STEADY_S = 180.0  # for the next good sweeps, and for the alarm to fall silent


class Doubt:
    """One drill's doubt, from the moment before anything is broken."""

    def __init__(self, stage: Stage, before: Situation) -> None:
        """Raises LookupError when nothing serves there."""
        self._stage, self._before = stage, before
        self.node = Node(stage, before.holder)
        self._restarts = self.node.restarts()
        self.server: Process = self.node.must(self.node.server, "process that listens on the clients' port")

    @contextmanager
    def cut(self, wire: str, ports: Sequence[int] = ()) -> Iterator[float]:
        """Gives the moment. Mended at the end, unless the machine was ended meanwhile, as it should not be."""
        at = float(self.node.do("cut", wire=wire, ports=list(ports), on=True)["at"])
        try:
            yield at
        finally:
            with suppress(LookupError):
                self.node.do("cut", wire=wire, ports=list(ports), on=False)

    def people_told(self, since: float, limit_s: float) -> tuple[Promise, ...]:
        """Waits until they are, past the limit as long as the stage's patience lasts. limit_s: until the message is out."""
        wait_for(lambda: bool(self._stage.told_people(since)), timeout_s=limit_s + self._stage.patience_s)
        time.sleep(TOLD_TWICE_S)
        told = self._stage.told_people(since)
        first = told[0][0] - since if told else None
        asked = [subject for _, subject in told if CALLS_A_PERSON in subject]
        return (
            at_most("until people are told", first, limit_s, "s"),
            exactly("messages that call a person", len(asked), 1),
            exactly("other messages", len(told) - len(asked), 0),
        )

    def nobody_killed(self) -> tuple[Promise, ...]:
        """Once all is mended: the same machine, the same process, and what was suspected is closed as it was."""
        missing = self._stage.wait_steady(STEADY_S)
        after = self._stage.situation()
        ended = {sk: item for sk, item in self._stage.ended_incidents().items() if sk not in self._before.ended}
        same = self.node.server()
        return (
            exactly("machines launched", len(after.launched - self._before.launched), 0),
            exactly("changes of the permit", int((after.holder, after.epoch) != (self._before.holder, self._before.epoch)), 0),
            exactly("the same process serves", int(same is not None and same.pid == self.server.pid), 1),
            restarted(self.node, self._restarts, 0),
            exactly("incidents", len(ended), 1),
            exactly("of them suppressed, with nothing done", sum(item.get("state") == "suppressed" for item in ended.values()), 1),
            exactly(f"steady again{': ' if missing else ''}{missing}", int(not missing), 1),
        )
