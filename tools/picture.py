"""Draws what tools.picture_read read of a template, as SVG; docs/deploy.md shows the demo's."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from html import escape

from tools.picture_read import Box, Kind, Picture, Place

# In pixels. Wide enough for what stands in a box at the size below; a text that is longer is broken into lines.
BOX_W, GAP_X, GAP_Y, MARGIN, HEAD = 250, 190, 16, 24, 78
LINE, PAD = 16, 10
CHARS = 38
COLOURS = {Kind.WAKES: "#2b6cb0", Kind.CALLS: "#805ad5", Kind.KEEPS: "#2f855a", Kind.CHANGES: "#c53030"}
FILLS = {Place.WAKES: "#ebf8ff", Place.FUNCTIONS: "#faf5ff", Place.KEPT: "#f0fff4", Place.NETWORK: "#fffaf0"}
COLUMNS = (Place.WAKES, Place.FUNCTIONS, Place.KEPT)  # the network stands below what is kept
MEANINGS = {
    Kind.WAKES: "wakes",
    Kind.CALLS: "invokes, or sends a message to",
    Kind.KEEPS: "writes into (its own items and prefixes)",
    Kind.CHANGES: "changes (only what bears our tag)",
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A box with its place on the page."""

    box: Box
    x: float
    y: float
    lines: tuple[str, ...]
    titles: int

    @property
    def height(self) -> float:
        return 2 * PAD + LINE * len(self.lines)

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def draw(picture: Picture) -> str:
    """The whole page; the same picture gives the same text."""
    drawn, frame = _placed(picture)
    right = max(one.x for one in drawn.values()) + BOX_W + MARGIN + 60
    bottom = max(one.y + one.height for one in drawn.values()) + MARGIN
    height = bottom + 30 + LINE * len(MEANINGS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right:g} {height:g}" width="{right:g}" height="{height:g}" '
        'font-family="sans-serif" font-size="12">',
        f"<title>{escape(picture.title)}</title>",
        f'<rect width="{right:g}" height="{height:g}" fill="white"/>',
        _text(MARGIN, MARGIN + 8, picture.title, size=15, bold=True),
        *(_text(_column_x(index), HEAD - 14, place.value, bold=True) for index, place in enumerate(COLUMNS)),
        *_frame(frame, picture.network),
        *(_arrow(drawn[arrow.source], drawn[arrow.target], arrow.kind) for arrow in picture.arrows),
        *(part for one in drawn.values() for part in _box(one)),
        *_legend(bottom + 24),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _column_x(index: int) -> float:
    return MARGIN + index * (BOX_W + GAP_X)


def _placed(picture: Picture) -> tuple[Mapping[str, Drawn], tuple[float, float, float]]:
    """Boxes by id, and the network's frame: left, top and bottom."""
    drawn: dict[str, Drawn] = {}
    for index, place in enumerate(COLUMNS):
        ends = float(HEAD)
        for box in (box for box in picture.boxes if box.place is place):
            ends = _put(drawn, box, _column_x(index), ends)
    last = len(COLUMNS) - 1
    top = ends + 26
    y = top + 34.0
    for box in (box for box in picture.boxes if box.place is Place.NETWORK):
        y = _put(drawn, box, _column_x(last), y)
    _spread(drawn, picture)
    return drawn, (_column_x(last) - 14, top, y)


def _spread(drawn: dict[str, Drawn], picture: Picture) -> None:
    """Functions stand over the whole height, each about where that is which wakes it."""
    bottom = max(one.y + one.height for one in drawn.values())

    def wanted(one: Drawn) -> tuple[float, str]:
        near = [drawn[a.source].middle for a in picture.arrows if a.target == one.box.id and drawn[a.source].box.place is Place.WAKES]
        return (sum(near) / len(near) if near else bottom, one.box.title)

    functions = sorted((one for one in drawn.values() if one.box.place is Place.FUNCTIONS), key=wanted)
    if not functions:
        return
    gap = (bottom - HEAD - sum(one.height for one in functions)) / len(functions)
    y = HEAD + gap / 2
    for one in functions:
        drawn[one.box.id] = replace(one, y=round(y, 1))
        y += one.height + gap


def _put(drawn: dict[str, Drawn], box: Box, x: float, y: float) -> float:
    """Where the next one below begins."""
    titles = textwrap.wrap(box.title, CHARS - 4)
    lines = [part for line in box.lines for part in textwrap.wrap(line, CHARS)]
    drawn[box.id] = Drawn(box, x, y, (*titles, *lines), len(titles))
    return y + drawn[box.id].height + GAP_Y


def _box(one: Drawn) -> Iterator[str]:
    yield (
        f'<rect x="{one.x:g}" y="{one.y:g}" width="{BOX_W}" height="{one.height:g}" rx="6" fill="{FILLS[one.box.place]}" stroke="#4a5568"/>'
    )
    for number, line in enumerate(one.lines):
        yield _text(one.x + PAD, one.y + PAD + LINE * number + 11, line, bold=number < one.titles)


def _frame(frame: tuple[float, float, float], text: str) -> Iterator[str]:
    left, top, bottom = frame
    yield (
        f'<rect x="{left:g}" y="{top:g}" width="{BOX_W + 28:g}" height="{bottom - top:g}" rx="8" fill="none" '
        'stroke="#718096" stroke-dasharray="6 4"/>'
    )
    for number, line in enumerate(textwrap.wrap(text, CHARS + 4)):
        yield _text(left + 8, top + 14 + 14 * number, line)


def _arrow(source: Drawn, target: Drawn, kind: Kind) -> str:
    """From the side that faces the other box; within a column, around its right side."""
    if source.x == target.x:
        begin = end = source.x + BOX_W
        bend = (begin + 46, end + 46)
    elif source.x < target.x:
        begin, end = source.x + BOX_W, target.x
        bend = (begin + GAP_X / 2, end - GAP_X / 2)
    else:
        begin, end = source.x, target.x + BOX_W
        bend = (begin - GAP_X / 2, end + GAP_X / 2)
    colour = COLOURS[kind]
    tip = -5 if source.x < target.x else 5
    return (
        f'<path d="M{begin:g} {source.middle:g} C{bend[0]:g} {source.middle:g} '
        f'{bend[1]:g} {target.middle:g} {end + tip:g} {target.middle:g}" '
        f'fill="none" stroke="{colour}" stroke-opacity="0.75"/>'
        f'<path d="M{end:g} {target.middle:g} l{2 * tip} -4 v8 z" fill="{colour}"/>'
    )


def _legend(y: float) -> Iterator[str]:
    for number, (kind, meaning) in enumerate(MEANINGS.items()):
        at = y + LINE * number
        yield f'<path d="M{MARGIN} {at - 4:g} h30" stroke="{COLOURS[kind]}" stroke-width="2"/>'
        yield _text(MARGIN + 40, at, meaning)


def _text(x: float, y: float, text: str, *, size: int = 12, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}"{weight}>{escape(text)}</text>'
