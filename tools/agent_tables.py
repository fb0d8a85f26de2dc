"""python tools/agent_tables.py: write the tables of docs/agent.md that come from code. `--check` only compares."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from spec.schema import json_schema  # noqa: E402  # the repository is not installed: found by the line above
from tools.agent_events import MEANINGS, events  # noqa: E402
from tools.agent_numbers import NUMBERS  # noqa: E402
from tools.agent_words import WORDS_AND_CODES, Table  # noqa: E402
from tools.page import Tables, main, markdown  # noqa: E402

PAGE = ROOT / "docs/agent.md"


# --- settings -----------------------------------------------------------------------------------------------------


FILE = "DeployableFile"


def sections() -> dict[str, Any]:
    """Every section of the file; the file itself is one."""
    schema = json_schema()
    return {FILE: schema, **schema["$defs"]}


def settings(section: str) -> str:
    """One section of the deployable file: key, what it may be, its default, what it means."""
    schema = sections()[section]
    required = set(schema.get("required", ()))
    rows: list[tuple[str, ...]] = []
    for key, value in schema["properties"].items():
        default = "required" if key in required else _default(value.get("default"), value)
        rows.append((f"`{key}`", _kind(value), default, value.get("description", "")))
    return markdown(("key", "value", "default", "meaning"), rows)


def _default(value: object, schema: Mapping[str, Any]) -> str:
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and "pattern" in schema:
        return f"{value:g}s"
    return "" if isinstance(value, dict) else f"{value}"


def _kind(schema: Mapping[str, Any]) -> str:
    """A word or two for a JSON schema."""
    choices = [choice for choice in schema.get("anyOf", schema.get("oneOf", ())) if choice.get("type") != "null"]
    if choices:
        return " or ".join(dict.fromkeys(_kind(choice) for choice in choices))
    if "$ref" in schema:
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", schema["$ref"].rpartition("/")[2].removesuffix("Section")).lower()
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if schema.get("type") == "object":
        return f"map to {_kind(schema['additionalProperties'])}" if isinstance(schema.get("additionalProperties"), dict) else "map"
    if "ms|s|m|h|d" in schema.get("pattern", ""):
        return "duration"
    return {"string": "text", "integer": "number", "boolean": "yes or no", "number": "number"}.get(schema.get("type", ""), "value")


def levels() -> str:
    """What may stand at each threshold, and what follows where the file says nothing."""
    schema = sections()
    rows: list[tuple[str, ...]] = []
    for key, value in schema["ThresholdsSection"]["properties"].items():
        name = re.search(r"#/\$defs/(\w+Level)", str(value))
        assert name is not None, f"thresholds.{key} has no level"
        about = schema[name[1]]["properties"]
        where = f"`{key}: {{PATH: ...}}`" if value.get("type") == "object" else f"`{key}`"
        rows.append((where, about["above"]["description"], about["for"]["default"], about["then"]["default"]))
    return markdown(("threshold", "`above`", "`for`", "`then`"), rows)


# --- everything else ------------------------------------------------------------------------------------------------


def log_lines() -> str:
    """Raises KeyError for an event that nobody has described."""
    found = events()
    assert not MEANINGS.keys() - found.keys(), f"nobody says {sorted(MEANINGS.keys() - found.keys())}"
    return markdown(("event", "keys", "meaning"), [(f"`{event}`", _keys(keys), MEANINGS[event]) for event, keys in found.items()])


def _keys(keys: tuple[str, ...]) -> str:
    return ", ".join(f"`{key}`" for key in keys)


def _fact(make: Callable[[], Table]) -> Callable[[], str]:
    return lambda: markdown(*make())


TABLES: Tables = {
    **{
        f"settings-{section}": (lambda section=section: settings(section))  # type: ignore[misc]  # a lambda with a default
        for section in sections()
    },
    "threshold-levels": levels,
    "log-lines": log_lines,
    **{name: _fact(make) for name, make in (WORDS_AND_CODES | NUMBERS).items()},
}


if __name__ == "__main__":
    sys.exit(main(PAGE, TABLES))
