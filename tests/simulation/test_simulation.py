"""Histories: a fixed few in every run, thousands by `make simulate`; and that the simulation would see it if a rule were broken."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from simulation.__main__ import filled, live_all, table
from simulation.faults import KINDS
from simulation.history import live
from simulation.plan import plan_of

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = range(18)


def test_a_fixed_sample_of_histories_keeps_every_promise() -> None:
    tally = live_all(SAMPLE)

    assert tally.broken == []
    assert tally.ends["recovered"] >= len(SAMPLE) / 2, "little happens in these histories"


def test_every_kind_of_fault_comes_first_in_some_history() -> None:
    first = {fault.kind for seed in range(2 * len(KINDS)) for fault in plan_of(seed).faults}

    assert first == set(KINDS)


def test_the_same_seed_is_the_same_history() -> None:
    one, other = live(3, tells=True), live(3, tells=True)

    assert one.lines == other.lines
    assert len(one.lines) > 50


def test_the_figures_have_one_place_on_their_page() -> None:
    page = (ROOT / "docs" / "recovery.md").read_text()

    assert "seen: nothing" in filled(page, "seen: nothing", date(2026, 1, 2))
    with pytest.raises(ValueError, match="0 places"):
        filled("no place", "x", date(2026, 1, 2))


@pytest.mark.heavy
def test_the_same_seed_is_the_same_history_in_another_process() -> None:
    """Where strings hash otherwise, so that the order of no set may matter."""
    told = []
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-m", "simulation", "--seed", "22"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        told.append(subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False).stdout)

    assert told[0] == told[1]
    assert len(told[0].splitlines()) > 50


@pytest.mark.heavy
def test_two_hundred_assemblies_at_once() -> None:
    seed = next(seed for seed in range(5000) if plan_of(seed).assemblies == 200)

    assert live(seed).broken == ""


@pytest.mark.heavy
@pytest.mark.parametrize("first", range(100_000, 100_500, 100))
def test_a_hundred_histories(first: int) -> None:
    tally = live_all(range(first, first + 100))

    print(table(tally, 0.0))
    assert tally.broken == []
