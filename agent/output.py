"""Where an application's standard output and error go: the agent's own, or a file that the application writes itself.

The agent is never between an application and its log: a pipe would block the one when the other is slow, and kill it when the other
dies. So the application is given the file itself, for appending, and the agent looks at its size now and then. A descriptor follows a
renamed file, so rotation copies the oldest part to another file and cuts it off the front (fallocate(2), FALLOC_FL_COLLAPSE_RANGE):
in one step for whoever writes, so that not a byte is lost or doubled; a line may be cut in two, its halves in two files. ext4
and XFS can do that. Elsewhere the file is copied and emptied, which loses what is written between the two: said in a warning.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from weakref import WeakKeyDictionary

from core.application import Output

FILE_MODE = 0o640
LOOK_EVERY_S = 1.0  # at 100 MB a second a log grows by so much past its size
_CHUNK_BYTES = 1 << 20
_FALLOC_FL_COLLAPSE_RANGE = 0x08  # linux/falloc.h
_CANNOT_COLLAPSE = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@contextmanager
def opened(output: Output) -> Iterator[tuple[int | None, tuple[str, ...]]]:
    """A descriptor to give to a program, None for the agent's own output, and what is to be said about it.

    A program that cannot write its log (a full disk, a read-only one) is better than none: its output goes to the journal then.
    """
    if output.file is None:
        yield None, ()
        return
    try:
        descriptor = open_log(output.file)
    except OSError as error:
        yield None, (f"output.file {output.file}: {error.strerror}; its output goes to the journal",)
        return
    try:
        yield descriptor, ()
    finally:
        os.close(descriptor)


def open_log(path: str) -> int:
    """For appending, made if need be. Raises OSError, also for what is no file: whoever may write there could have put a link."""
    descriptor = os.open(path, _FLAGS | os.O_RDWR | os.O_APPEND | os.O_CREAT, FILE_MODE)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a file", path)
    os.set_blocking(descriptor, True)
    return descriptor


_watched: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[asyncio.Task[None], dict[str, Output]]] = WeakKeyDictionary()
_troubles: dict[str, str] = {}


def watch(output: Output) -> None:
    """Rotate its file when it has grown past its size, for as long as this loop runs. Files are few, and looked at once a second."""
    if output.file is None:
        return
    loop = asyncio.get_running_loop()
    if loop not in _watched:
        files: dict[str, Output] = {}
        _watched[loop] = loop.create_task(_keep_within_size(files), name="rotation of output files"), files
    _watched[loop][1][output.file] = output


def trouble(output: Output) -> tuple[str, ...]:
    """What went wrong when its file was last rotated."""
    return (_troubles[output.file],) if output.file in _troubles else ()


async def _keep_within_size(files: dict[str, Output]) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        for path, output in list(files.items()):
            with suppress(OSError):
                if os.stat(path, follow_symlinks=False).st_size > output.bytes_max:
                    await _rotate_now(path, output)


async def _rotate_now(path: str, output: Output) -> None:
    try:
        said = await asyncio.to_thread(rotate, output)
    except OSError as error:
        said = f"output.file {path} is not rotated: {error.strerror}"
    _troubles.pop(path, None)
    if said:
        _troubles[path] = said


def rotate(output: Output) -> str:
    """Move what the file holds to FILE.1, what that held to FILE.2 and so on; FILE.<kept> is given up. What is to be said about it.

    Where there is no room for a copy the oldest files go first, and at last what would have been copied: a log must not be
    what keeps the disk full. Raises OSError.
    """
    assert output.file is not None
    source = open_log(output.file)
    try:
        while True:
            try:
                return _rotate(output, source)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                if not _give_up_oldest(output):
                    _cut(source, _whole_blocks(source))
                    return f"output.file {output.file}: no room for what it held; that is lost"
    finally:
        os.close(source)


def _rotate(output: Output, source: int) -> str:
    name = f"{output.file}.new"
    with suppress(FileNotFoundError):
        os.unlink(name)
    taken = _whole_blocks(source)
    lossless = True
    if output.kept > 0:
        target = os.open(name, _FLAGS | os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        try:
            _copy(source, target, 0, taken)
            lossless = _cut(source, taken, target)
        except OSError:
            os.unlink(name)
            raise
        finally:
            os.close(target)
        for number in range(output.kept, 1, -1):
            with suppress(FileNotFoundError):
                os.rename(f"{output.file}.{number - 1}", f"{output.file}.{number}")
        os.rename(name, f"{output.file}.1")
    else:
        lossless = _cut(source, taken)
    return (
        ""
        if lossless
        else f"output.file {output.file}: this file system cannot cut a file's front off: lines may be lost when it is rotated"
    )


def _whole_blocks(source: int) -> int:
    """How much of it can be cut off: a front of whole blocks, and not all of it."""
    status = os.fstat(source)
    block = max(os.fstatvfs(source).f_bsize, 1)
    return (status.st_size - 1) // block * block if status.st_size else 0


def _copy(source: int, target: int, begin: int, end: int) -> int:
    """From `begin` to `end`, or to the end of the file; where it stopped. Raises OSError."""
    while begin < end:
        sent = os.sendfile(target, source, begin, min(_CHUNK_BYTES, end - begin))
        if sent == 0:
            break
        begin += sent
    return begin


def _cut(source: int, taken: int, target: int | None = None) -> bool:
    """Take off its front; whether nothing can have been lost. Where that cannot be done the rest is copied too, and it is emptied."""
    if taken == 0:
        return True
    if _collapse(source, taken):
        return True
    if target is not None:
        _copy(source, target, taken, 1 << 62)
    os.ftruncate(source, 0)
    return False


def _collapse(source: int, taken: int) -> bool:
    """False: this file system cannot. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    begin, length = ctypes.c_int64(0), ctypes.c_int64(taken)
    if libc.fallocate64(source, _FALLOC_FL_COLLAPSE_RANGE, begin, length) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT_COLLAPSE:
        return False
    raise OSError(number, os.strerror(number))


def _give_up_oldest(output: Output) -> bool:
    """Make room; False: there is nothing left to give up."""
    for number in range(output.kept, 0, -1):
        with suppress(FileNotFoundError):
            os.unlink(f"{output.file}.{number}")
            return True
    return False
