"""Expected recovery: our share as measured or as the file says, AWS's by its delays, and who would never notice."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import spec
from core.application import Probe
from core.estimate import recovery_times
from core.estimate.recovery_times import Expected, Share, expected, hang_noticed
from core.model import Balancer, Deployable, Front, FrontKind, Record
from spec.rates import load_rates

ROOT = Path(__file__).resolve().parents[2]
DEMO = spec.load(ROOT / "deployables" / "demo.yaml")
COUNTER = DEMO.assemblies[0]
DELAYS = load_rates().delays


def row(failure: str, deployable: Deployable = DEMO) -> Expected:
    (found,) = (row for row in expected(deployable, DELAYS) if row.failure == failure)
    return found


def test_what_the_agent_heals_waits_for_nothing_of_aws() -> None:
    assert row("an application dies").aws == row("counter hangs").aws == row("the agent dies").aws == ()


def test_a_hang_is_noticed_after_as_many_probes_as_the_file_says_and_at_worst_one_period_later() -> None:
    ours = row("counter hangs").ours

    assert ours is not None
    assert (ours.typical_s, ours.worst_s) == (2.5, 3.0)  # two failures a second apart, each given a second
    assert ours.how == "the file: 2 probes in a row, every 1 s"


def test_the_quickest_probe_counts() -> None:
    slow, quick = (
        Probe(tcp="127.0.0.1:1", every_s=60, timeout_s=10, fall=3),
        Probe(tcp="127.0.0.1:1", every_s=2, timeout_s=1, jitter_s=1, fall=1),
    )
    ours = hang_noticed(replace(COUNTER.applications[0], probes=(slow, quick)))

    assert ours is not None
    assert ours.worst_s == 4.0


def test_without_a_probe_nobody_notices_a_hang_and_the_estimate_says_so() -> None:
    blind = replace(DEMO, assemblies=(replace(COUNTER, applications=(replace(COUNTER.applications[0], probes=()),)),))
    found = row("counter hangs", blind)

    assert found.ours is None
    assert found.remark == "it has no probe: nobody would notice"


def test_a_new_machine_waits_for_the_group_ec2_the_boot_and_the_address() -> None:
    names = [delay.name for delay in row("the machine is gone").aws]

    assert names == ["event", "cold_start", "group_launch", "pending", "boot", "address_move"]
    assert row("the machine is gone").aws_s == pytest.approx(25.8)


def test_with_every_event_lost_the_group_finds_out_by_itself() -> None:
    found = row("the machine is gone, and every event is lost")

    assert found.aws[0].name == "group_detection"
    assert found.ours is not None
    assert found.ours.typical_s + found.aws_s == pytest.approx(60.2, abs=1)  # what the drill lost-events took


def test_without_a_front_no_address_moves() -> None:
    hidden = replace(DEMO, assemblies=(replace(COUNTER, front=Front(kind=FrontKind.NONE)),))

    assert "address_move" not in [delay.name for delay in row("the machine is gone", hidden).aws]


@pytest.mark.parametrize(("kind", "waits", "least_s"), [(FrontKind.ALB, "alb_target", 1), (FrontKind.NLB, "nlb_target", 90)])
def test_a_balancer_takes_its_time_with_a_new_target_and_an_nlb_minutes(kind: FrontKind, waits: str, least_s: float) -> None:
    behind = replace(DEMO, assemblies=(replace(COUNTER, front=Front(kind=kind, ports=(80,), balancer=Balancer())),))
    found = row("the machine is gone", behind)

    assert found.aws[-1].name == waits
    assert found.aws[-1].seconds >= least_s
    assert ("one to three minutes" in found.remark) == (kind is FrontKind.NLB)


def test_a_name_waits_for_its_name_servers_and_for_what_clients_keep() -> None:
    record = Record(name="counter.inside.internal", ttl_s=10.0)
    named = replace(DEMO, assemblies=(replace(COUNTER, front=Front(kind=FrontKind.DNS, ports=(8080,), record=record)),))
    found = row("the machine is gone", named)

    assert found.aws[-1].name == "record_change"
    assert "what clients keep of the name's old address (at most 10 s)" in found.remark
    assert "what clients keep" not in row("an application dies", named).remark


def test_every_assembly_has_its_rows() -> None:
    twins = replace(DEMO, assemblies=(COUNTER, replace(COUNTER, name="twin")))
    rows = list(expected(twins, DELAYS))

    assert [row.failure for row in rows if row.assembly == "counter"] == [row.failure for row in rows if row.assembly == "twin"]


def test_our_shares_are_those_that_were_measured() -> None:
    """Between the best and the worst of docs/measurements.md, so that other numbers there must be taken over here."""
    text = (ROOT / "docs" / "measurements.md").read_text(encoding="utf-8")
    for drill, share in (("kill-instance", recovery_times.MACHINE_GONE), ("freeze-instance", recovery_times.MACHINE_HUNG)):
        found = re.search(rf"^\| {drill}: ours \| ([\d.]+) \| [\d.]+ \| ([\d.]+) \|", text, re.MULTILINE)
        assert found is not None, f"docs/measurements.md has no row `{drill}: ours`"
        best_s, worst_s = map(float, found.groups())
        assert best_s <= share.typical_s <= worst_s
        assert share.worst_s >= worst_s - 0.1


def test_no_share_promises_a_worst_that_is_better_than_its_typical() -> None:
    shares = [value for value in vars(recovery_times).values() if isinstance(value, Share)]

    assert len(shares) >= 6
    assert all(0 <= share.typical_s <= share.worst_s for share in shares)


def test_awss_delays_are_those_that_the_lab_plays_with() -> None:
    """Asked of the lab as a program: nobody imports it."""
    program = "import json; from lab.delays import Delays; print(json.dumps({d.name: [d.seconds, d.source] for d in Delays().all()}))"
    environment = {"PATH": "/usr/bin:/bin"}  # without LAB_DELAY_*
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    labs = json.loads(said.stdout)

    assert {name: [delay.seconds, delay.source] for name, delay in DELAYS.items()} == {name: labs[name] for name in DELAYS}


def test_an_image_that_installs_its_python_first_says_so() -> None:
    amazon = replace(DEMO, assemblies=(replace(COUNTER, image="amazon-linux-2023"),))

    assert "to install python3.11" in row("the machine is gone", amazon).remark
    assert "to install" not in row("the machine is gone").remark
