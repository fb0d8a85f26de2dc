"""The XML form printed as YAML, for a person to go on with: what it does not say is marked, what differs stands beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spec import unbuilt, xml
from spec.document import Document
from spec.load import check
from spec.problems import KeyPath, Problem, SpecError, Warned, key_text
from spec.reading import read_raw
from spec.xml.printed import printed
from spec.xml_form import mapped, notes_of


@dataclass(frozen=True, slots=True)
class Conversion:
    """text: YAML; data: the same as values; notes: where meanings differ; missing: what is marked FILL-IN in it."""

    text: str
    data: dict[str, Any]
    notes: tuple[Warned, ...]
    missing: tuple[Warned, ...]


def convert(path: str | Path, choices: xml.Choices | None = None) -> Conversion:
    """Raises SpecError: what is wrong with the XML, or cannot be said in the YAML; once filled in, the text loads.

    What this version has not built yet is no reason to refuse: it is noted, and left to whoever deploys.
    """
    path = Path(path)
    found = mapped(read_raw(path), path, choices)
    refused: list[Problem] = []
    try:
        check(_with_stand_ins(found), path)
    except SpecError as error:
        refused = [problem for problem in error.problems if problem.message == unbuilt.MESSAGE]
        wrong = tuple(problem for problem in error.problems if problem.message != unbuilt.MESSAGE)
        if wrong:
            raise SpecError(str(path), wrong) from error
    missing = tuple(Warned(key=key_text(each.path), line=each.line, message=f"fill in {each.about}") for each in found.missing)
    later = tuple(Warned(key=each.key, line=each.line, message=f"{each.message}; {each.remedy}") for each in refused)
    return Conversion(printed(found.data, _comments(found, path.name)), found.data, (*notes_of(found), *later), missing)


def _comments(found: xml.Mapped, name: str) -> dict[KeyPath, list[str]]:
    head = [f"Made of {name} by `understudy convert`; a line that is named below is one of {name}."]
    if found.missing:
        head.append(f"{xml.FILL_IN} marks what it does not say: {len(found.missing)} to go.")
    comments: dict[KeyPath, list[str]] = {(): head}
    for note in sorted(found.notes, key=lambda note: note.line or 0):
        place = f"Line {note.line}: " if note.line is not None else "- "
        comments.setdefault(_standing(note.path, found.data), []).append(place + note.text)
    for each in found.missing:
        comments.setdefault(each.path, []).append(f"{xml.FILL_IN}: {each.about}")
    return comments


def _with_stand_ins(found: xml.Mapped) -> Document:
    """To check all the rest by: something of the right form where something is missing."""
    data = _copied(found.data)
    for each in found.missing:
        holder: Any = data
        for part in each.path[:-1]:
            holder = holder[part]
        holder[each.path[-1]] = each.stand_in
    return Document(data, found.lines, ())


def _standing(path: KeyPath, data: Any) -> KeyPath:
    """The key itself, or the nearest around it that the file has."""
    for depth, part in enumerate(path):
        held = data.get(part) if isinstance(data, dict) else data[part] if isinstance(data, list) and isinstance(part, int) else None
        if held is None:
            return path[:depth]
        data = held
    return path


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
