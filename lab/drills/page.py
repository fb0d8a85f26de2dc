"""One HTML page of all drills: the table, and a timeline picture with its promises for each. It needs no other file; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape

from lab.drills.drill import Drill
from lab.drills.model import Promise, Result
from lab.drills.picture import NAMES, WIDTH, draw

_STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --soft: #5d6772; --line: #dfe3e8; --panel: #f6f7f9;
  --good: #1a7f4b; --bad: #c0342b; --ours: #2459b3; --theirs: #a8660b; --fault: #8a2fb0; --served: #8fd0ac; }
@media (prefers-color-scheme: dark) { :root { --paper: #13161a; --ink: #e7e9ec; --soft: #9aa4af; --line: #2b3138; --panel: #1b1f25;
  --good: #58c795; --bad: #ff8177; --ours: #7db4ff; --theirs: #e3ae57; --fault: #d79bf5; --served: #2c6a4a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 24px 20px 60px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 0; } p { margin: 4px 0; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); } .verdict { font-weight: 600; }
a { color: inherit; } section { border-top: 1px solid var(--line); margin-top: 34px; padding-top: 22px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; margin: 12px 0; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: 4px 10px 4px 0; text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 500; }
th:first-child, td:first-child { padding-right: 18px; white-space: nowrap; width: 1%; }
th.number, td.number { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap; }
body > .scroll table { min-width: 860px; }
.picture { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; display: flex; margin: 14px 0; overflow-x: auto; }
svg { display: block; height: auto; } svg.names { background: var(--panel); left: 0; position: sticky; z-index: 1; }
svg text { fill: var(--soft); font: 10.5px system-ui, sans-serif; } svg text.lane { fill: var(--ink); font-size: 11.5px; }
svg text.ongap { fill: var(--paper); font-weight: 600; } svg text.said { fill: var(--soft); }
svg line.tick, svg line.row { stroke: var(--line); } svg line.zero { stroke: var(--fault); stroke-dasharray: 4 3; }
svg .ours { fill: var(--ours); } svg .theirs, svg .delay { fill: var(--theirs); } svg .fault { fill: var(--fault); }
svg .delay { opacity: .6; } svg .served { fill: var(--served); } svg .gap { fill: var(--bad); }
.key span { display: inline-block; margin-right: 16px; } .key i { border-radius: 50%; display: inline-block; height: 9px; margin-right: 6px;
  width: 9px; } .key i.bar { border-radius: 2px; width: 18px; }
details { margin: 8px 0; } summary { cursor: pointer; color: var(--soft); } code { font: 13px ui-monospace, monospace; }
"""
_DRAWN_MIN = 860  # pixels: a picture that is narrower cannot be read; it is scrolled then, and the names of its lanes stay
_STYLE += "".join(
    f"svg.{part} {{ flex: 0 0 max({100 * width / WIDTH:.4f}%, {_DRAWN_MIN * width / WIDTH:.2f}px); }}\n"
    for part, width in (("names", NAMES), ("lanes", WIDTH - NAMES))
)
_NUMBERS = ("client's gap, s", "AWS, s", "ours, s", "measured", "limit", "s")  # columns, set to the right
_KEY = (
    ("fault", "dot", "what the drill does"),
    ("ours", "dot", "Understudy: agent and functions"),
    ("theirs", "dot", "AWS, and its own delays"),
    ("served", "bar", "clients are served"),
    ("bad", "bar", "clients are not served"),
)


def page(results: Sequence[Result], drills: Mapping[str, Drill], *, at: float) -> str:
    """at: when it is written, seconds since the Unix epoch."""
    held = sum(result.held for result in results)
    when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    began = sorted(str(result.circumstances["at"]) for result in results if "at" in result.circumstances)
    played = "" if not began else f"on {began[0]}" if began[0] == began[-1] else f"between {began[0]} and {began[-1]}"
    key = "".join(f'<span><i class="{shape}" style="background: var(--{kind})"></i>{words}</span>' for kind, shape, words in _KEY)
    parts = [
        f"<h1>Drills: {held} of {len(results)} held</h1>",
        f'<p class="soft">Played {played} against the template that goes to AWS, on the local cloud. '
        "Times are seconds since the fault.</p>",
        _summary(results),
        f'<p class="soft key">{key}</p>',
        *(_section(result, drills.get(result.drill)) for result in results),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Drills, {when}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _summary(results: Sequence[Result]) -> str:
    rows = []
    for result in results:
        delays = ", ".join(f"{name.replace('_', ' ')} {seconds:.1f}" for name, seconds in result.aws_delays) or "-"
        numbers = "".join(f'<td class="number">{_number(x)}</td>' for x in (result.client_gap_s, result.aws_s, result.ours_s))
        name = f'<a href="#{escape(result.drill)}">{escape(result.drill)}</a>'
        rows.append(f"<tr><td>{name}</td><td>{_verdict(result.held)}</td>{numbers}<td>{escape(delays)}</td></tr>")
    head = ("drill", "promises", "client's gap, s", "AWS, s", "ours, s", "AWS's own delays, s (they overlap)")
    return _table(head, rows)


def _section(result: Result, drill: Drill | None) -> str:
    told = f"<p><b>Fault:</b> {escape(drill.fault)}.</p><p><b>Promise:</b> {escape(drill.promise)}.</p>" if drill else ""
    gap = "" if result.client_gap_s is None else f"The client's gap: {result.client_gap_s:.2f} s, "
    split = "" if result.ours_s is None else f"{result.aws_s:.2f} s of it AWS's own and {result.ours_s:.2f} s ours."
    incident = result.incident
    record = ""
    if incident is not None:
        times = f"detect {incident.detect_s:g} s, decide {incident.decide_s:g} s, act {incident.act_s:g} s, verify {incident.verify_s:g} s"
        record = f"<p><b>Incident:</b> {escape(incident.reason)} ({times}).</p>"
    story = f"<summary>the whole story, {len(result.timeline)} lines</summary>{_story(result)}"
    return (
        f'<section id="{escape(result.drill)}"><h2>{escape(result.drill)} {_verdict(result.held)}</h2>{told}{record}<p>{gap}{split}</p>'
        f'<div class="picture">{draw(result)}</div>'
        + _table(("", "promise", "measured", "limit"), [_promise(promise) for promise in result.promises])
        + f"<details>{story}</details>{_circumstances(result)}</section>"
    )


def _story(result: Result) -> str:
    """Every moment; whose it is, where there are several assemblies."""
    several = any(moment.about for moment in result.timeline)
    rows = [
        f'<tr><td class="number">{moment.at_s:.2f}</td><td>{escape(moment.who)}</td>'
        + (f"<td>{escape(moment.about)}</td>" if several else "")
        + f"<td>{escape(moment.what)}</td></tr>"
        for moment in result.timeline
    ]
    return _table(("s", "who", "assembly", "what") if several else ("s", "who", "what"), rows)


def _circumstances(result: Result) -> str:
    there = result.circumstances
    if not there:
        return ""
    told = f"{there.get('at')}, version {there.get('version')}, {there.get('cores')} processors, load {there.get('load')}"
    return f'<p class="soft">Played on {escape(result.deployable)}: {escape(told)}.</p>'


def _promise(promise: Promise) -> str:
    unit = "" if promise.unit == "count" else f" {promise.unit}"
    limit = f"{'=' if promise.unit == 'count' else '≤'} {_number(promise.limit)}{unit}"
    measured = "-" if promise.measured is None else f"{_number(promise.measured)}{unit}"
    return (
        f'<tr><td>{_verdict(promise.held)}</td><td>{escape(promise.name)}</td><td class="number">{escape(measured)}</td>'
        f'<td class="number">{escape(limit)}</td></tr>'
    )


def _verdict(held: bool) -> str:
    return '<span class="verdict good">held</span>' if held else '<span class="verdict bad">BROKEN</span>'


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def _table(head: Sequence[str], rows: Sequence[str]) -> str:
    cells = "".join(f"<th{' class=number' if cell in _NUMBERS else ''}>{escape(cell)}</th>" for cell in head)
    return f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
