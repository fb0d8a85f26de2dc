"""What a deployable costs a month, line by line: quantities from its model and our own code, times rates that are handed in.

Nothing of AWS's free tier is counted. A month is 730 hours, as in AWS's own calculator. A line whose rate is missing costs
nobody knows what: it says so, and so does every total that would have held it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

HOURS_A_MONTH = 730.0
SECONDS_A_MONTH = HOURS_A_MONTH * 3600
MINUTES_A_MONTH = HOURS_A_MONTH * 60


class Group(StrEnum):
    """Whose a line is."""

    DETECTION = "detection"  # what notices that a node fails
    OURS = "ours"  # whatever else Understudy adds
    YOURS = "yours"  # what the service would need anyway: machines, disks, addresses, databases


class Paid(StrEnum):
    """How often a line is paid for when deployables share a foundation."""

    FOUNDATION = "foundation"  # once
    DEPLOYABLE = "deployable"  # for each deployable
    ASSEMBLY = "assembly"  # for each assembly


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """usd: dollars for `per` of `unit`. source: AWS's page. seen: where the number was really read, or that it was not."""

    name: str
    usd: float
    per: float
    unit: str
    source: str
    seen: str

    def __str__(self) -> str:
        many = {1.0: "", 1e6: "million "}.get(self.per, f"{self.per:,.0f} ")
        cents = f"{self.usd:.2f}"
        exact = cents if float(cents) == self.usd else f"{self.usd:.10f}".rstrip("0")
        return f"${exact} per {many}{self.unit}{'s' if many else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Rates by name; instances and databases are named by their type, each an hourly rate. All are of one region and date."""

    region: str
    date: str
    rates: Mapping[str, Rate]
    instances: Mapping[str, Rate] = field(default_factory=dict)
    databases: Mapping[str, Rate] = field(default_factory=dict)

    def over(self, other: Rates) -> Rates:
        """These, and the other's where these say nothing."""
        return Rates(
            region=self.region,
            date=self.date,
            rates={**other.rates, **self.rates},
            instances={**other.instances, **self.instances},
            databases={**other.databases, **self.databases},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """part: the service or resource, in one word or two. how: how the quantity was reckoned. rate: None when the file has none."""

    part: str
    what: str
    group: Group
    paid: Paid
    quantity: float
    how: str
    rate_name: str
    rate: Rate | None

    @property
    def usd(self) -> float | None:
        """Dollars a month; None when there is no rate."""
        return None if self.rate is None else self.quantity / self.rate.per * self.rate.usd


@dataclass(frozen=True, slots=True)
class Total:
    """usd: of the lines with a rate. lacking: the rates that are missing."""

    usd: float
    lacking: tuple[str, ...]


def total(lines: Iterable[Line]) -> Total:
    usd, lacking = 0.0, []
    for line in lines:
        if line.usd is None:
            lacking.append(line.rate_name)
        else:
            usd += line.usd
    return Total(usd, tuple(dict.fromkeys(lacking)))


@dataclass(frozen=True, slots=True)
class Estimate:
    """All lines, in the order in which they are told. assemblies: how many share the lines that are paid for each."""

    lines: tuple[Line, ...]
    assemblies: int

    def of(self, *groups: Group) -> Total:
        return total(line for line in self.lines if line.group in groups)

    @property
    def added(self) -> Total:
        """All that Understudy adds."""
        return self.of(Group.DETECTION, Group.OURS)

    @property
    def further(self) -> Total:
        """What one further deployable with one assembly adds to it on the same foundation."""
        added = [line for line in self.lines if line.group is not Group.YOURS]
        each = total(line for line in added if line.paid is Paid.ASSEMBLY)
        own = total(line for line in added if line.paid is Paid.DEPLOYABLE)
        return Total(each.usd / self.assemblies + own.usd, tuple(dict.fromkeys((*each.lacking, *own.lacking))))


@dataclass(frozen=True, slots=True)
class Pricing:
    """Makes lines of one group, each with its rate looked up."""

    rates: Rates
    group: Group

    def line(self, part: str, what: str, quantity: float, rate: str, how: str, *, paid: Paid = Paid.FOUNDATION) -> Line:
        return self._made(part, what, quantity, rate, self.rates.rates.get(rate), how, paid)

    def instance(self, what: str, instance_type: str, how: str) -> Line:
        """One machine for a month."""
        found = self.rates.instances.get(instance_type)
        return self._made("instance", what, HOURS_A_MONTH, instance_type, found, how, Paid.ASSEMBLY)

    def database(self, what: str, instance_class: str, machines: int, how: str) -> Line:
        """So many database machines of one class for a month."""
        found = self.rates.databases.get(instance_class)
        return self._made("database", what, HOURS_A_MONTH * machines, instance_class, found, how, Paid.ASSEMBLY)

    def _made(self, part: str, what: str, quantity: float, name: str, rate: Rate | None, how: str, paid: Paid) -> Line:
        return Line(part=part, what=what, group=self.group, paid=paid, quantity=quantity, how=how, rate_name=name, rate=rate)
