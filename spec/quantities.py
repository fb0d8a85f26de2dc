"""Checked amounts: sizes, percentages, and what may be written in two ways."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from spec.values import wrong

SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([KMGT])")
UNITS_BYTES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
PERCENT = re.compile(r"(\d{1,5}(?:\.\d{1,2})?)%")
COUNT_MAX = 2**31 - 1


def size_bytes(value: object) -> int:
    """`512M`, `1.5G` in bytes: binary units, K is 1024 bytes, M 1024 K and so on."""
    match = SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong("is not a size", "write a number and K, M, G or T, such as 512M or 1G; K is 1024 bytes, M is 1024 K")
    return int(float(match[1]) * UNITS_BYTES[match[2]])


def size_text(size: int) -> str:
    """`10M`: the largest unit that divides it, or the number of bytes."""
    for unit in ("T", "G", "M", "K"):
        if size >= UNITS_BYTES[unit] and size % UNITS_BYTES[unit] == 0:
            return f"{size // UNITS_BYTES[unit]}{unit}"
    return f"{size} bytes"


def per_cent(value: object) -> float:
    """`90%` as 90.0."""
    match = PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong("is not a percentage", "write a number and %, such as 90%")
    return float(match[1])


@dataclass(frozen=True, slots=True)
class Size:
    """Annotation of an int: bytes, read from a size between the two."""

    least: str
    most: str

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{SIZE.pattern}$"}

    def _check(self, value: object) -> int:
        found = size_bytes(value)
        if not size_bytes(self.least) <= found <= size_bytes(self.most):
            raise wrong(f"is not between {self.least} and {self.most}", f"choose a size from {self.least} to {self.most}")
        return found


@dataclass(frozen=True, slots=True)
class Level:
    """What a threshold stands at: a percentage, or an amount (bytes or a number); the other is None."""

    percent: float | None = None
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class LevelOf:
    """Annotation of a Level: in which ways it may be written.

    percent_most: the highest percentage, None when there is nothing to take a percentage of. sizes, counts: amounts.
    """

    percent_most: float | None = None
    sizes: bool = False
    counts: bool = False

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        texts = [pattern.pattern for pattern, allowed in ((PERCENT, self.percent_most is not None), (SIZE, self.sizes)) if allowed]
        kinds: list[dict[str, Any]] = [{"type": "string", "pattern": f"^(?:{'|'.join(texts)})$"}] if texts else []
        if self.counts:
            kinds.append({"type": "integer", "minimum": 1, "maximum": COUNT_MAX})
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}

    def _check(self, value: object) -> Level:
        if self.percent_most is not None and isinstance(value, str) and value.endswith("%"):
            percent = per_cent(value)
            if not 0 < percent <= self.percent_most:
                raise wrong(f"is not between 0% and {self.percent_most:g}%", f"choose more than 0% and at most {self.percent_most:g}%")
            return Level(percent=percent)
        if self.sizes and isinstance(value, str) and SIZE.fullmatch(value):
            if size_bytes(value) == 0:
                raise wrong("is nothing", "choose a size such as 512M")
            return Level(amount=size_bytes(value))
        if self.counts and isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= COUNT_MAX:
            return Level(amount=value)
        raise wrong("is not a level for this", f"write {self._ways()}")

    def _ways(self) -> str:
        ways = [(self.percent_most is not None, "a percentage such as 90%"), (self.sizes, "a size such as 512M"), (self.counts, "a number")]
        return " or ".join(text for allowed, text in ways if allowed)


@dataclass(frozen=True, slots=True)
class Short:
    """Annotation: may also be written in a short form, which `expand` turns into the long one. schema: the short form's."""

    expand: Callable[[object], object]
    schema: dict[str, Any] = field(hash=False)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.expand, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [self.schema, handler(schema)]}


def one_or_more(schema: dict[str, Any]) -> Short:
    """A single value stands for a list of one."""
    return Short(lambda value: value if isinstance(value, list) or value is None else [value], schema)
