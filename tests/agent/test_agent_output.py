"""Output files: written by the application itself, kept within their size, nothing lost on the way."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import output
from agent.output import open_log, opened, rotate
from core.application import Output
from tests.agent.programs import eventually, program, started

BLOCK = 4096
LINES = (
    "import sys, time\n"
    "total, begun = int(sys.argv[1]), time.monotonic()\n"
    "for number in range(total):\n"
    "    sys.stdout.write(f'line {number:08d} ' + 'x' * 80 + chr(10)); sys.stdout.flush()\n"
    "    if number % 100 == 99: time.sleep(max(0.0, begun + number / 10_000 - time.monotonic()))\n"
)


def written(path: Path, kept: int) -> bytes:
    """All that is left of it, the oldest first."""
    names = [path.with_name(f"{path.name}.{number}") for number in range(kept, 0, -1)]
    return b"".join(name.read_bytes() for name in [*names, path] if name.exists())


def cuts_fronts(folder: Path) -> bool:
    (folder / "try").write_bytes(b"x" * 3 * BLOCK)
    descriptor = open_log(str(folder / "try"))
    try:
        return output._collapse(descriptor, BLOCK)
    finally:
        os.close(descriptor)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 512 KiB, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("needs root, to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_ten_thousand_lines_a_second_are_rotated_without_losing_or_doubling_one(tmp_path: Path) -> None:
    if not cuts_fronts(tmp_path):
        pytest.skip("this file system cannot cut off a file's front (ext4 and XFS can)")
    log, kept = Output(file=str(tmp_path / "log"), bytes_max=100_000, kept=50), 50
    with opened(log) as (descriptor, said):
        assert said == ()
        writer = subprocess.Popen([sys.executable, "-c", LINES, "10000"], stdout=descriptor)
    rotations = 0
    while writer.poll() is None:
        if os.path.getsize(tmp_path / "log") > log.bytes_max:
            assert rotate(log) == ""
            rotations += 1
        time.sleep(0.01)

    numbers = [int(line.split()[1]) for line in written(tmp_path / "log", kept).splitlines()]
    assert numbers == list(range(10_000))
    assert rotations > 3
    assert os.path.getsize(tmp_path / "log") < 2 * log.bytes_max


def test_a_run_that_is_ending_and_the_next_write_the_same_file_while_it_is_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of the one goes on writing while the other has begun: of each every line is there once, in its order."""
    if not cuts_fronts(tmp_path):
        pytest.skip("this file system cannot cut off a file's front (ext4 and XFS can)")
    monkeypatch.setattr(output, "LOOK_EVERY_S", 0.01)
    log, kept = Output(file=str(tmp_path / "log"), bytes_max=50_000, kept=60), 60
    code = LINES.replace("argv[1]", "argv[2]").replace("line {number", "{sys.argv[3]} {number")

    async def story() -> None:
        runs = [started(program(tmp_path, code, "5000", name), output=log) for name in "ab"]
        await eventually(lambda: not any(run.alive for run in runs))

    asyncio.run(story())

    lines = [line.split()[:2] for line in written(tmp_path / "log", kept).decode().splitlines()]
    assert (tmp_path / "log.2").exists()
    for name in "ab":
        assert [int(number) for who, number in lines if who == name] == list(range(5000))


def test_a_file_is_rotated_by_one_however_many_runs_write_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "LOOK_EVERY_S", 0.01)
    under_way, most = [0], [0]

    def slowly(log: Output) -> str:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        time.sleep(0.05)
        under_way[0] -= 1
        calls.append(log)
        return ""

    calls: list[Output] = []
    monkeypatch.setattr(output, "rotate", slowly)
    log = Output(file=str(tmp_path / "log"), bytes_max=1)
    (tmp_path / "log").write_text("more than one byte")

    async def story() -> None:
        for _ in range(3):
            output.watch(log)
        await eventually(lambda: len(calls) >= 3)

    asyncio.run(story())
    assert most == [1]


def test_old_files_are_numbered_and_the_oldest_given_up(tmp_path: Path) -> None:
    log = Output(file=str(tmp_path / "log"), bytes_max=BLOCK, kept=2)
    for letter in "abcd":
        with open(tmp_path / "log", "a") as file:
            file.write(letter * 2 * BLOCK)
        rotate(log)

    assert sorted(os.listdir(tmp_path)) == ["log", "log.1", "log.2"]
    assert set((tmp_path / "log.2").read_bytes()) <= set(b"bc")
    assert set((tmp_path / "log.1").read_bytes()) <= set(b"cd")


def test_a_file_of_which_none_is_kept_is_only_cut(tmp_path: Path) -> None:
    log = Output(file=str(tmp_path / "log"), bytes_max=BLOCK, kept=0)
    (tmp_path / "log").write_bytes(b"x" * 10 * BLOCK)
    rotate(log)

    assert os.listdir(tmp_path) == ["log"]
    assert (tmp_path / "log").stat().st_size <= BLOCK


def test_a_file_system_that_cannot_cut_fronts_off_is_said(small_disk: Path) -> None:
    log = Output(file=str(small_disk / "log"), bytes_max=BLOCK)
    (small_disk / "log").write_bytes(b"x" * 5 * BLOCK)

    assert "lines may be lost" in rotate(log)
    assert written(small_disk / "log", 5) == b"x" * 5 * BLOCK


def test_a_full_disk_blocks_nobody_and_is_not_kept_full_by_a_log(small_disk: Path, tmp_path: Path) -> None:
    """The application's own writes fail at once; the oldest log goes, and then what cannot be copied."""
    log = Output(file=str(small_disk / "log"), bytes_max=50_000, kept=2)
    (small_disk / "log.1").write_bytes(b"a" * 60_000)
    (small_disk / "log.2").write_bytes(b"a" * 60_000)
    code = (
        "import sys\nlost = 0\nfor _ in range(6000):\n    try: sys.stdout.write('x' * 99 + chr(10)); sys.stdout.flush()\n"
        "    except OSError: lost += 1\nopen(sys.argv[1], 'w').write(str(lost))\nsys.stdout = None"
    )
    with opened(log) as (descriptor, _):
        writer = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "lost")], stdout=descriptor, stderr=subprocess.DEVNULL)
    writer.wait(20)
    assert int((tmp_path / "lost").read_text()) > 0, "the disk was full"

    assert "no room" in rotate(log)
    assert (small_disk / "log").stat().st_size <= log.bytes_max
    (small_disk / "other").write_bytes(b"y" * 300_000)


def test_what_cannot_be_opened_leaves_the_output_where_the_agents_goes(tmp_path: Path) -> None:
    with opened(Output(file=str(tmp_path / "missing" / "log"))) as (descriptor, said):
        assert descriptor is None
    assert said == (f"output.file {tmp_path}/missing/log: No such file or directory; its output goes to the journal",)


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_only_a_file_is_written_to(kind: str, tmp_path: Path) -> None:
    """The folder may be another's, who may put a link to any file of root's there."""
    path = tmp_path / "log"
    if kind == "link":
        path.symlink_to(tmp_path / "precious")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()

    with pytest.raises(OSError, match=r"not a file|symbolic|directory|No such device"):
        open_log(str(path))
    assert not (tmp_path / "precious").exists()


def test_an_application_writes_its_file_while_the_agent_rotates_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "LOOK_EVERY_S", 0.05)
    log = Output(file=str(tmp_path / "log"), bytes_max=20_000, kept=3)

    async def story() -> None:
        run = started(program(tmp_path, "import sys\nwhile True: print('x' * 99, flush=True); __import__('time').sleep(0.001)"), output=log)
        await eventually(lambda: (tmp_path / "log.1").exists(), "it is rotated")
        await eventually(lambda: (tmp_path / "log.2").exists(), "and again")
        run.clean()
        await eventually(lambda: not run.alive)
        assert run.warnings == () or "lines may be lost" in run.warnings[0]

    asyncio.run(story())


def test_errors_and_output_go_to_the_same_file_and_the_next_run_goes_on_in_it(tmp_path: Path) -> None:
    log = Output(file=str(tmp_path / "log"))

    async def story() -> None:
        async def once() -> None:
            run = started(program(tmp_path, "import sys; print('out', flush=True); print('err', file=sys.stderr)"), output=log)
            await eventually(lambda: not run.alive)

        await once()
        await once()

    asyncio.run(story())

    assert (tmp_path / "log").read_text().splitlines() == ["out", "err"] * 2
