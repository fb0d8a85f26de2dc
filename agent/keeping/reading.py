"""Takes a picture of the folder's content that holds together: read, looked at again, and what moved meanwhile read again."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.keeping.walk import Found, Picture, Signature, file_in, opened, signature, walk
from core.kept.tree import CARRIED_BYTES_MAX, SMALL_BYTES_MAX, Entry, Kind, Piece, Tree, cut, too_much

# The kernel stamps files by a clock that moves every 1 to 10 ms: a file that was stamped so shortly before it was read may
# change again under the same stamp. It is read again a moment later, and if need be by the next save.
STAMP_NS = 30_000_000
ROUNDS_MAX = 5  # looks, until nothing moves between two of them
SETTLE_S_MAX = 2.0
SETTLE_BYTES_MAX = 64 * 1024 * 1024  # of files that move: to read more of them over and over takes the disk from those who move them

Keep = Callable[[str, bytes], Piece]  # stores a piece by its SHA-256, or finds it stored


class TooMuch(Exception):
    """More than is kept."""


@dataclass(frozen=True, slots=True)
class Read:
    """A file as it was read. signature: of the file then; None when it may have changed under the same stamp, or while it was read."""

    entry: Entry
    signature: Signature | None


@dataclass(frozen=True, slots=True)
class Taken:
    """began_s: on the monotonic clock; all that was on the disk then is in it, or something newer in its place.

    settled: nothing changed from the first look to the last, so that it is the folder as it was at one moment. reads: for the next
    save, which need not read again what has not changed.
    """

    tree: Tree
    began_s: float
    settled: bool
    reads: Mapping[str, Read] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    left_out_count: int = 0


@dataclass(slots=True)
class _Reader:
    """carried: bytes of small pieces in the manifest. again: bytes of files that moved while they were read, in the last round.
    opened: files that were read at all."""

    keep: Keep
    former: Mapping[str, Read]
    carried: int
    reads: dict[str, Read] = field(default_factory=dict)
    again: int = 0
    opened: int = 0


def take(root: Path, former: Taken | None, keep: Keep, *, clock: Callable[[], float] = time.monotonic) -> Taken:
    """former: the last one, if there was one. Raises NoFolder, TooMuch, OSError (the disk), and what `keep` raises."""
    began_s = clock()
    known = former.reads if former is not None else {}
    carried = sum(piece.size for read in known.values() for piece in read.entry.pieces if piece.data is not None)
    reader = _Reader(keep, known, carried)
    with opened(root) as folder:
        picture = walk(folder)
        for _ in range(ROUNDS_MAX):
            moved = _read_what_is_new(folder, picture, reader)
            if former is not None and not reader.opened and _tree(picture, reader) == former.tree:
                return replace(former, began_s=began_s)  # it is as it was: one look is enough to know
            again = walk(folder)
            settled = not moved and _same(picture, again)
            if settled or clock() - began_s > SETTLE_S_MAX or reader.again > SETTLE_BYTES_MAX:
                break
            picture = again
            if moved:
                time.sleep(STAMP_NS / 1e9)
        if not settled:
            picture = again
            _read_what_is_new(folder, picture, reader)
        tree = _tree(picture, reader)
    reads = {path: read for path, read in reader.reads.items() if path in picture.found}
    return Taken(tree, began_s, settled, reads, tuple(picture.left_out), picture.left_out_count)


def _check(picture: Picture) -> None:
    why = too_much(len(picture.found), picture.size)
    if why is not None:
        raise TooMuch(why)


def _same(one: Picture, other: Picture) -> bool:
    return one.found.keys() == other.found.keys() and all(
        found.entry == other.found[path].entry and (found.entry.kind is not Kind.FILE or found.signature == other.found[path].signature)
        for path, found in one.found.items()
    )


def _read_what_is_new(folder: int, picture: Picture, reader: _Reader) -> bool:
    """Whether something moved while it was read, or may have. Raises TooMuch."""
    _check(picture)
    moved, reader.again = False, 0
    for path, found in picture.found.items():
        if found.entry.kind is not Kind.FILE:
            continue
        known = reader.reads.get(path) or reader.former.get(path)
        if known is None or known.signature != found.signature:
            try:
                known = _read(folder, found, reader)
            except FileNotFoundError:
                reader.reads.pop(path, None)
                moved = True
                continue
        reader.reads[path] = known
        if known.signature is None:
            moved = True
            reader.again += found.size
    return moved


def _read(folder: int, found: Found, reader: _Reader) -> Read:
    """As many bytes as it had when it was opened. Raises OSError."""
    reader.opened += 1
    fresh = abs(time.time_ns() - found.changed_ns) < STAMP_NS
    with file_in(folder, found.entry.path) as descriptor:
        before = os.fstat(descriptor)
        pieces: list[Piece] = []
        for offset, length in cut(before.st_size):
            data = _read_at(descriptor, offset, length)
            if data:
                pieces.append(_piece(data, reader))
            if len(data) < length:
                break  # it was cut shorter meanwhile
        after = os.fstat(descriptor)
    entry = replace(found.entry, pieces=tuple(pieces), mtime_ns=max(0, after.st_mtime_ns))
    still = signature(before) == signature(after) == found.signature
    return Read(entry, found.signature if still and not fresh else None)


def _read_at(descriptor: int, offset: int, length: int) -> bytes:
    data = os.pread(descriptor, length, offset)
    while 0 < len(data) < length:
        more = os.pread(descriptor, length - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


def _piece(data: bytes, reader: _Reader) -> Piece:
    sha256 = hashlib.sha256(data).hexdigest()
    if len(data) <= SMALL_BYTES_MAX and reader.carried + len(data) <= CARRIED_BYTES_MAX:
        reader.carried += len(data)
        return Piece(sha256, len(data), "", data)
    return reader.keep(sha256, data)


def _tree(picture: Picture, reader: _Reader) -> Tree:
    """What was seen last, with what was read of it."""
    entries = []
    for path, found in picture.found.items():
        if found.entry.kind is not Kind.FILE:
            entries.append(found.entry)
        elif path in reader.reads:
            entries.append(reader.reads[path].entry)
    return tuple(entries)
