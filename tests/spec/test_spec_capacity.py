"""Spot machines and lifetimes: what the file says becomes the model, and what that means is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import spec
from core.capacity import Capacity
from core.estimate.estimating import estimate
from core.estimate.lines import Group
from core.estimate.recovery_times import expected
from core.lifecycle.admission import BOOT_S
from core.lifecycle.rollout import update_pause_s
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


POOLED = FILE.replace("t4g.small, t4g.medium", "t4g.small")


def pooled(folder: Path, more: str = "") -> Deployable:
    (folder / "ledger.yaml").write_text(POOLED.format(more=f"warm_pool: true{more}"))
    return spec.load(folder / "ledger.yaml")


def test_a_warm_pool_costs_one_disk_and_saves_what_a_first_boot_installs(tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html: "you pay only for the volumes"."""
    shipped, found = load_rates(), pooled(tmp_path)
    lines = estimate(found, shipped.rates).lines
    [line], [disk] = ([line for line in lines if line.part == part] for part in ("warm pool", "disk"))

    assert found.assemblies[0].capacity == Capacity(warm_pool=True)
    assert (line.usd, line.group) == (disk.usd, disk.group)
    rows = [row for row in expected(found, shipped.delays) if row.failure == "the machine is gone"]
    assert all("out of the warm pool" in row.remark for row in rows)
    assert len(spec.capacity_words(found)) == 1


def test_an_update_is_given_the_time_of_one_more_boot_for_the_former_version_that_comes_out_of_the_pool(tmp_path: Path) -> None:
    found = pooled(tmp_path)
    plain = replace(found, assemblies=(replace(found.assemblies[0], capacity=Capacity()),))

    assert update_pause_s(found, found.assemblies[0]) == update_pause_s(plain, plain.assemblies[0]) + BOOT_S


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("\n    spot: true", "does not go with spot"),
        ("\n    front: {kind: network_interface, ports: [8080]}", "does not go with a network interface"),
    ],
)
def test_what_a_warm_pool_does_not_go_with_is_refused(more: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(spec.SpecError) as caught:
        pooled(tmp_path, more)

    assert ("assemblies[0].warm_pool", True) in {(p.key, said in p.message) for p in caught.value.problems}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[t4g.small]", "[t4g.small, t4g.medium]", "does not go with 2 instance types"),
        ("keep: none", "keep: ebs, path: /srv/x, size: 10G", "does not go with state on a volume"),
    ],
)
def test_so_are_several_types_and_a_volume(old: str, new: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "ledger.yaml").write_text(POOLED.format(more="warm_pool: true").replace(old, new))
    with pytest.raises(spec.SpecError) as caught:
        spec.load(tmp_path / "ledger.yaml")

    assert said in {p.message for p in caught.value.problems}
