"""The incident's machine as one table: each row is a rule, and of a state's rows the first that has an answer decides.

docs/recovery.md draws its diagram and prints its table from this one (tools/recovery_tables.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.recovery import announced, facts, guards, isolating, ladder, last_moment, limping, opening, recreating, suspicion, verifying
from core.recovery.case import Case
from core.recovery.incident import State
from core.recovery.steps import End, Step

NONE = "none"  # no incident is open
ANY = "any"  # every state of an open one: asked before the state's own rows


@dataclass(frozen=True, slots=True)
class Rule:
    """state: a State, NONE or ANY. to: the state that it leads to, None: it stays where it is.

    given: the facts without which it is not asked (core.recovery.facts).
    deadline: the field of Policy that its `when` counts by, "" for none. why: the promise, the design's guard or the AWS page behind it.
    """

    state: str
    name: str
    when: str
    what: str
    decide: Callable[[Case], Step | None]
    why: str
    to: State | None = None
    deadline: str = ""
    given: int = 0


ESCALATED = State.ESCALATED


def too_old(case: Case) -> Step:
    return End(ESCALATED, f"not solved within {case.policy.incident_s:g} s: stuck while {case.incident.state}", "person")


EC2_STATES = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html"
SUSPECTED, CONFIRMED, ISOLATING, RECREATING, VERIFYING = (
    State.SUSPECTED, State.CONFIRMED, State.ISOLATING, State.RECREATING, State.VERIFYING
)  # fmt: skip

# fmt: off
RULES: tuple[Rule, ...] = (
    Rule(NONE, "end-untold", "the last one ended and people who must hear of it have not", "tell them", opening.end_untold,
         "whoever heard of its beginning hears of its end, whatever call died", given=facts.UNTOLD),
    Rule(NONE, "never-permitted", "no node ever held a permit", "leave it", opening.never_permitted,
         "the first node is let in by admit_node", given=facts.UNPERMITTED),
    Rule(NONE, "taken-down", "there is no group, or it is to keep no node", "leave it", opening.taken_down,
         "somebody deletes or empties it on purpose", given=facts.TAKEN_DOWN),
    Rule(NONE, "called", "a sister's incident leads the deployable's rung and takes it along", "open one", ladder.called,
         "one failure, one leading incident, and a record for each assembly", SUSPECTED, given=facts.CALLED),
    Rule(NONE, "one-too-many", "its group has room for more than one, and recovery is not paused", "keep one", limping.one_too_many,
         "whoever launched another one first has ended, or died", given=facts.ROOMY),
    Rule(NONE, "given-up", "the last one of this node ended unsolved", "leave it", opening.given_up,
         "people know; the same trouble is not reported every minute (after `exhausted`: `budget_window_s`)", deadline="quiet_s",
         given=facts.UNSOLVED),
    Rule(NONE, "pause-recorded", "recovery is paused, or in shadow mode, and that was recorded", "leave it", opening.pause_recorded,
         "one record a pause is enough", deadline="quiet_s", given=facts.DOUBTED),
    Rule(NONE, "gone", "EC2 says that the permit's holder is gone", "open one", opening.gone, EC2_STATES, SUSPECTED, given=facts.GONE),
    Rule(NONE, "operator", "an operator wants the permit's holder replaced", "open one", opening.operator, "`understudy replace`",
         SUSPECTED, given=facts.OPERATED),
    Rule(NONE, "missed", "the holder before it ended unreleased, and no incident tells of it", "open one", opening.missed,
         "whoever was faster, history is complete", SUSPECTED, given=facts.SUCCEEDED),
    Rule(NONE, "starting", "it is in its launch hook", "leave it", opening.starting, "its start grace is admit_node's to bound",
         given=facts.STARTING),
    Rule(NONE, "retiring", "its group retires it", "leave it", opening.retiring, "retire_node has it", given=facts.RETIRING),
    Rule(NONE, "asks", "it asks to be replaced, under its epoch", "open one", opening.asks, "the agent's rung is spent", SUSPECTED,
         given=facts.REQUESTED),
    Rule(NONE, "doubt-known", "one signal, of which people were told", "leave it", opening.doubt_known,
         "one signal alone is no news", deadline="quiet_s", given=facts.ONE_SIGNAL),
    Rule(NONE, "look-first", "a signal, and no look was taken for this call", "take one", opening.look_first,
         "what was kept may be a sweep old, and over by now", given=facts.NOT_LOOKED),
    Rule(NONE, "fails-inside", "its reports fail or are silent", "open one", opening.fails_inside, "it is looked at again", SUSPECTED,
         given=facts.BAD_INSIDE),
    Rule(NONE, "fails-outside", "looks from outside fail", "open one", opening.fails_outside, "it is looked at again", SUSPECTED,
         given=facts.FAILS_OUTSIDE),
    Rule(NONE, "announced", "EC2 announces an end of it, or its volume is in trouble", "open one", announced.news,
         "people choose the hour, and history is complete", SUSPECTED, given=facts.NEWS),
    Rule(NONE, "well", "else", "leave it", opening.well, "it is not suspected"),

    Rule(ANY, "too-old", "it is open for too long", "end it, a person is needed", too_old, "every incident ends",
         State.ESCALATED, "incident_s", given=facts.OLD),

    Rule(ANY, "join", "a sister's rung takes it along and no new node of it is permitted yet", "tie it to that one", ladder.join,
         "late, repeated and concurrent troubles join it", given=facts.CALLED),

    Rule(SUSPECTED, "gone", "EC2 says that the node is gone", "confirm", suspicion.gone, EC2_STATES, CONFIRMED, given=facts.GONE),
    Rule(SUSPECTED, "superseded", "another node holds the permit", "drop it", suspicion.superseded, "what is suspected runs nothing",
         State.SUPPRESSED, given=facts.SUCCEEDED),
    Rule(SUSPECTED, "starting", "the node is in its launch hook", "wait", suspicion.starting, "guard 2: start grace", given=facts.STARTING),
    Rule(SUSPECTED, "operator", "an operator wants it replaced", "confirm", suspicion.operator, "needs no second signal", CONFIRMED,
         given=facts.OPERATED),
    Rule(SUSPECTED, "taken-along", "the rung that it is tied to goes on", "confirm", ladder.taken_along,
         "nothing is wrong with it: the leading incident had its signals", CONFIRMED, given=facts.FOLLOWS),
    Rule(SUSPECTED, "asks", "it asks to be replaced, under its epoch", "confirm", suspicion.asks, "needs no second signal", CONFIRMED,
         given=facts.REQUESTED),
    Rule(SUSPECTED, "third-look", "no look was taken within", "take one", suspicion.third_look, "the third look, right before the act",
         deadline="look_fresh_s", given=facts.UNSEEN),
    Rule(SUSPECTED, "agent-at-it", "two signals, but its agent speaks and answers, for as long as `start_grace`", "wait",
         suspicion.agent_at_it, "the first rung is the agent's", given=facts.BOTH_SIGNALS),
    Rule(SUSPECTED, "two-signals", "its reports fail or are silent, looks have failed for so long, and so did the third", "confirm",
         suspicion.two_signals, "guard 3: one hiccup is not two signals", CONFIRMED, "looks_failing_s", given=facts.BOTH_SIGNALS),
    Rule(SUSPECTED, "announced", "EC2 announces an end of it, or its volume is in trouble", "end it, a person is needed", announced.told,
         "a node that serves is not touched for it", State.SUPPRESSED, given=facts.NEWS),
    Rule(SUSPECTED, "well-again", "it reports well and the third look is answered", "drop it", suspicion.well_again, "it is over",
         State.SUPPRESSED, given=facts.WELL),
    Rule(SUSPECTED, "paused", "an operator has paused recovery, and it is not certain", "record only", suspicion.paused,
         "guard 1: who knows is at work there", State.SUPPRESSED, given=facts.PAUSED),
    Rule(SUSPECTED, "disagreement", "it reports well and fails from outside for so long, and `on_disagreement: replace`", "confirm",
         suspicion.disagreement, "the file says so", CONFIRMED, "disagreement_s", given=facts.DISAGREED),
    Rule(SUSPECTED, "tell-doubt", "the same, for so long", "tell people", suspicion.tell_doubt, "told beforehand", deadline="doubt_s",
         given=facts.UNTOLD_DOUBT | facts.LONG),
    Rule(SUSPECTED, "disagrees", "the same", "wait", suspicion.disagrees, "guard 3", deadline="disagreement_s", given=facts.DISAGREES),
    Rule(SUSPECTED, "busy", "it reports busy, for at most", "wait", suspicion.busy, "guard 4: its own budget", deadline="busy_s",
         given=facts.BUSY_INSIDE),
    Rule(SUSPECTED, "one-signal", "one signal only, for so long", "end it, a person is needed", suspicion.one_signal,
         "guard 3: one signal: look again, then page", State.SUPPRESSED, "doubt_s", given=facts.LONG),
    Rule(SUSPECTED, "look-again", "else", "wait", suspicion.look_again, "guard 3", deadline="look_fresh_s"),

    Rule(CONFIRMED, "paused", "an operator has paused recovery", "record only, a person is needed", guards.paused,
         "guard 1: it stays down, and Auto Scaling is held too", State.SUPPRESSED, given=facts.PAUSED),
    Rule(CONFIRMED, "weighed-again", "it was only taken along, and who leads the rung is suspected again", "wait", ladder.weighed_again,
         "no kill for what may be over", given=facts.TAKEN_ALONG),
    Rule(CONFIRMED, "called-off", "it was only taken along, and the rung is over", "drop it", ladder.called_off,
         "a healthy node is left alone", State.SUPPRESSED, given=facts.TAKEN_ALONG),
    Rule(CONFIRMED, "paid-along", "the rung that it is tied to goes on", "isolate", ladder.paid_along,
         "the leading incident passed the guards and paid for all", ISOLATING, given=facts.FOLLOWS),
    Rule(CONFIRMED, "boot-loop", "so many replacements in a row did not live", "end it, a person is needed", guards.boot_loop,
         "guard 7: another one would die too", State.ESCALATED, "boot_loop", given=facts.TRIED),
    Rule(CONFIRMED, "meltdown", "so many assemblies and such a share of them went down within the window", "end it, a person is needed",
         guards.meltdown, "guard 6: no failure of single nodes", State.EXHAUSTED, "meltdown_nodes", given=facts.MELTDOWN),
    Rule(CONFIRMED, "budget-spent", "so many replacements were made within the window", "end it, a person is needed", guards.budget_spent,
         "guard 6", State.EXHAUSTED, "budget_replacements", given=facts.SPENT),
    Rule(CONFIRMED, "shadow", "shadow mode is on, and it is not in the budget yet", "record only", guards.shadow,
         "guard 1: all is decided, and nothing done", State.SUPPRESSED, given=facts.UNPAID | facts.SHADOWED),
    Rule(CONFIRMED, "rung-unpaid", "it is past its `tolerance`, and its whole deployable does not fit into what is left",
         "end it, a person is needed", guards.rung_unpaid, "guard 6: all or nothing", State.EXHAUSTED, "budget_replacements",
         given=facts.SISTERS),
    Rule(CONFIRMED, "none-to-be-had", "it serves on, and no other node was ready within", "end it, a person is needed",
         limping.none_to_be_had, "guard 8: no kill before another one is to be had", ESCALATED, "limping_s", given=facts.IN_VAIN),
    Rule(CONFIRMED, "tell-limping", "it serves on, and no other node was ready within", "tell people", limping.tell_limping,
         "no capacity, or a limit", deadline="fence_page_s", given=facts.WAITS_LONG),
    Rule(CONFIRMED, "launch-first", "it serves on, and its group keeps one", "have it launch another", limping.launch_first,
         "guard 8: what EC2 has is known when it has given it", given=facts.ALONE),
    Rule(CONFIRMED, "next-awaited", "it serves on, and no other node is ready", "wait", limping.awaited,
         "guard 8: ready is who has booted and waits for the permit", given=facts.SERVES_ON),
    Rule(CONFIRMED, "pay", "it is not in the budget yet", "enter it", guards.pay, "paid for before anything is touched",
         given=facts.UNPAID),
    Rule(CONFIRMED, "past-tolerance", "more replacements than the assembly's `tolerance`", "go on, and say so", guards.past_tolerance,
         "the next rung", ISOLATING),
    Rule(CONFIRMED, "go-on", "else", "isolate", guards.go_on, "within the budget", ISOLATING),

    Rule(ISOLATING, "weighed-again", "it was only taken along, still runs, and who leads the rung is suspected again", "wait",
         ladder.weighed_again, "no kill for what may be over", given=facts.TAKEN_ALONG),
    Rule(ISOLATING, "called-off", "it was only taken along, still runs, and the rung is over", "drop it", ladder.called_off,
         "a healthy node is left alone", State.SUPPRESSED, given=facts.TAKEN_ALONG),
    Rule(ISOLATING, "tell-rung", "it leads a rung and people do not know yet", "tell them", ladder.tell_rung, "once for all assemblies",
         given=facts.LEADS | facts.UNTOLD),
    Rule(ISOLATING, "call-sisters", "some have not taken note of the rung that it leads", "wake them, again after so long",
         ladder.call_sisters, "a call that is lost costs time only", deadline="call_again_s", given=facts.LEADS | facts.DEAF),
    Rule(ISOLATING, "evidence", "it is not kept yet", "keep it", isolating.evidence, "in the bucket before the kill", given=facts.UNKEPT),
    Rule(ISOLATING, "later-first", "those of the rung that start later still run", "wait, so long at most", ladder.later_first,
         "what needs it stops before it does", deadline="rung_stop_s", given=facts.LATER),
    Rule(ISOLATING, "retire", "it was only taken along", "have its group end it", ladder.retire,
         "it goes offline cleanly, its state is saved", given=facts.TAKEN_ALONG),
    Rule(ISOLATING, "down", "it leads, and EC2 says `terminated`", "record it", ladder.down, "those that start before it wait for this",
         given=facts.NOT_DOWN | facts.DEAD),
    Rule(ISOLATING, "all-down", "it leads, and others of the rung still run", "wait, so long at most", ladder.all_down,
         "nobody is let in before", deadline="rung_stop_s", given=facts.STILL),
    Rule(ISOLATING, "reboot-database", "nodes said that the database does not answer, and it is Multi-AZ and available",
         "reboot it with failover", ladder.reboot_database,
         "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RebootDBInstance.html", given=facts.BLAMED),
    Rule(ISOLATING, "database-away", "the database is not available", "wait, so long at most", ladder.database_away,
         "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html", deadline="database_s",
         given=facts.DATABASE),
    Rule(ISOLATING, "fenced", "EC2 says `terminated`", "recreate", isolating.fenced, "what is `stopped` may be started", RECREATING,
         given=facts.DEAD),
    Rule(ISOLATING, "retiring", "a healthy node goes offline", "wait, so long at most", ladder.retiring, "then it is fenced",
         deadline="retire_s", given=facts.GOING),
    Rule(ISOLATING, "own-look", "looks were the cause, and this call has not looked itself within, and the 10 s that evidence takes",
         "take a look", last_moment.own_look, "the third look is by whoever acts: another call may have died before it did",
         deadline="look_fresh_s", given=facts.NOT_OURS),
    Rule(ISOLATING, "holds-no-more", "what it was confirmed on holds no more", "weigh it again", last_moment.holds_no_more,
         "a healthy node is never touched, however late the hand comes", SUSPECTED, given=facts.UNFENCED),
    Rule(ISOLATING, "fence", "nobody has terminated it yet", "terminate it", isolating.fence,
         "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html", given=facts.UNFENCED),
    Rule(ISOLATING, "tell-open", "people do not know yet", "tell them", isolating.tell_open, "after the kill: clients wait for that one",
         given=facts.UNTOLD),
    Rule(ISOLATING, "force", "it is not terminated after", "terminate it by force", isolating.force,
         "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html", deadline="force_after_s",
         given=facts.UNFORCED),
    Rule(ISOLATING, "unconfirmed", "EC2 has not confirmed within", "page", isolating.unconfirmed, "nothing else may start before it does",
         deadline="fence_page_s", given=facts.UNPAGED),
    Rule(ISOLATING, "proceed", "`fence_timeout` is a time, and EC2 has not confirmed within it", "recreate", isolating.proceed,
         "its user chose to risk two at once", RECREATING, "fence_timeout_s", given=facts.MAY_PROCEED),
    Rule(ISOLATING, "wait", "else", "wait", isolating.wait, "prefer none over two"),

    Rule(RECREATING, "tell-open", "people do not know yet", "tell them", isolating.tell_open, "a machine that was gone had no kill",
         given=facts.UNTOLD),
    Rule(RECREATING, "nudge", "its group takes the old node for in service", "tell the group", recreating.nudge,
         "its own check takes minutes", given=facts.LINGERS),
    Rule(RECREATING, "tell-often", "it is past its `tolerance`", "page", guards.tell_often, "it is replaced all the same",
         given=facts.ABOVE),
    Rule(RECREATING, "boot-loop", "so many replacements in a row did not live", "end it, a person is needed", guards.boot_loop,
         "guard 7", State.ESCALATED, "boot_loop", given=facts.TRIED),
    Rule(RECREATING, "died", "a replacement is gone before it served", "count it", recreating.died, "guard 7",
         given=facts.LOSES),
    Rule(RECREATING, "late", "no new node runs after so long and `start_grace`", "page", recreating.late, "no capacity, or a limit",
         deadline="fence_page_s"),
    Rule(RECREATING, "unpermitted", "nobody holds the next permit yet", "wait", recreating.unpermitted, "admit_node gives it",
         given=facts.UNPERMITTED),
    Rule(RECREATING, "runs", "the new holder reports running under its epoch, and is not gone", "verify", recreating.runs,
         "the permit's epoch", VERIFYING),
    Rule(RECREATING, "idle", "the new holder was let in, and does not run after so long", "end it", recreating.idle,
         "it is suspected itself then", ESCALATED, "verify_s"),
    Rule(RECREATING, "not-up-yet", "else", "wait", recreating.not_up_yet, "admit_node bounds its start"),

    Rule(VERIFYING, "lost", "the new node is gone, or its permit is", "recreate again", verifying.lost, "one more try", RECREATING,
         given=facts.LOST),
    Rule(VERIFYING, "too-late", "something is still missing after so long (`new_target_s` more for an NLB)", "end it, a person is needed",
         verifying.too_late, "the next rung", State.ESCALATED, "verify_s", given=facts.OVERDUE),
    Rule(VERIFYING, "not-well", "it does not report running and well", "wait", verifying.not_well, "applications answer",
         given=facts.UNWELL),
    Rule(VERIFYING, "not-in-service", "its group does not have it in service", "wait", verifying.not_in_service, "a new node in service",
         given=facts.OUTSIDE),
    Rule(VERIFYING, "front-away", "the front is not on it", "have it moved", verifying.front_away, "move_front alone touches addresses",
         given=facts.FRONT_UNSEEN),
    Rule(VERIFYING, "front-silent", "the front was tried and does not answer", "wait", verifying.front_silent, "tried where it can be",
         given=facts.FRONT_UNSEEN),
    Rule(VERIFYING, "front-seen", "the front is on it", "record how that is known", verifying.front_seen, "tried, or read back",
         given=facts.FRONT_UNSEEN),
    Rule(VERIFYING, "look", "no look was taken within", "take one", verifying.look, "seen from outside", deadline="look_fresh_s",
         given=facts.UNSEEN),
    Rule(VERIFYING, "unanswered", "the look is not answered", "wait", verifying.unanswered, "seen from outside", given=facts.UNANSWERED),
    Rule(VERIFYING, "not-all-over", "it leads a rung of which some incident is open", "wait", ladder.not_all_over,
         "recovered is said of the whole deployable", given=facts.NOT_OVER),
    Rule(VERIFYING, "not-all-serve", "it leads a rung of which some assembly did not recover", "end it, a person is needed",
         ladder.not_all_serve, "the last rung", State.ESCALATED, given=facts.NOT_OVER),
    Rule(VERIFYING, "recovered", "else", "end it", verifying.recovered, "all was seen", State.RECOVERED),
)
# fmt: on
