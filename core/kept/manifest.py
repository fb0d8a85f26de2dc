"""The manifest: the one object that says what is saved, by whom and under which epoch; swapped only by who saw it last.

A line of JSON, then the packed index of the tree when it is short; a long one lies in pieces of its own. Its versions are
kept by the bucket.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.kept.tree import PIECE_BYTES, Piece

VERSION = 1
INDEX_CARRIED_MAX = 256 * 1024  # a longer packed index is put beside the manifest, which would else be written anew whole
MANIFEST_BYTES_MAX = 2 * INDEX_CARRIED_MAX
_INSTANCE = re.compile(r"i-[0-9a-z-]{1,40}")


class BadManifest(ValueError):
    """It cannot be used: says which, and what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """number: of the save, counted up for ever. instance: who wrote it, under `epoch`. attempt: drawn for each writing, so that a
    writer whose answer was lost knows its own.

    saved: False where nobody has saved yet: the one who came first only made its claim. settled: nothing changed while the folder
    was read. at_ms: wall clock, for people. index: the pieces of the packed index, none when it is `packed`.
    """

    epoch: int
    number: int
    instance: str
    attempt: str
    at_ms: int
    saved: bool = False
    settled: bool = True
    entries: int = 0
    size: int = 0
    index: tuple[Piece, ...] = ()
    packed: bytes = b""

    @property
    def batch(self) -> str:
        return f"{self.epoch}-{self.number}"


def manifest_key(deployable: str, assembly: str) -> str:
    return f"{state_prefix(deployable, assembly)}manifest"


def pieces_prefix(deployable: str, assembly: str) -> str:
    return f"{state_prefix(deployable, assembly)}pieces/"


def state_prefix(deployable: str, assembly: str) -> str:
    """Where an assembly's state lies in the bucket: its nodes get and put below it, and nothing else does."""
    return f"state/{deployable}/{assembly}/"


def to_bytes(manifest: Manifest) -> bytes:
    head = {
        "version": VERSION,
        "epoch": manifest.epoch,
        "number": manifest.number,
        "instance": manifest.instance,
        "attempt": manifest.attempt,
        "at_ms": manifest.at_ms,
        "saved": manifest.saved,
        "settled": manifest.settled,
        "entries": manifest.entries,
        "size": manifest.size,
        "index": [[piece.sha256, piece.size, piece.batch] for piece in manifest.index],
        "packed": hashlib.sha256(manifest.packed).hexdigest(),
    }
    return json.dumps(head).encode() + b"\n" + manifest.packed


def parse(body: bytes) -> Manifest:
    """Raises BadManifest. Keys that this version does not know are left alone: a newer one may have written them."""
    line, end, packed = body.partition(b"\n")
    try:
        head = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadManifest(f"its first line is not JSON: {error}") from error
    if not end or not isinstance(head, Mapping):
        raise BadManifest("it has no first line with an object")
    if head.get("version") != VERSION:
        raise BadManifest(f"version is {str(head.get('version'))[:40]!r}, this agent reads {VERSION}")
    if hashlib.sha256(packed).hexdigest() != head.get("packed"):
        raise BadManifest("the index that it carries is not the one that was written")
    instance = _of(head, "instance", str)
    if not _INSTANCE.fullmatch(instance):
        raise BadManifest(f"instance is {instance[:80]!r}")
    return Manifest(
        epoch=_of(head, "epoch", int),
        number=_of(head, "number", int),
        instance=instance,
        attempt=_of(head, "attempt", str),
        at_ms=_of(head, "at_ms", int),
        saved=_of(head, "saved", bool),
        settled=_of(head, "settled", bool),
        entries=_of(head, "entries", int),
        size=_of(head, "size", int),
        index=tuple(_index_piece(piece) for piece in _of(head, "index", list)),
        packed=packed,
    )


def _of(head: Mapping[str, Any], key: str, kind: type) -> Any:
    value = head.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int) or (isinstance(value, int) and value < 0):
        raise BadManifest(f"{key} is {str(value)[:80]!r}, expected {kind.__name__}")
    return value


def _index_piece(value: object) -> Piece:
    if isinstance(value, list) and len(value) == 3:
        sha256, size, batch = value
        if (
            isinstance(sha256, str)
            and isinstance(batch, str)
            and "/" not in sha256 + batch
            and isinstance(size, int)
            and 0 < size <= PIECE_BYTES
        ):
            return Piece(sha256, size, batch)
    raise BadManifest(f"index has {str(value)[:80]!r}")
