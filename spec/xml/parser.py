"""From bytes to elements that know their lines; what XML can be made to do to its reader is refused by name."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from defusedxml import DTDForbidden, EntitiesForbidden, ExternalReferenceForbidden
from defusedxml.ElementTree import DefusedXMLParser

from spec.document import BYTES_MAX, Unreadable

DEPTH_MAX = 20  # the form needs 7
ELEMENTS_MAX = 20_000  # what 20 assemblies of 20 services with their parameters may come to, and more
EXAMPLE = "deployables/wordpress.xml"
WITHOUT = "take it out: all that this form needs are elements and attributes"


class Node(ElementTree.Element):
    """An element, and the line on which it begins."""

    line: int = 0


class _Parser(DefusedXMLParser):  # type: ignore[misc]  # it has no types
    """Names what it refuses: expat reads nothing from outside, and of a document type nothing is let in."""

    def __init__(self, builder: ElementTree.TreeBuilder) -> None:
        super().__init__(target=builder, forbid_dtd=True)

    def defused_start_doctype_decl(self, name: str, sysid: str | None, pubid: str | None, has_internal_subset: int) -> None:
        """One with declarations of its own is refused at the first of them, which says more than the type does."""
        if sysid or pubid or not has_internal_subset:
            raise DTDForbidden(name, sysid, pubid)
        self.parser.EndDoctypeDeclHandler = lambda: self._refuse(name)

    def _refuse(self, name: str) -> None:
        raise DTDForbidden(name, None, None)


def parse(raw: bytes) -> Node:
    """Read one XML document. Raises Unreadable, with the line where there is one."""
    if len(raw) > BYTES_MAX:
        raise Unreadable(f"the file is {len(raw)} bytes long", f"keep it under {BYTES_MAX} bytes")
    if not raw.strip():
        raise Unreadable("the file is empty", f"begin with <deployable name=...>; {EXAMPLE} is an example")
    depth = count = 0

    def made(tag: Any, attributes: dict[str, str]) -> Node:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        line = parser.parser.CurrentLineNumber
        if depth > DEPTH_MAX:
            raise Unreadable(f"nested more than {DEPTH_MAX} deep", f"compare with {EXAMPLE}", line=line)
        if count > ELEMENTS_MAX:
            raise Unreadable(f"has more than {ELEMENTS_MAX} elements", "split it into several deployables", line=line)
        node = Node(tag, attributes)
        node.line = line
        return node

    class Builder(ElementTree.TreeBuilder):
        def end(self, tag: str) -> ElementTree.Element:
            nonlocal depth
            depth -= 1
            return super().end(tag)

    parser = _Parser(Builder(element_factory=made))
    try:
        parser.feed(raw)
        root = parser.close()
    except EntitiesForbidden as error:
        raise Unreadable(*_entity(error), line=parser.parser.CurrentLineNumber) from error
    except (DTDForbidden, ExternalReferenceForbidden) as error:
        raise Unreadable("document types (<!DOCTYPE) are not read", WITHOUT, line=parser.parser.CurrentLineNumber) from error
    except ElementTree.ParseError as error:
        line, _ = error.position
        said = str(error).partition(": line ")[0]
        raise Unreadable(f"this is not XML: {said}", "look at this line and the one before", line=line) from error
    except (LookupError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"this is not XML: {error}", "save the file as UTF-8") from error
    assert isinstance(root, Node)
    return root


def _entity(error: EntitiesForbidden) -> tuple[str, str]:
    place = error.sysid or error.pubid
    if place:
        return f"declares the entity {error.name}, to be read from {place}: nothing outside of the file is read", WITHOUT
    return f"declares the entity {error.name}: entities are not read, a few lines of them can mean gigabytes (an XML bomb)", WITHOUT
