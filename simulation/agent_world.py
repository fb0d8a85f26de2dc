"""What an agent has around it: its table and bucket, its metadata service, its disk, its journal and its service manager."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.notes import Notes
from agent.ports import Identity, Unreachable
from core import names
from core.attributes import plain_item, typed_item
from core.database import Engine, Whereabouts
from core.items import parse_permit, report_item, request_item
from core.records import Permit, Report, Request
from simulation.loop import Loop, Unanswered

if TYPE_CHECKING:
    from simulation.agent import Agent

SILENCE_S = 6.0  # agent.dynamodb's attempts and their timeouts, more or less
DISK_S = 0.03


class Reached:
    """agent.ports' Table, Bucket and Metadata."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._read: tuple[Any, Permit | None] = (None, None)

    def read_permit(self, deployable: str, assembly: str) -> Permit | None:
        self._reach("the table")
        item = self._agent.world.table.items.get(names.permit_pk(deployable, assembly), {}).get(names.CURRENT)
        if item is not self._read[0]:
            self._read = (item, parse_permit(plain_item(item)) if item is not None else None)
        return self._read[1]

    def write_report(self, report: Report) -> None:
        self._reach("the table")
        agent = self._agent
        agent.said, agent.reported_ms = report, agent.world.schedule.now_ms
        agent.world.table.put(typed_item(report_item(report)))
        agent.world.watch.notice(agent)

    def write_request(self, request: Request) -> None:
        self._reach("the table")
        self._agent.world.watch.asked(self._agent, request.epoch)
        self._agent.world.table.put(typed_item(request_item(request)))

    def put(self, key: str, body: bytes) -> None:
        self._reach("the bucket")
        self._agent.world.bucket.objects[key] = body

    def identity(self) -> Identity:
        raise NotImplementedError("an agent is told of itself when it begins")

    def target_lifecycle_state(self) -> str | None:
        return self._agent.target

    def _reach(self, what: str) -> None:
        """A table that is out is out for everybody; the bucket is behind the same cables."""
        if not self._agent.reaches_table:
            raise Unanswered(Unreachable(f"{what}: no answer"), SILENCE_S)


@dataclass
class Found:
    """agent.database_watch's Reached."""

    engine: Engine
    at: Whereabouts


class Writing:
    """A future of the disk's."""

    def __init__(self) -> None:
        self._done = False

    def done(self) -> bool:
        return self._done

    def exception(self) -> None:
        return None

    def complete(self) -> None:
        self._done = True


class Disk:
    """agent.notebook's: notes are in memory at once; what is given up is on the disk a moment later, unless the power goes before."""

    def __init__(self, agent: Agent, loop: Loop) -> None:
        self._agent, self._loop = agent, loop

    def write(self, notes: Notes, *, now: bool) -> None:
        self._agent.notes = notes

    def look(self) -> None: ...

    def release(self, instance: str, epoch: int, done: Callable[[], None]) -> Writing:
        writing = Writing()

        def written() -> None:
            self._agent.given_up = max(self._agent.given_up, epoch)
            writing.complete()
            done()

        self._loop.call_later(DISK_S, written)
        return writing


class Journal:
    """agent.log's."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.context: dict[str, Any] = {}

    def say(self, event: str, **fields: Any) -> None:
        if self._agent.world.tells:
            self._agent.world.say(self._agent.machine.id, event, **fields)

    def tail(self) -> bytes:
        return b""


class Pulse:
    """agent.systemd's Notifier: a completed cycle feeds the watchdog."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def say(self, *assignments: str) -> None:
        if assignments[0] == "WATCHDOG=1":
            self._agent.stepped()
