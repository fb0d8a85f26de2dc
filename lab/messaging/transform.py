"""What a target receives: the event, a part of it, a constant, or a template filled from it.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any


def target_input(target: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """The body for one target of a rule, as text."""
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath"):
        return json.dumps(lookup(target["InputPath"], event))
    if target.get("InputTransformer"):
        return _fill(target["InputTransformer"], event)
    return json.dumps(event)


def lookup(path: str, event: Mapping[str, Any]) -> Any:
    """`$.detail.items[0]`: names and indexes, which is what EventBridge's own paths are. None where nothing is."""
    value: Any = event
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path.removeprefix("$")):
        if name:
            value = value.get(name) if isinstance(value, Mapping) else None
        else:
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
    return value


def _fill(transformer: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    values = {name: lookup(path, event) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    values["aws.events.event.json"] = dict(event)
    values["aws.events.event"] = {key: value for key, value in event.items() if key != "detail"}
    # Within quotes a placeholder becomes bare text; elsewhere it becomes a JSON value.
    pieces = re.split(r'("(?:[^"\\]|\\.)*")', str(transformer["InputTemplate"]))
    return "".join(re.sub(r"<([A-Za-z0-9_.-]+)>", _filler(values, quoted=piece.startswith('"')), piece) for piece in pieces)


def _filler(values: Mapping[str, Any], *, quoted: bool) -> Callable[[re.Match[str]], str]:
    def put(match: re.Match[str]) -> str:
        if match[1] not in values:
            return match[0]
        value = values[match[1]]
        if not quoted:
            return json.dumps(value)
        return json.dumps(value if isinstance(value, str) else json.dumps(value))[1:-1]

    return put
