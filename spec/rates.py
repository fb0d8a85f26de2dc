"""Reads a rates file (spec/rates.yaml, or a user's own): what AWS charges and how long it takes, with dates and sources."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from core.estimate.lines import Rate, Rates
from core.estimate.recovery_times import Delay
from spec import document
from spec.document import Unreadable
from spec.problems import Problem, SpecError, key_text, value_text

SHIPPED = Path(__file__).with_name("rates.yaml")
_COMPARE = "compare with spec/rates.yaml, which is of this form"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What AWS charges and how long it takes, as one or more files have it."""

    rates: Rates
    delays: Mapping[str, Delay]

    def over(self, other: Published) -> Published:
        """These, and the other's where these say nothing."""
        return Published(rates=self.rates.over(other.rates), delays={**other.delays, **self.delays})


def _is_date(text: str) -> str:
    datetime.date.fromisoformat(text)
    return text


_Usd = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
_Said = Annotated[str, Field(min_length=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Rate(_Section):
    usd: _Usd
    per: Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)] = 1.0
    unit: _Said
    source: _Said
    seen: _Said


class _Hourly(_Section):
    source: _Said
    seen: _Said
    usd_an_hour: dict[str, _Usd]

    def rates(self) -> dict[str, Rate]:
        return {n: Rate(name=n, usd=usd, per=1, unit="hour", source=self.source, seen=self.seen) for n, usd in self.usd_an_hour.items()}


class _Delay(_Section):
    seconds: Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)]
    source: _Said


class _RatesFile(_Section):
    region: _Said
    date: Annotated[str, AfterValidator(_is_date)]
    rates: dict[str, _Rate] = {}
    instances: _Hourly | None = None
    databases: _Hourly | None = None
    delays: dict[str, _Delay] = {}


def load_rates(path: Path = SHIPPED) -> Published:
    """Read and check one file. Raises SpecError with every problem found."""
    try:
        with path.open("rb") as stream:
            text = document.parse(stream.read(document.BYTES_MAX + 1))
    except OSError as error:
        said = f"cannot be read: {error.strerror}"
        problem = Problem(key="", value=None, line=None, message=said, remedy="give the path of a rates file")
        raise SpecError(str(path), (problem,)) from error
    except Unreadable as error:
        raise SpecError(str(path), (error.problem,)) from error
    problems = list(text.problems)
    try:
        file = _RatesFile.model_validate(text.data)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            where = details["loc"]
            value = None if details["type"] == "missing" else value_text(details["input"])
            message = f"is wrong: {details['msg'][:1].lower()}{details['msg'][1:]}"
            problems.append(Problem(key=key_text(where), value=value, line=text.line(where), message=message, remedy=_COMPARE))
        raise SpecError(str(path), tuple(sorted(problems, key=lambda problem: problem.line or 0))) from error
    if problems:
        raise SpecError(str(path), tuple(problems))
    return _published(file)


def _published(file: _RatesFile) -> Published:
    rates = Rates(
        region=file.region,
        date=file.date,
        rates={name: Rate(name=name, **rate.model_dump()) for name, rate in file.rates.items()},
        instances=file.instances.rates() if file.instances else {},
        databases=file.databases.rates() if file.databases else {},
    )
    return Published(rates=rates, delays={name: Delay(name, delay.seconds, delay.source) for name, delay in file.delays.items()})
