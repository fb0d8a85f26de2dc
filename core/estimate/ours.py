"""What else Understudy adds a month: watching the watchers, acting on failures, and keeping what was seen.

A feature that brings something to pay for adds a function here and a row to `ADDED`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from core.estimate.detection import polls_a_minute
from core.estimate.lines import HOURS_A_MONTH, MINUTES_A_MONTH, Group, Line, Paid, Pricing, Rates
from core.model import Deployable

# Metrics that alarms for people read, each paid for; docs/decisions/alarms-and-their-price.md.
ALARMS = {"silent sweeps": 1, "lost work": 1, "functions' errors": 4, "throttles": 2, "waiting steps": 1}
REPLACEMENTS_A_MONTH = 4  # assumed, and generous: what is paid for by the incident must not look free
# What one replacement takes of the functions that act, by the timeline of `understudy drill kill-instance` with AWS's own waits.
ACTING_S = 115.0  # recover_assembly 60, admit_node 45, retire_node 5, move_front 5
ACTING_MB = 512
ACTING_CALLS = 12
EVIDENCE_PUTS = 6  # an incident's: what was seen, the console, the journal
EVIDENCE_GB = 0.01  # assumed: three months of it
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html counts two a publisher and five minutes; so seldom, two a message.
KEY_REQUESTS_A_MESSAGE = 2
EVENTS_A_REPLACEMENT = 2  # when its incident opens and when it ends
# Charged by the hour in which something was sent, says https://aws.amazon.com/cloudwatch/pricing/ of custom metrics.
PHASES = 4  # metrics of an incident: core.names.METRIC_PHASES
PHASE_HOURS = 1.0  # each is said once, when it ends
MESSAGES_A_REPLACEMENT = 2  # when it begins and when it ends
EACH = Paid.DEPLOYABLE  # what comes with the failures of each
TABLE_GB = 0.003  # a few items of 1 KB an assembly, its incidents, and the steps of three months of them
STEPS = 40  # decisions that an incident is recorded with: kill-instance makes some thirty
STEP_KB = 4.0  # of one, as stored: a view of the assembly and the settings


def ours(deployable: Deployable, rates: Rates) -> Iterator[Line]:
    pricing = Pricing(rates, Group.OURS)
    for lines in ADDED:
        yield from lines(deployable, pricing)


def _watcher(_: Deployable, pricing: Pricing) -> Iterator[Line]:
    """Silence of the sweeps. They are the foundation's, so that one metric and one alarm speak for all that is on it."""
    yield pricing.line("metrics", "Sweeps", 1, "cloudwatch_metric", "1: completed sweeps")
    yield pricing.line("alarms", "of our own", sum(ALARMS.values()), "cloudwatch_alarm", _metrics_read())
    how = "1: people hear once of functions in trouble, however many of those ring"
    yield pricing.line("alarms", "for people", 1, "cloudwatch_alarm_composite", how)


def _metrics_read() -> str:
    return "metrics: " + ", ".join(f"{many} {what}" for what, many in ALARMS.items())


def _steps(_: Deployable, pricing: Pricing) -> Iterator[Line]:
    """The queue of incidents' delayed steps: nearly always empty, and polled all the same."""
    how = f"{polls_a_minute(0):g} polls a minute, empty or not"
    yield pricing.line("queue", "steps of incidents", polls_a_minute(0) * MINUTES_A_MONTH, "sqs_request", how)


def _acting(_: Deployable, pricing: Pricing) -> Iterator[Line]:
    how = f"{REPLACEMENTS_A_MONTH} replacements a month (assumed)"
    yield pricing.line("functions", "replacements: calls", REPLACEMENTS_A_MONTH * ACTING_CALLS, "lambda_request", how, paid=EACH)
    gb_s = REPLACEMENTS_A_MONTH * ACTING_S * ACTING_MB / 1024
    how = f"{how}, {ACTING_S:g} s each at {ACTING_MB} MB"
    yield pricing.line("functions", "replacements: time", gb_s, "lambda_gb_second", how, paid=EACH)


def _recorded(_: Deployable, pricing: Pricing) -> Iterator[Line]:
    """Each decision of an incident, with what it was made from."""
    how = f"{STEPS} steps of {STEP_KB:g} KB for each of {REPLACEMENTS_A_MONTH} replacements"
    yield pricing.line("table", "steps of incidents", REPLACEMENTS_A_MONTH * STEPS * STEP_KB, "dynamodb_write", how, paid=EACH)


def _kept(_: Deployable, pricing: Pricing) -> Iterator[Line]:
    """What is at rest: the table's items and their continuous backup, the evidence."""
    yield pricing.line("table", "at rest", TABLE_GB, "dynamodb_stored_gb", f"{TABLE_GB:g} GB (assumed)", paid=EACH)
    yield pricing.line("table", "point-in-time recovery", TABLE_GB, "dynamodb_recovery_gb", "of the same", paid=EACH)
    yield pricing.line("bucket", "evidence", EVIDENCE_GB, "s3_stored_gb", f"{EVIDENCE_GB:g} GB (assumed)", paid=EACH)
    how = f"{EVIDENCE_PUTS} for each of {REPLACEMENTS_A_MONTH} replacements"
    yield pricing.line("bucket", "evidence put", EVIDENCE_PUTS * REPLACEMENTS_A_MONTH, "s3_put", how, paid=EACH)


def _told(deployable: Deployable, pricing: Pricing) -> Iterator[Line]:
    many = len(deployable.notify)
    how = f"{MESSAGES_A_REPLACEMENT} for each of {REPLACEMENTS_A_MONTH} replacements to {many or 'no'} address{'' if many == 1 else 'es'}"
    messages = MESSAGES_A_REPLACEMENT * REPLACEMENTS_A_MONTH
    yield pricing.line("topic", "e-mails", messages * many, "sns_email", how, paid=EACH)
    yield pricing.line("key", "of the topic", 1, "kms_key", "1: AWS's own key for topics lets no alarm publish")
    how = f"{KEY_REQUESTS_A_MESSAGE} for each of {messages} messages"
    yield pricing.line("key", "requests", KEY_REQUESTS_A_MESSAGE * messages, "kms_request", how, paid=EACH)


def _announced(_: Deployable, pricing: Pricing) -> Iterator[Line]:
    """To programs and dashboards."""
    how = f"{EVENTS_A_REPLACEMENT} for each of {REPLACEMENTS_A_MONTH} replacements"
    yield pricing.line("bus", "events of incidents", EVENTS_A_REPLACEMENT * REPLACEMENTS_A_MONTH, "eventbridge_event", how, paid=EACH)
    metrics = PHASES * PHASE_HOURS * REPLACEMENTS_A_MONTH / HOURS_A_MONTH
    how = f"{PHASES} for {PHASE_HOURS:g} hour of each of {REPLACEMENTS_A_MONTH} replacements: metrics are paid for by the hour"
    yield pricing.line("metrics", "phases of incidents", metrics, "cloudwatch_metric", how, paid=EACH)


def _screen(deployable: Deployable, pricing: Pricing) -> Iterator[Line]:
    """Looking at it is not counted: a query of the log costs by what it reads, and that is little."""
    if deployable.dashboard:
        yield pricing.line("dashboard", "one screen", 1, "cloudwatch_dashboard", "1: the file asks for it")


ADDED: tuple[Callable[[Deployable, Pricing], Iterator[Line]], ...] = (
    _watcher,
    _steps,
    _acting,
    _recorded,
    _kept,
    _told,
    _announced,
    _screen,
)
