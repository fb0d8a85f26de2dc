"""What is wrong with a deployable file, told so that the reader knows where and what to do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

KeyPath = tuple[str | int, ...]
Finding = tuple[KeyPath, Any, str, str]  # of several keys read together: path, value, message, remedy

VALUE_CHARS_MAX = 80  # a longer value is cut: the line number leads to the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to put right.

    key: path such as `assemblies[0].front.kind`, empty for the file as a whole.
    value: what stands there, shortened; None when nothing does.
    line: counted from 1, None when the trouble has no place in the file.
    """

    key: str
    value: str | None
    line: int | None
    message: str
    remedy: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        value = f" ({self.value})" if self.value is not None else ""
        key = f"{self.key}{value} " if self.key else ""
        return f"{place}{key}{self.message}; {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """What was changed in reading the file, and where; nothing is wrong with it."""

    key: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        return f"{place}{self.key}: {self.message}"


class SpecError(ValueError):
    """A deployable file that cannot be used; `problems` holds every reason, in the order of the file."""

    def __init__(self, path: str, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))
        self.path = path
        self.problems = problems


def key_text(path: KeyPath) -> str:
    """`assemblies[0].name` for ("assemblies", 0, "name")."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def value_text(value: object) -> str:
    """A value as the file's reader would know it, on one line and short."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= VALUE_CHARS_MAX else text[: VALUE_CHARS_MAX - 3] + "..."
