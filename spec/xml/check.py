"""Holds a document against deployable.xsd, and tells each error with its line, its place, its value and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from xmlschema import XMLSchema10
from xmlschema.validators import XMLSchemaChildrenValidationError, XMLSchemaValidationError, XsdElement

from spec.problems import Problem, value_text
from spec.xml.parser import EXAMPLE, Node

XSD = Path(__file__).with_name("deployable.xsd")
PROBLEMS_MAX = 50  # a file that is no deployable at all is told soon enough

_OF_ATTRIBUTE = re.compile(r"attribute ([^=\s]+)=")
_NAMED = re.compile(r"'([^']+)'")


@cache
def schema() -> XMLSchema10:
    """It reads no other file: nothing in it, or in a document, leads anywhere."""
    return XMLSchema10(str(XSD), allow="local", defuse="always")


def check(root: Node) -> list[Problem]:
    """Every error, in the order of the file; the first of them when there are very many."""
    if root.tag != "deployable":
        remedy = f'begin with <deployable name="NAME">, without a namespace; {EXAMPLE} is an example'
        return [Problem(key=str(root.tag), value=None, line=root.line, message="is no deployable", remedy=remedy)]
    return [_problem(error) for error in islice(schema().iter_errors(root), PROBLEMS_MAX)]


def _problem(error: XMLSchemaValidationError) -> Problem:
    path, reason = (error.path or "").strip("/"), error.reason or ""
    here = error.elem
    line = here.line if isinstance(here, Node) else None
    declared = _declared(path)
    if isinstance(error, XMLSchemaChildrenValidationError):
        return _of_children(error, path, line, declared)
    if match := _OF_ATTRIBUTE.match(reason):
        name = match[1]
        value = here.get(name) if here is not None else None
        return _at(path, name, line, f"is {_why(reason)}", _about_attribute(declared, name), value=value)
    if reason.startswith("duplicated value"):
        return _at(path, "name", line, "is used twice", "give each its own name", value=here.get("name") if here is not None else None)
    if named := _NAMED.search(reason):
        if reason.startswith("missing required attribute"):
            return _at(path, named[1], line, "is missing", f"add it: {_about_attribute(declared, named[1])}")
        if "attribute not allowed" in reason:
            return _at(path, named[1], line, "is no attribute of this element", _nearest(named[1], declared.attributes if declared else ()))
    if reason.startswith("character data between"):
        reason, remedy = "has text between its elements", "put values into attributes, or into <value>"
        return Problem(key=path, value=None, line=line, message=reason, remedy=remedy)
    return Problem(key=path, value=None, line=line, message=f"is wrong: {reason}", remedy=_about(declared))


def _of_children(error: XMLSchemaChildrenValidationError, path: str, line: int | None, declared: XsdElement | None) -> Problem:
    known = list(_children(declared))
    if error.invalid_tag is None:
        wanted = next((child for child in known if child.name in (error.expected_tags or ())), None)
        name = wanted.name if wanted is not None else " or ".join(error.expected_tags or ())
        return Problem(key=path, value=None, line=line, message=f"lacks <{name}>", remedy=f"add it: {_about(wanted)}")
    child = error.elem[error.index] if error.elem is not None else None
    line = child.line if isinstance(child, Node) else line
    place, names = f"{path}/{error.invalid_tag}", [str(child.name) for child in known]
    if error.invalid_tag in names:
        return Problem(key=place, value=None, line=line, message="is here once too often", remedy="keep as many as there may be")
    return Problem(key=place, value=None, line=line, message="is no element of this place", remedy=_nearest(error.invalid_tag, names))


def _at(path: str, attribute: str, line: int | None, message: str, remedy: str, *, value: str | None = None) -> Problem:
    shown = None if value is None else value_text(value)
    return Problem(key=f"{path}/@{attribute}", value=shown, line=line, message=message, remedy=remedy)


def _why(reason: str) -> str:
    _, _, told = reason.partition(": ")
    if "must be one of" in told:
        return f"none of {', '.join(_NAMED.findall(told))}"
    return "not what it may be" if "pattern" in told else "too short or too long" if "length" in told else f"wrong: {told}"


def _declared(path: str) -> XsdElement | None:
    """What the schema says of the element at this place; None where it says nothing."""
    found: Any = schema().find("/" + re.sub(r"\[\d+\]", "", path)) if path else None
    return found if isinstance(found, XsdElement) else None


def _children(declared: XsdElement | None) -> Iterator[XsdElement]:
    content: Any = getattr(declared.type, "content", None) if declared is not None else None
    yield from (part for part in getattr(content, "iter_elements", lambda: ())() if isinstance(part, XsdElement))


def _about(declared: Any) -> str:
    """The schema's own words for it."""
    annotation = getattr(declared, "annotation", None)
    texts = [text.strip() for said in annotation.documentation if (text := said.text)] if annotation is not None else []
    return texts[0] if texts else f"compare with {EXAMPLE}"


def _about_attribute(declared: XsdElement | None, name: str) -> str:
    return _about(declared.attributes.get(name) if declared is not None else None)


def _nearest(name: str, known: Any) -> str:
    names = sorted(str(each) for each in known if each)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(names)}" if names else "take it out"
