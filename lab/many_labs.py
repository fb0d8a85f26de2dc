"""Drills that need several labs, one after another or some at a time: each in a program of its own, the table of them all at the end."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

from lab import space
from lab.drills import report
from lab.drills.model import Promise, Result
from lab.drills.programme import Evening, Files, plan
from lab.drills.rows import result_of
from lab.drills.runner import write_html, write_rows
from lab.drills.scenes import DRILLS

Row = dict[str, Any]
Say = Callable[[str], None]
_NO_SPACE, _EMULATOR_DIED = space.REFUSED, 4
_LAB = (sys.executable, "-m", "lab")


class Interrupted(Exception):
    """A signal came, or this machine cannot play any lab: none is to be begun."""


class ManyLabs:
    """Plays evening after evening, or some beside each other; each in a thread that waits for its lab."""

    def __init__(
        self,
        folder: Path,
        options: Sequence[str],
        say: Say,
        keep: Callable[[list[Row]], None],
        program: Sequence[str] = _LAB,
        *,
        labs: int = 1,
    ) -> None:
        """options: for each lab's own command. keep: called with all rows whenever a lab has ended. program: what plays one lab.

        labs: how many may run beside each other; of several, each line that one says is said with its number before it.
        """
        self._folder, self._options, self._say, self._keep, self._program = folder, options, say, keep, program
        self._labs = labs
        self._seen: dict[int, list[Row]] = {}  # by the evening's number
        self._running: list[subprocess.Popen[str]] = []
        self._asked = 0
        self._refused = False
        self._count = 0
        # The signals' handler, in the main thread, takes it too, maybe while another signal's does: so it may be taken again.
        self._turn = threading.RLock()

    @property
    def rows(self) -> list[Row]:
        """The results so far, in the evenings' order, as `--json` has them; in the end one for each drill that was begun."""
        return [row for _, rows in sorted(self._seen.items()) for row in rows]

    def play(self, evenings: Sequence[Evening]) -> int:
        """Exit status: 0 only if all held, 3 when this machine has no namespaces, 128 and the signal when one came."""
        before = {number: signal.getsignal(number) for number in space.SIGNALS}
        numbered = list(enumerate(evenings, 1))
        try:
            for number in space.SIGNALS:
                if number != signal.SIGHUP or before[number] is not signal.SIG_IGN:  # nohup means what it says
                    signal.signal(number, self._pass_on)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, space.SIGNALS)
            for alone in (False, True):
                with ThreadPoolExecutor(1 if alone else self._labs) as threads:
                    some = [(number, evening) for number, evening in numbered if evening.alone is alone]
                    played = [threads.submit(self._evening, number, len(numbered), evening) for number, evening in some]
                for one in played:
                    one.result()
            return 0 if all(row["held"] for row in self.rows) else 1
        except Interrupted:
            return 128 + self._asked if self._asked else _NO_SPACE
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _evening(self, number: int, of: int, evening: Evening) -> None:
        """All of its drills, in a fresh lab whenever one could not go on; a drill that no lab could begin is broken."""
        if self._over():
            raise Interrupted
        self._say(f"\n==== lab {number} of {of}: {evening.setting.name}: {', '.join(evening.names)}")
        own = self._folder / f"lab-{number}"
        own.mkdir()
        files = evening.setting.files(own)
        left = list(evening.names)
        while left:
            code, rows = self._one_lab(number, left, files)
            played = [row["drill"] for row in rows]
            if not self._over() and (not rows or code == _EMULATOR_DIED):  # what was under way where it died is lost with it
                lost = left[len(played)]
                rows.append(Result(drill=lost, deployable=evening.setting.name, promises=(_unplayed(code),)).json())
                played.append(lost)
            with self._turn:
                self._seen.setdefault(number, []).extend(rows)
                self._keep(self.rows)
            if self._over():
                raise Interrupted
            left = left[len(played) :]

    def _over(self) -> bool:
        return bool(self._asked) or self._refused

    def _one_lab(self, number: int, names: Sequence[str], files: Files) -> tuple[int, list[Row]]:
        """Exit status and rows of the drills that a lab played; fewer than asked when it could not go on. Raises Interrupted."""
        deployable, foundation = files
        shared = ["--foundation", str(foundation)] if foundation is not None else []
        command = [*self._program, "drill", *names, "--deployable", str(deployable), *shared, *self._options]
        ours = subprocess.PIPE if self._labs > 1 else None
        with self._turn:  # a signal that comes meanwhile waits until this lab is among those that it is passed on to
            if self._over():
                raise Interrupted
            self._count += 1
            out = self._folder / f"results-{self._count}.json"
            # A session of its own: a terminal's Ctrl-C comes through us alone, once.
            lab = subprocess.Popen(
                [*command, "--json", str(out), "--steady"],
                start_new_session=True,
                stdout=ours,
                stderr=subprocess.STDOUT if ours else None,
                text=True,
                errors="replace",
            )
            self._running.append(lab)
        if lab.stdout is not None:
            with lab.stdout:
                for line in lab.stdout:
                    if line.strip():
                        self._say(f"[{number}] {line.rstrip()}")
        code = lab.wait()
        with self._turn:
            self._running.remove(lab)
        code = 128 - code if code < 0 else code
        self._refused |= code == _NO_SPACE
        return code, json.loads(out.read_text()) if out.exists() else []

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        with self._turn:
            self._asked = number
            for lab in self._running:
                lab.send_signal(number)


def _unplayed(code: int) -> Promise:
    return Promise(f"played: its lab ended before, with status {code}", False, 0, 1, "count")


def one_will_do(evenings: Sequence[Evening]) -> Path | None:
    """The deployable's file, when one lab of one that is there already is all that is needed."""
    return evenings[0].setting.ready if len(evenings) == 1 else None


def play(evenings: Sequence[Evening], args: argparse.Namespace, labs: Path) -> int:
    """Play them all and print the table of what was seen, however it ends. labs: where generated files may lie meanwhile."""
    options = ["--patience", str(args.patience), "--time-scale", str(args.time_scale)]
    for option, value in (("--sabotage", args.sabotage), ("--assembly", args.assembly)):
        options += [option, value] if value is not None else []

    def keep(rows: Sequence[Row]) -> None:
        if args.json is not None:
            write_rows(_in_order(rows), args.json)
        if args.html is not None:
            write_html([result_of(row) for row in _in_order(rows)], args.html)

    labs.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="files-", dir=labs) as folder:
        many = ManyLabs(Path(folder), options, _say, keep, labs=args.labs)
        code = many.play(evenings)
    wanted = sum(len(evening.names) for evening in evenings)
    results = [result_of(row) for row in _in_order(many.rows)]
    if results:
        _say("\n" + report.summary(results))
    _say("\n" + report.verdict(results, wanted))
    if results and args.html is not None:
        _say(f"a timeline picture of each: {args.html}")
    return code


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """As the drills are listed, whatever lab each was played in."""
    order = list(DRILLS)
    return sorted(rows, key=lambda row: order.index(row["drill"]))


def _say(line: str) -> None:
    """In one piece: several labs speak."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


__all__ = ["one_will_do", "plan", "play"]
