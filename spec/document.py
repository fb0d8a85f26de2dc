"""Turns YAML text into plain values, with the line of every key, and refuses what YAML would let pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from spec.problems import KeyPath, Problem, key_text, value_text

BYTES_MAX = 256 * 1024  # hundreds of times a real file; reading stays well under a second
DEPTH_MAX = 20  # the format needs 8


@dataclass(frozen=True, slots=True)
class Document:
    """A file's values, and where they stand."""

    data: Any
    lines: dict[KeyPath, int]
    problems: tuple[Problem, ...]

    def line(self, path: KeyPath) -> int | None:
        """Line of the key, or of the nearest key around it that is in the file."""
        while path not in self.lines:
            if not path:
                return None
            path = path[:-1]
        return self.lines[path]


class Unreadable(ValueError):
    """Not YAML that we read at all; `problem` says why."""

    def __init__(self, message: str, remedy: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.problem = Problem(key="", value=None, line=line, message=message, remedy=remedy)


def parse(raw: bytes) -> Document:
    """Read one YAML document. Raises Unreadable; a key given twice is a problem of the document."""
    if len(raw) > BYTES_MAX:
        raise Unreadable(f"the file is {len(raw)} bytes long", f"keep it under {BYTES_MAX} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"byte {error.start} is not UTF-8", "save the file as UTF-8") from error
    try:
        _check_events(text)
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise Unreadable("the file is empty", "begin with `deployable: NAME`; deployables/demo.yaml is an example")
        lines: dict[KeyPath, int] = {}
        problems: list[Problem] = []
        data = _value(node, (), loader, lines, problems)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(
            f"this is not YAML: {error.problem or error.context}",
            "look at this line and the one before",
            line=mark.line + 1 if mark else None,
        ) from error
    except yaml.reader.ReaderError as error:
        raise Unreadable(f"this is not YAML: {error.reason}", "remove the character at position " + str(error.position)) from error
    except ValueError as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"a value cannot be read: {error}", "put text that looks like a number or a date in quotes") from error
    return Document(data, lines, tuple(problems))


def _check_events(text: str) -> None:
    """Refuse, before anything is built: aliases (a few lines of them can mean gigabytes), tags, deep nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else None
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Unreadable("anchors (&) and aliases (*) are not read", "write the value out where it is used", line=line)
        if tag := getattr(event, "tag", None):
            raise Unreadable(f"tags such as {tag} are not read", "write the plain value, in quotes if it is a text", line=line)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_MAX:
                raise Unreadable(f"nested more than {DEPTH_MAX} deep", "compare with deployables/demo.yaml", line=line)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _value(node: yaml.Node, path: KeyPath, loader: yaml.SafeLoader, lines: dict[KeyPath, int], problems: list[Problem]) -> Any:
    """The node as plain values. Raises ValueError for a date that is none."""
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), loader, lines, problems) for index, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node)
    result: dict[str, Any] = {}
    for key, line, item in _items(node, loader):
        here = (*path, key)
        if key in result:
            problems.append(
                Problem(
                    key=key_text(here),
                    value=None,
                    line=line,
                    message=f"is given twice, first on line {lines[here]}",
                    remedy="keep one of the two",
                )
            )
            _value(item, here, loader, {}, [])
            continue
        lines[here] = line
        result[key] = _value(item, here, loader, lines, problems)
    return result


def _items(node: yaml.MappingNode, loader: yaml.SafeLoader) -> Iterator[tuple[str, int, yaml.Node]]:
    for key_node, item in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise Unreadable("a key must be a plain word", "put the value after `key:`", line=key_node.start_mark.line + 1)
        key = loader.construct_object(key_node)
        # `on:` and `8080:` are a boolean and a number in YAML; as keys they are meant as words.
        yield key if isinstance(key, str) else value_text(key), key_node.start_mark.line + 1, item
