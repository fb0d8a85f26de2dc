"""The XML form as `load` takes it: where it says all that a deployable needs, it is as good as the YAML file."""

from __future__ import annotations

from pathlib import Path

from spec import xml
from spec.document import Document, Unreadable
from spec.problems import Problem, SpecError, Warned, key_text

SUFFIX = ".xml"
WHOLE = "deployable"  # the key that stands for the file when something is said of all of it


def mapped(raw: bytes, path: Path, choices: xml.Choices | None = None) -> xml.Mapped:
    """Raises SpecError."""
    try:
        found = xml.read(raw, choices)
    except Unreadable as error:
        raise SpecError(str(path), (error.problem,)) from error
    if found.problems:
        raise SpecError(str(path), tuple(sorted(found.problems, key=lambda problem: problem.line or 0)))
    return found


def complete(found: xml.Mapped, path: Path) -> Document:
    """As if it were the YAML file. Raises SpecError naming all that the XML does not say."""
    if found.missing:
        lacks = (
            Problem(key=key_text(each.path), value=None, line=each.line, message="is not in this XML", remedy=each.remedy)
            for each in found.missing
        )
        raise SpecError(str(path), tuple(lacks))
    return Document(found.data, found.lines, ())


def notes_of(found: xml.Mapped) -> tuple[Warned, ...]:
    """In the order of the XML, what is said of the whole file first."""
    ordered = sorted(found.notes, key=lambda note: note.line or 0)
    return tuple(Warned(key=key_text(note.path) or WHOLE, line=note.line, message=note.text) for note in ordered)
