"""A node's volume: mounted before anything starts, formatted only when it is blank beyond doubt, unmounted when all has stopped."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from agent import volume
from agent.keeping.on_volume import VolumeKeeper
from agent.log import Log
from agent.volume import NoDevice, NotMounted, open_volume
from core.node.decision import Memory
from tests.agent.programs import eventually

VOLUME = "vol-0abc"
# Programs that write down how they were called; what they find, and how they end, files beside them say.
PROGRAM = """\
#!/bin/sh
echo "${0##*/} $*" >> FOLDER/calls
case ${0##*/} in
blkid) cat FOLDER/kind; exit $(cat FOLDER/blkid_code) ;;
e2fsck) echo "UNEXPECTED INCONSISTENCY" ; exit $(cat FOLDER/e2fsck_code) ;;
esac
"""


class Machine:
    """A disk and the programs of an image."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.device, self.place = folder, folder / "device", folder / "state"
        self.device.write_bytes(bytes(4 << 20))
        self.finds(kind="", code=2, fsck=0)
        for name in ("blkid", "mkfs.ext4", "e2fsck", "mount", "umount"):
            (folder / name).write_text(PROGRAM.replace("FOLDER", str(folder)))
            (folder / name).chmod(0o755)

    def finds(self, *, kind: str, code: int, fsck: int = 0) -> None:
        (self.folder / "kind").write_text(kind)
        (self.folder / "blkid_code").write_text(str(code))
        (self.folder / "e2fsck_code").write_text(str(fsck))

    def open(self) -> str:
        return open_volume(VOLUME, str(self.place), user=None, say=lambda why: None)

    @property
    def calls(self) -> list[str]:
        return [line.split()[0] for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(volume, "BY_ID", str(made.device))
    return made


def test_a_blank_volume_gets_a_file_system_and_is_mounted(machine: Machine) -> None:
    machine.open()

    assert machine.calls == ["blkid", "mkfs.ext4", "mount"]
    assert machine.place.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize(("kept", "mode"), [("lost+found", 0o750), ("ledger", 0o755)])
def test_its_root_is_made_its_users_until_something_is_kept_in_it(machine: Machine, kept: str, mode: int) -> None:
    """An agent may have died between making the file system and giving it away."""
    machine.finds(kind="ext4", code=0)
    (machine.place / kept).mkdir(parents=True)
    machine.place.chmod(0o755)

    machine.open()

    assert machine.place.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("fsck", [0, 1])
def test_one_that_has_a_file_system_is_checked_mounted_and_never_formatted(machine: Machine, fsck: int) -> None:
    machine.finds(kind="ext4", code=0, fsck=fsck)

    assert ("repaired" in machine.open()) is (fsck == 1)
    assert machine.calls == ["blkid", "e2fsck", "mount"]


def test_what_a_check_cannot_mend_waits_for_a_person(machine: Machine) -> None:
    machine.finds(kind="ext4", code=0, fsck=4)

    with pytest.raises(NotMounted, match="UNEXPECTED INCONSISTENCY"):
        machine.open()
    assert "mount" not in machine.calls


@pytest.mark.parametrize("at", [0, 512, (4 << 20) - 1])
def test_what_nobody_knows_is_not_blank(machine: Machine, at: int) -> None:
    """blkid(8) says 2 of what it does not know, too."""
    with machine.device.open("r+b") as writing:
        writing.seek(at)
        writing.write(b"x")

    with pytest.raises(NotMounted, match="left as it is"):
        machine.open()
    assert machine.calls == ["blkid"]


@pytest.mark.parametrize(("kind", "code"), [("xfs", 0), ("crypto_LUKS", 0), ("", 8), ("", 4)])
def test_another_file_system_or_a_doubtful_answer_is_left_alone(machine: Machine, kind: str, code: int) -> None:
    machine.finds(kind=kind, code=code)

    with pytest.raises(NotMounted):
        machine.open()
    assert machine.calls == ["blkid"]


def test_before_it_is_attached_there_is_nothing_to_do(machine: Machine) -> None:
    machine.device.unlink()

    with pytest.raises(NoDevice):
        machine.open()


class Kept:
    """A keeper, and the programs that it would run."""

    def __init__(self) -> None:
        self.trouble: Exception | None = NoDevice("not attached yet")
        self.done: list[str] = []
        self.log = Log(io.StringIO())
        loop = asyncio.get_running_loop()
        self.keeper = VolumeKeeper(
            VOLUME,
            "/var/lib/x",
            user=None,
            log=self.log,
            clock=loop.time,
            changed=lambda: None,
            opening=lambda *_, **__: self._do("open"),
            closing=lambda path: self._do("close") and None,
        )

    def _do(self, what: str) -> str:
        if self.trouble is not None:
            raise self.trouble
        self.done.append(what)
        return what

    def now(self, **memory: object) -> None:
        self.keeper.look(Memory(instance="i-1", **memory), runs=False)  # type: ignore[arg-type]


def play(story: Callable[[Kept], object]) -> None:
    async def run() -> None:
        kept = Kept()
        task = asyncio.create_task(kept.keeper.run())
        await story(kept)  # type: ignore[misc]
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_it_is_opened_under_a_permit_alone_and_as_soon_as_it_is_attached() -> None:
    async def story(kept: Kept) -> None:
        kept.now()
        await asyncio.sleep(0.05)
        assert kept.keeper.seen().epoch == 0
        kept.now(epoch=3, confirmed=True, newest=3)
        await eventually(lambda: "not attached" in kept.keeper.seen().why)
        assert not kept.keeper.seen().broken  # to wait for the attachment is no failure
        kept.trouble = None
        await eventually(lambda: kept.keeper.seen().epoch == 3)
        assert kept.done == ["open"]

    play(story)


def test_what_cannot_be_mounted_is_said_and_tried_again() -> None:
    async def story(kept: Kept) -> None:
        kept.trouble = NotMounted("e2fsck -p ended with 4")
        kept.now(epoch=1, confirmed=True, newest=1)
        await eventually(lambda: kept.keeper.seen().broken)
        kept.trouble = None
        await eventually(lambda: kept.keeper.seen().epoch == 1)
        assert b"volume-trouble" in kept.log.tail()

    play(story)


def test_it_is_closed_once_nothing_runs_any_more_and_not_released_before() -> None:
    async def story(kept: Kept) -> None:
        kept.trouble = None
        kept.now(epoch=1, confirmed=True, newest=1)
        await eventually(lambda: kept.keeper.seen().epoch == 1)
        quiet_since_s = asyncio.get_running_loop().time()
        kept.trouble = NotMounted("umount: target is busy")
        kept.now(epoch=1, confirmed=True, newest=1, quiet_since_s=quiet_since_s)
        await eventually(lambda: "busy" in kept.keeper.seen().trouble)
        assert kept.keeper.seen().began_s < quiet_since_s
        kept.trouble = None
        await eventually(lambda: kept.keeper.seen().began_s >= quiet_since_s)
        assert kept.done == ["open", "close"]

    play(story)
