"""How systemd writes things down: spans of time, yes and no, quoted words, variables, environment files, lines of a unit.

Follows systemd.syntax(7), systemd.time(7), systemd.unit(5) and systemd.exec(5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

INFINITY = float("inf")
_SPAN = {"us": 1e-6, "usec": 1e-6, "ms": 1e-3, "msec": 1e-3, "": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0}
_SPAN |= {"m": 60.0, "min": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0, "d": 86400.0}


def span(text: str) -> float:
    """Seconds of a systemd.time(7) span such as `90`, `1min 30s`, `500ms`, `infinity`. Raises ValueError."""
    if text.strip() == "infinity":
        return INFINITY
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text)
    if not parts or re.sub(r"(\d+(?:\.\d+)?)\s*([a-z]*)|\s", "", text) or any(unit not in _SPAN for _, unit in parts):
        raise ValueError("is no time span, such as 90, 1min 30s or infinity")
    return sum(float(number) * _SPAN[unit] for number, unit in parts)


def boolean(text: str) -> bool:
    if text.lower() in ("1", "yes", "y", "true", "t", "on"):
        return True
    if text.lower() in ("0", "no", "n", "false", "f", "off"):
        return False
    raise ValueError("is neither yes nor no")


def words(text: str) -> list[str]:
    """Split as systemd.syntax(7) does: white space, either kind of quotes, C escapes. Raises ValueError."""
    result: list[str] = []
    current: str | None = None
    quote = ""
    position = 0
    while position < len(text):
        char = text[position]
        if char == "\\":
            taken, position = _escape(text, position)
            current = (current or "") + taken
            continue
        if quote:
            if char == quote:
                quote = ""
            else:
                current = (current or "") + char
        elif char in "\"'" and (current is None or current.endswith("=")):
            quote, current = char, current or ""
        elif char.isspace():
            if current is not None:
                result.append(current)
            current = None
        else:
            current = (current or "") + char
        position += 1
    if quote:
        raise ValueError(f"has an open {quote}")
    return result if current is None else [*result, current]


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "s": " ", "\\": "\\", '"': '"', "'": "'", "$": "\\$", "%": "%"}


def _escape(text: str, position: int) -> tuple[str, int]:
    name = text[position + 1 : position + 2]
    if name == "x" and re.fullmatch(r"[0-9a-fA-F]{2}", text[position + 2 : position + 4]):
        return chr(int(text[position + 2 : position + 4], 16)), position + 4
    if name not in _ESCAPES:
        raise ValueError(f"has the escape \\{name}, which the lab does not know")
    return _ESCAPES[name], position + 2


def expand(argument: str, environment: Mapping[str, str]) -> list[str]:
    """Variables in one argument of a command line: ${A} in place, a lone $A split at white space, $$ for $."""
    lone = re.fullmatch(r"\$([A-Za-z_]\w*)", argument)
    if lone:
        return environment.get(lone[1], "").split()
    return [re.sub(r"\$\$|\$\{(\w+)\}", lambda m: "$" if m[0] == "$$" else environment.get(m[1], ""), argument)]


def environment_file(text: str) -> dict[str, str]:
    """KEY=VALUE lines as systemd.exec(5) EnvironmentFile= reads them: comments, quotes, no variables. Raises ValueError."""
    result: dict[str, str] = {}
    for number, line in enumerate(text.replace("\\\n", "").splitlines(), 1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        key, separator, value = line.partition("=")
        if not separator or not re.fullmatch(r"[A-Za-z_]\w*", key.strip()):
            raise ValueError(f"line {number} is not KEY=VALUE")
        value = value.strip()
        if len(value) >= 2 and value[0] in "\"'" and value[-1] == value[0]:
            value = value[1:-1]
        result[key.strip()] = value
    return result


def lines(text: str, wrong: list[str]) -> list[tuple[int, str, str, str]]:
    """(line number, section, key, value) of each assignment; continuation lines joined with a blank."""
    result: list[tuple[int, str, str, str]] = []
    section, pending, began = "", "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith(("#", ";")) or (not line and not pending):
            continue
        began = began if pending else number
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        line, pending = pending + line, ""
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            continue
        key, separator, value = line.partition("=")
        if not separator or not section:
            wrong.append(f"line {began}: {line[:80]!r} is no assignment in a section")
            continue
        result.append((began, section, key.strip(), value.strip()))
    return result


def specifiers(value: str, name: str) -> str:
    """%n, %N, %p and %% (systemd.unit(5)); any other raises ValueError."""
    stem = name.removesuffix(".service")
    known = {"%n": name, "%N": stem, "%p": stem, "%%": "%"}

    def replace(match: re.Match[str]) -> str:
        if match[0] not in known:
            raise ValueError(f"has the specifier {match[0]}, which the lab does not know")
        return known[match[0]]

    return re.sub(r"%.?", replace, value)
