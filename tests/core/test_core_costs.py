"""Each line's arithmetic, and the limits that the demo's estimate must keep; quantities are those of the shipped code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import spec
from agent import reporter, watchers
from core.estimate.detection import SWEEP, TICK, polls_a_minute
from core.estimate.estimating import estimate
from core.estimate.lines import Estimate, Group, Line, Paid, Pricing, Rate, Rates, total
from core.model import Assembly, Deployable, Front, FrontKind, Record
from spec.rates import load_rates

ROOT = Path(__file__).resolve().parents[2]
DEMO = spec.load(ROOT / "deployables" / "demo.yaml")
RATES = load_rates().rates


def of(deployable: Deployable, rates: Rates = RATES) -> Estimate:
    return estimate(deployable, rates)


def line(costs: Estimate, part: str, what: str) -> Line:
    (found,) = (line for line in costs.lines if (line.part, line.what) == (part, what))
    return found


def with_assemblies(*assemblies: Assembly) -> Deployable:
    return replace(DEMO, assemblies=assemblies)


COUNTER = DEMO.assemblies[0]
TWIN = replace(COUNTER, name="twin")


# --- the limits -----------------------------------------------------------------------------------------------------------


def test_the_detection_path_of_one_singleton_costs_less_than_two_dollars() -> None:
    assert of(DEMO).of(Group.DETECTION).usd < 2


def test_all_that_is_added_to_one_singleton_costs_at_most_five_dollars() -> None:
    assert of(DEMO).added.usd <= 5


def test_a_further_deployable_on_the_same_foundation_costs_at_most_a_dollar_and_a_half() -> None:
    assert of(DEMO).further.usd <= 1.5


def test_what_every_service_needs_is_told_apart_and_held_to_no_limit() -> None:
    assert {line.part for line in of(DEMO).lines if line.group is Group.YOURS} == {"instance", "disk", "public address"}


# --- arithmetic -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "what", "quantity", "usd"),
    [
        ("table", "reports", 2_628_000 / 5, 0.3285),  # a write unit every five seconds
        ("table", "looks", 6 * 43_800, 0.16425),  # one a sweep
        (
            "table",
            "reads",
            2_628_000 / 30 + 6 * 43_800 + 6.05 * 43_800,
            0.07692375,
        ),  # permit; two halves a sweep; six a tick, and a half each tenth minute
        ("functions", "sweeps, ticks: calls", 7 * 43_800, 0.06132),
        ("queue", "sweeps", (1 + 6 + 18) * 43_800, 0.438),
        ("queue", "steps of incidents", 15 * 43_800, 0.2628),
        ("metrics", "Healthy", 1, 0.3),
        ("alarms", "Healthy", 1, 0.3),  # at high resolution
        ("metrics", "Sweeps", 1, 0.3),
        ("alarms", "of our own", 9, 0.9),  # by the metric
        ("alarms", "for people", 1, 0.5),  # a composite one, whatever its rule reads
        ("key", "of the topic", 1, 1.0),
        ("key", "requests", 2 * 2 * 4, 16 * 0.03 / 10_000),
        ("instance", "counter: t4g.small", 730, 12.264),
        ("disk", "counter", 16, 1.28),
        ("public address", "counter", 730, 3.65),
    ],
)
def test_a_line_is_its_quantity_times_its_rate(part: str, what: str, quantity: float, usd: float) -> None:
    found = line(of(DEMO), part, what)

    assert found.quantity == pytest.approx(quantity)
    assert found.usd == pytest.approx(usd)


def test_a_dashboard_is_paid_for_by_those_who_ask_for_it() -> None:
    assert "dashboard" not in {line.part for line in of(DEMO).lines}
    assert line(of(replace(DEMO, dashboard=True)), "dashboard", "one screen").usd == pytest.approx(3)


def test_a_sweep_takes_longer_on_a_seventh_of_a_processor_than_in_the_lab() -> None:
    assert SWEEP.seconds == pytest.approx(0.007 * 1769 / 256 + 0.015)
    assert SWEEP.gb_s == pytest.approx(SWEEP.seconds / 4)


def test_an_empty_queue_is_polled_all_the_same() -> None:
    assert polls_a_minute(0) == 15  # five pollers, twenty seconds each


def test_logs_are_paid_for_by_the_byte_and_kept_for_a_month() -> None:
    costs = of(DEMO)
    ingested = line(costs, "logs", "calls").quantity + line(costs, "logs", "metrics").quantity

    assert ingested == pytest.approx(((340 + 239 + 273) * 262_800 + 340 * 43_800) / 1024**3)
    assert line(costs, "logs", "kept").quantity == pytest.approx(0.15 * ingested)


def test_each_person_told_gets_an_email_when_a_replacement_begins_and_ends() -> None:
    told = replace(DEMO, notify=("a@example.com", "b@example.com"))

    assert line(of(told), "topic", "e-mails").quantity == 4 * 2 * 2


def test_a_service_without_a_front_pays_for_no_address() -> None:
    hidden = with_assemblies(replace(COUNTER, front=Front(kind=FrontKind.NONE)))

    assert "public address" not in {line.part for line in of(hidden).lines}


def test_a_name_pays_for_the_zone_that_is_made_for_it_and_for_no_address() -> None:
    def parts(zone: str | None) -> dict[str, float | None]:
        record = Record(name="counter.inside.internal", zone=zone)
        costs = of(with_assemblies(replace(COUNTER, front=Front(kind=FrontKind.DNS, ports=(8080,), record=record))))
        return {line.part: line.usd for line in costs.lines if line.group is Group.YOURS}

    assert parts(None)["zone"] == 0.5
    assert "zone" not in parts("Z1")
    assert "public address" not in parts(None)


# --- several assemblies ---------------------------------------------------------------------------------------------------


def test_a_second_assembly_pays_for_what_is_each_assemblys_and_shares_the_rest() -> None:
    one, two = of(DEMO), of(with_assemblies(COUNTER, TWIN))

    # What comes with failures is counted for each deployable.
    assert two.added.usd - one.added.usd == pytest.approx(one.further.usd, abs=0.02)
    assert two.further.usd == pytest.approx(one.further.usd)
    assert two.of(Group.YOURS).usd == pytest.approx(2 * one.of(Group.YOURS).usd)


def test_the_foundation_is_paid_for_once() -> None:
    one, two = of(DEMO), of(with_assemblies(COUNTER, TWIN))
    shared = {("queue", "steps of incidents"), ("metrics", "Sweeps"), ("alarms", "of our own"), ("queue", "sweeps")}

    for part, what in shared:
        assert line(one, part, what).paid is Paid.FOUNDATION
        assert line(one, part, what).quantity == line(two, part, what).quantity


def test_a_database_in_two_zones_is_two_machines() -> None:
    pricing = Pricing(RATES, Group.YOURS)

    assert pricing.database("ledger", "db.t4g.medium", 2, "Multi-AZ").usd == pytest.approx(2 * 730 * 0.065)
    assert pricing.database("ledger", "db.x9.huge", 1, "one zone").usd is None


# --- what is missing ------------------------------------------------------------------------------------------------------


def test_an_unknown_machine_costs_nobody_knows_what_and_the_total_says_that_it_lacks_it() -> None:
    costs = of(with_assemblies(replace(COUNTER, instances=("x9.huge",))))

    assert line(costs, "instance", "counter: x9.huge").usd is None
    assert costs.of(Group.YOURS).lacking == ("x9.huge",)
    assert costs.of(*Group).lacking == ("x9.huge",)
    assert costs.added.lacking == ()


def test_a_missing_rate_is_named_once_however_many_lines_need_it() -> None:
    rates = replace(RATES, rates={name: rate for name, rate in RATES.rates.items() if name != "dynamodb_write"})

    assert of(DEMO, rates).added.lacking == ("dynamodb_write",)


def test_rates_of_ones_own_go_before_the_shipped_ones() -> None:
    own = Rate(name="x9.huge", usd=10, per=1, unit="hour", source="contract", seen="contract")
    mine = Rates(region="eu-central-1", date="2026-01-01", rates={}, instances={"x9.huge": own}).over(RATES)
    costs = of(with_assemblies(replace(COUNTER, instances=("x9.huge",))), mine)

    assert mine.region == "eu-central-1"
    assert line(costs, "instance", "counter: x9.huge").usd == 7300
    assert line(costs, "table", "reports").usd == pytest.approx(0.3285)
    assert costs.of(*Group).lacking == ()


def test_nothing_costs_nothing() -> None:
    assert total([]).usd == 0


def test_a_rate_is_told_as_aws_tells_it() -> None:
    assert str(RATES.rates["dynamodb_write"]) == "$0.625 per million write units"
    assert str(RATES.rates["lambda_request"]) == "$0.20 per million requests"
    assert str(RATES.rates["lambda_gb_second"]) == "$0.0000133334 per GB-second"
    assert str(RATES.rates["sns_email"]) == "$2.00 per 100,000 e-mails"


# --- the shipped code -----------------------------------------------------------------------------------------------------


def test_reports_and_looks_at_the_permit_come_as_often_as_the_agent_makes_them() -> None:
    from core.estimate import detection as costs_detection

    assert reporter.EVERY_S == costs_detection.REPORT_EVERY_S
    assert reporter.REPORT_BYTES_MAX <= 1024  # one write unit
    assert watchers.PERMIT_RUNNING_S == costs_detection.PERMIT_EVERY_S


def test_functions_have_the_memory_that_they_are_reckoned_with() -> None:
    from core.estimate import detection as costs_detection
    from core.estimate import ours as costs_ours
    from stacks import handlers

    assert handlers.TICK.memory_mb == TICK.memory_mb == costs_detection.TICK_EACH.memory_mb
    assert handlers.PROBE_NODES.memory_mb == SWEEP.memory_mb == costs_detection.SWEEP_EACH.memory_mb
    assert handlers.RECOVER_ASSEMBLY.memory_mb == handlers.ADMIT_NODE.memory_mb == costs_ours.ACTING_MB


def test_a_node_has_the_disk_that_is_paid_for() -> None:
    from core.estimate import yours as costs_yours
    from stacks import launch

    assert launch.ROOT_GB == costs_yours.ROOT_GB
