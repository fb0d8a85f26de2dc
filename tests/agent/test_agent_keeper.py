"""The keeper beside the cycle: what it waits for, what it says, and when it saves once more."""

from __future__ import annotations

import asyncio
import functools
import io
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.keeping import Keeper
from agent.log import Log
from agent.ports import Unreachable
from core.node.decision import Memory
from core.state import Persist
from tests.agent.kept_worlds import FakeStore, Machine, contents, machine


def played(story: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test on a loop of its own."""

    @functools.wraps(story)
    def test(**fixtures: Any) -> None:
        asyncio.run(story(**fixtures))

    return test


HELD = Memory(instance="i-first", epoch=1, confirmed=True, newest=1)


class Stage:
    def __init__(self, one: Machine, store: FakeStore, **changes: Any) -> None:
        self.machine, self.store, self.output = one, store, io.StringIO()
        place = replace(one.place, state=replace(one.place.state, **{"every_s": 1.0, **changes}))
        (one.root / "run").mkdir(exist_ok=True)
        self.saved_file = one.root / "run" / "saved.json"
        self.keeper = Keeper(
            place,
            store,
            deployable="demo",
            assembly="counter",
            instance=one.instance,
            saved_file=self.saved_file,
            environment={},
            log=Log(self.output),
            clock=asyncio.get_running_loop().time,
            changed=lambda: None,
        )

    async def until(self, what: str, look: Any) -> Any:
        for _ in range(1000):
            if found := look():
                return found
            await asyncio.sleep(0.01)
        raise AssertionError(f"waited in vain for {what}: {self.keeper.seen()}")


@asynccontextmanager
async def staged(one: Machine, store: FakeStore, **changes: Any) -> AsyncIterator[Stage]:
    stage = Stage(one, store, **changes)
    task = asyncio.create_task(stage.keeper.run())
    try:
        yield stage
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def first(tmp_path: Path) -> Machine:
    return machine(tmp_path, "i-first")


@played
async def test_nothing_is_touched_before_the_permit_and_the_folder_is_open_under_its_epoch_after(store: FakeStore, first: Machine) -> None:
    async with staged(first, store) as stage:
        stage.keeper.look(Memory(instance="i-first"), runs=False)
        stage.keeper.look(replace(HELD, confirmed=False), runs=False)
        await asyncio.sleep(0.05)
        assert not store.asked
        assert stage.keeper.seen().epoch == 0

        stage.keeper.look(HELD, runs=False)
        await stage.until("the folder", lambda: stage.keeper.seen().epoch == 1)
        assert first.folder.is_dir()


@played
async def test_applications_are_told_what_is_saved(store: FakeStore, first: Machine) -> None:
    async with staged(first, store) as stage:
        stage.keeper.look(HELD, runs=False)
        await stage.until("the folder", lambda: stage.keeper.seen().epoch == 1)
        (first.folder / "a").write_bytes(b"1")
        wrote_s = asyncio.get_running_loop().time()

        def told() -> Any:
            return stage.saved_file.exists() and json.loads(stage.saved_file.read_text())

        saved = await stage.until("a save after it", lambda: (found := told()) and found["began_monotonic_s"] > wrote_s and found)
        assert saved["epoch"] == 1
        assert first.saver(store, 1).find().saved  # type: ignore[union-attr]
        assert stage.saved_file.stat().st_mode & 0o777 == 0o644


@played
async def test_what_stopped_is_saved_at_once_and_not_when_it_is_due(store: FakeStore, first: Machine) -> None:
    async with staged(first, store, every_s=3600.0) as stage:
        stage.keeper.look(HELD, runs=False)
        await stage.until("a first save", lambda: stage.keeper.tally.saves)
        (first.folder / "last").write_bytes(b"words")
        quiet_s = asyncio.get_running_loop().time()
        stage.keeper.look(replace(HELD, quiet_since_s=quiet_s), runs=False)
        await stage.until("the last save", lambda: stage.keeper.seen().began_s >= quiet_s)
        await stage.until("the word of it in the log", lambda: "kept-saved-last" in stage.output.getvalue())


@played
async def test_while_the_bucket_is_gone_it_says_so_and_tries_again(store: FakeStore, first: Machine) -> None:
    async with staged(first, store) as stage:
        stage.keeper.look(HELD, runs=False)
        await stage.until("a first save", lambda: stage.keeper.tally.saves)
        store.trouble = Unreachable("put manifest: SlowDown")
        (first.folder / "a").write_bytes(b"1")
        said = await stage.until("the trouble", lambda: stage.keeper.seen().trouble)
        assert said.startswith("its state is not saved for")
        assert said.endswith("put manifest: SlowDown")
        assert stage.keeper.seen().epoch == 1, "it is open all the same: what runs goes on"
        store.trouble = None
        await stage.until("the next save", lambda: not stage.keeper.seen().trouble)


@played
async def test_a_node_that_was_overtaken_says_so_and_writes_nothing_more(store: FakeStore, first: Machine, tmp_path: Path) -> None:
    async with staged(first, store) as stage:
        stage.keeper.look(HELD, runs=False)
        await stage.until("a first save", lambda: stage.keeper.tally.saves)
        other = machine(tmp_path, "i-second").saver(store, 2)
        other.find()
        other.claim(keep=True)
        (first.folder / "a").write_bytes(b"1")
        said = await stage.until("the refusal", lambda: stage.keeper.seen().superseded)
        assert said == "superseded: the saved state is of epoch 2, by i-second"
        asked = len(store.asked)
        await asyncio.sleep(1.2)
        assert len(store.asked) == asked


@played
async def test_what_cannot_be_opened_is_broken_and_starts_nothing(store: FakeStore, tmp_path: Path) -> None:
    async with staged(machine(tmp_path, "i-first", Persist.REBIND), store) as stage:
        stage.keeper.look(HELD, runs=False)
        seen = await stage.until("the reason", lambda: stage.keeper.seen().broken and stage.keeper.seen())
        assert (seen.epoch, seen.why) == (0, "nothing is saved, and persist is REBIND")


@played
async def test_a_snapshot_command_makes_the_copy_that_is_saved(store: FakeStore, first: Machine, tmp_path: Path) -> None:
    command = ("/bin/sh", "-c", 'cp "$UNDERSTUDY_STATE_PATH/data" "$UNDERSTUDY_SNAPSHOT/data"')
    first.folder.mkdir()
    (first.folder / "data").write_bytes(b"1")
    (first.folder / "scratch").write_bytes(b"not part of the copy")
    async with staged(first, store, snapshot=command) as stage:
        stage.keeper.look(HELD, runs=False)
        await stage.until("a save", lambda: stage.keeper.tally.saves)
    second = machine(tmp_path, "i-second")
    async with staged(second, store) as stage:
        stage.keeper.look(replace(HELD, instance="i-second", epoch=2, newest=2), runs=False)
        await stage.until("the folder", lambda: stage.keeper.seen().epoch == 2)
    assert contents(second.folder) == {"data": b"1"}


@played
async def test_a_snapshot_command_that_fails_is_a_failed_save(store: FakeStore, first: Machine) -> None:
    async with staged(first, store, snapshot=("/bin/sh", "-c", "echo the database is locked; exit 5")) as stage:
        stage.keeper.look(HELD, runs=False)
        said = await stage.until("the trouble", lambda: stage.keeper.seen().trouble)
        assert said == "its state is not saved since it was opened: the snapshot command ended with 5: the database is locked"
        assert not first.saver(store, 1).find().saved  # type: ignore[union-attr]
