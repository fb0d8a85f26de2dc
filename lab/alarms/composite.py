"""The rule of a composite alarm: what it says of other alarms' states, and whether it holds.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lab.alarms.expression import Unsupported

_TOKEN = re.compile(r'\s*(?:(ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]+)"|([^\s()"]+))\s*\)|(AND|OR|NOT|TRUE|FALSE|\(|\)))')
_DEPTH_MAX = 10  # far beyond what people write; ours has no parentheses at all

Token = str | tuple[str, str]  # a word, or (the state asked for, of which alarm)


def tokens(rule: str) -> list[Token]:
    """Raises Unsupported for what is no rule."""
    found: list[Token] = []
    at, rule = 0, rule.strip()
    while at < len(rule):
        match = _TOKEN.match(rule, at)
        if match is None:
            raise Unsupported(f"its rule cannot be read from {rule[at : at + 30]!r} on")
        state, quoted, plain, word = match.groups()
        found.append((state, quoted or plain) if state else word)
        at = match.end()
    return found


def children(rule: str) -> tuple[str, ...]:
    """The alarms that a rule asks about, by name or ARN as it says them. Raises Unsupported."""
    return tuple(dict.fromkeys(token[1] for token in tokens(rule) if isinstance(token, tuple)))


def holds(rule: str, states: Mapping[str, str]) -> bool:
    """states: of each alarm, by its name and by its ARN. Raises Unsupported; an alarm that is gone is in no state."""
    reader = _Reader(tokens(rule), states)
    result = reader.either()
    if reader.left:
        raise Unsupported(f"its rule goes on after its end: {reader.left[0]}")
    return result


class _Reader:
    """NOT binds most, then AND, then OR."""

    def __init__(self, found: list[Token], states: Mapping[str, str]) -> None:
        self.left, self._states, self._depth = found, states, 0

    def either(self) -> bool:
        result = self._both()
        while self._took("OR"):
            other = self._both()
            result = result or other
        return result

    def _both(self) -> bool:
        result = self._one()
        while self._took("AND"):
            other = self._one()
            result = result and other
        return result

    def _one(self) -> bool:
        if self._took("NOT"):
            return not self._one()
        if self._took("("):
            self._depth += 1
            if self._depth > _DEPTH_MAX:
                raise Unsupported(f"its rule has more than {_DEPTH_MAX} parentheses in each other")
            result = self.either()
            if not self._took(")"):
                raise Unsupported("its rule lacks a closing parenthesis")
            self._depth -= 1
            return result
        if not self.left:
            raise Unsupported("its rule ends too early")
        asked = self.left.pop(0)
        if isinstance(asked, tuple):
            return self._states.get(asked[1]) == asked[0]
        if asked in ("TRUE", "FALSE"):
            return asked == "TRUE"
        raise Unsupported(f"its rule has {asked} where an alarm belongs")

    def _took(self, word: str) -> bool:
        if self.left and self.left[0] == word:
            self.left.pop(0)
            return True
        return False
