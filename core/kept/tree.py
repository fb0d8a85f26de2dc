"""A folder of state as it is kept: its files, folders and links, and the pieces that the files are cut into."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PIECE_BYTES = 4 * 1024 * 1024  # one request's body, and the unit of memory in reading, writing and restoring
# A request costs a thousand times what such a piece costs to carry along in each manifest, so that small ones are carried.
SMALL_BYTES_MAX = 4096
CARRIED_BYTES_MAX = 64 * 1024  # of all small pieces in one manifest; the rest are objects of their own
# A look at each entry takes some 10 us of processor time, every few seconds; and a new node downloads all of it before it serves.
ENTRIES_MAX = 50_000
BYTES_MAX = 20 * 1024**3
INDEX_BYTES_MAX = 64 * 1024 * 1024  # unpacked; fifty thousand entries of a kilobyte each
PATH_BYTES_MAX = 4096
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BATCH = re.compile(r"[1-9][0-9]{0,17}-[1-9][0-9]{0,17}")


class BadTree(ValueError):
    """What is kept cannot be used: names the entry and what is wrong with it."""


class Kind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a file, or all. batch: of the save that stored it, as EPOCH-NUMBER; "" when `data` carries it."""

    sha256: str
    size: int
    batch: str = ""
    data: bytes | None = None

    @property
    def key(self) -> str:
        """Where it lies, below the prefix of pieces. No key is ever used again: what was emptied stays empty."""
        return f"{self.batch}/{self.sha256}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """path: relative, of the system's own bytes (os.fsdecode). mode: permission bits. user, group: names, which a new machine may
    number otherwise; "" where they had none. mtime_ns: as the file had it. pieces: of a file, in order. target: of a link."""

    path: str
    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    user: str = ""
    group: str = ""
    mtime_ns: int = 0
    pieces: tuple[Piece, ...] = ()
    target: str = ""

    @property
    def size(self) -> int:
        return sum(piece.size for piece in self.pieces)


Tree = tuple[Entry, ...]  # parents before what is in them


def stored_pieces(entries: Iterable[Entry]) -> dict[str, Piece]:
    """The pieces that are objects, by key."""
    return {piece.key: piece for entry in entries for piece in entry.pieces if piece.batch}


def too_much(entries: int, size: int) -> str | None:
    """Why so much is not kept; None when it is."""
    if entries > ENTRIES_MAX:
        return f"{entries} files and folders: at most {ENTRIES_MAX} are kept"
    return f"{size} bytes: at most {BYTES_MAX} are kept" if size > BYTES_MAX else None


def cut(size: int) -> tuple[tuple[int, int], ...]:
    """The pieces of a file of that size, as (offset, length)."""
    return tuple((offset, min(PIECE_BYTES, size - offset)) for offset in range(0, size, PIECE_BYTES))


# --- as bytes ----------------------------------------------------------------------------------------------------


def pack(tree: Tree) -> bytes:
    """The same tree gives the same bytes."""
    rows = [_row(entry) for entry in tree]
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 3)


def unpack(packed: bytes) -> Tree:
    """Raises BadTree. Nothing in it leads out of the folder: each parent is a folder that came before."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, INDEX_BYTES_MAX)
        if not unpacker.eof:
            raise BadTree(f"the index is cut short, or longer than {INDEX_BYTES_MAX} bytes")
        rows = json.loads(text)
    except (zlib.error, ValueError, RecursionError) as error:
        raise BadTree(f"the index cannot be read: {error}") from error
    if not isinstance(rows, list) or len(rows) > ENTRIES_MAX:
        raise BadTree(f"the index is no list of at most {ENTRIES_MAX} entries")
    entries: dict[str, Entry] = {}
    for row in rows:
        entry = _entry(row)
        parent = entry.path.rpartition("/")[0]
        if parent and (parent not in entries or entries[parent].kind is not Kind.FOLDER):
            raise BadTree(f"{entry.path!r} lies in no folder of the index")
        if entry.path in entries:
            raise BadTree(f"{entry.path!r} is there twice")
        entries[entry.path] = entry
    return tuple(entries.values())


def _row(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {"p": entry.path, "k": entry.kind.value, "m": entry.mode, "o": [entry.uid, entry.gid, entry.user, entry.group]}
    row["t"] = entry.mtime_ns
    if entry.kind is Kind.LINK:
        row["l"] = entry.target
    if entry.pieces:
        row["c"] = [
            [piece.sha256, piece.size, piece.batch, *([base64.b64encode(piece.data).decode()] if piece.data is not None else [])]
            for piece in entry.pieces
        ]
    return row


def _entry(row: object) -> Entry:
    if not isinstance(row, Mapping):
        raise BadTree(f"{str(row)[:80]!r} is no entry")
    path, owner = row.get("p"), row.get("o")
    if not _is_inside(path):
        raise BadTree(f"{str(path)[:80]!r} is no path inside the folder")
    try:
        kind = Kind(_text(row.get("k")))
        uid, gid, user, group = owner  # type: ignore[misc]  # whatever it is, it is checked here
        entry = Entry(
            path=str(path),
            kind=kind,
            mode=_whole(row.get("m"), 0o7777),
            uid=_whole(uid, 2**32 - 2),
            gid=_whole(gid, 2**32 - 2),
            user=_text(user),
            group=_text(group),
            mtime_ns=_whole(row.get("t"), 2**63 - 1),
            pieces=tuple(_piece(piece) for piece in row.get("c", ())),
            target=_text(row.get("l", "")),
        )
    except (TypeError, ValueError) as error:
        raise BadTree(f"{path!r}: {error}") from error
    if (kind is Kind.LINK) != bool(entry.target) or (entry.pieces and kind is not Kind.FILE):
        raise BadTree(f"{path!r}: a {kind.value} with what belongs to another kind")
    return entry


def _is_inside(path: object) -> bool:
    return (
        isinstance(path, str)
        and 0 < len(path) <= PATH_BYTES_MAX
        and "\0" not in path
        and all(part not in ("", ".", "..") for part in path.split("/"))
    )


def _piece(value: Any) -> Piece:
    sha256, size, batch, *carried = value
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ValueError(f"piece {str(sha256)[:80]!r} is no SHA-256")
    if (carried and batch != "") or (not carried and (not isinstance(batch, str) or not _BATCH.fullmatch(batch))):
        raise ValueError(f"piece {sha256} has the batch {str(batch)[:80]!r}")
    try:
        data = base64.b64decode(carried[0], validate=True) if carried else None
    except (binascii.Error, TypeError) as error:
        raise ValueError(f"piece {sha256}: {error}") from error
    if data is not None and len(data) != size:
        raise ValueError(f"piece {sha256} has {len(data)} bytes, not {size}")
    return Piece(sha256, _whole(size, PIECE_BYTES), batch, data)


def _whole(value: object, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"{str(value)[:80]!r} is no whole number from 0 to {most}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"{str(value)[:80]!r} is no text")
    return value
