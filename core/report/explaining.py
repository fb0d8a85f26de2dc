"""What a decision was made from, in plain words: one line for each part of what was seen."""

from __future__ import annotations

from core.records import Look, Looks, Report
from core.recovery.outlook import failing_for_s, report_age_s
from core.recovery.snapshot import View

SEEN = {"healthy": "h", "busy": "b", "failing": "F", "unknown": "?"}


def inputs(view: View) -> dict[str, str]:
    """By what it is about, in the order in which a person would ask."""
    found: dict[str, str] = {}
    permit = view.permit
    found["permit"] = f"{permit.instance}, epoch {permit.epoch}" if permit else "nobody holds one"
    found["group"] = _group(view)
    for instance in _about(view):
        found[f"EC2 on {instance}"] = view.state_of(instance)
        found[f"{instance} says"] = _report(view.reports.get(instance), view.looks.get(instance))
        found[f"{instance} seen"] = _looks(view.looks.get(instance))
        if instance in view.fresh:
            fresh = view.fresh[instance]
            found[f"{instance} now"] = f"a look for this very decision: {_look(fresh.look)}"
        request = view.asks(instance)
        if request is not None:
            found[f"{instance} asks"] = f"to be replaced: {request.reason}"
        if instance in view.intents.replace:
            found[f"operator on {instance}"] = f"to be replaced: {view.intents.replace[instance].words}"
    if view.front is not None:
        tried = {True: "answers", False: "does not answer", None: "was not tried"}[view.front.tried]
        found["front"] = f"on {view.front.held_by or 'nobody'}, {tried}"
    replaced = sum(entry.replaced for entry in view.budget.entries)
    found["budget"] = f"{replaced} replacements on the record, {view.assemblies} assemblies on this foundation"
    if view.intents.paused is not None:
        found["paused"] = view.intents.paused.words
    if view.intents.shadow is not None:
        found["shadow mode"] = view.intents.shadow.words
    if view.suspended:
        found["Auto Scaling"] = f"holds still: {', '.join(view.suspended)}"
    return found


def _about(view: View) -> list[str]:
    """The nodes that a decision may be about, the incident's first."""
    incident = view.incident if view.incident is not None and not view.incident.ended else None
    named = [incident.instance, incident.new_instance] if incident else []
    named += [view.permit.instance] if view.permit else []
    return [instance for instance in dict.fromkeys((*named, *sorted(view.members))) if instance]


def _group(view: View) -> str:
    if view.group is None:
        return "there is none"
    members = ", ".join(f"{m.instance} {m.lifecycle}{'' if m.healthy else ' (unhealthy)'}" for m in view.members.values())
    return f"keeps {view.wanted}, has {members or 'none'}"


def _report(report: Report | None, looks: Looks | None) -> str:
    if report is None:
        return "nothing"
    failing = "; ".join(f"{name}: {app.reason or app.verdict.value}" for name, app in report.applications if app.verdict.value != "healthy")
    age_s = report_age_s(looks) if looks else None
    age = "" if age_s is None else f", {age_s:.0f} s old when last looked at"
    return f"{report.phase.value} and {report.verdict.value} under epoch {report.epoch}{f' ({failing})' if failing else ''}{age}"


def _looks(looks: Looks | None) -> str:
    if looks is None or not looks.looks:
        return "never from outside"
    run = "".join(SEEN[look.verdict.value] for look in looks.looks)
    span_s = failing_for_s(looks)
    failing = f", failing for {span_s:.0f} s" if span_s is not None else ""
    return f"from outside {run} (oldest first){failing}; the last: {_look(looks.looks[-1])}"


def _look(look: Look) -> str:
    return f"{look.verdict.value} (HA port: {look.ha}; HTTP: {look.http})"
