"""Java's properties and the ten mz.ha ones, written once more: a character at a time, after java.util.Properties.load(Reader).

https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/Properties.html#load(java.io.Reader)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

BLANK = " \t\f"
CONTINUATION = re.compile(r"(?:\\\n[ \t\f]*)+")  # lines are joined before escapes are read: one may be cut by it


class Malformed(Exception):
    """A \\u without its four digits."""


def parse(text: str) -> dict[str, str]:
    """Character by character, with three questions: a line's beginning? escaped? in the key?"""
    text = text.replace("\r\n", "\n").replace("\r", "\n") + "\n"
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        while at < len(text) and text[at] in BLANK + "\n":
            at += 1
        if at == len(text):
            break
        if text[at] in "#!":
            at = text.index("\n", at) + 1
            continue
        key, at, ended = _part(text, at, "=:" + BLANK)
        if not ended:
            at = _blanks(text, at)
            if text[at] in "=:":
                at = _blanks(text, at + 1)
            value, at, _ = _part(text, at, "")
        elif key:
            value = ""
        else:
            continue  # nothing but a continuation: no line at all
        # Half a character (an escaped surrogate alone) is none: a file of ours is read as text.
        found[_whole(key)] = _whole(value)
    return found


def _blanks(text: str, at: int) -> int:
    """Past blanks, and past a continuation among them: the next line's leading blanks belong to it."""
    while True:
        while text[at] in BLANK:
            at += 1
        if text[at] == "\\" and text[at + 1] == "\n" and at + 2 < len(text):
            at += 2
            continue
        return at


def _part(text: str, at: int, stops: str) -> tuple[str, int, bool]:
    """A key or a value from here; where it ended; whether the line ended with it."""
    out = ""
    while True:
        char = text[at]
        if char == "\n":
            return out, at + 1, True
        if char in stops:
            return out, at, False
        at += 1
        if char != "\\":
            out += char
            continue
        char = text[at]
        at += 1
        if char == "\n":
            if at == len(text):
                return out, at, True
            while text[at] in BLANK:
                at += 1
        elif char == "u":
            digits = ""
            while len(digits) < 4:
                continued = CONTINUATION.match(text, at)
                at = continued.end() if continued and continued.end() < len(text) else at
                if text[at] not in "0123456789abcdefABCDEF":
                    raise Malformed(digits)
                digits += text[at]
                at += 1
            out += chr(int(digits, 16))
        else:
            out += {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}.get(char, char)


def _whole(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


# --- the ten properties ------------------------------------------------------------------------------------------

COUNTS = {  # property: (counter, bound)
    "mz.ha.min_activations": ("activations", "at_least"),
    "mz.ha.max_aborts": ("aborts", "at_most"),
    "mz.ha.min_consumes": ("consumes", "at_least"),
    "mz.ha.min_number_of_transactions": ("transactions", "at_least"),
}
NEEDED = "mz.ha.min_activations_for_aborts"
OTHERS = ("mz.ha.enabled", "mz.ha.host", "mz.ha.port", "mz.ha.log_file", "mz.ha.interval")


@dataclass(frozen=True)
class Meaning:
    """What ten properties mean. key: which one is wrong, then nothing else is told."""

    key: str | None = None
    port: tuple[int, str, str | None] | None = None
    rules: frozenset[tuple[str, str, int, tuple[str, int] | None]] = frozenset()
    interval_s: float = 40.0
    raised: bool = False


def meaning(properties: Mapping[str, str]) -> Meaning | set[str]:
    """The meaning, or the keys of which one must be named: any that is wrong may be the one that is reported."""
    wrong = {key for key in properties if key.startswith("mz.ha.") and key not in (*COUNTS, NEEDED, *OTHERS)}
    given = {key: value.strip() for key, value in properties.items() if value.strip()}
    enabled = given.get("mz.ha.enabled", "false").lower()
    wrong |= {"mz.ha.enabled"} if enabled not in ("true", "false") else set()
    counts = {}
    for key in (*COUNTS, NEEDED):
        number = _number(given.get(key, "-1"))
        if number is None or number < -1:
            wrong.add(key)
        else:
            counts[key] = number
    interval = _number(given.get("mz.ha.interval", "40"))
    wrong |= {"mz.ha.interval"} if interval is None else set()
    port = _number(given["mz.ha.port"]) if "mz.ha.port" in given else None
    if ("mz.ha.port" in given and (port is None or not 1 <= port <= 65535)) or (enabled == "true" and "mz.ha.port" not in given):
        wrong.add("mz.ha.port")
    host = given.get("mz.ha.host", "127.0.0.1")
    wrong |= {"mz.ha.host"} if not _is_host(host) else set()
    log = given.get("mz.ha.log_file")
    wrong |= {"mz.ha.log_file"} if log is not None and not log.startswith("/") else set()
    if counts.get(NEEDED, -1) >= 0 and counts.get("mz.ha.max_aborts", -1) == -1 and "mz.ha.max_aborts" not in wrong:
        wrong.add(NEEDED)
    if wrong:
        return wrong
    assert interval is not None
    needs = ("activations", counts[NEEDED]) if counts[NEEDED] >= 0 else None
    rules = {(name, bound, counts[key], needs if name == "aborts" else None) for key, (name, bound) in COUNTS.items() if counts[key] != -1}
    if enabled == "false":
        return Meaning(raised=interval < 40)
    assert port is not None
    return Meaning(port=(port, host, log), rules=frozenset(rules), interval_s=max(40.0, float(interval)), raised=interval < 40)


def _number(text: str) -> int | None:
    """A whole number of 32 bits, as the properties' own language has them."""
    if not text or text.lstrip("+-") != text[len(text) - len(text.lstrip("+-")) :] or len(text) - len(text.lstrip("+-")) > 1:
        return None
    digits = text.lstrip("+-")
    if not digits or any(char not in "0123456789" for char in digits) or len(digits) > 10:
        return None
    value = int(text)
    return value if abs(value) <= 2**31 - 1 else None


def _is_host(text: str) -> bool:
    """An IPv4 address or a name by RFC 1123, with the underscore that people use. The generator makes no IPv6 beyond ::1."""
    if text == "::1":
        return True
    labels = text.split(".")
    if all(label.isascii() and label.isdigit() for label in labels):
        return len(labels) == 4 and all(str(int(label)) == label and int(label) <= 255 for label in labels)
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    return len(text) <= 253 and all(label and len(label) <= 63 and set(label) <= allowed and label[0] != "-" for label in labels)
