"""From a file's path to core's model, or to all its problems at once."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from core.model import Deployable
from spec import document, unbuilt, xml_form
from spec.convert import to_model, warnings
from spec.crosschecks import cross_check
from spec.document import Document, Unreadable
from spec.lock import BadLock, pinned
from spec.problems import KeyPath, Problem, SpecError, Warned, key_text, value_text
from spec.schema import DeployableFile
from spec.section import keys_of

_KIND = {True: "deployable", False: "foundation"}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A deployable, and what was changed in reading its file."""

    deployable: Deployable
    warnings: tuple[Warned, ...]


def load(path: str | Path) -> Deployable:
    """Read and check a deployable file. Raises SpecError with every problem found."""
    return load_with_warnings(path).deployable


def load_with_warnings(path: str | Path) -> Loaded:
    """The same, for those who tell a person of it. Raises SpecError."""
    path = Path(path)
    loaded = _read(path)
    return Loaded(_with_pins(loaded.deployable, path), loaded.warnings)


def load_unpinned(path: str | Path) -> Deployable:
    """Without what its lock file says, for those who write that. Raises SpecError."""
    return _read(Path(path)).deployable


def _read(path: Path) -> Loaded:
    raw = read_raw(path)
    if path.suffix.lower() == xml_form.SUFFIX:
        found = xml_form.mapped(raw, path)
        loaded = check(xml_form.complete(found, path), path)
        return Loaded(loaded.deployable, (*xml_form.notes_of(found), *loaded.warnings))
    try:
        text = document.parse(raw)
    except Unreadable as error:
        raise SpecError(str(path), (error.problem,)) from error
    return check(text, path)


def read_raw(path: Path) -> bytes:
    """As much of it as is read at most, and a byte. Raises SpecError."""
    try:
        with path.open("rb") as stream:
            return stream.read(document.BYTES_MAX + 1)
    except OSError as error:
        problem = Problem(
            key="", value=None, line=None, message=f"cannot be read: {error.strerror}", remedy="give the path of a deployable file"
        )
        raise SpecError(str(path), (problem,)) from error


def check(text: Document, path: Path) -> Loaded:
    """A document against the format. path: for artifacts, which are relative to it, and to name it. Raises SpecError."""
    if not isinstance(text.data, dict):
        problem = Problem(
            key="",
            value=value_text(text.data),
            line=1,
            message="is not a mapping",
            remedy="begin with `deployable: NAME`; deployables/demo.yaml is an example",
        )
        raise SpecError(str(path), (*text.problems, problem))
    stripped = unbuilt.strip(text.data, text.line)
    problems = [*text.problems, *(problem for _, problem in stripped.problems)]
    file = None
    try:
        file = DeployableFile.model_validate(stripped.data, context=path.resolve().parent)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            where = place(details, stripped.data)
            if where not in stripped.hidden:
                problems.append(problem_of(where, details, text))
    for where, value, message, remedy in cross_check(stripped.data):
        shown = None if value is None else value_text(value)
        problems.append(Problem(key=key_text(where), value=shown, line=text.line(where), message=message, remedy=remedy))
    if problems or file is None:
        raise SpecError(str(path), tuple(sorted(problems, key=lambda problem: problem.line or 0)))
    warned = (Warned(key=key_text(where), line=text.line(where), message=message) for where, message in warnings(file))
    return Loaded(to_model(file), tuple(warned))


def _with_pins(deployable: Deployable, path: Path) -> Deployable:
    try:
        return pinned(deployable, path)
    except BadLock as error:
        remedy = f"write it anew: understudy pin {path}"
        raise SpecError(str(path), (Problem(key="", value=None, line=None, message=str(error), remedy=remedy),)) from error


def place(details: ErrorDetails, found: Any) -> KeyPath:
    """The error's key path as the file has it.

    pydantic marks an error in a mapping's key with a last `[key]`; and where a short form stands for a long one
    (`memory: 90%`), it goes on into keys that the file has not.
    """
    where = details["loc"]
    if where and where[-1] == "[key]":
        return where[:-1]
    for depth, part in enumerate(where):
        if _holds(found, part):
            found = found[part]
        elif isinstance(found, dict):
            return where[: depth + 1]  # a key that is missing
        else:
            return where[:depth]
    return where


def _holds(found: Any, part: int | str) -> bool:
    if isinstance(found, list):
        return isinstance(part, int) and part < len(found)
    return isinstance(found, dict) and part in found


def problem_of(where: KeyPath, details: ErrorDetails, text: Document, file: type[BaseModel] = DeployableFile) -> Problem:
    """file: the section that the whole document is checked against."""
    value: str | None = value_text(details["input"])
    match details["type"]:
        case "understudy":
            message, remedy = details["ctx"]["message"], details["ctx"]["remedy"]
            if isinstance(details["input"], dict):
                value = None  # the whole section would be shown
        case "missing":
            message, remedy, value = "is missing", f"add it: {_about(where, file)}", None
        case "extra_forbidden":
            message, remedy = f"is no key of a {_KIND[file is DeployableFile]} file", _nearest(where, file)
        case _:
            message, remedy = f"is wrong: {details['msg'][:1].lower()}{details['msg'][1:]}", _about(where, file)
    return Problem(key=key_text(where), value=value, line=text.line(where), message=message, remedy=remedy)


def _section_at(where: KeyPath, file: type[BaseModel]) -> type[BaseModel]:
    """The innermost section of the format on the way to a key."""
    section = file
    for part in where:
        field = keys_of(section).get(part) if isinstance(part, str) else None
        if field is not None:
            section = _section_in(field.annotation) or section
    return section


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_in(part)) is not None), None)


def _about(where: KeyPath, file: type[BaseModel]) -> str:
    """What the format says of the key."""
    keys = [part for part in where if isinstance(part, str)]
    for end in range(len(keys), 0, -1):
        field = keys_of(_section_at(tuple(keys[: end - 1]), file)).get(keys[end - 1])
        if field is not None and field.description:
            return field.description
    return "compare with deployables/demo.yaml"


def _nearest(where: KeyPath, file: type[BaseModel]) -> str:
    keys = sorted(keys_of(_section_at(where[:-1], file)))
    close = difflib.get_close_matches(str(where[-1]), keys, n=1)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(keys)}"
