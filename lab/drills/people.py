"""What people were told while a drill played: the messages that reached the topic."""

from __future__ import annotations

from dataclasses import dataclass

from lab.drills.stage import Stage


@dataclass(frozen=True, slots=True)
class Message:
    """at: seconds since the epoch. subject: its first line, the topic's name before it."""

    at: float
    subject: str
    text: str


def told(stage: Stage, since: float, *, about: str = "") -> tuple[Message, ...]:
    """Every message about incidents since then, oldest first. about: an assembly's name; "" for the drill's own, "*" for all of them."""
    of = "[understudy] " if about == "*" else f"[understudy] {stage.slot.deployable}/{about or stage.slot.assembly}"
    found = [
        Message(float(line["at"]), str(line["what"]), str(line.get("message", "")))
        for line in stage.lines(since)
        if line.get("who") == "topic" and "topic" in line and float(line["at"]) >= since
    ]
    return tuple(message for message in found if of in message.subject)


def paged(stage: Stage, since: float, *, about: str = "") -> tuple[Message, ...]:
    """Those that call for a person."""
    return tuple(message for message in told(stage, since, about=about) if "a person is needed" in message.subject)
