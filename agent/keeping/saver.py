"""One writer of one assembly's state: claims it under its epoch, saves, and stops when it was overtaken. Blocks; one thread."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agent.keeping.pieces import Pieces
from agent.keeping.reading import Read, Taken, take
from agent.keeping.store import Absent, Overtaken, Store
from agent.ports import Unreachable
from core.kept.manifest import INDEX_CARRIED_MAX, Manifest, manifest_key, parse, pieces_prefix, to_bytes
from core.kept.rules import Outcome, garbage, outcome, overtaken_by
from core.kept.tree import PIECE_BYTES, BadTree, Piece, Tree, pack, stored_pieces, unpack


class Superseded(Exception):
    """Another node has written since, under a higher epoch: this one never writes again."""


@dataclass(frozen=True, slots=True)
class Saved:
    """manifest: the newest that is stored. began_s: what was on the disk then (monotonic clock) is in it. wrote: False where nothing
    had changed. took_s: from the first look until the store had it."""

    manifest: Manifest
    began_s: float
    took_s: float
    settled: bool
    wrote: bool
    left_out: tuple[str, ...] = ()
    left_out_count: int = 0


class Saver:
    """Begin with `find`, then `claim`; then `fetch` what was saved, or `save`."""

    def __init__(
        self, store: Store, deployable: str, assembly: str, *, instance: str, epoch: int, wall: Callable[[], float] = time.time
    ) -> None:
        self._store, self.instance, self.epoch, self._wall = store, instance, epoch, wall
        self._key, self._prefix = manifest_key(deployable, assembly), pieces_prefix(deployable, assembly)
        self.pieces = Pieces(store, self._prefix)
        self._base: Manifest | None = None
        self._tag: str | None = None
        self._tree: Tree | None = None  # of the base, where it is known
        self._needed: frozenset[str] = frozenset()  # keys of pieces that the base needs,
        self._needed_before: frozenset[str] = frozenset()  # and the one before it
        self._newest = 0  # number of a manifest that was seen
        self._unsure = False  # the answer to the last writing of the manifest was lost
        self._taken: Taken | None = None  # the last picture of the folder

    @property
    def base(self) -> Manifest | None:
        return self._base

    # --- beginning -----------------------------------------------------------------------------------------------------

    def find(self) -> Manifest | None:
        """What is stored now; None when nobody ever claimed. Raises Unreachable, Refused, BadManifest."""
        try:
            body, tag = self._store.get(self._key)
        except Absent:
            self._base = self._tag = None
        else:
            self._base = parse(body)  # one that cannot be read may be a newer agent's: it keeps us from writing, for ever
            self._tag = tag
            self._newest = max(self._newest, self._base.number)
        self._unsure = False
        return self._base

    def claim(self, *, keep: bool) -> None:
        """Put this node's epoch on what was found: from now on whoever held it before is refused.

        keep: what is saved stays; else the claim says that nothing is. Raises Superseded, Overtaken: find again; Unreachable, Refused.
        """
        base = self._base
        if base is not None and (base.epoch, base.instance) == (self.epoch, self.instance):
            return
        fresh = Manifest(
            epoch=self.epoch, number=self._number(), instance=self.instance, attempt=secrets.token_hex(8), at_ms=self._now_ms()
        )
        if base is not None and base.saved and keep:
            fresh = replace(base, epoch=fresh.epoch, number=fresh.number, instance=fresh.instance, attempt=fresh.attempt, at_ms=fresh.at_ms)
        self._write(fresh)

    def fetch(self) -> Tree:
        """The tree that was saved. Raises Unreachable, Refused, BadTree."""
        assert self._base is not None
        packed = self._base.packed
        if self._base.index:
            packed = b"".join(self.piece(piece) for piece in self._base.index)
        self._tree = unpack(packed)
        self._needed = frozenset({**stored_pieces(self._tree), **{piece.key: piece for piece in self._base.index}})
        self.pieces.know([*stored_pieces(self._tree).values(), *self._base.index])
        return self._tree

    def piece(self, piece: Piece) -> bytes:
        """Its bytes, checked. Raises Unreachable, Refused, BadTree."""
        if piece.data is not None:
            data = piece.data
        else:
            try:
                data, _ = self._store.get(self._prefix + piece.key)
            except Absent as error:
                raise BadTree(f"piece {piece.key} is not there, or may not be read") from error
        if len(data) != piece.size or hashlib.sha256(data).hexdigest() != piece.sha256:
            raise BadTree(f"piece {piece.key} has {len(data)} bytes that are not the {piece.size} that were saved")
        return data

    def take_up(self, reads: Mapping[str, Read]) -> None:
        """What was just restored need not be read again."""
        self._taken = Taken((), 0.0, True, reads)

    # --- saving --------------------------------------------------------------------------------------------------------

    def save(self, folder: Path) -> Saved:
        """Take a picture of the folder and store what is new of it.

        Raises Superseded; Unreachable, Refused, NoFolder, TooMuch, OSError, Shortage, BadManifest: this save is not stored, or it is
        not known whether it is; another one may be tried.
        """
        if self._unsure:
            self._look_again()
        began_s = time.monotonic()
        self.pieces.batch = f"{self.epoch}-{self._number()}"
        try:
            taken = take(folder, self._taken, self.pieces.keep)
        finally:
            self.pieces.settle()
        wrote = self._base is None or not self._base.saved or taken.tree != self._tree
        if wrote:
            self._store_tree(taken)
        self._taken = taken
        assert self._base is not None
        took_s = time.monotonic() - began_s
        return Saved(self._base, taken.began_s, took_s, taken.settled, wrote, taken.left_out, taken.left_out_count)

    def tidy(self) -> int:
        """Empty what neither the newest manifest nor the one before it needs; how many. Raises Unreachable, Refused."""
        keys = garbage(self.pieces.stored, self._needed, self._needed_before)
        self.pieces.empty(keys)
        return len(keys)

    def _store_tree(self, taken: Taken) -> None:
        packed, index = pack(taken.tree), tuple[Piece, ...]()
        if len(packed) > INDEX_CARRIED_MAX:
            parts = [packed[at : at + PIECE_BYTES] for at in range(0, len(packed), PIECE_BYTES)]
            index = tuple(self.pieces.keep(hashlib.sha256(part).hexdigest(), part) for part in parts)
            self.pieces.settle()
            packed = b""
        self._write(
            Manifest(
                epoch=self.epoch,
                number=self._number(),
                instance=self.instance,
                attempt=secrets.token_hex(8),
                at_ms=self._now_ms(),
                saved=True,
                settled=taken.settled,
                entries=len(taken.tree),
                size=sum(entry.size for entry in taken.tree),
                index=index,
                packed=packed,
            )
        )
        self._tree = taken.tree
        self._needed_before = self._needed
        self._needed = frozenset({**stored_pieces(taken.tree), **{piece.key: piece for piece in index}})

    def _write(self, manifest: Manifest) -> None:
        """Swap the manifest for this one. Sent once: whether a lost one was written is found out by reading.

        Raises Superseded, also when that was found out before: to know the newest tag is no leave to write over it.
        """
        overtaken = overtaken_by(self._base, instance=self.instance, epoch=self.epoch)
        if overtaken is not None:
            raise Superseded(overtaken)
        try:
            tag = self._store.put_if(self._key, to_bytes(manifest), self._tag)
        except Overtaken:
            self._judge(manifest)
            return
        except Unreachable:
            self._unsure = True
            raise
        finally:
            self.pieces.puts += 1
        self._base, self._tag, self._newest = manifest, tag, manifest.number

    def _judge(self, mine: Manifest) -> None:
        """The write was refused. Raises Superseded, Overtaken."""
        found = self.find()
        match outcome(found, mine):
            case Outcome.REFUSED:
                raise Superseded(overtaken_by(found, instance=self.instance, epoch=self.epoch))
            case Outcome.NOT_WRITTEN:
                raise Overtaken("the manifest was written by an earlier attempt of this node, or taken away")

    def _look_again(self) -> None:
        """Whether the manifest whose answer was lost is there. Raises Superseded."""
        found = self.find()
        overtaken = overtaken_by(found, instance=self.instance, epoch=self.epoch)
        if overtaken is not None:
            raise Superseded(overtaken)
        self._tree = None  # it may be that one's, or the former's: written anew either way

    def _number(self) -> int:
        """Counted up also when somebody took the manifest away: no key of a piece is used twice."""
        return self._newest + 1

    def _now_ms(self) -> int:
        return int(self._wall() * 1000)
