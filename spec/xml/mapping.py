"""From the checked document to the keys that the YAML file has; what has no key is said."""

from __future__ import annotations

from typing import Any

from spec.xml import escalation
from spec.xml.book import Assembly, Book, nodes, text_of
from spec.xml.draft import FILL_IN, Missing
from spec.xml.parser import Node
from spec.xml.services import applications

# What the XML of the original does not say: key, attribute of ours, what to fill in, and something of the right form.
_IMAGE = ("image",), "image", "what the machine starts from, such as debian-12: the original had images of its own making", "debian-12"
_INSTANCES = ("instances",), "instances", "instance types of one architecture, such as [t4g.small, t4g.medium]", ["t4g.small"]
_KEEP = ("state", "keep"), "keep", "what a replacement finds again; none: it starts with an empty disk, as in the original", "none"
_PORTS = ("front", "ports"), "ports", "what those connect to that refer to this assembly, such as [3306]; open at its fixed address", [8080]
_OWN_PORTS = (
    ("front", "ports"),
    "ports",
    "what its clients connect to, such as [80]; it has a fixed address because it could not reach another's without",
    [8080],
)
_NOT_USED = {
    "username": "username is not used: the account is that of whoever deploys",
    "monitor": "monitor is not used: each machine has an agent inside, and is looked at from outside",
    "uuid": "uuids are not used: names tell deployables and assemblies apart",
    "id": "ids of constraints are not used",
}
_DEPLOYABLE = (
    "an assembly that escalates: the original's last version then did nothing; here people are told, and it goes on being replaced "
    "while the budget lasts"
)


def to_data(root: Node, book: Book) -> dict[str, Any]:
    for node in (root, *nodes(root, "assemblies/assembly"), *nodes(root, "constraints/*")):
        for attribute, text in _NOT_USED.items():
            if node.get(attribute) is not None:
                book.draft.note_once(text)
    return {"deployable": book.deployable, "assemblies": [_assembly(book, each) for each in book.assemblies.values()]}


def _assembly(book: Book, assembly: Assembly) -> dict[str, Any]:
    node, draft, choices = assembly.node, book.draft, book.choices
    made, referring = applications(book, assembly)
    told: dict[str, Any] = {"name": assembly.name}
    told["image"] = _said(book, assembly, _IMAGE, text_of(node, "image") or choices.image)
    told["instances"] = _said(book, assembly, _INSTANCES, text_of(node, "instances").split() or list(choices.instances))
    if front := _front(book, assembly, refers=any(each != text_of(node, "name") for each in referring)):
        told["front"] = front
    told["state"] = {"keep": _said(book, assembly, _KEEP, text_of(node, "keep") or choices.keep)}
    if referring:
        draft.lines[(*assembly.path, "host_names")] = node.line
        told["host_names"] = [_host_name(book, assembly, each) for each in referring]
    draft.lines[(*assembly.path, "tolerance")] = node.line
    told["tolerance"] = escalation.tolerance(node, window="1h")
    for text in escalation.differences(node):
        draft.note((*assembly.path, "tolerance"), node.line, text)
    if told["tolerance"]["failures"] != "never":
        draft.note_once(_DEPLOYABLE)
    if after := book.order.among.get(assembly.index):
        told["after"] = after
    if others := [book.assemblies[each].name for each in referring if each != text_of(node, "name")]:
        told["reaches"] = others
    return {**told, "applications": made}


def _said(book: Book, assembly: Assembly, what: tuple[tuple[str, ...], str, str, Any], found: Any) -> Any:
    """What somebody says, or the mark of what nobody did."""
    keys, attribute, about, stand_in = what
    path = (*assembly.path, *keys)
    book.draft.lines[path] = assembly.node.line
    if found:
        return found
    example = " ".join(str(each) for each in stand_in) if isinstance(stand_in, list) else stand_in
    remedy = f'add {attribute}="{example}" to this assembly, or make it YAML with `understudy convert` and fill it in there'
    book.draft.missing.append(Missing(path, assembly.node.line, about, stand_in, remedy))
    return [FILL_IN] if isinstance(stand_in, list) else FILL_IN


def _front(book: Book, assembly: Assembly, *, refers: bool) -> dict[str, Any] | None:
    """A fixed address where ports are named, or others refer to it; or where it refers to others.

    For a node without a public address of its own reaches no other's: https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
    """
    given = text_of(assembly.node, "name")
    ports = [int(port) for port in text_of(assembly.node, "ports").split()] or list(book.choices.ports.get(given, ()))
    if not ports and given not in book.referenced and not refers:
        book.draft.note_once("an assembly without ports has no fixed address and is open to nobody: add `front` where clients connect")
        return None
    needed = _PORTS if given in book.referenced else _OWN_PORTS
    return {"kind": "elastic_ip", "ports": _said(book, assembly, needed, ports)}


def _host_name(book: Book, assembly: Assembly, given: str) -> dict[str, str]:
    """Its own name means this node wherever it lives; another's means that one's fixed address."""
    if given == text_of(assembly.node, "name"):
        return {"name": book.host_name(given), "resolves": "node"}
    return {"name": book.host_name(given), "resolves": "front", "of": book.assemblies[given].name}
