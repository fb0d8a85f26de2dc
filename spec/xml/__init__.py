"""The XML form of the deployable file, that of Pacemaker Cloud: read safely, held against its schema, put into our keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spec.problems import KeyPath, Problem
from spec.xml.book import Choices, open_book
from spec.xml.draft import FILL_IN, Missing, Note
from spec.xml.mapping import to_data
from spec.xml.parser import parse

__all__ = ["FILL_IN", "Choices", "Mapped", "Missing", "Note", "read"]


@dataclass(frozen=True, slots=True)
class Mapped:
    """data: as the YAML file has it, FILL_IN where something is missing; lines: of the XML, by key."""

    data: dict[str, Any]
    lines: dict[KeyPath, int]
    notes: tuple[Note, ...]
    missing: tuple[Missing, ...]
    problems: tuple[Problem, ...]


def read(raw: bytes, choices: Choices | None = None) -> Mapped:
    """Raises spec.document.Unreadable; with problems, the rest says nothing that can be relied on."""
    from spec.xml.check import check  # takes a third of a second, which only those who have XML should wait

    root = parse(raw)
    problems = check(root)
    if problems:
        return Mapped({}, {}, (), (), tuple(problems))
    book = open_book(root, choices or Choices())
    data, draft = to_data(root, book), book.draft
    return Mapped(data, draft.lines, tuple(draft.notes), tuple(draft.missing), tuple(draft.problems))
