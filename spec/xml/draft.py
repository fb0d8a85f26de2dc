"""What grows while a document is turned into the deployable file's keys: where each comes from, and what has to be said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from spec.problems import KeyPath, Problem, key_text, value_text

FILL_IN = "FILL-IN"


@dataclass(frozen=True, slots=True)
class Note:
    """Where a meaning differs, or something is lost. path: the key of the file made, () for the whole; line: of the XML."""

    path: KeyPath
    line: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Missing:
    """What the XML does not say and a person must. stand_in: right in form, to check the rest by; remedy: for the XML."""

    path: KeyPath
    line: int
    about: str
    stand_in: Any
    remedy: str


@dataclass(slots=True)
class Draft:
    """lines: of the XML, by the keys made of them."""

    lines: dict[KeyPath, int] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)

    def note(self, path: KeyPath, line: int, text: str) -> None:
        self.notes.append(Note(path, line, text))

    def note_once(self, text: str) -> None:
        """Of the file as a whole, however often it comes up."""
        note = Note((), None, text)
        if note not in self.notes:
            self.notes.append(note)

    def refuse(self, path: KeyPath, line: int, message: str, remedy: str, *, value: object = None) -> None:
        shown = None if value is None else value_text(value)
        self.problems.append(Problem(key=key_text(path), value=shown, line=line, message=message, remedy=remedy))
