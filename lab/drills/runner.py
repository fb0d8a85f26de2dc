"""Play drills one after another: steady, break, watch live, judge."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lab.deploy import DeployFailed
from lab.drills import measure, page, report, timeline
from lab.drills.calm import wait_calm, why_not_calm
from lab.drills.circumstances import here
from lab.drills.drill import Drill
from lab.drills.guests import Guests
from lab.drills.model import Moment, Outcome, Promise, Result, Span
from lab.drills.node import Node
from lab.drills.owners import NOBODYS, Owners
from lab.drills.scenes import DRILLS
from lab.drills.stage import Stage
from lab.journal import read

Say = Callable[[str], None]
Keep = Callable[[Sequence[Result]], None]


def play(drill: Drill, stage: Stage, say: Say) -> Result:
    """One drill on a steady deployable. A deployable that does not come to rest breaks the drill."""
    say(f"\n== {drill.name}: {drill.fault}")
    missing = stage.wait_steady()
    if missing:
        say(f"  not steady before the drill: {missing}")
        return Result(drill=drill.name, deployable=stage.slot.deployable, promises=(Promise(f"steady: {missing}", False, 0, 1, "count"),))
    before = stage.situation()
    if drill.penalty_max is not None:
        node = Node(stage, before.holder)
        missing = why_not_calm(node, drill.penalty_max, time.time())
        if missing:
            say(f"  waits until earlier failures are forgotten: {missing}")
            missing = wait_calm(node, drill.penalty_max)
        if missing:
            say(f"  begins all the same: {missing}")
    if drill.await_turn is not None:
        drill.await_turn(stage)
    since = time.time()
    guests = Guests(stage.journal.parent)
    guests.new_lines()  # what they said before the fault is no part of the story
    teller = _Teller(stage.journal, guests, since, say)
    teller.start()
    try:
        outcome = drill.play(stage, before, drill.limit)
    except (LookupError, ClientError, BotoCoreError, DeployFailed) as error:
        # What it breaks or asks is not there, or refuses: the machine may have been replaced under its hands.
        say(f"  could not be played to its end: {error}")
        outcome = Outcome((Promise(f"played to its end: {error}", False, 0, 1, "count"),), None, time.time())
    finally:
        teller.stop()
    gap = measure.longest_gap(stage.samples(since), since=since)
    lines = stage.lines(since - 1.0)
    aws, ours, each = stage.split(gap) if gap else (0.0, None, ())
    twice = measure.overlaps(r for r in stage.census.rounds if r[0] >= since)
    alone = Promise("moments with two nodes serving", not twice, len(twice), 0, "count")
    result = Result(
        drill=drill.name,
        deployable=stage.slot.deployable,
        promises=(*outcome.promises, alone),
        timeline=_story(timeline.moments([*lines, *teller.heard], since=since, until=outcome.until, owners=_owners(stage)), gap, since),
        gap=Span("gap", "client", gap.start - since, gap.end - since) if gap else None,
        spans=timeline.spans(lines, since=since, until=outcome.until),
        aws_shares=tuple(Span("aws", "gap", a - since, b - since) for a, b in stage.aws_shares(gap)) if gap else (),
        client_gap_s=round(gap.seconds, 3) if gap else None,
        aws_s=aws,
        ours_s=ours,
        aws_delays=each,
        incident=outcome.incident,
        kill=outcome.kill,
        circumstances=here(since, stage.time_scale, assembly=stage.slot.assembly, lab=str(stage.journal.parent)),
    )
    say(report.promises(result))
    return result


def _owners(stage: Stage) -> Owners:
    slots = stage.cloud.slots()
    return Owners({slot.assembly: stage.cloud.belongings(slot) for slot in slots}) if len(slots) > 1 else NOBODYS


def _story(told: Sequence[Moment], gap: measure.Gap | None, since: float) -> tuple[Moment, ...]:
    """The machines' story with the client's side of it put in."""
    if gap is None:
        return (*told, Moment(told[-1].at_s if told else 0.0, "client", "was never answered again"))
    ours = (
        Moment(gap.start - since, "client", "has its last answer"),
        Moment(gap.end - since, "client", f"is served again after {gap.seconds:.2f} s"),
    )
    return tuple(sorted((*told, *ours), key=lambda moment: moment.at_s))


class _Teller(threading.Thread):
    """Prints the story while it happens."""

    def __init__(self, journal: Path, guests: Guests, since: float, say: Say) -> None:
        super().__init__(daemon=True, name="teller")
        self._journal, self._guests, self._since, self._say = journal, guests, since, say
        self.heard: list[dict[str, Any]] = []  # what the machines' agents said
        self._last: dict[str, str] = {}
        self._done = threading.Event()
        self._offset = journal.stat().st_size

    def run(self) -> None:
        while not self._done.wait(0.2):
            self._tell()

    def _tell(self) -> None:
        lines, self._offset = read(self._journal, self._offset)
        heard = self._guests.new_lines()
        self.heard += heard
        for moment in timeline.moments([*lines, *heard], since=self._since, until=float("inf")):
            if self._last.get(moment.who) != moment.what:
                self._say(timeline.text(moment))
            self._last[moment.who] = moment.what

    def stop(self) -> None:
        self._done.set()
        self.join(timeout=2)
        self._tell()


def play_all(
    drills: Sequence[Drill], stage: Stage, say: Say, *, keep: Keep = lambda _: None, until_unsteady: bool = False
) -> tuple[Result, ...]:
    """Every drill, whatever became of those before it. keep: called with the results so far after each.

    until_unsteady: end before a drill that finds no steady deployable, but for the first: it wants a lab that nothing happened to.
    """
    results: list[Result] = []
    for drill in drills:
        if until_unsteady and results and (missing := stage.wait_steady()):
            say(f"\nnot steady after {results[-1].drill}: {missing}")
            break
        results.append(play(drill, stage, say))
        keep(results)
    say("\n" + report.summary(results))
    return tuple(results)


def write_html(results: Sequence[Result], path: Path) -> None:
    """One page with a picture of each, complete by itself."""
    path.write_text(page.page(results, DRILLS, at=time.time()))


def write_json(results: Sequence[Result], path: Path) -> None:
    write_rows([result.json() for result in results], path)


def write_rows(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Whole or not at all: who writes may be ended at any moment."""
    draft = path.with_name(path.name + ".draft")
    draft.write_text(json.dumps(rows, indent=2) + "\n")
    draft.replace(path)


__all__ = ["Moment", "play", "play_all", "write_html", "write_json", "write_rows"]
