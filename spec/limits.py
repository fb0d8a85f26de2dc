"""What an application may use before something follows, and what it must get done: thresholds and counters."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.bounds import OFF
from spec.grammars import CounterName
from spec.quantities import COUNT_MAX, PERCENT, SIZE, Level, LevelOf, Short
from spec.section import Section
from spec.values import AnyPath, Duration, NodePath, wrong

LASTING = "how long it must stay there before it counts, such as 1m"
THEN = "restart: the application is failing; report: it is said, and nothing is done"
_PERCENT = {"type": "string", "pattern": f"^{PERCENT.pattern}$"}
_COUNT = {"type": "integer", "minimum": 1, "maximum": COUNT_MAX}


def _above(value: object) -> object:
    """`90%` stands for {above: 90%}."""
    return value if isinstance(value, dict) or value is None else {"above": value}


class _Lasting(Section):
    lasting: Annotated[float, Duration("0s", "1d")] = Field(default=30.0, alias="for", description=LASTING)


class _Restarting(_Lasting):
    then: Literal["restart", "report"] = Field(default="restart", description=f"{THEN}; left out, restart")


class _Reporting(_Lasting):
    then: Literal["restart", "report"] = Field(default="report", description=f"{THEN}; left out, report")


class MemoryLevel(_Restarting):
    above: Annotated[Level, LevelOf(percent_most=100, sizes=True)] = Field(
        description="per cent of its limit (else of the machine), such as 90%, or a size such as 800M"
    )


class PressureLevel(_Restarting):
    above: Annotated[Level, LevelOf(percent_most=100)] = Field(description="per cent of the time in which all of it waited, such as 20%")


class CpuLevel(_Restarting):
    above: Annotated[Level, LevelOf(percent_most=51_200)] = Field(
        description="per cent of one core, as top(1) counts: 150% is one and a half"
    )


class FilesLevel(_Restarting):
    above: Annotated[Level, LevelOf(percent_most=100, counts=True)] = Field(description="per cent of its limit, such as 80%, or a number")


class ThreadsLevel(_Restarting):
    above: Annotated[Level, LevelOf(counts=True)] = Field(description="a number, of all its processes together")


class SpaceLevel(_Reporting):
    above: Annotated[Level, LevelOf(percent_most=100)] = Field(description="per cent in use, such as 95%")


Space = Annotated[SpaceLevel, Short(_above, _PERCENT)]


class ThresholdsSection(Section):
    memory: Annotated[MemoryLevel, Short(_above, {"type": "string", "pattern": f"^(?:{PERCENT.pattern}|{SIZE.pattern})$"})] | None = Field(
        default=None, description="memory of all its processes: a level such as 90% or 800M, or {above, for, then}"
    )
    memory_pressure: Annotated[PressureLevel, Short(_above, _PERCENT)] | None = Field(
        default=None, description="time in which all its processes waited for memory (PSI full): a level such as 20%, or {above, for, then}"
    )
    cpu: Annotated[CpuLevel, Short(_above, _PERCENT)] | None = Field(
        default=None, description="per cent of one core: a level such as 150%, or {above, for, then}"
    )
    open_files: Annotated[FilesLevel, Short(_above, {"anyOf": [_PERCENT, _COUNT]})] | None = Field(
        default=None, description="of the process that has most: a level such as 80% or 4000, or {above, for, then}"
    )
    threads: Annotated[ThreadsLevel, Short(_above, _COUNT)] | None = Field(
        default=None, description="of all its processes: a number, or {above, for, then}"
    )
    disk: dict[AnyPath, Space] = Field(
        default_factory=dict, max_length=10, description="space in use where a path is: path to a level such as 95%, or {above, for, then}"
    )
    inodes: dict[AnyPath, Space] = Field(
        default_factory=dict, max_length=10, description="inodes in use where a path is: path to a level such as 95%, or {above, for, then}"
    )


Bound = Annotated[int, Field(ge=OFF, le=COUNT_MAX)]


class CounterSection(Section):
    name: CounterName = Field(description="the counter, as the application calls it")
    at_least: Bound = Field(default=OFF, description="it must grow by so much in the interval; -1 is off")
    at_most: Bound = Field(default=OFF, description="it must not grow by more than this in the interval; -1 is off")
    needs: dict[CounterName, Annotated[int, Field(ge=0, le=COUNT_MAX)]] = Field(
        default_factory=dict, max_length=1, description="the rule counts once another counter has grown so far, such as {activations: 10}"
    )

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if not {"at_least", "at_most"} & self.model_fields_set:
            raise wrong("has no bound", "give at_least or at_most; -1 switches a bound off")
        if self.at_most != OFF and self.at_least > self.at_most:
            raise wrong(f"wants at least {self.at_least} and at most {self.at_most}", "make at_least at most at_most")
        return self


class CountersSection(Section):
    interval: Annotated[float, Duration("1s", "1d")] = Field(
        default=40.0, description="the window over which all of them are counted, such as 1m; less than 40s is raised to it, with a warning"
    )
    rules: list[CounterSection] = Field(min_length=1, max_length=50, description="bounds; one that is broken is enough to be failing")
    file: NodePath | None = Field(
        default=None, description="absolute path of the JSON file that the application writes its totals to; left out, it sends them"
    )
