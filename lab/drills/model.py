"""What a drill promises, saw and says: plain values, and their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Promise:
    """One thing that must hold. measured and limit share the unit; a yes-or-no promise has the unit 'count'."""

    name: str
    held: bool
    measured: float | None
    limit: float
    unit: str

    def json(self) -> dict[str, Any]:
        return {"name": self.name, "held": self.held, "measured": self.measured, "limit": self.limit, "unit": self.unit}


def at_most(name: str, measured: float | None, limit: float, unit: str) -> Promise:
    """A number that must not pass its limit; one that could not be measured is not held."""
    return Promise(name, measured is not None and measured <= limit, None if measured is None else round(measured, 3), limit, unit)


def exactly(name: str, measured: float, wanted: float, unit: str = "count") -> Promise:
    return Promise(name, measured == wanted, measured, wanted, unit)


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline. at_s: seconds since the fault. about: the assembly, where there are several and it is of one."""

    at_s: float
    who: str
    what: str
    about: str = ""

    def json(self) -> dict[str, Any]:
        about = {"about": self.about} if self.about else {}
        return {"at_s": round(self.at_s, 3), "who": self.who, "what": self.what, **about}


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasted, counted from the fault: the client's gap, or one of AWS's own delays and what it was of."""

    name: str
    subject: str
    start_s: float
    end_s: float

    def json(self) -> dict[str, Any]:
        return {"name": self.name, "subject": self.subject, "start_s": round(self.start_s, 3), "end_s": round(self.end_s, 3)}


@dataclass(frozen=True, slots=True)
class IncidentSummary:
    reason: str
    detect_s: float
    decide_s: float
    act_s: float
    verify_s: float

    def json(self) -> dict[str, Any]:
        return {
            "reason": self.reason,
            "detect_s": self.detect_s,
            "decide_s": self.decide_s,
            "act_s": self.act_s,
            "verify_s": self.verify_s,
        }


@dataclass(frozen=True, slots=True)
class Kill:
    """From a sign of failure to the call that ends the machine, in seconds: AWS's own delays (they may overlap), and the rest."""

    sign: str
    aws_s: float
    ours_s: float
    aws_delays: tuple[tuple[str, float], ...]

    def json(self) -> dict[str, Any]:
        delays = {name: round(seconds, 3) for name, seconds in self.aws_delays}
        return {"sign": self.sign, "aws_s": round(self.aws_s, 3), "ours_s": round(self.ours_s, 3), "aws_delays": delays}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scene found out beyond what every drill measures. kill: where it is measured."""

    promises: tuple[Promise, ...]
    incident: IncidentSummary | None
    until: float
    kill: Kill | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """aws_s and ours_s split the client's gap: AWS's own delays, and everything else; aws_shares: what of it is AWS's.

    spans: every delay of AWS's that was told of. circumstances: when, which version, how busy the machine was.
    """

    drill: str
    deployable: str
    promises: tuple[Promise, ...]
    timeline: tuple[Moment, ...] = ()
    gap: Span | None = None
    spans: tuple[Span, ...] = ()
    aws_shares: tuple[Span, ...] = ()
    client_gap_s: float | None = None
    aws_s: float = 0.0
    ours_s: float | None = None
    aws_delays: tuple[tuple[str, float], ...] = field(default=())
    incident: IncidentSummary | None = None
    kill: Kill | None = None
    circumstances: Mapping[str, Any] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        return bool(self.promises) and all(promise.held for promise in self.promises)

    def json(self) -> dict[str, Any]:
        return {
            "drill": self.drill,
            "deployable": self.deployable,
            "held": self.held,
            "promises": [promise.json() for promise in self.promises],
            "timeline": [moment.json() for moment in self.timeline],
            "gap": self.gap.json() if self.gap else None,
            "spans": [span.json() for span in self.spans],
            "aws_shares": [span.json() for span in self.aws_shares],
            "client_gap_s": self.client_gap_s,
            "aws_s": round(self.aws_s, 3),
            "ours_s": None if self.ours_s is None else round(self.ours_s, 3),
            "aws_delays": {name: round(seconds, 3) for name, seconds in self.aws_delays},
            "incident": self.incident.json() if self.incident else None,
            "kill": self.kill.json() if self.kill else None,
            "circumstances": dict(self.circumstances),
        }
