"""The hosts file on a disk: replaced at once where that is possible, in place where it is not, never half without saying so."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent import hosts
from agent.hosts import Written, keep_host_names, write_block
from agent.log import Log
from core.model import HostName, Resolves
from core.node.hosts import BEGIN, END
from tests.agent.programs import eventually

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = (("10.20.0.5", "platform"),)
BLOCK = f"{BEGIN}\n10.20.0.5\tplatform\n{END}\n".encode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hosts"
    path.write_bytes(b"127.0.0.1 localhost # caf\xe9\n")
    path.chmod(0o640)
    return path


def test_the_block_is_written_and_bytes_that_are_not_utf8_stay(file: Path) -> None:
    assert write_block(ENTRIES, file) is Written.RENAMED

    assert file.read_bytes() == BLOCK + b"127.0.0.1 localhost # caf\xe9\n"


def test_what_is_right_already_is_not_written(file: Path) -> None:
    write_block(ENTRIES, file)
    before = file.stat()

    assert write_block(ENTRIES, file) is Written.UNCHANGED
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_mode_and_owner_stay(file: Path) -> None:
    if os.geteuid() == 0:
        os.chown(file, 12, 13)
    before = file.stat()

    write_block(ENTRIES, file)

    after = file.stat()
    assert (stat.S_IMODE(after.st_mode), after.st_uid, after.st_gid) == (0o640, before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino, "a new file took the old one's place"


def test_nothing_is_left_beside_it_also_after_a_writer_was_killed(file: Path) -> None:
    file.with_name("hosts.understudy-new").write_text("half")

    write_block(ENTRIES, file)

    assert [path.name for path in file.parent.iterdir()] == ["hosts"]


def test_a_link_is_followed_and_stays_a_link(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)

    write_block(ENTRIES, link)

    assert link.is_symlink()
    assert file.read_bytes().startswith(BLOCK)


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    write_block(ENTRIES, tmp_path / "hosts")

    assert (tmp_path / "hosts").read_bytes() == BLOCK
    assert stat.S_IMODE((tmp_path / "hosts").stat().st_mode) == 0o644


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EROFS, errno.EXDEV])
def test_a_file_that_is_a_mount_of_its_own_is_written_in_place(number: int, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """rename(2), EBUSY: as a container's /etc/hosts answers; a real one is tried below."""

    def refuse(_new: Path, _old: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "rename", refuse)
    before = file.stat().st_ino

    assert write_block(ENTRIES, file) is Written.IN_PLACE
    assert file.read_bytes() == BLOCK + b"127.0.0.1 localhost # caf\xe9\n"
    assert file.stat().st_ino == before
    assert write_block((), file) is Written.IN_PLACE
    assert file.read_bytes() == b"127.0.0.1 localhost # caf\xe9\n", "a shorter text leaves nothing of the longer one"
    assert [path.name for path in file.parent.iterdir()] == ["hosts"]


def test_a_real_mount_is_written_in_place(file: Path) -> None:
    code = f"from pathlib import Path; from agent.hosts import write_block; print(write_block({ENTRIES!r}, Path({str(file)!r})).value)"
    script = f'mount --bind "{file}" "{file}" && exec "{sys.executable}" -c "$0"'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-c", script, code],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    if done.returncode and ("unshare" in done.stderr or "mount" in done.stderr):
        pytest.skip(f"this machine lets nobody mount in a namespace of their own (unshare and mount of util-linux): {done.stderr.strip()}")

    assert (done.stdout, done.stderr) == ("in place\n", "")
    assert file.read_bytes().startswith(BLOCK)


def test_a_full_disk_leaves_the_file_as_it_was(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        write_block(ENTRIES, file)

    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["hosts"]


def test_a_file_that_is_no_hosts_file_is_left_alone(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.truncate(hosts.BYTES_MAX + 1)

    with pytest.raises(OSError, match="left as it is"):
        write_block(ENTRIES, file)


@pytest.mark.parametrize("renames", [True, False], ids=["renamed", "in place"])
def test_what_somebody_else_writes_meanwhile_is_not_lost(file: Path, monkeypatch: pytest.MonkeyPatch, renames: bool) -> None:
    """The file was read, and is written by them before ours takes its place: an empty one, or half of it, may have been read, too."""
    theirs, sync = [b"10.0.0.9 ours\n", b"10.0.0.10 also-ours\n"], os.fsync

    def slow_disk(descriptor: int) -> None:
        if theirs:
            with file.open("ab") as stream:
                stream.write(theirs.pop())
        sync(descriptor)

    def no_rename(*_: object) -> None:
        raise OSError(errno.EBUSY, "mounted there by itself")

    monkeypatch.setattr(hosts.os, "fsync", slow_disk)
    if not renames:
        monkeypatch.setattr(hosts.os, "rename", no_rename)

    assert write_block(ENTRIES, file) is (Written.RENAMED if renames else Written.IN_PLACE)

    assert file.read_bytes() == BLOCK + b"127.0.0.1 localhost # caf\xe9\n10.0.0.10 also-ours\n10.0.0.9 ours\n"


def test_where_somebody_else_writes_without_end_it_is_left_to_them_and_the_next_look(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync

    def writes_on(descriptor: int) -> None:
        with file.open("ab") as stream:
            stream.write(b"#\n")
        sync(descriptor)

    monkeypatch.setattr(hosts.os, "fsync", writes_on)

    with pytest.raises(hosts.HostsFileChanged, match="somebody else writes it"):
        write_block(ENTRIES, file)

    assert file.read_bytes() == b"127.0.0.1 localhost # caf\xe9\n" + b"#\n" * hosts.TRIES
    assert [path.name for path in file.parent.iterdir()] == ["hosts"]


def said(log: Log) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.tail().splitlines()]


def test_whoever_writes_the_file_anew_does_not_take_our_names_away(file: Path) -> None:
    log = Log(io.StringIO())

    async def story() -> None:
        names = (HostName(name="platform"), HostName(name="front", resolves=Resolves.FRONT))
        task = asyncio.create_task(keep_host_names(names, own="10.20.0.5", front=None, log=log, path=file, every_s=0.005))
        await eventually(lambda: file.read_bytes().startswith(BLOCK))
        anew = file.with_name("anew")
        anew.write_bytes(b"127.0.0.1 localhost\n")
        anew.replace(file)  # in one step: of a file that is read between its emptying and its writing both writers have a copy
        await eventually(lambda: file.read_bytes() == BLOCK + b"127.0.0.1 localhost\n")
        await eventually(lambda: log.tail().count(b"host-names-written") == 2)
        task.cancel()

    asyncio.run(story())

    assert [line["event"] for line in said(log)] == ["host-names-unknown", "host-names-written", "host-names-written"]
    assert said(log)[0]["names"] == ["front"]
    assert said(log)[1]["how"] == "renamed"


def test_a_file_that_cannot_be_written_is_said_once_and_tried_again(file: Path) -> None:
    log = Log(io.StringIO())

    async def story() -> None:
        with file.open("r+b") as stream:
            stream.truncate(hosts.BYTES_MAX + 1)
        task = asyncio.create_task(
            keep_host_names((HostName(name="platform"),), own="10.20.0.5", front=None, log=log, path=file, every_s=0.005)
        )
        await eventually(log.tail)
        anew = file.with_name("anew")
        anew.write_bytes(b"")
        anew.replace(file)  # in one step: of a file that is cut while it is read, half may be read, and that half is written back
        await eventually(lambda: file.read_bytes() == BLOCK)
        await eventually(lambda: b"written" in log.tail())
        task.cancel()

    asyncio.run(story())

    assert [line["event"] for line in said(log)] == ["hosts-file-trouble", "hosts-file-well-again", "host-names-written"]
