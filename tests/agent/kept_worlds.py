"""Made-up surroundings for the keeping of state: a bucket in memory that keeps its conditions, and fails when it is told to."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.keeping.opening import Place
from agent.keeping.saver import Saver
from agent.keeping.store import Absent, Overtaken
from agent.ports import Refused, Unreachable
from core.state import Keep, Persist, State


@dataclass
class FakeStore:
    """agent.keeping.store.Store. before: called with the verb and the key; lost: the next conditional write lands, unanswered."""

    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    trouble: Unreachable | Refused | None = None
    before: Callable[[str, str], None] = lambda verb, key: None
    lost: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: str) -> tuple[bytes, str]:
        self._ask("get", key)
        with self.lock:
            if key not in self.objects:
                raise Absent(key)
            return self.objects[key], self._tag(key)

    def put(self, key: str, body: bytes) -> None:
        self._ask("put", key)
        with self.lock:
            self.objects[key] = body

    def put_if(self, key: str, body: bytes, tag: str | None) -> str:
        self._ask("put_if", key)
        with self.lock:
            if (self._tag(key) if key in self.objects else None) != tag:
                raise Overtaken(key)
            self.objects[key] = body
            if self.lost:
                self.lost = False
                raise Unreachable("the answer was lost")
            return self._tag(key)

    def count(self, verb: str) -> int:
        return sum(asked == verb for asked, _ in self.asked)

    def _ask(self, verb: str, key: str) -> None:
        self.asked.append((verb, key))
        self.before(verb, key)
        if self.trouble is not None:
            raise self.trouble

    def _tag(self, key: str) -> str:
        return hashlib.sha256(self.objects[key]).hexdigest()


@dataclass
class Machine:
    """A node's disk: the folder of state, and the agent's own."""

    root: Path
    instance: str
    persist: Persist = Persist.AUTO

    @property
    def folder(self) -> Path:
        return self.root / "data"

    @property
    def place(self) -> Place:
        state = State(keep=Keep.S3, path=str(self.folder), persist=self.persist)
        return Place(state=state, mark_folder=self.root / "agent", user=None)

    def saver(self, store: FakeStore, epoch: int) -> Saver:
        return Saver(store, "demo", "counter", instance=self.instance, epoch=epoch)


def machine(tmp_path: Path, instance: str, persist: Persist = Persist.AUTO) -> Machine:
    root = tmp_path / instance
    root.mkdir(exist_ok=True)
    return Machine(root, instance, persist)


def contents(folder: Path) -> dict[str, bytes]:
    """Of every file below, by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}
