"""Whether the database is why an application fails: then it is busy, it is not restarted for it, and it has a budget of its own for that.

Nobody asks the database while all is well: a failure raises a doubt, the doubt has the question put, and the failure counts only once
an answer is there that was asked for after it. So an application that fails by itself is restarted some milliseconds later than before,
and one whose database is failing over is left to reconnect.
"""

from __future__ import annotations

from dataclasses import dataclass

ANSWER_S = 2.0  # one question: look the name up, connect, be answered
EVERY_S = 1.0  # while there is a doubt
DOUBT_S = 3 * ANSWER_S  # without any answer for so long the asker itself is in trouble: the failure counts
GAP_S = 10.0  # nobody asked for longer than this: a silence found now begins now
# From its first answer on, until an application that still fails is restarted for it. RDS says that a failover takes 60 to 120 s and that
# connections must be made again then; an application that holds on to a dead one is helped by a restart, and not before the name leads
# to the new host: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html
RECONNECT_S = 30.0
WORD = "database: "  # how the reason of an application that is busy for it begins; the functions look for it too


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the node's own questions to the database found; times on the agent's monotonic clock, in seconds.

    asked_s: when the last question was put that came to an end. silent_since_s: when the first one was put that was not
    answered, None while it answers. why: how the last one failed. back_s: when it was answered again after a silence.
    """

    asked_s: float = float("-inf")
    silent_since_s: float | None = None
    why: str = ""
    back_s: float | None = None


def after_question(heard: Heard, *, asked_s: float, now_s: float, why: str | None) -> Heard:
    """why: how it failed, None when it was answered."""
    fresh = asked_s - heard.asked_s <= GAP_S
    if why is not None:
        since_s = heard.silent_since_s if fresh else None
        return Heard(asked_s=asked_s, silent_since_s=asked_s if since_s is None else since_s, why=why, back_s=heard.back_s)
    back_s = now_s if heard.silent_since_s is not None else heard.back_s
    return Heard(asked_s=asked_s, back_s=back_s)


def excuse(heard: Heard, *, doubted_s: float, budget_s: float, now_s: float) -> str | None:
    """Why a failure that was first seen at doubted_s does not count, or not yet; None when it is the application's own."""
    if heard.asked_s < doubted_s:
        return f"{WORD}asking whether it answers" if now_s - doubted_s < DOUBT_S else None
    if heard.silent_since_s is not None:
        return f"{WORD}it does not answer ({heard.why})" if now_s - heard.silent_since_s < budget_s else None
    if _reconnecting(heard, now_s):
        return f"{WORD}it answers again, time to reconnect"
    return None


def is_back(heard: Heard, *, doubted_s: float, now_s: float) -> bool:
    """It answered after the doubt, and was silent a moment ago: what ended meanwhile is started, and that is no failure of its own."""
    return heard.asked_s >= doubted_s and heard.silent_since_s is None and _reconnecting(heard, now_s)


def blamed(heard: Heard, failure: str, *, budget_s: float) -> str:
    """The failure's reason, with the database in it when that is silent beyond the budget: whoever escalates must know."""
    if heard.silent_since_s is None:
        return failure
    return f"{WORD}it has not answered for {budget_s:g} s, which is its budget ({heard.why}); {failure}"


def blames_database(reason: str) -> bool:
    """Whether a reason, of an application or of a request to be replaced, names the database."""
    return WORD in reason


def deadline_s(heard: Heard, *, doubted_s: float, budget_s: float) -> tuple[float, ...]:
    """When the clock alone ends an excuse."""
    ends = [doubted_s + DOUBT_S]
    if heard.silent_since_s is not None:
        ends.append(heard.silent_since_s + budget_s)
    if heard.back_s is not None:
        ends.append(heard.back_s + RECONNECT_S)
    return tuple(ends)


def _reconnecting(heard: Heard, now_s: float) -> bool:
    return heard.back_s is not None and now_s - heard.back_s < RECONNECT_S
