"""The count of replacements: what it holds, for how long, and how it is stored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.items import BadRecord
from core.recovery.budget import Budget, Entry, budget_item, parse_budget, with_entry

NOW = 1_800_000_000_000
ENTRY = Entry(at_ms=NOW, deployable="demo", assembly="counter", incident="x", replaced=True)


def test_a_budget_is_stored_and_read_back() -> None:
    budget = with_entry(with_entry(Budget(), ENTRY), replace(ENTRY, incident="y", replaced=False))
    item = budget_item(budget)

    assert parse_budget(item) == budget
    assert (item["pk"], item["sk"], item["version"], item["revision"]) == ("BUDGET", "REPLACEMENTS", 1, 2)
    assert item["entries"][1] == {"at_ms": NOW, "deployable": "demo", "assembly": "counter", "incident": "y", "replaced": False}


def test_one_of_a_newer_version_or_without_a_part_is_refused() -> None:
    item = budget_item(Budget())

    with pytest.raises(BadRecord, match="version is 2, this reader knows up to 1"):
        parse_budget({**item, "version": 2})
    with pytest.raises(BadRecord, match="BUDGET/REPLACEMENTS: KeyError"):
        parse_budget({"version": 1})


def test_an_entry_is_kept_for_the_longest_window_and_a_hundred_of_them() -> None:
    old = Budget(entries=(ENTRY,))

    assert len(with_entry(old, replace(ENTRY, incident="y", at_ms=NOW + 30 * 86_400_000)).entries) == 2
    assert len(with_entry(old, replace(ENTRY, incident="y", at_ms=NOW + 30 * 86_400_000 + 1)).entries) == 1
    many = Budget(entries=tuple(replace(ENTRY, incident=str(n)) for n in range(100)))
    full = with_entry(many, ENTRY)
    assert len(full.entries) == 100
    assert (full.entries[0].incident, full.entries[-1].incident, full.revision) == ("1", "x", 1)


def test_the_windows_edge_is_in_it() -> None:
    budget = Budget(entries=(ENTRY,))

    assert budget.within(600, NOW + 600_000) == (ENTRY,)
    assert budget.within(600, NOW + 600_001) == ()
    assert (budget.replaced(NOW), budget.replaced(NOW + 1)) == (1, 0)
    name = ("demo", "counter")
    assert (budget.replaced_of(name, NOW), budget.replaced_of(name, NOW + 1), budget.replaced_of(("demo", "other"), 0)) == (1, 0, 0)
    assert (budget.down(("demo", "other"), NOW), budget.down(("demo", "other"), NOW + 1)) == (2, 1)
    assert (budget.down(name, NOW), budget.down(name, NOW + 1)) == (1, 1), "this one is counted in any case, and once"


def test_what_was_found_down_and_not_replaced_counts_as_down_alone() -> None:
    budget = Budget(entries=(replace(ENTRY, replaced=False),))

    assert budget.replaced(0) == 0
    assert not budget.holds("x")
    assert budget.down(("demo", "other"), NOW) == 2


def test_what_fails_often_does_not_push_out_what_fails_rarely() -> None:
    rare = [replace(ENTRY, assembly="rare", incident=f"r{n}", at_ms=NOW - 3_000_000 + n) for n in range(3)]
    often = [replace(ENTRY, assembly=f"often-{n % 2}", incident=str(n), at_ms=NOW - 2_000_000 + n) for n in range(97)]
    full = Budget(entries=(*rare, *often))

    for n in range(50):
        full = with_entry(full, replace(ENTRY, assembly="often-0", incident=f"n{n}", at_ms=NOW + n))

    assert len(full.entries) == 100
    assert full.replaced_of(("demo", "rare"), 0) == 3
    assert full.replaced(0) == 100, "more than any budget of its window lets through"


def test_the_last_rung_of_a_deployable_is_not_pushed_out() -> None:
    rungs = tuple(replace(ENTRY, incident=f"rung{n}", at_ms=NOW + n, rung=True, along=("web",)) for n in range(2))
    days = 86_400_000

    full = Budget(entries=rungs)
    for n in range(150):
        full = with_entry(full, replace(ENTRY, assembly="other", incident=str(n), at_ms=NOW + 2 * days + n))
    last = full.last_rung("demo")

    assert last is not None
    assert (last.incident, len(full.entries)) == ("rung1", 100)


def test_of_one_assembly_that_has_all_entries_the_oldest_goes_that_is_no_last_rung() -> None:
    first = replace(ENTRY, incident="rung", rung=True, along=("web",))
    full = Budget(entries=(first, *(replace(ENTRY, incident=str(n), at_ms=NOW + 1 + n) for n in range(99))))

    kept = with_entry(full, replace(ENTRY, incident="new", at_ms=NOW + 1000)).entries
    assert [entry.incident for entry in kept[:2]] == ["rung", "1"]


def test_where_all_are_last_rungs_the_oldest_goes() -> None:
    rungs = tuple(replace(ENTRY, deployable=f"d{n}", incident=str(n), at_ms=NOW + n, rung=True, along=("web",)) for n in range(100))

    kept = with_entry(Budget(entries=rungs), replace(ENTRY, deployable="last", at_ms=NOW + 1000, rung=True, along=("web",))).entries
    assert ([entry.incident for entry in kept[:2]], kept[-1].deployable) == (["1", "2"], "last")


def test_who_is_not_in_it_went_down_even_when_all_of_time_is_asked_for() -> None:
    assert [Budget().down(("demo", "counter"), since_ms) for since_ms in (1, NOW)] == [1, 1]
