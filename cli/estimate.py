"""Tells what a deployable costs a month and how long its recoveries take, before anything is deployed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import spec
from core.estimate.estimating import NOT_COUNTED, estimate, estimate_foundation
from core.estimate.lines import Estimate, Group, Line, Total
from core.estimate.recovery_database import expected_of_database
from core.estimate.recovery_times import Expected, expected
from core.model import Egress
from core.zonal import zone_words
from spec.rates import Published, load_rates

_TITLES = {
    Group.DETECTION: "the detection path",
    Group.OURS: "what else Understudy adds",
    Group.YOURS: "yours: what the service needs anyway",
}


def tell(file: Path, *, own_rates: Path | None, as_json: bool) -> int:
    """Print the estimate and give 0. file: a deployable's, or a shared foundation's. Raises spec.SpecError for either file."""
    shipped = load_rates()
    published = shipped if own_rates is None else load_rates(own_rates).over(shipped)
    deployable, times = None, tuple[Expected, ...]()
    if spec.is_foundation(file):
        foundation = spec.load_foundation(file)
        costs, title = estimate_foundation(foundation, published.rates), f"foundation {foundation.name}, with nobody on it"
    else:
        deployable = spec.load(file)
        costs = estimate(deployable, published.rates)
        times = (*expected(deployable, published.delays), *expected_of_database(deployable, published.delays))
        title = f"deployable {deployable.name}" + (f" on the foundation {deployable.foundation}" if deployable.foundation else "")
    if as_json:
        print(json.dumps(_as_json(costs, times, published), indent=2))
        return 0
    rates = f"the rates of {published.rates.date}"
    if own_rates is not None:
        rates += f", and where {own_rates} says nothing at those of {shipped.rates.region}, {shipped.rates.date}"
    print(f"{title}: a month of 730 hours in {published.rates.region}, in dollars, no free tier, at {rates}")
    print("\n".join(_money_words(costs)))
    if deployable is not None and deployable.foundation and deployable.network.egress is Egress.NAT:
        print(f"on another bill: the NAT gateways of {deployable.foundation}, whose file has its own estimate")
    if deployable is not None:
        print()
        print("\n".join(_times(times)))
        for name, words in zone_words(deployable):
            print(f"  {name}: {words}")
    return 0


# --- money ----------------------------------------------------------------------------------------------------------------


def _money_words(costs: Estimate) -> Iterator[str]:
    for group in dict.fromkeys(line.group for line in costs.lines):
        yield ""
        yield _TITLES[group]
        yield from _table(_row(line) for line in costs.lines if line.group is group)
        yield f"  {_TITLES[group].split(':')[0]}, together: {_money(costs.of(group))}"
    yield ""
    yield f"all that Understudy adds: {_money(costs.added)}"
    if costs.assemblies:
        yield f"  of which one further deployable of one assembly on the same foundation would add: {_money(costs.further)}"
    yield f"everything together: {_money(costs.of(*Group))}"
    yield f"not counted: {NOT_COUNTED}"


def _row(line: Line) -> tuple[str, ...]:
    rate = str(line.rate) if line.rate else "not in the rates file"
    return (f"{line.part}: {line.what}", _amount(line.quantity), rate, _cents(line.usd), line.how)


def _cents(usd: float | None) -> str:
    if usd is None:
        return "?"
    return "<0.01" if 0 < usd < 0.005 else f"{usd:.2f}"


def _amount(quantity: float) -> str:
    return f"{quantity:,.0f}" if quantity >= 100 else f"{quantity:.3g}"


def _money(total: Total) -> str:
    lacks = f", without {', '.join(total.lacking)}: not in the rates file" if total.lacking else ""
    return f"${total.usd:.2f}{lacks}"


# --- time -----------------------------------------------------------------------------------------------------------------


def _times(times: Sequence[Expected]) -> Iterator[str]:
    yield "expected recovery, in seconds: our share (at worst), AWS's, both together (at worst); then what is the application's"
    for assembly in dict.fromkeys(row.assembly for row in times):
        yield f"  {assembly}"
        yield from _table((_time(row) for row in times if row.assembly == assembly), indent="    ")
    yield "  AWS's delays are figures that others measured, or assumed where nobody publishes one: delays in spec/rates.yaml, with sources"


def _time(row: Expected) -> tuple[str, ...]:
    if row.ours is None:
        return (row.failure, "?", "-", "?", row.remark)
    ours, aws_s = row.ours, row.aws_s
    together = f"{_s(ours.typical_s + aws_s)} ({_s(ours.worst_s + aws_s)})"
    return (row.failure, f"{_s(ours.typical_s)} ({_s(ours.worst_s)})", _s(aws_s) if row.aws else "-", together, f"{row.remark}; {ours.how}")


def _s(seconds: float) -> str:
    return f"{seconds:.3g}"


# --- both -----------------------------------------------------------------------------------------------------------------


def _table(rows: Iterable[tuple[str, ...]], indent: str = "  ") -> Iterator[str]:
    """The first and the last column begin at the left, those between end at the right."""
    found = list(rows)
    widths = [max(len(row[column]) for row in found) for column in range(len(found[0]))]
    for row in found:
        first, *numbers, last = row
        cells = [first.ljust(widths[0]), *(number.rjust(width) for number, width in zip(numbers, widths[1:], strict=False)), last]
        yield indent + "  ".join(cells).rstrip()


def _as_json(costs: Estimate, times: Sequence[Expected], published: Published) -> dict[str, Any]:
    lines = [{**dataclasses.asdict(line), "usd": line.usd} for line in costs.lines]
    totals = {group.value: dataclasses.asdict(costs.of(group)) for group in Group}
    totals["added"] = dataclasses.asdict(costs.added)
    if costs.assemblies:
        totals["further deployable"] = dataclasses.asdict(costs.further)
    return {
        "region": published.rates.region,
        "date": published.rates.date,
        "lines": lines,
        "totals": totals,
        "not_counted": NOT_COUNTED,
        "recovery": [{**dataclasses.asdict(row), "aws_s": row.aws_s} for row in times],
    }
