"""Adapter: keeps the managed block of the hosts file, by rename where that is possible."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import stat
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path

from agent.log import Log, Once
from core.model import HostName
from core.node.hosts import NO_NEIGHBOURS, meanings, with_block

PATH = Path("/etc/hosts")
BYTES_MAX = 4 << 20  # a blocker's list of advertisers has some hundred thousand lines; more is no hosts file of a server
TRIES = 3  # to write what nobody else writes in that moment; then the next look has its turn
LOOK_EVERY_S = 30.0  # somebody else may write the file: cloud-init does at each boot, people do when they must
_TEMPORARY = ".understudy-new"
# Where a new file cannot take the old one's place: it is mounted there by itself (a container's), or its folder is read-only.
_NO_RENAME = (errno.EBUSY, errno.EXDEV, errno.EROFS, errno.EACCES, errno.EPERM)


class Written(Enum):
    UNCHANGED = "unchanged"
    RENAMED = "renamed"  # at once: a reader saw the old file or the new one
    IN_PLACE = "in place"  # a reader may have seen half of it


class HostsFileTooLong(OSError):
    """Longer than is read; left as it is."""


class HostsFileChanged(OSError):
    """Somebody else wrote it between our reading and our writing; it is as they left it."""


def write_block(entries: Sequence[tuple[str, str]], path: Path = PATH) -> Written:
    """Make the file's block say this. Raises OSError; the file is then as it was, or as it should be.

    Mode and owner are kept; a link is followed. A file that is not there is made. Bytes that are not UTF-8 come back as
    they were. What somebody else writes meanwhile is read anew, a few times.
    """
    path = path.resolve()
    for _ in range(TRIES - 1):
        with contextlib.suppress(HostsFileChanged):
            return _written(entries, path)
    return _written(entries, path)


def _written(entries: Sequence[tuple[str, str]], path: Path) -> Written:
    found: os.stat_result | None = None
    raw = b""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        found = os.fstat(file.fileno())
        raw = file.read(BYTES_MAX + 1)
    if len(raw) > BYTES_MAX:
        raise HostsFileTooLong(errno.EFBIG, f"more than {BYTES_MAX} bytes; left as it is", str(path))
    new = with_block(raw.decode("utf-8", "surrogateescape"), entries).encode("utf-8", "surrogateescape")
    if new == raw:
        return Written.UNCHANGED
    try:
        _replace(path, new, found)
        return Written.RENAMED
    except OSError as error:
        if error.errno not in _NO_RENAME or found is None:
            raise
    _overwrite(path, new, found)
    return Written.IN_PLACE


def _check_unchanged(path: Path, found: os.stat_result | None) -> None:
    """Right before it is written, that what was read is all that is there. Raises HostsFileChanged."""
    try:
        now: os.stat_result | None = path.stat()
    except FileNotFoundError:
        now = None
    if _version(now) != _version(found):
        raise HostsFileChanged(errno.EAGAIN, "somebody else writes it; left as they have it", str(path))


def _version(of: os.stat_result | None) -> tuple[int, ...] | None:
    return None if of is None else (of.st_dev, of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns)


def _replace(path: Path, content: bytes, like: os.stat_result | None) -> None:
    temporary = path.with_name(path.name + _TEMPORARY)
    temporary.unlink(missing_ok=True)  # of an agent that was killed while it wrote
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(file.fileno(), stat.S_IMODE(like.st_mode) if like else 0o644)
            if like is not None and (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), like.st_uid, like.st_gid)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _check_unchanged(path, like)
        os.rename(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _overwrite(path: Path, content: bytes, like: os.stat_result) -> None:
    """The new text first and the cut afterwards: a full disk then leaves more of it rather than less."""
    with path.open("r+b", buffering=0) as file:
        _check_unchanged(path, like)
        view = memoryview(content)
        while view:
            view = view[file.write(view) :]
        file.truncate(len(content))
        os.fsync(file.fileno())


async def keep_host_names(
    host_names: Sequence[HostName],
    *,
    own: str,
    front: str | None,
    neighbours: Mapping[str, str] = NO_NEIGHBOURS,
    log: Log,
    path: Path = PATH,
    every_s: float = LOOK_EVERY_S,
) -> None:
    """Write the block now and whenever it is no longer there or no longer right; trouble is said once. Never returns."""
    found = meanings(host_names, own=own, front=front, neighbours=neighbours)
    if found.unknown:
        log.say("host-names-unknown", names=list(found.unknown), reason="this node knows no address of that front")
    trouble = Once(log, "hosts-file")
    while True:
        try:
            written = await asyncio.to_thread(write_block, found.entries, path)
            trouble.well()
            if written is not Written.UNCHANGED:
                log.say("host-names-written", path=str(path), how=written.value, names=[name for _, name in found.entries])
        except OSError as error:
            trouble.trouble(error)
        await asyncio.sleep(every_s)
