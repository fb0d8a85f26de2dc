"""Before anything starts: find what is saved, claim it for this node's epoch, and bring the folder to where it belongs. Blocks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.keeping.mark import read_mark, write_mark
from agent.keeping.restoring import begin, restore
from agent.keeping.saver import Saver, Superseded
from core.kept.rules import Do, Mark, Opening, opening
from core.kept.tree import BadTree
from core.state import State


class Waits(Exception):
    """It cannot be opened as things are, and time alone will not change that: a person must look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The folder, and what the agent knows of it. mark_folder: the agent's own, on the same machine. user: whose a new folder is."""

    state: State
    mark_folder: Path
    user: str | None

    @property
    def folder(self) -> Path:
        assert self.state.path is not None
        return Path(self.state.path)


def open_folder(saver: Saver, place: Place, *, runs: bool, say: Callable[[str], None]) -> Opening:
    """What was done. Raises Superseded, Waits, BadManifest, BadTree; Unreachable, Refused, Overtaken, OSError, LookupError, Shortage."""
    found = saver.find()
    mark = Mark(saver.instance, saver.epoch)
    chosen = opening(
        found, read_mark(place.mark_folder), instance=saver.instance, epoch=saver.epoch, persist=place.state.persist, runs=runs
    )
    match chosen.do:
        case Do.REFUSE:
            raise Superseded(chosen.why)
        case Do.WAIT:
            raise Waits(chosen.why)
        case Do.GO_ON:
            write_mark(place.mark_folder, mark)  # before the claim: who dies in between still finds its folder the newest
            with suppress(BadTree):  # the folder is newer anyway, and is then saved whole
                saver.fetch()
            saver.claim(keep=True)
        case Do.RESTORE:
            saver.claim(keep=True)  # before it is fetched: nobody else can add to it any more
            say(f"{chosen.why} is being restored")
            saver.take_up(restore(place.folder, saver.fetch(), saver.piece, user=place.user))
            write_mark(place.mark_folder, mark)
        case Do.BEGIN:
            with suppress(BadTree):
                if found is not None:
                    saver.fetch()  # its pieces are given back once they are superseded
            saver.claim(keep=False)
            begin(place.folder, place.user)
            write_mark(place.mark_folder, mark)
    return chosen
