"""What every section of the deployable file has in common, and the tolerance that several have."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.fields import FieldInfo

from core.recovery.budget import ENTRIES_MAX
from spec.values import Duration, wrong


class Section(BaseModel):
    """Unknown keys are refused, and nothing is converted: `yes` is no text and `"8080"` is no number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def keys_of(section: type[BaseModel]) -> dict[str, FieldInfo]:
    """A section's fields by the keys that the file has for them."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def _failures(value: object) -> object:
    if value == "never":
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1000:
        raise wrong("is not a number of failures", "write 0 to 1000, or never")
    return value


class ToleranceSection(Section):
    failures: Annotated[
        int | None,
        BeforeValidator(_failures),
        WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0, "maximum": 1000}, {"const": "never"}]}),
        Field(description="how many failures are absorbed in the window; the next one escalates. A number, or never"),
    ]
    window: Annotated[float, Duration("1s", "30d")] = Field(description="length of the sliding window, such as 5m")


def remembered(tolerance: ToleranceSection) -> ToleranceSection:
    """An assembly's failures are replacements, and the budget remembers so many."""
    if tolerance.failures is not None and tolerance.failures >= ENTRIES_MAX:
        told = f"failures: {tolerance.failures} would never be passed: a foundation remembers its last {ENTRIES_MAX} replacements"
        raise wrong(told, f"write 0 to {ENTRIES_MAX - 1}, or never")
    return tolerance
