"""An EC2 in which what is attached and detached takes its time, as AWS's interfaces and volumes do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import TypeVar

import pytest

from core.recovery.snapshot import Machine
from lambdas.adapters import clock, instances

Made = TypeVar("Made", bound="Attaching")


@dataclass
class Attaching:
    """One thing that one machine holds. due_ms: when what is under way is done, 0 for never. states: of the machines that EC2 knows.

    taken: when another call has it free and attaches it, and to whom; turn: counts attachments, as their ids do.
    """

    now_ms: int = 0
    holder: str | None = None
    state: str = ""
    due_ms: int = 0
    states: dict[str, str] = field(default_factory=lambda: {"i-old": "running", "i-new": "running"})
    refuses: str = ""
    taken: tuple[int, str] | None = None
    turn: int = 1
    calls: list[str] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)
        if self.due_ms and self.now_ms >= self.due_ms:
            self.due_ms = 0
            if self.state == "attaching":
                self.state = "attached"
            elif self.state == "detaching":
                self.detached()
        if self.taken is not None and self.now_ms >= self.taken[0]:
            self.holder, self.state, self.taken = self.taken[1], "attaching", None
            self.turn, self.due_ms = self.turn + 1, self.now_ms + 1000

    def detached(self) -> None:
        self.holder, self.state = None, ""

    def describe(self, wanted: Iterable[str]) -> dict[str, Machine]:
        known = {instance: self.states[instance] for instance in wanted if instance in self.states}
        return {i: Machine(instance=i, state=state, address="", launched_ms=0, changed_ms=None) for i, state in known.items()}


def in_place(made: Made, adapter: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Made:
    """The same, as all that the adapter has of EC2 and of time."""
    monkeypatch.setattr(adapter, "client", lambda service: made)
    monkeypatch.setattr(instances, "describe", made.describe)
    monkeypatch.setattr(clock, "now_ms", lambda: made.now_ms)
    monkeypatch.setattr(clock, "sleep", made.sleep)
    return made
