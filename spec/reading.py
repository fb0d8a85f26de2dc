"""How a file of ours is read, and how what pydantic finds in it becomes a problem with its place and its remedy."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from spec import document
from spec.document import Document
from spec.problems import KeyPath, Problem, SpecError, key_text, value_text
from spec.schema import DeployableFile
from spec.section import keys_of

_KIND = {True: "deployable", False: "foundation"}


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
        case "model_type" if (section := _section_at(where, file)) is not file:
            message = "is not a section with keys of its own"
            remedy = f"write {{KEY: VALUE, ...}}; there are: {', '.join(sorted(keys_of(section)))}"
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
