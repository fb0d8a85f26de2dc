"""The mapping as YAML text that a person goes on with: what there is to say and to fill in stands above its key."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from spec.problems import KeyPath

COLUMNS = 120
Comments = Mapping[KeyPath, Sequence[str]]


def printed(data: Mapping[str, Any], comments: Comments) -> str:
    """comments: by the key that they stand above; () is the head of the file. Each stands exactly once, or it is a bug."""
    head = [line for text in comments.get((), ()) for line in _comment(text, 0)]
    body = list(_mapping(data, (), 0, comments))
    return "\n".join([*head, *([""] if head else []), *body]) + "\n"


def _mapping(data: Mapping[str, Any], path: KeyPath, indent: int, comments: Comments) -> Iterator[str]:
    space = " " * indent
    for key, value in data.items():
        here = (*path, key)
        nested = _is_nested(value, here, comments)
        for about in [here] if nested else [each for each in comments if each[: len(here)] == here]:
            for text in comments.get(about, ()):
                yield from _comment(text, indent)
        if not nested:
            yield f"{space}{_flow(key)}: {_flow(value)}"
        elif isinstance(value, dict):
            yield f"{space}{_flow(key)}:"
            yield from _mapping(value, here, indent + 2, comments)
        else:
            yield f"{space}{_flow(key)}:"
            yield from _items(value, here, indent + 2, comments)


def _items(items: Sequence[Mapping[str, Any]], path: KeyPath, indent: int, comments: Comments) -> Iterator[str]:
    """Mappings in a list: what is said of one as a whole stands above its dash."""
    for index, item in enumerate(items):
        here = (*path, index)
        for text in comments.get(here, ()):
            yield from _comment(text, indent)
        first = True
        for line in _mapping(item, here, indent + 2, comments):
            if first and line.lstrip().startswith("#"):
                line = line[2:]
            elif first:
                line, first = f"{' ' * indent}- {line[indent + 2 :]}", False
            yield line


def _is_nested(value: Any, path: KeyPath, comments: Comments) -> bool:
    """Whether it takes lines of its own: what is short and has nothing said of its parts stands on one."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value) and (path[-1] in ("assemblies", "applications"))
    if not isinstance(value, dict):
        return False
    return any(len(each) > len(path) and each[: len(path)] == path for each in comments) or len(_flow(value)) > COLUMNS - 40


def _comment(text: str, indent: int) -> list[str]:
    """Text of the XML may be in it: nothing in it may end the line."""
    plain = "".join(character if character.isprintable() else "?" for character in text)
    mark = f"{' ' * indent}# "
    return textwrap.wrap(plain, max(COLUMNS, indent + 40), initial_indent=mark, subsequent_indent=mark, break_on_hyphens=False)


def _flow(value: Any) -> str:
    """On one line: where YAML would break it at a character of the text, that is written as an escape."""
    text = _dumped(value, unicode=True)
    return text if text.isprintable() else _dumped(value, unicode=False)


def _dumped(value: Any, *, unicode: bool) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=2**31, sort_keys=False, allow_unicode=unicode)
    return text.removesuffix("\n").removesuffix("\n...")
