"""The rates file: complete, dated, sourced; and what is said of one that is wrong."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest

import spec
from core.estimate.estimating import estimate
from spec.rates import SHIPPED, load_rates

ROOT = Path(__file__).resolve().parents[2]
DEMO = spec.load(ROOT / "deployables" / "demo.yaml")
EMPTY = 'region: eu-central-1\ndate: "2026-01-31"\n'


def problems(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(spec.SpecError) as caught:
        load_rates(file)
    return [str(problem) for problem in caught.value.problems]


def test_every_rate_that_our_code_names_is_in_the_file() -> None:
    rates = load_rates().rates.rates
    used: set[str] = set()
    for module in (ROOT / "core" / "estimate").glob("*.py"):
        if module.name.startswith("recovery_"):
            continue  # those name delays, which are not paid for
        used |= set(re.findall(r'"((?:[a-z0-9]+_)+[a-z0-9]+)"', module.read_text(encoding="utf-8")))

    assert {"dynamodb_write", "public_ipv4_hour"} <= used
    assert used <= set(rates)


@pytest.mark.parametrize("example", sorted(path.name for path in (ROOT / "deployables").glob("*.yaml")))
def test_no_line_of_an_example_lacks_its_rate(example: str) -> None:
    deployable = spec.load(ROOT / "deployables" / example)

    assert [line.rate_name for line in estimate(deployable, load_rates().rates).lines if line.rate is None] == []


def test_every_rate_has_a_page_of_awss_and_says_where_it_was_read() -> None:
    rates = load_rates().rates
    for rate in (*rates.rates.values(), *rates.instances.values(), *rates.databases.values()):
        assert rate.source.startswith("https://aws.amazon.com/")
        assert rate.seen == "page" or rate.seen.startswith(("https://", "known")), rate


def test_the_file_has_one_region_and_one_date() -> None:
    rates = load_rates().rates

    assert rates.region == "us-east-1"
    assert datetime.date.fromisoformat(rates.date) >= datetime.date(2026, 11, 21)


def test_every_delay_has_its_source() -> None:
    assert all("https://" in delay.source for delay in load_rates().delays.values())


def test_common_types_have_a_rate_and_twice_the_size_costs_about_twice_as_much() -> None:
    rates = load_rates().rates.instances

    for family in ("t4g", "t3", "m7g", "m6i", "c7g", "r7g"):
        assert rates[f"{family}.xlarge"].usd == pytest.approx(2 * rates[f"{family}.large"].usd, rel=0.01)
        assert rates[f"{family}.2xlarge"].usd == pytest.approx(2 * rates[f"{family}.xlarge"].usd, rel=0.01)


def test_a_file_of_ones_own_may_name_a_single_rate(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(EMPTY + "instances: {source: contract, seen: contract, usd_an_hour: {t4g.small: 0.0192}}\n")
    mine = load_rates(file).over(load_rates())

    assert (mine.rates.region, mine.rates.date) == ("eu-central-1", "2026-01-31")
    assert mine.rates.instances["t4g.small"].usd == 0.0192
    assert mine.rates.rates == load_rates().rates.rates
    assert mine.delays == load_rates().delays


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("region: here\n", "date is wrong: field required"),
        (EMPTY + "prices: {}\n", "line 3: prices ({}) is wrong: extra inputs are not permitted"),
        (
            EMPTY + "rates:\n  secret: {usd: -1, unit: secret, source: a, seen: b}\n",
            "line 4: rates.secret.usd (-1) is wrong: input should be",
        ),
        (
            EMPTY + "rates:\n  secret: {usd: 1, per: 0, unit: secret, source: a, seen: b}\n",
            "rates.secret.per (0) is wrong: input should be",
        ),
        (EMPTY + "rates:\n  secret: {usd: 1, unit: secret, seen: b}\n", "rates.secret.source is wrong: field required"),
        (EMPTY + "rates:\n  secret: {usd: .nan, unit: secret, source: a, seen: b}\n", "rates.secret.usd (NaN) is wrong"),
        (EMPTY + "delays: {boot: {seconds: 0, source: a}}\n", "delays.boot.seconds (0) is wrong"),
        ('region: here\ndate: "yesterday"\n', 'line 2: date ("yesterday") is wrong'),
        ("- a\n", "is wrong: input should be"),
        (EMPTY + "region: there\n", "region is given twice"),
        ("a: [", "this is not YAML"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    found = problems(tmp_path, text)

    assert any(said in problem for problem in found), found


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(spec.SpecError, match="cannot be read: No such file or directory"):
        load_rates(tmp_path / "nowhere.yaml")


def test_the_shipped_file_lies_beside_its_reader() -> None:
    assert SHIPPED.is_file()
