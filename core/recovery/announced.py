"""Rules for what only a person can answer: what EC2 says days before that it will do to a machine, and a volume in trouble.

People are told, and choose the hour; what serves is not touched.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instances-status-check_sched.html: an event comes some two weeks ahead, and
what EC2 stops or ends at last is noticed like any other end of a machine.
"""

from __future__ import annotations

from core.recovery.case import Case
from core.recovery.incident import State
from core.recovery.steps import End, Open, Step

SUPPRESSED = State.SUPPRESSED
ANNOUNCED, VOLUME = "EC2 announces ", "the volume "  # how such a reason begins


def news(case: Case) -> Step | None:
    """Asked when nothing else speaks against it. The same, told again, is no news."""
    permit = case.view.permit
    assert permit is not None, "the rules before asked"
    words = _words(case)
    if case.incident.reason == words:
        return None
    return Open(case.node, permit.epoch, words, case.view.now_ms)


def told(case: Case) -> Step:
    return End(SUPPRESSED, lambda: _words(case), "person")


def _words(case: Case) -> str:
    what = case.view.announced
    if what.startswith("vol-"):
        return f"{VOLUME}{what}; {case.node} keeps its state there"
    return f"{ANNOUNCED}{what} for {case.node}: replace it before that, at an hour of your choice (understudy replace)"
