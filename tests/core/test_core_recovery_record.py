"""The incident as it is kept and told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.items import BadRecord
from core.recovery.incident import incident_item, noted, parse_incident
from tests.core.recovery_story import NOW, VERIFYING, incident


def test_an_incident_reads_back_as_written() -> None:
    full = noted(replace(VERIFYING, evidence=("a", "b"), tried=("i-1",), driver="r1"), NOW, "me", "did")

    item = incident_item(full)
    assert parse_incident(item) == full
    assert item["detect_ms"] == 35_000
    assert item["verify_ms"] == 0


@pytest.mark.parametrize("change", [{"version": 2}, {"state": "odd"}, {"epoch": "1"}, {"notes": [{}]}, {"told": "open"}, {"pk": "X"}])
def test_a_bad_incident_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadRecord):
        parse_incident({**incident_item(incident()), **change})


def test_the_timeline_is_bounded_and_keeps_how_it_began() -> None:
    long = incident()
    for n in range(500):
        long = noted(long, NOW + n, "me", f"step {n} " + "x" * 1000)

    assert len(long.notes) == 60
    assert long.notes[0].what.startswith("step 0 ")
    assert long.notes[-1].what.startswith("step 499 ")
    assert max(len(n.what) for n in long.notes) == 300
