"""Why a change that no test notices is none that matters, or what a test for it would cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

# By module, operator and a part of what stood there and stands there afterwards; the first that fits.
WHY: tuple[tuple[str, str, str, str], ...] = (
    ("facts", "number", "== PERSON) else 0", "that bit is `too-old`'s, which is no rule while no incident is open"),
    ("facts", "logic", "last.state is not RECOVERED", "a short cut: what is of another permit, and of no try, is only asked so in vain"),
    ("facts", "logic", "rung.later", "a short cut: the rule asks that itself, and has no answer then"),
    ("facts", "logic", "rung.blamed", "a short cut: the rule asks that itself, and has no answer then"),
    ("facts", "condition", "seen.leaving", "of a suspected node no rule goes by it"),
    ("facts", "word", "Cause.GONE", "nothing in this module goes by that name"),
    ("facts", "word", "Verdict.BUSY", "nothing in this module goes by that name"),
    ("facts", "number", "1 << n", "another number for a fact, which no other fact of that state has"),
    ("weighing", "number", "return 0", "that bit is `too-old`'s, and its rule stands before all that is weighed"),
    ("weighing", "number", "announced else 0", "that bit is `too-old`'s, which is no rule while no incident is open"),
    ("weighing", "number", "doubt_ms else 0", "that bit is `too-old`'s, and its rule stands before all that is weighed"),
    ("weighing", "logic", "if most < 1", "a policy refuses a budget of none: it is asked lest the last but none be looked up"),
    ("weighing", "logic", "if left < most", "a short cut: without sisters the rule has no answer"),
    ("weighing", "boundary", "if left < most", "a short cut: without sisters the rule has no answer"),
    ("weighing", "logic", "budget.down_ms[-others]", "a short cut that holds for fewer: what is counted afterwards decides"),
    ("weighing", "number", "budget.down_ms)", "a short cut that holds for fewer: what is counted afterwards decides"),
    ("weighing", "number", "policy.meltdow", "a short cut that holds for fewer: what is counted afterwards decides"),
    ("weighing", "number", "meltdown_share", "a short cut that holds for fewer: what is counted afterwards decides"),
    ("weighing", "arithmetic", "policy.meltdown_share", "a short cut that holds for fewer: what is counted afterwards decides"),
    ("facts", "number", "28))", "another number for a fact, which no other fact of that state has"),
    ("facts", "logic", "last.epoch < permit.epoch", "a short cut: the rule asks that itself, and has no answer then"),
    ("facts", "boundary", "last.epoch < permit.epoch", "a short cut: the rule asks that itself, and has no answer then"),
    ("facts", "boundary", "rebooted_ms > incident", "of two equal times it makes no difference which of them is taken"),
    ("ladder", "logic", "led_by != ''", "it is asked of what is tied to a rung, whose name is not empty"),
    ("outlook", "number", "silent_ms or 0", "one millisecond of what is said in whole seconds"),
    ("intents", "number", "3600000", "a 3,600th of a second of what is said in tenths of an hour"),
    ("steps", "logic", "isinstance(other, Reasoned)", "what one kind of step has to say, no other kind has"),
    ("facts", "number", "2 << n", "other numbers for the same facts, which no others of that state have"),
    ("limping", "logic", "rung_of(view", "a short cut: no rung is reached before its tolerance is spent"),
    ("seen", "logic", "forgotten = machine is None", "it is asked for of what EC2 does not list alone"),
    ("seen", "number", "NEVER_MS = -1", "any time below nought is less than what is waited for"),
    ("seen", "number", "failing_ms or 0", "one millisecond of a time that is only for the record"),
    ("seen", "number", "silent_ms or 0", "one millisecond of a time that is only for the record"),
    ("seen", "boundary", "known_ms", "a time that is equal to the other makes no difference which of them is taken"),
    ("machine", "boundary", "facts.WEIGHED", "of no state the first rule that is weighed needs the lowest of these facts alone"),
    ("guards", "logic", "paid is not None", "a confirmed incident that got this far is in the budget, so that there is an entry"),
    ("suspicion", "logic", "failing_ms or 0", "two signals mean that the looks fail, so that there is a span"),
    ("suspicion", "number", "failing_ms or 0", "two signals mean that the looks fail, so that there is a span"),
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
    ("isolating", "logic", "timeout_s is None", "it is asked only where the file names a time"),
    ("machine", "truth", "strict=True", "both are two long"),
    ("snapshot", "logic", "is_open(self.leader)", "whether there is one is asked there as well: it stands here for the types' sake"),
    ("outlook", "logic", "age_s is None", "of no looks there is no age either: it is asked for the types' sake"),
    ("volumes", "truth", "TROUBLE.get", "what is not in the table ends in the next line"),
    ("changes", "logic", "sisters or ()", "what fits has sisters, or none, which is the same empty row"),
    ("opening", "logic", "permit is None", "the second rule left what has no permit: it is asked for the types' sake"),
    ("opening", "logic", "looks is None", "looks are kept only of what was looked at"),
    ("snapshot", "number", "room: int = 1", "a default for tests: who reads the world says what it found"),
    ("snapshot", "number", "assemblies: int = 1", "a default for tests: who reads the world says what it found"),
    ("mending", "logic", "permit is not None and seen.moved", "without a permit there is no report: it is asked for the types' sake"),
    (
        "ladder",
        "logic",
        "permit is not None and case.view.permit.instance",
        "who leads a rung had a permit: it is asked for the types' sake",
    ),
    (
        "ladder",
        "logic",
        "return leader is not None and is_open",
        "whether there is one is asked there as well: it stands here for the types' sake",
    ),
    (
        "rung",
        "logic",
        "return leader is not None and is_open",
        "whether there is one is asked there as well: it stands here for the types' sake",
    ),
    ("snapshot", "logic", "goes_on(self", "whether there is one is asked there as well: it stands here for the types' sake"),
    ("policy", "condition", "is_integer", "the same number, of another type"),
    ("incident", "boundary", "NOTES_MAX", "of exactly so many the first ones and the last ones are all of them"),
    ("opening", "boundary", "known_ms", "a time that is equal to the other makes no difference which of them is taken"),
)
NOT_YET = "not looked into yet"


def why(module: str, survivor: Mapping[str, object]) -> str:
    shown = f"{survivor['before']} -> {survivor['after']}"
    for of, operator, part, said in WHY:
        if (Path(module).stem, survivor["operator"]) == (of, operator) and part in shown:
            return said
    return NOT_YET
