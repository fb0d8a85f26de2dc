"""A drill's timeline as a drawing: who did what when, the client's gap, and what of it was AWS's own; pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from functools import partial
from html import escape
from itertools import pairwise

from lab.drills import labels
from lab.drills.model import Moment, Result, Span

WIDTH, _LEFT, _RIGHT = 1080, 150, 20  # of the drawing, in its own units; the page scales it
NAMES = _LEFT - 8  # so far go the lanes' names
_ROW, _BAR, _DOT, _AXIS = 24, 12, 4, 26
_SHARED_S = 1.0  # a gap that is shorter is nobody's wait
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
_TICKS_MAX = 14
# Lanes from top to bottom; whoever is not named here stands between ours and AWS's.
_OURS = (
    *("agent", "probe_nodes", "tick", "recover_assembly", "retire_node", "admit_node", "move_front", "record_event"),
    *("application", "people"),
)
_AWS = ("alarm", "group", "ec2")
_TOLD_ELSEWHERE = ("client", "aws")  # as bars
# Where several assemblies are struck, what becomes of one stands in its own lane: its machines, and of many also what is done about it.
_OF_ONE = frozenset({"agent", "ec2"})
_OF_ONE_OF_MANY = _OF_ONE | {"group", "alarm", "recover_assembly", "retire_node", "admit_node", "move_front"}
_MANY = 3


def span_s(result: Result) -> tuple[float, float]:
    """From when to when it is drawn, in seconds since the fault."""
    ends = [moment.at_s for moment in result.timeline] + [span.end_s for span in result.spans]
    starts = [0.0, *(moment.at_s for moment in result.timeline), *([result.gap.start_s] if result.gap else [])]
    last = max([1.0, *ends, *([result.gap.end_s] if result.gap else [])])
    return max(-5.0, min(starts)), last * 1.02


def draw(result: Result) -> str:
    """Two SVG elements beside each other, the lanes' names and the lanes, so that the names can stay while the lanes are scrolled.

    Without any colour of their own: the page's style sheet gives them those.
    """
    start, end = span_s(result)
    lanes = _lanes(result.timeline)
    names = sorted(lanes, key=partial(_place, {moment.about for moment in result.timeline}))
    delays = list(dict.fromkeys(span.name for span in sorted(result.spans, key=lambda span: span.start_s)))
    shared = result.gap is not None and result.gap.end_s - result.gap.start_s >= _SHARED_S
    rows = ["client", *(["whose time"] if shared else []), *names, *(f"AWS: {name.replace('_', ' ')}" for name in delays)]
    height = 2 * _AXIS + _ROW * len(rows)
    axis = _Axis(start, end)
    parts = [*_grid(axis, height), *_client(result, axis, _AXIS)]
    y = _AXIS + _ROW
    if shared:
        parts += _whose(result, axis, y)
        y += _ROW
    for name in names:
        parts += _lane(name, lanes[name], axis, y)
        y += _ROW
    for name in delays:
        parts += _delay(name, [span for span in result.spans if span.name == name], axis, y)
        y += _ROW
    told = "".join(_text(_LEFT - 10, _AXIS + _ROW * row + 16, name, "lane", "end") for row, name in enumerate(rows))
    title = escape(f"timeline of {result.drill}")
    return (
        f'<svg class="names" viewBox="0 0 {NAMES} {height}" aria-hidden="true">{told}</svg>'
        f'<svg class="lanes" viewBox="{NAMES} 0 {WIDTH - NAMES} {height}" role="img" aria-label="{title}">{"".join(parts)}</svg>'
    )


class _Axis:
    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end

    def x(self, at_s: float) -> float:
        share = (min(max(at_s, self.start), self.end) - self.start) / (self.end - self.start)
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)

    def ticks(self) -> list[float]:
        step = next((s for s in _STEPS_S if (self.end - self.start) / s <= _TICKS_MAX), _STEPS_S[-1])
        first = -int(-self.start // step)
        return [round(n * step, 3) for n in range(first, int(self.end / step) + 1)]


def kind_of(who: str) -> str:
    """`fault`, `ours` or `theirs`: the style's classes."""
    if who in ("drill", "lab"):
        return "fault"
    return "theirs" if who in _AWS or who.startswith("i-") else "ours"


def _lanes(moments: Iterable[Moment]) -> dict[str, list[Moment]]:
    """Each lane's moments, in order."""
    told = [moment for moment in moments if moment.who not in _TOLD_ELSEWHERE]
    struck = {moment.about for moment in told if moment.about and _is_machine(moment.who)}
    of_one = _OF_ONE_OF_MANY if len(struck) >= _MANY else _OF_ONE
    lanes: dict[str, list[Moment]] = {}
    for moment in told:
        own = len(struck) > 1 and moment.about in struck and (moment.who in of_one or _is_machine(moment.who))
        lanes.setdefault(moment.about if own else moment.who, []).append(moment)
    return lanes


def _is_machine(who: str) -> bool:
    return who.startswith("i-")


def _place(assemblies: Container[str], lane: str) -> tuple[int, int, str]:
    """Ours first, then each assembly's, single machines' as they come, and AWS's; small-9 before small-10."""
    order = ("drill", *_OURS)
    place = (
        order.index(lane)
        if lane in order
        else 200 + _AWS.index(lane)
        if lane in _AWS
        else 100
        if lane in assemblies
        else 110
        if _is_machine(lane)
        else 150
    )
    return (place, len(lane), lane) if place == 100 else (place, 0, "")


def _text(x: float, y: float, words: str, kind: str, anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _bar(axis: _Axis, y: float, start: float, end: float, kind: str, title: str) -> str:
    x = axis.x(start)
    width = max(1.5, axis.x(end) - x)
    top = y + (_ROW - _BAR) / 2
    return f'<rect x="{x:g}" y="{top:g}" width="{width:g}" height="{_BAR}" rx="2" class="{kind}"><title>{escape(title)}</title></rect>'


def _grid(axis: _Axis, height: float) -> list[str]:
    parts = []
    for at in axis.ticks():
        x, kind = axis.x(at), "zero" if at == 0 else "tick"
        parts.append(f'<line x1="{x:g}" x2="{x:g}" y1="{_AXIS - 6}" y2="{height - _AXIS + 6}" class="{kind}"/>')
        parts += [_text(x, y, f"{at:g} s", "scale", "middle") for y in (_AXIS - 10, height - 8)]
    return parts


def _client(result: Result, axis: _Axis, y: float) -> list[str]:
    gap = result.gap
    if gap is None:
        return [_bar(axis, y, axis.start, 0.0, "served", "served"), _bar(axis, y, 0.0, axis.end, "gap", "never answered again")]
    told = f"not served for {gap.end_s - gap.start_s:.2f} s"
    parts = [
        _bar(axis, y, axis.start, gap.start_s, "served", "served"),
        _bar(axis, y, gap.end_s, axis.end, "served", "served"),
        _bar(axis, y, gap.start_s, gap.end_s, "gap", told),
    ]
    middle, room = (axis.x(gap.start_s) + axis.x(gap.end_s)) / 2, axis.x(gap.end_s) - axis.x(gap.start_s)
    return [*parts, _text(middle, y + 16, told, "ongap", "middle")] if room > labels.width(told) + 8 else parts


def _whose(result: Result, axis: _Axis, y: float) -> list[str]:
    """The gap again: what of it AWS's own delays cover, and what is left, which is ours."""
    gap = result.gap
    assert gap is not None
    title = f"ours: {result.ours_s or 0.0:.2f} s"
    parts = [_bar(axis, y, gap.start_s, gap.end_s, "ours", title)]
    for share in result.aws_shares:
        parts.append(_bar(axis, y, share.start_s, share.end_s, "theirs", f"AWS's: {share.end_s - share.start_s:.2f} s"))
    words = f"AWS's {result.aws_s:.1f} s, ours {result.ours_s or 0.0:.1f} s"
    before, after = axis.x(gap.start_s) - 8, axis.x(gap.end_s) + 8
    if WIDTH - _RIGHT - after > labels.width(words):
        return [*parts, _text(after, y + 16, words, "said")]
    if before - _LEFT > labels.width(words):
        return [*parts, _text(before, y + 16, words, "said", "end")]
    ends = [gap.start_s, *(end for share in result.aws_shares for end in (share.start_s, share.end_s)), gap.end_s]
    longest = max(pairwise(ends), key=lambda part: part[1] - part[0])
    return [*parts, _text(axis.x(longest[0]) + 8, y + 16, words, "ongap")]


def _lane(name: str, moments: Sequence[Moment], axis: _Axis, y: float) -> list[str]:
    middle = y + _ROW / 2
    parts = [f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{middle:g}" y2="{middle:g}" class="row"/>']
    for moment in moments:
        said = moment.what if name == moment.who else f"{moment.who}: {moment.what}"
        about = f"{moment.about}: " if moment.about not in ("", name) else ""
        title = escape(f"{moment.at_s:.2f} s: {about}{said}")
        x, kind = axis.x(moment.at_s), kind_of(moment.who)
        parts.append(f'<circle cx="{x:g}" cy="{middle:g}" r="{_DOT}" class="{kind}"><title>{title}</title></circle>')
    told = labels.place([(axis.x(moment.at_s), moment.what) for moment in moments], _LEFT + 4, WIDTH - 2)
    return parts + [_text(label.x, y + 16, label.words, "said", label.anchor) for label in told]


def _delay(name: str, spans: Sequence[Span], axis: _Axis, y: float) -> list[str]:
    words = name.replace("_", " ")
    return [_bar(axis, y, s.start_s, s.end_s, "delay", f"AWS: {words} of {s.subject}, {s.end_s - s.start_s:.1f} s") for s in spans]
