"""What lies in a folder at this moment, by its metadata; and its files, opened so that no link leads out of it."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from core.kept.tree import ENTRIES_MAX, Entry, Kind

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
DEPTH_MAX = 64
Signature = tuple[int, int, int, int, int, int, int]


class NoFolder(Exception):
    """The folder itself cannot be read: says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """entry: without its pieces. signature: changes whenever the content may have changed. changed_ns: by the kernel's clock; a
    file's own time may be any that a program gave it."""

    entry: Entry
    size: int
    signature: Signature
    changed_ns: int


@dataclass(slots=True)
class Picture:
    """found: by path, parents first. left_out: what is not kept (sockets, devices, other file systems), a few examples."""

    found: dict[str, Found] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    left_out_count: int = 0

    @property
    def size(self) -> int:
        return sum(one.size for one in self.found.values())


@contextmanager
def opened(root: Path) -> Iterator[int]:
    """A descriptor of the folder. Raises NoFolder."""
    try:
        descriptor = os.open(root, _FOLDER)
    except OSError as error:
        raise NoFolder(f"{root}: {error.strerror}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def walk(root: int) -> Picture:
    """Look at everything below. What comes or goes meanwhile is there or not. Raises NoFolder."""
    picture = Picture()
    try:
        device = os.fstat(root).st_dev
        _walk(root, "", device, picture, 0)
    except OSError as error:
        raise NoFolder(str(error)) from error
    return picture


def _walk(folder: int, prefix: str, device: int, picture: Picture, depth: int) -> None:
    with os.scandir(folder) as names:
        entries = sorted(names, key=lambda one: one.name)
    for one in entries:
        path = f"{prefix}{one.name}"
        try:
            status = one.stat(follow_symlinks=False)
            kind = _kind(status.st_mode)
            if kind is None or status.st_dev != device or depth >= DEPTH_MAX:
                _leave_out(picture, path)
                continue
            target = os.readlink(one.name, dir_fd=folder) if kind is Kind.LINK else ""
        except FileNotFoundError:
            continue
        picture.found[path] = _found(path, kind, status, target)
        if len(picture.found) > ENTRIES_MAX:
            return  # more is refused anyway: nobody needs to know how many
        if kind is Kind.FOLDER:
            with suppress(FileNotFoundError, NotADirectoryError):
                inner = os.open(one.name, _FOLDER, dir_fd=folder)
                try:
                    _walk(inner, f"{path}/", device, picture, depth + 1)
                finally:
                    os.close(inner)


def _leave_out(picture: Picture, path: str) -> None:
    picture.left_out_count += 1
    if len(picture.left_out) < 5:
        picture.left_out.append(path)


def _kind(mode: int) -> Kind | None:
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    return Kind.LINK if stat.S_ISLNK(mode) else None


def _found(path: str, kind: Kind, status: os.stat_result, target: str) -> Found:
    entry = Entry(
        path=path,
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        user=_user(status.st_uid),
        group=_group(status.st_gid),
        # A folder's changes with each file in it, and tells nothing that the files do not.
        mtime_ns=max(0, status.st_mtime_ns) if kind is Kind.FILE else 0,
        target=target,
    )
    return Found(entry, status.st_size if kind is Kind.FILE else 0, signature(status), status.st_ctime_ns)


def signature(status: os.stat_result) -> Signature:
    """Any write, rename or change of mode and owner changes the time of change, which no program can set back."""
    return (
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_mode,
        status.st_uid,
        status.st_gid,
    )


@lru_cache(maxsize=256)
def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


@lru_cache(maxsize=256)
def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""


@contextmanager
def file_in(root: int, path: str) -> Iterator[int]:
    """A descriptor of a file below, by folders that are none of them a link. Raises OSError."""
    *folders, name = path.split("/")
    folder = root
    try:
        for one in folders:
            inner = os.open(one, _FOLDER, dir_fd=folder)
            if folder != root:
                os.close(folder)
            folder = inner
        descriptor = os.open(name, _FILE, dir_fd=folder)
    finally:
        if folder != root:
            os.close(folder)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path}: it is no file any more")
        yield descriptor
    finally:
        os.close(descriptor)
