"""What noticing a failing node costs a month: reports, looks from outside, the metric, its alarm, and what they are written with.

Each quantity is the shipped code's; tests hold the numbers to it. What was measured says so; what nobody publishes is assumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.estimate.lines import MINUTES_A_MONTH, SECONDS_A_MONTH, Group, Line, Paid, Pricing, Rates
from core.model import Deployable, FrontKind
from core.watching.mending import LEFT_EVERY_MINUTES
from core.watching.sweep import SWEEP_OFFSETS_S

REPORT_EVERY_S = 5.0  # agent.reporter.EVERY_S; a report fits one write unit of 1 KB (REPORT_BYTES_MAX)
PERMIT_EVERY_S = 30.0  # agent.watchers.PERMIT_RUNNING_S; one strongly consistent read
SWEEPS_A_MINUTE = len(SWEEP_OFFSETS_S)

# Strongly consistent reads of up to 4 KB are one unit each, eventually consistent ones half of one:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
READS_A_SWEEP = 2 * 0.5  # reports, looks; of each assembly
# Reports, looks, permit, incident, intents, what is held still; what AWS mends: of each assembly.
READS_A_TICK = 6 + 0.5 / LEFT_EVERY_MINUTES

# Lambda polls a queue with five pollers when traffic is low, and "can optimize to as few as 2"; each asks for up to 20 s:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html. The larger number is counted, also for a queue that is
# always empty. A message ends a poll early, on average at its half.
POLLERS = 5
POLL_S = 20.0


def polls_a_minute(messages: int) -> float:
    return POLLERS * 60 / POLL_S + messages / 2


VCPU_MB = 1769.0  # the memory that buys one processor: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
WAIT_S = 0.015  # assumed, for a call to AWS or a look at a node in the same region


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One call of a function. cpu_ms: measured in the lab with a whole processor; waits: calls to others, one after another."""

    memory_mb: int
    cpu_ms: float
    waits: int

    @property
    def seconds(self) -> float:
        """How long it takes on Lambda, where memory buys a part of a processor."""
        return self.cpu_ms / 1000 * VCPU_MB / self.memory_mb + self.waits * WAIT_S

    @property
    def gb_s(self) -> float:
        return self.memory_mb / 1024 * self.seconds


# Processor time of the real functions in the lab, minutes of each on two busy cores, 21 November 2026: with one assembly 16 ms a
# sweep and 34 ms a tick, with two 25 and 57.
SWEEP = Work(memory_mb=256, cpu_ms=7, waits=1)  # all nodes are asked at once
SWEEP_EACH = Work(memory_mb=256, cpu_ms=9, waits=3)  # reports, looks, write
TICK = Work(memory_mb=256, cpu_ms=11, waits=1)  # the messages
TICK_EACH = Work(memory_mb=256, cpu_ms=25, waits=9)  # the six reads, group, machines, alarm
TICK_FRONT = Work(memory_mb=256, cpu_ms=0, waits=1)  # who holds it

# Bytes of a call in the log, measured in the lab, with the 26 that CloudWatch adds to each event
# (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutLogEvents.html).
LOG_CALL_BYTES = 340  # START, END and REPORT
LOG_SWEEPS_BYTES = 239  # the metric of the sweeps
LOG_HEALTHY_BYTES = 273  # an assembly's metric
LOG_KEPT_SHARE = 0.15  # what compression leaves, as in the examples of https://aws.amazon.com/cloudwatch/pricing/
GB = 1024.0**3


def detection(deployable: Deployable, rates: Rates) -> Iterator[Line]:
    """Lines for noticing; those for each assembly are added up over the deployable's."""
    pricing = Pricing(rates, Group.DETECTION)
    many = len(deployable.assemblies)
    yield from _table(pricing, many)
    fronts = sum((assembly.front.kind is not FrontKind.NONE) + assembly.state.on_volume for assembly in deployable.assemblies)
    yield from _functions(pricing, many, fronts)
    messages = 1 + SWEEPS_A_MINUTE + polls_a_minute(SWEEPS_A_MINUTE)
    how = f"a minute: 1 batch sent, {SWEEPS_A_MINUTE} deleted, {polls_a_minute(SWEEPS_A_MINUTE):g} polls of {POLLERS} pollers"
    yield pricing.line("queue", "sweeps", messages * MINUTES_A_MONTH, "sqs_request", how)
    yield pricing.line("metrics", "Healthy", many, "cloudwatch_metric", _each(many, "1 for each assembly"), paid=Paid.ASSEMBLY)
    how = _each(many, "1 for each assembly, of periods of 10 s")
    yield pricing.line("alarms", "Healthy", many, "cloudwatch_alarm_high_resolution", how, paid=Paid.ASSEMBLY)
    yield from _logs(pricing, many)


def _table(pricing: Pricing, many: int) -> Iterator[Line]:
    """Reports, looks, and those who read them."""
    sweeps, minutes = SWEEPS_A_MINUTE * MINUTES_A_MONTH, MINUTES_A_MONTH
    writes = many * SECONDS_A_MONTH / REPORT_EVERY_S
    how = _each(many, f"one write every {REPORT_EVERY_S:g} s, of at most 1 KB")
    yield pricing.line("table", "reports", writes, "dynamodb_write", how, paid=Paid.ASSEMBLY)
    how = _each(many, f"one write a sweep, {SWEEPS_A_MINUTE} a minute")
    yield pricing.line("table", "looks", many * sweeps, "dynamodb_write", how, paid=Paid.ASSEMBLY)
    permits = SECONDS_A_MONTH / PERMIT_EVERY_S
    reads = many * (permits + READS_A_SWEEP * sweeps + READS_A_TICK * minutes)
    how = _each(many, f"the permit every {PERMIT_EVERY_S:g} s, {READS_A_SWEEP:g} a sweep, {READS_A_TICK:g} a minute")
    yield pricing.line("table", "reads", reads, "dynamodb_read", how, paid=Paid.ASSEMBLY)


def _functions(pricing: Pricing, many: int, fronts: int) -> Iterator[Line]:
    sweeps, minutes = SWEEPS_A_MINUTE * MINUTES_A_MONTH, MINUTES_A_MONTH
    how = f"{SWEEPS_A_MINUTE} sweeps and 1 tick a minute"
    yield pricing.line("functions", "sweeps, ticks: calls", sweeps + minutes, "lambda_request", how)
    how = f"{SWEEP.seconds * 1000:.0f} ms a sweep and {TICK.seconds * 1000:.0f} ms a tick at {SWEEP.memory_mb} MB"
    yield pricing.line("functions", "sweeps, ticks: time", SWEEP.gb_s * sweeps + TICK.gb_s * minutes, "lambda_gb_second", how)
    each = many * (SWEEP_EACH.gb_s * sweeps + TICK_EACH.gb_s * minutes) + fronts * TICK_FRONT.gb_s * minutes
    how = _each(many, f"{SWEEP_EACH.seconds * 1000:.0f} ms a sweep and {TICK_EACH.seconds * 1000:.0f} ms a tick more")
    yield pricing.line("functions", "time for assemblies", each, "lambda_gb_second", how, paid=Paid.ASSEMBLY)


def _logs(pricing: Pricing, many: int) -> Iterator[Line]:
    sweeps, minutes = SWEEPS_A_MINUTE * MINUTES_A_MONTH, MINUTES_A_MONTH
    calls = ((LOG_CALL_BYTES + LOG_SWEEPS_BYTES) * sweeps + LOG_CALL_BYTES * minutes) / GB
    each = many * LOG_HEALTHY_BYTES * sweeps / GB
    how = f"{LOG_CALL_BYTES + LOG_SWEEPS_BYTES} bytes a sweep, {LOG_CALL_BYTES} a tick"
    yield pricing.line("logs", "calls", calls, "logs_ingested_gb", how)
    how = _each(many, f"{LOG_HEALTHY_BYTES} bytes a sweep, which become the metric")
    yield pricing.line("logs", "metrics", each, "logs_ingested_gb", how, paid=Paid.ASSEMBLY)
    how = f"a month of them, {LOG_KEPT_SHARE:.0%} of their size once compressed"
    yield pricing.line("logs", "kept", (calls + each) * LOG_KEPT_SHARE, "logs_stored_gb", how)


def _each(many: int, how: str) -> str:
    return how if many == 1 else f"{many} assemblies: {how}"
