"""Stores the pieces of a save, a few at a time and at a bounded rate; the next save finds again what is stored."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for

from agent.keeping.store import Store
from agent.off_loop import Shortage, Threads
from core.kept.tree import Piece

UPLOADS_MAX = 4  # with the one that is being read, five pieces of 4 MiB are in memory at most
# What the applications keep of the network and the disk; a t4g.small has a baseline of some 16 MB/s and bursts to 600.
RATE_BYTES_S = 32 * 1024 * 1024


class Pieces:
    """Those of one writer's saves. Used by one thread at a time; what it begins goes on in a few others."""

    def __init__(self, store: Store, prefix: str, *, rate_bytes_s: float = RATE_BYTES_S) -> None:
        self._store, self._prefix, self._rate = store, prefix, rate_bytes_s
        self._by_sha: dict[str, Piece] = {}
        self._under_way: dict[str, Future[None]] = {}
        self._room = threading.Semaphore(UPLOADS_MAX)
        self._threads = Threads("state pieces", UPLOADS_MAX)
        self._free_at_s = 0.0
        self.batch = ""
        self.puts = 0  # requests, for people and the bill

    @property
    def stored(self) -> dict[str, Piece]:
        """By key: all that this writer knows to be in the store, in use or not."""
        return {piece.key: piece for piece in self._by_sha.values()}

    def know(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if piece.batch:
                self._by_sha[piece.sha256] = piece

    def forget(self, keys: Iterable[str]) -> None:
        gone = set(keys)
        self._by_sha = {sha256: piece for sha256, piece in self._by_sha.items() if piece.key not in gone}

    def keep(self, sha256: str, data: bytes) -> Piece:
        """Stored already, or on its way: `settle` waits. Raises what an earlier one of this save met, and Shortage."""
        known = self._by_sha.get(sha256)
        if known is not None:
            return known
        if any(one.done() and one.exception() is not None for one in self._under_way.values()):
            self.settle()
        self._wait_for_rate(len(data))
        piece = Piece(sha256, len(data), self.batch)
        self._room.acquire()
        try:
            self._under_way[sha256] = self._threads.begin(piece.key, lambda: self._put(piece.key, data))
        except Shortage:
            self._room.release()
            raise
        self._by_sha[sha256] = piece
        return piece

    def settle(self) -> None:
        """Wait until all of them are stored. Raises Unreachable, Refused: those that are stored are found by the next save."""
        under_way, self._under_way = self._under_way, {}
        wait_for(under_way.values())
        troubles = {sha256: trouble for sha256, one in under_way.items() if (trouble := one.exception()) is not None}
        for sha256 in troubles:
            self._by_sha.pop(sha256, None)
        for trouble in troubles.values():
            raise trouble

    def empty(self, keys: Iterable[str]) -> None:
        """Write nothing over what nobody needs any more; the bucket's lifecycle then takes it away. Raises Unreachable, Refused."""
        for key in keys:
            self.puts += 1
            self._store.put(self._prefix + key, b"")
            self.forget([key])

    def _put(self, key: str, data: bytes) -> None:
        try:
            self.puts += 1
            self._store.put(self._prefix + key, data)
        finally:
            self._room.release()

    def _wait_for_rate(self, size: int) -> None:
        now_s = time.monotonic()
        if self._free_at_s > now_s:
            time.sleep(self._free_at_s - now_s)
        self._free_at_s = max(now_s, self._free_at_s) + size / self._rate
