"""Why a change that no test notices is none that matters, or what a test for it would cost."""

from __future__ import annotations

from collections.abc import Mapping

# By module, operator and a part of what stood there and stands there afterwards; the first that fits.
WHY: tuple[tuple[str, str, str, str], ...] = (
    ("facts", "number", "given = 0", "that bit is `too-old`'s, which is no rule while no incident is open"),
    ("facts", "number", "announced else 0", "that bit is `too-old`'s, and its rule stands before all that is weighed"),
    ("facts", "number", "doubt_s", "that bit is `too-old`'s, and its rule stands before all that is weighed"),
    ("facts", "logic", "IN_SERVICE", "a short cut: who is in service neither starts nor leaves, and is only asked so in vain"),
    ("machine", "boundary", "facts.WEIGHED", "of no state the first rule that is weighed needs the lowest of these facts alone"),
    ("guards", "logic", "paid is not None", "a confirmed incident that got this far is in the budget, so that there is an entry"),
    ("suspicion", "logic", "failing_ms or 0", "two signals mean that the looks fail, so that there is a span"),
    ("suspicion", "number", "failing_ms or 0", "two signals mean that the looks fail, so that there is a span"),
    ("opening", "number", "silent_ms or 0", "one millisecond of a time that is only for the record"),
    (
        "recreating",
        "logic",
        "permit.instance in view.members",
        "the members were looked at by the loop before: it would only be done twice",
    ),
    ("verifying", "logic", "front is None", "the rule before asked for a front that is not known, so that here it is"),
    ("verifying", "logic", "fresh is None", "the rule before took a look, so that here there is one"),
    (
        "recreating",
        "logic",
        "instance in view.machines",
        "a machine that EC2 does not list counts as gone only when it has been silent as well",
    ),
    ("opening", "logic", "not of_any", "the second rule left what has no permit: it is asked for the types' sake"),
    (
        "isolating",
        "logic",
        "timeout_s is None",
        "whoever has not been forced yet is forced by the rule before, whose time is the shorter one",
    ),
    ("changes", "logic", "sisters or ()", "what fits has sisters, or none, which is the same empty row"),
    ("opening", "logic", "permit is None", "the second rule left what has no permit: it is asked for the types' sake"),
    ("opening", "logic", "looks is None", "looks are kept only of what was looked at"),
    ("incident", "boundary", "NOTES_MAX", "of exactly so many the first ones and the last ones are all of them"),
    ("opening", "boundary", "known_ms", "a time that is equal to the other makes no difference which of them is taken"),
)
NOT_YET = "not looked into yet"


def why(module: str, survivor: Mapping[str, object]) -> str:
    shown = f"{survivor['before']} -> {survivor['after']}"
    for of, operator, part, said in WHY:
        if (module, survivor["operator"]) == (f"core/recovery/{of}.py", operator) and part in shown:
            return said
    return NOT_YET
