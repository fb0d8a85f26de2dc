"""Writes the notes down without ever keeping the cycle waiting for a disk that is full, read-only, or hangs."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from agent.log import Log, Once
from agent.notes import Notes
from agent.off_loop import Shortage, Threads
from agent.state_file import NOTES_FILE, BadState, put_aside, read_notes, write_given_up, write_notes

NOTE_WAIT_S = 0.05  # where there is no folder in memory: how long a start may wait for its note
AGAIN_S = 5.0  # after a writing that failed
LAST_S = 2.0  # for what is still to be written when the agent leaves


class Notebook:
    """The same notes in two places: in memory (`runtime`, a tmpfs) at once, on the disk (`folder`) by a thread.

    What identifies a run need not survive a power cut, for the run does not; so what must be known before a program is
    started goes to memory, where nothing hangs. Counts and holds reach the disk a moment later. When neither can be
    written the start goes ahead all the same: the mark in a program's environment, and its cgroup, identify it without a note.
    """

    def __init__(self, folder: Path, runtime: Path | None, *, log: Log) -> None:
        self._folder, self._disk = folder, folder / NOTES_FILE
        # Named after the folder on the disk: two agents on one machine (a laptop, a test) do not share their notes.
        self._memory = None if runtime is None else runtime / f"applications-{zlib.crc32(os.fsencode(folder.absolute())):08x}.json"
        self._log, self._once = log, Once(log, "state")
        self._threads = Threads("state", 2)
        self._notes: Notes | None = None
        self._writing: Future[None] | None = None
        self._number = self._written = 0  # of the notes being written, and of the newest on the disk
        self._begun_at_s = self._again_at_s = 0.0
        self.trouble = ""  # why the disk has not what it should; "" while all is well

    def read(self, instance: str) -> tuple[Notes | None, bool]:
        """The newest notes of a former life, and whether some could not be read: then they tell less than what lives."""
        found: list[Notes] = []
        unreadable = False
        for path in (self._disk, self._memory):
            if path is None:
                continue
            try:
                notes = read_notes(path, instance)
            except (BadState, OSError) as error:
                unreadable = True
                self._log.say("notes-trouble", reason=str(error)[:500])
                with suppress(OSError):
                    put_aside(path)
            else:
                found += [notes] if notes is not None else []
        newest = max(found, key=lambda notes: notes.number, default=None)
        self._written = newest.number if newest is not None else 0
        self._notes = newest
        return newest, unreadable

    def write(self, notes: Notes, *, now: bool) -> None:
        """Note what differs from before. now: something is about to be started, so it is worth a moment's wait."""
        number = self._notes.number if self._notes is not None else self._written
        self._notes = notes = replace(notes, number=number + 1)
        in_memory = False
        if self._memory is not None:
            try:
                write_notes(self._memory, notes, durable=False)
                in_memory = True
            except OSError:
                in_memory = False
        self._again_at_s = 0.0
        if in_memory:
            return  # the disk's turn comes with the next look, after the start: its thread would only slow that down
        hangs = self._writing is not None
        self.look()
        if now and not hangs and self._writing is not None:
            wait_for([self._writing], NOTE_WAIT_S)

    def look(self) -> None:
        """See what became of the last writing, and begin the next when there is something to write. Never waits."""
        if self._writing is not None:
            if not self._writing.done():
                self._say_if_slow()
                return
            self._settle(self._writing)
        if self._notes is None or self._notes.number <= self._written or time.monotonic() < self._again_at_s:
            return
        notes = self._notes
        self._begun_at_s = time.monotonic()
        try:
            self._writing = self._threads.begin("notes", lambda: write_notes(self._disk, notes, durable=True))
            self._number = notes.number
        except Shortage as error:
            self._failed(error)

    def _settle(self, writing: Future[None]) -> None:
        self._writing = None
        error = writing.exception()
        if error is None:
            self._written = self._number
            self.trouble = ""
            self._once.well()
        else:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self._again_at_s = time.monotonic() + AGAIN_S
        self.trouble = f"cannot write to {self._folder}: {error}"
        self._once.trouble(self.trouble)

    def _say_if_slow(self) -> None:
        if time.monotonic() - self._begun_at_s > LAST_S:
            self.trouble = f"writing to {self._folder} hangs"
            self._once.trouble(self.trouble)

    def release(self, instance: str, epoch: int, done: Callable[[], None]) -> Future[None]:
        """Write down that an epoch is given up; `done` is called from another thread once that came to an end. Raises Shortage."""
        future = self._threads.begin(("given up", epoch), lambda: write_given_up(self._folder, instance, epoch))
        future.add_done_callback(lambda _: done())
        return future

    def close(self) -> None:
        """Wait for what is still to be written, for at most LAST_S."""
        until_s = time.monotonic() + LAST_S
        self.look()
        while self._writing is not None and time.monotonic() < until_s:
            wait_for([self._writing], until_s - time.monotonic())
            self.look()
