"""Several machines, permits that pass between them, answers that are lost: whoever has the highest epoch is never overwritten."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agent.keeping.opening import open_folder
from agent.keeping.saver import Saver, Superseded
from agent.keeping.store import Overtaken
from agent.ports import Unreachable
from core.kept.manifest import Manifest, parse
from tests.agent.kept_worlds import FakeStore, Machine, contents, machine

KEY = "state/demo/counter/manifest"


class Rivals:
    """A model beside the real ones: which content each stored manifest stands for."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.chance, self.store = folder, random.Random(seed), FakeStore()  # noqa: S311 - the same each time
        self.machines: list[Machine] = []
        self.savers: list[Saver] = []
        self.epoch = 0
        self.meant: dict[str, dict[str, bytes]] = {}  # by attempt, what the folder held when it was saved
        self.acknowledged: dict[str, bytes] = {}

    def stored(self) -> Manifest:
        return parse(self.store.objects[KEY])

    def pass_permit(self) -> None:
        """To a new machine, or back to one that had it."""
        self.epoch += 1
        back = bool(self.machines) and self.chance.random() < 0.3
        one = self.chance.choice(self.machines) if back else machine(self.folder, f"i-{self.epoch}")
        saver = one.saver(self.store, self.epoch)
        mine = contents(one.folder) if back else {}
        done = open_folder(saver, one.place, runs=False, say=lambda why: None).do
        if done.value == "restore":
            assert contents(one.folder) == self.acknowledged
        elif done.value == "go on":
            assert contents(one.folder) == mine
        self.machines.append(one)
        self.savers.append(saver)

    def write_and_save(self) -> None:
        """By whoever, superseded or not."""
        number = self.chance.randrange(len(self.savers)) if self.chance.random() < 0.4 else len(self.savers) - 1
        one, saver = self.machines[number], self.savers[number]
        size = self.chance.choice((3, 5000))
        (one.folder / str(self.chance.randrange(3))).write_bytes(self.chance.randbytes(size))
        before, self.store.lost = self.store.objects[KEY], self.chance.random() < 0.2
        try:
            saver.save(one.folder)
            saver.tidy()
        except Superseded:
            assert saver.epoch < self.epoch
        except (Unreachable, Overtaken):
            pass
        self.store.lost = False
        if self.store.objects[KEY] != before:
            assert (self.stored().epoch, self.stored().instance) == (self.epoch, one.instance), "an older epoch wrote"
            self.acknowledged = contents(one.folder)


def play(folder: Path, seed: int, steps: int) -> None:
    rivals = Rivals(folder, seed)
    rivals.pass_permit()
    for _ in range(steps):
        if rivals.chance.random() < 0.2:
            rivals.pass_permit()
        else:
            rivals.write_and_save()
    rivals.pass_permit()


@pytest.mark.parametrize("seed", range(3))
def test_what_is_restored_is_what_the_highest_epoch_saved_last(tmp_path: Path, seed: int) -> None:
    play(tmp_path, seed, 12)


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(100, 130))
def test_the_same_for_longer(tmp_path: Path, seed: int) -> None:
    play(tmp_path, seed, 150)
