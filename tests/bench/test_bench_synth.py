"""How long a template takes: what a further assembly costs is what many took more than one, shared among them."""

from __future__ import annotations

import json
from pathlib import Path

import spec
from bench.synth import MANY, Spent, rows, write_deployable


def test_a_further_assembly_costs_its_share_and_is_held_to_the_clock() -> None:
    one, further, *_ = (row for row in rows([Spent(6.0, 8.0)], [Spent(6.0 + 1.5 * (MANY - 1), 8.0)], [Spent(2.0, 2.0)]) if row.limit)

    assert (one.measured, one.ratio, one.held) == (6.0, 3.0, True)
    assert (further.measured, further.held) == (1.5, False)


def test_the_file_that_is_measured_is_one_that_deploys(tmp_path: Path) -> None:
    file = write_deployable(tmp_path, MANY)

    assert len(json.loads(file.read_text())["assemblies"]) == MANY
    assert len(spec.load(file).assemblies) == MANY
