"""Spot machines and lifetimes: what the file says becomes the model, and what that means is said."""

from __future__ import annotations

from pathlib import Path

import spec
from core.capacity import Capacity
from core.estimate.estimating import estimate
from core.estimate.lines import Group
from core.estimate.recovery_times import expected
from core.model import Deployable
from spec.rates import load_rates

FILE = """\
deployable: ledger
assemblies:
  - name: scheduler
    image: debian-12
    instances: [t4g.small, t4g.medium]
    state: {{keep: none}}
    {more}
    applications:
      - {{name: ledger, run: {{exec: [/bin/ledger]}}}}
"""


def read(folder: Path, more: str = "") -> Deployable:
    (folder / "ledger.yaml").write_text(FILE.format(more=more))
    return spec.load(folder / "ledger.yaml")


def test_machines_are_on_demand_and_live_for_ever_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    assert read(tmp_path).assemblies[0].capacity == Capacity(spot=False, lifetime_s=None)
    assert read(tmp_path, "spot: true\n    maximum_lifetime: 7d").assemblies[0].capacity == Capacity(spot=True, lifetime_s=604_800.0)


def test_what_spot_may_do_to_a_singleton_is_said(tmp_path: Path) -> None:
    [spot, lifetime] = spec.capacity_words(read(tmp_path, "spot: true\n    maximum_lifetime: 36h"))

    assert "no node while EC2 has none of t4g.small or t4g.medium to spare" in spot
    assert "two minutes' notice" in spot
    assert lifetime == "scheduler: a machine is replaced after 36h in service"
    assert spec.capacity_words(read(tmp_path)) == []


def test_spot_is_reckoned_at_what_it_costs_at_most_and_its_replacements_have_their_times(tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances-history.html"""
    shipped = load_rates()
    plain, spot = read(tmp_path), read(tmp_path, "spot: true\n    maximum_lifetime: 7d")
    [line] = [line for line in estimate(spot, shipped.rates).lines if line.part == "instance"]

    assert "spot, at the price of on demand, which it does not exceed" in line.how
    assert estimate(spot, shipped.rates).of(*Group) == estimate(plain, shipped.rates).of(*Group)
    more = {row.failure for row in expected(spot, shipped.delays)} - {row.failure for row in expected(plain, shipped.delays)}
    assert more == {"EC2 takes the spot machine back", "the machine has served for 7 days"}
