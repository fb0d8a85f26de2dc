"""What people read about an incident: plain text, complete by itself."""

from __future__ import annotations

from core.incident import Incident, State

SUBJECT_CHARS_MAX = 99  # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: fewer than 100 ASCII characters
NOTES_SHOWN = 25


def notice(incident: Incident, what: str, reason: str) -> tuple[str, str]:
    """(subject, message). what: `open`, `page`, `late`, `often` or `end`."""
    name = f"{incident.deployable}/{incident.assembly}"
    headline = {
        "open": f"{name}: replacing {incident.instance}",
        "page": f"{name}: a person is needed",
        "late": f"{name}: a person is needed",
        "often": f"{name}: replaced too often, a person is needed",
        "end": f"{name}: {'a person is needed' if _needs_person(incident) else incident.state.value}",
    }[what]
    lines = [
        headline + ".",
        "",
        f"Why: {reason}",
        f"What to do: {_advice(incident, what)}",
        "",
        f"Incident {incident.id}, {incident.state.value}, noticed by {incident.woken_by}.",
        f"Node {incident.instance}, epoch {incident.epoch}."
        + (f" Now {incident.new_instance}, epoch {incident.new_epoch}." if incident.new_instance else ""),
    ]
    known = {k.removesuffix("_s"): v for k, v in incident.durations().items() if v is not None}
    if known:
        lines.append("Seconds: " + ", ".join(f"{k} {v:.1f}" for k, v in known.items()) + ".")
    if incident.escalated_to:
        lines.append(f"Escalated to: {incident.escalated_to}.")
    if incident.evidence:
        lines += ["Evidence in the bucket:", *(f"  {key}" for key in incident.evidence)]
    lines += ["", "What happened, in seconds since it was noticed:"]
    lines += [f"  {(n.at_ms - incident.opened_ms) / 1000:8.1f}  {n.who}: {n.what}" for n in incident.notes[-NOTES_SHOWN:]]
    subject = f"[understudy] {headline}".encode("ascii", "replace").decode()[:SUBJECT_CHARS_MAX]
    return subject, "\n".join(lines) + "\n"


def _needs_person(incident: Incident) -> bool:
    return incident.escalated_to == "person"


def _advice(incident: Incident, what: str) -> str:
    if what == "page":
        return "look at the instance in EC2; the replacement starts as soon as EC2 says it is terminated."
    if what == "late":
        return "look at the group's activities in Auto Scaling (no capacity, a limit reached?) and at the console of its new instance."
    if what == "often":
        return "find out why its machines keep failing; it is replaced all the same, as long as the budget lasts."
    if what == "open":
        return "nothing; another message follows when it ends."
    if incident.state is State.RECOVERED:
        return "nothing; it serves again."
    if _needs_person(incident):
        return "look at it: nothing more is done by itself."
    return "nothing."
