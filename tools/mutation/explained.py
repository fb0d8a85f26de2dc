"""Why a change that no test notices is none that matters, or what a test for it would cost."""

from __future__ import annotations

from collections.abc import Mapping

# By module, operator and a part of what stood there and stands there afterwards; the first that fits.
WHY: tuple[tuple[str, str, str, str], ...] = (
    ("machine", "logic", "rule.state in of", "the rules of a rung answer nothing outside of one: leaving them out only saves asking them"),
    ("machine", "truth", "rung=", "the rules of a rung answer nothing outside of one: leaving them out only saves asking them"),
    ("guards", "logic", "paid is not None", "a confirmed incident that got this far is in the budget, so that there is an entry"),
    ("suspicion", "logic", "failing_since_ms", "two signals mean that the looks fail, so that there is a time since which they do"),
    ("suspicion", "number", "failing_since_ms", "two signals mean that the looks fail, so that there is a time since which they do"),
    ("verifying", "logic", "front is None", "the rule before asked for a front that is not known, so that here it is"),
    ("verifying", "logic", "fresh is None", "the rule before took a look, so that here there is one"),
    (
        "recreating",
        "logic",
        "instance in view.machines",
        "a machine that EC2 does not list counts as gone only when it has been silent as well",
    ),
    ("opening", "logic", "untold_end", "the first half is there because it is the cheaper question"),
    ("opening", "logic", "not of_any", "the second rule left what has no permit: it is asked for the types' sake"),
    ("opening", "logic", "report_moved_ms", "the earlier of two times is taken in any case"),
    ("opening", "number", "report_moved_ms", "the earlier of two times is taken in any case"),
    (
        "isolating",
        "logic",
        "timeout_s is None",
        "whoever has not been forced yet is forced by the rule before, whose time is the shorter one",
    ),
    ("changes", "logic", "sisters or ()", "what fits has sisters, or none, which is the same empty row"),
    ("guards", "logic", "view.rung.along", "alone it needs one replacement, which the guard before has let through"),
    ("opening", "logic", "permit is None", "the second rule left what has no permit: it is asked for the types' sake"),
    ("opening", "logic", "look is None", "what fails outside has a look"),
    ("opening", "logic", "looks is None", "looks are kept only of what was looked at"),
    ("opening", "boundary", "report_moved_ms", "a time that is equal to the other makes no difference which of them is taken"),
    ("opening", "boundary", "known_ms", "a time that is equal to the other makes no difference which of them is taken"),
)
NOT_YET = "not looked into yet"


def why(module: str, survivor: Mapping[str, object]) -> str:
    shown = f"{survivor['before']} -> {survivor['after']}"
    for of, operator, part, said in WHY:
        if (module, survivor["operator"]) == (f"core/recovery/{of}.py", operator) and part in shown:
            return said
    return NOT_YET
