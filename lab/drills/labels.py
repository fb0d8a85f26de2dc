"""Where words fit in a lane of dots: after a dot, before it, cut off, or nowhere; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SIZE = 10.5  # of the letters, in the drawing's units
_NARROW, _WIDE = frozenset("iljtfrI.,:;'()[]| -!/"), frozenset("mwMWABCDEFGHJKLNOPQRSTUVXYZ_@%&…<>=+→")
_SHARES = (
    0.37,
    0.62,
    0.82,
)  # of the size that a letter takes, narrow, plain or wide: of DejaVu Sans, wider than what most pages are seen in
_CLEAR = 8.0  # from a dot's middle to its words
_CUT_MIN = 6  # letters: less is no word


@dataclass(frozen=True, slots=True)
class Label:
    """Words beside a dot. anchor: `start`, from x to the right, or `end`, up to x."""

    x: float
    words: str
    anchor: str


def width(words: str) -> float:
    narrow, plain, wide = _SHARES
    return SIZE * sum(narrow if letter in _NARROW else wide if letter in _WIDE else plain for letter in words)


def cut(words: str, room: float) -> str:
    """As much of it as fits, with a mark that it goes on; nothing when that is no word any more."""
    if width(words) <= room:
        return words
    kept = words
    while len(kept) >= _CUT_MIN and width(kept + "…") > room:
        kept = kept[:-1]
    return kept.rstrip() + "…" if len(kept) >= _CUT_MIN else ""


def place(dots: Sequence[tuple[float, str]], left: float, right: float) -> list[Label]:
    """dots: each one's x and words, from left to right. left, right: what may be written on."""
    placed = []
    free = left  # from here on nothing is written yet
    for number, (x, words) in enumerate(dots):
        before = max(free, dots[number - 1][0] + _CLEAR if number else left)
        after = (dots[number + 1][0] if number + 1 < len(dots) else right + _CLEAR) - _CLEAR
        room = after - x - _CLEAR
        if width(words) > room and width(words) <= x - _CLEAR - before:
            placed.append(Label(x - _CLEAR, words, "end"))
            free = x + _CLEAR
        elif told := cut(words, room):
            placed.append(Label(x + _CLEAR, told, "start"))
            free = x + _CLEAR + width(told)
    return placed
