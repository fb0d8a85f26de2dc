"""Play drills one after another: steady, break, watch live, judge."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.drills import measure, report, timeline
from lab.drills.model import Moment, Promise, Result
from lab.drills.scenes import Drill
from lab.drills.stage import Stage
from lab.journal import read

Say = Callable[[str], None]


def play(drill: Drill, stage: Stage, say: Say) -> Result:
    """One drill on a steady deployable. A deployable that does not come to rest breaks the drill."""
    say(f"\n== {drill.name}: {drill.fault}")
    missing = stage.wait_steady()
    if missing:
        say(f"  not steady before the drill: {missing}")
        return Result(drill=drill.name, deployable=stage.slot.deployable, promises=(Promise(f"steady: {missing}", False, 0, 1, "count"),))
    before = stage.situation()
    since = time.time()
    teller = _Teller(stage.journal, since, say)
    teller.start()
    try:
        outcome = drill.play(stage, before, drill.limit_s)
    finally:
        teller.stop()
    gap = measure.longest_gap(stage.samples(since), since=since)
    lines = stage.lines(since - 1.0)
    aws, ours, each = measure.split(lines, gap) if gap else (0.0, None, ())
    twice = measure.overlaps(r for r in stage.census.rounds if r[0] >= since)
    alone = Promise("moments with two nodes serving", not twice, len(twice), 0, "count")
    result = Result(
        drill=drill.name,
        deployable=stage.slot.deployable,
        promises=(*outcome.promises, alone),
        timeline=timeline.moments(lines, since=since, until=outcome.until),
        client_gap_s=round(gap.seconds, 3) if gap else None,
        aws_s=aws,
        ours_s=ours,
        aws_delays=each,
        incident=outcome.incident,
    )
    say(report.promises(result))
    return result


class _Teller(threading.Thread):
    """Prints the story while it happens."""

    def __init__(self, journal: Path, since: float, say: Say) -> None:
        super().__init__(daemon=True, name="teller")
        self._journal, self._since, self._say = journal, since, say
        self._done = threading.Event()
        self._offset = journal.stat().st_size

    def run(self) -> None:
        while not self._done.wait(0.2):
            self._tell()

    def _tell(self) -> None:
        lines, self._offset = read(self._journal, self._offset)
        for moment in timeline.moments(lines, since=self._since, until=float("inf")):
            self._say(timeline.text(moment))

    def stop(self) -> None:
        self._done.set()
        self.join(timeout=2)
        self._tell()


def play_all(drills: Sequence[Drill], stage: Stage, say: Say) -> tuple[Result, ...]:
    """Every drill, whatever became of those before it."""
    results = tuple(play(drill, stage, say) for drill in drills)
    say("\n" + report.summary(results))
    return results


def write_json(results: Sequence[Result], path: Path) -> None:
    path.write_text(json.dumps([result.json() for result in results], indent=2) + "\n")


__all__ = ["Moment", "play", "play_all", "write_json"]
