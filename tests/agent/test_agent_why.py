"""`python -m agent why`: each thing that a verdict came of stands in it, in lines for a terminal."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from agent.__main__ import main
from core.application import Application, Run, Tolerance
from core.bounds import CounterRule, Counters, Crossed, Threshold, ThresholdKind
from core.model import Verdict
from core.records import Phase
from tests.agent.test_agent_life import Life, sleeper
from tests.agent.worlds import permit


async def why(capsys: pytest.CaptureFixture[str], name: str) -> str:
    assert await asyncio.to_thread(main, ["why", name]) == 0
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def socket_of_the_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_SOCKET", str(tmp_path / "run" / "agent.sock"))


def test_thresholds_and_counters_are_told_in_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    thresholds = (
        Threshold(kind=ThresholdKind.THREADS, amount=1, for_s=0.0, then=Crossed.REPORT),
        Threshold(kind=ThresholdKind.DISK, percent=100, path=str(tmp_path), for_s=60.0),
        Threshold(kind=ThresholdKind.OPEN_FILES, amount=9999),
    )
    rules = (CounterRule(name="aborts", at_most=5, needs=("activations", 10)), CounterRule(name="activations", at_least=0))
    counters = Counters(rules=rules, file=str(tmp_path / "totals.json"))
    (tmp_path / "totals.json").write_text('{"activations": 7}')
    life = Life(tmp_path, sleeper(thresholds=thresholds, counters=counters))
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        text = ""
        async with asyncio.timeout(30):  # until everything was measured, and a cycle has told of it
            while "'activations': 7" not in text or "not measured" in text or not text.startswith("sleeper: healthy: "):
                text = await why(capsys, "sleeper")
                await asyncio.sleep(0.1)
        assert "  threshold threads: 1, limit 1 for 0 s, then report, crossed\n" in text
        assert re.search(rf"  threshold disk of {tmp_path}: [0-9.]+( %)?, limit 100 % for 60 s, then restart\n", text)
        assert re.search(r"  threshold open_files: [0-9.]+, limit 9999 for 30 s, then restart\n", text)
        assert re.search(r"  counters over 40 s \(seen for [0-9.]+ s\): \{'activations': 7\}\n", text)
        assert re.search(r"    .*aborts.*at_most 5", text)
        assert "-1" not in text.split("counters over")[1].split("\n  ")[0], "a bound that is off is no bound"
        assert "  warning: threads is at 1, the limit is 1, for " in text
        assert text.startswith("sleeper: healthy: threads is at 1, the limit is 1, for ")

    life.run(story)


def test_failures_their_penalty_and_what_follows_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dying = Application(name="dying", run=Run(exec=(sys.executable, "-c", "raise SystemExit(3)")), tolerance=Tolerance(1, 300.0))
    life = Life(tmp_path, dying)
    life.table.write_permit(permit())

    def asks() -> bool:
        report = life.table.report("demo", "counter")
        return report is not None and dict(report.applications)["dying"].verdict is Verdict.FAILING and len(life.table.items) > 2

    async def story() -> None:
        await life.eventually(asks)
        text = await why(capsys, "dying")
        assert text.startswith("dying: failing: exited with status 3; next start in ")
        assert re.search(r"  2 failures counted \(\d+ s, \d+ s ago\); 1 tolerated in 300 s; penalty (2|1\.9\d*)\n", text)
        assert "  the last: exited with status 3\n" in text
        assert re.search(r"  next start in [0-9.]+ s\n", text)
        assert "  asks to be replaced: 2 failures in 300 s, 1 are tolerated; the last: exited with status 3\n" in text
        assert "not running" in text

    life.run(story)
