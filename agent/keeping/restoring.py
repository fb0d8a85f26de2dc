"""Lays what was saved out beside the folder, checked piece by piece, and puts it in the folder's place when it is whole."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from agent.keeping.reading import Read
from agent.keeping.walk import signature
from agent.off_loop import Threads
from core.kept.tree import Entry, Kind, Piece, Tree

DOWNLOADS_MAX = 8  # pieces of 4 MiB in memory at once; a recovery waits for them
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

Fetch = Callable[[Piece], bytes]


def beside(path: Path, what: str) -> Path:
    """A sibling, for it must lie on the same file system."""
    return path.with_name(f".{path.name}.{what}")


def begin(path: Path, user: str | None) -> None:
    """See to it that the folder is there; as it is, where it is. user: whose a new one is. Raises OSError, LookupError."""
    if not path.is_symlink() and path.is_dir():
        return
    new = beside(path, "new")
    _remove(new)
    new.mkdir(parents=True, mode=0o750)
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(new, account.pw_uid, account.pw_gid)
    new.rename(path)
    _sync_folder(path.parent)


def restore(path: Path, tree: Tree, fetch: Fetch, *, user: str | None) -> Mapping[str, Read]:
    """Either the folder is as it was, or it is as it was saved. What was there before is kept beside it, once.

    The reads of what was written, for the first save. Raises what `fetch` raises, OSError, LookupError, Shortage.
    """
    begin(path, user)
    new, stale = beside(path, "restoring"), beside(path, "stale")
    _remove(new)
    new.mkdir(mode=0o700)
    files = _lay_out(new, tree, fetch)
    reads = {entry.path: _read_of(new / entry.path, entry) for entry in files}
    status = path.stat()
    os.chown(new, status.st_uid, status.st_gid)
    os.chmod(new, stat.S_IMODE(status.st_mode))
    _sync_tree(new, tree)
    _remove(stale)
    path.rename(stale)  # who dies between the two finds no mark of a whole folder, and restores again
    new.rename(path)
    if not any(stale.iterdir()):
        stale.rmdir()
    _sync_folder(path.parent)
    return reads


def _lay_out(new: Path, tree: Tree, fetch: Fetch) -> list[Entry]:
    """Folders and links, then the contents of files piece by piece in several threads, then modes and times; the files."""
    files = [entry for entry in tree if entry.kind is Kind.FILE]
    for entry in tree:
        place = new / entry.path
        match entry.kind:
            case Kind.FOLDER:
                place.mkdir(mode=0o700)
            case Kind.LINK:
                place.symlink_to(entry.target)
                os.chown(place, *_owner(entry), follow_symlinks=False)
            case Kind.FILE:
                os.close(os.open(place, _NEW, 0o600))
    threads = Threads("state restoring", DOWNLOADS_MAX)
    _all(threads, (partial(_fill, new / entry.path, at, piece, fetch) for entry in files for at, piece in _placed(entry)))
    _all(threads, (partial(_finish, new / entry.path, entry) for entry in files))
    for entry in reversed(tree):  # a folder that may not be written gets its mode after what is in it
        if entry.kind is Kind.FOLDER:
            os.chown(new / entry.path, *_owner(entry))
            os.chmod(new / entry.path, entry.mode)
    return files


def _all(threads: Threads, jobs: Iterable[Callable[[], None]]) -> None:
    """Have them done, some at a time; when it returns or raises, none goes on. Raises what one of them raises, and Shortage."""
    waiting = deque[Future[None]]()
    try:
        for number, job in enumerate(jobs):
            if len(waiting) >= 2 * DOWNLOADS_MAX:
                waiting.popleft().result()
            waiting.append(threads.begin(number, job))
        while waiting:
            waiting.popleft().result()
    finally:
        wait_for(waiting)


def _placed(entry: Entry) -> Iterator[tuple[int, Piece]]:
    """Each piece with its offset."""
    at = 0
    for piece in entry.pieces:
        yield at, piece
        at += piece.size


def _fill(place: Path, at: int, piece: Piece, fetch: Fetch) -> None:
    data = memoryview(fetch(piece))
    descriptor = os.open(place, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        while data:
            written = os.pwrite(descriptor, data, at)
            data, at = data[written:], at + written
    finally:
        os.close(descriptor)


def _finish(place: Path, entry: Entry) -> None:
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchown(descriptor, *_owner(entry))
        os.fchmod(descriptor, entry.mode)  # after the owner: a change of owner takes set-user-ID away (chown(2))
        os.utime(descriptor, ns=(entry.mtime_ns, entry.mtime_ns))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _owner(entry: Entry) -> tuple[int, int]:
    """By name where this machine knows it: it may number its users otherwise."""
    uid, gid = entry.uid, entry.gid
    with suppress(KeyError):
        uid = pwd.getpwnam(entry.user).pw_uid if entry.user else uid
    with suppress(KeyError):
        gid = grp.getgrnam(entry.group).gr_gid if entry.group else gid
    return uid, gid


def _read_of(place: Path, entry: Entry) -> Read:
    """As the next save will see it."""
    status = place.stat(follow_symlinks=False)
    as_it_is = replace(entry, uid=status.st_uid, gid=status.st_gid, mode=stat.S_IMODE(status.st_mode))
    return Read(as_it_is, signature(status))


def _sync_tree(new: Path, tree: Tree) -> None:
    for entry in tree:
        if entry.kind is Kind.FOLDER:
            _sync_folder(new / entry.path)
    _sync_folder(new)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.is_dir():
        shutil.rmtree(folder)
