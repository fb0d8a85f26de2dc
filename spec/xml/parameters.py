"""A service's parameters, in every spelling there is, and what they say of other assemblies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spec.problems import KeyPath
from spec.xml.draft import Draft
from spec.xml.parser import Node

LISTS = ("parameters", "paramaters")


@dataclass(frozen=True, slots=True)
class Parameter:
    """assembly: the one whose address or host name it is (told: which of the two); value: what it says otherwise."""

    name: str
    line: int
    value: str = ""
    assembly: str | None = None
    told: str = ""
    was_lost: str = ""  # why the original handed over nothing


def parameters(service: Node) -> Iterator[Node]:
    for spelling in LISTS:
        for held in service.iterfind(f"{spelling}/*"):
            assert isinstance(held, Node), "the parser makes no other"
            yield held


def read(service: Node, path: KeyPath, draft: Draft) -> list[Parameter]:
    """Those that say something; of the others it is said. path: the application's, for what there is to say."""
    found: dict[str, Parameter] = {}
    for node in parameters(service):
        name = node.get("name", "").strip()
        value, reference, text = node.find("value"), node.find("reference"), node.get("value")
        said = [each for each in (value, reference, text) if each is not None]
        if name in found:
            draft.refuse(path, node.line, f"has the parameter {name} twice", "keep one of them", value=name)
        elif len(said) != 1:
            told = "says two things" if said else "says nothing"
            draft.refuse(path, node.line, f"has a parameter that {told}: {name}", "give it one value, or one reference", value=name)
        elif reference is not None:
            assembly, what = reference.get("assembly", "").strip(), reference.get("parameter", "").strip()
            found[name] = Parameter(name, node.line, assembly=assembly, told=what, was_lost=_lost(node, text))
        else:
            raw = (value.text or "") if value is not None else text or ""
            if raw != raw.strip():
                draft.note(path, node.line, f"parameter {name}: the white space around its value is left out; the original handed it over")
            found[name] = Parameter(name, node.line, value=raw.strip(), was_lost=_lost(node, text))
        if node.get("type") not in (None, "scalar"):
            draft.note(path, node.line, f'parameter {name}: type="{node.get("type")}" is not heeded, its value is a text')
    return list(found.values())


def _lost(node: Node, text: str | None) -> str:
    if node.tag == "paramater":
        return "a <paramater>, as pcloudsh spells it, is lost in the original"
    return "a value attribute of a <parameter> is lost in the original" if text is not None else ""
