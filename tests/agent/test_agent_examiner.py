"""What is asked and measured of one run: at which pace, that nobody waits for anybody, and what all of it comes to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from agent import examiner
from agent.beat import until_beat_s
from agent.examiner import MEASURE_CLOSELY_S, MEASURE_EVERY_S, STARTING_EVERY_S, STARTING_PROGRAM_EVERY_S, Examiner
from agent.probes import ProbeContext
from core.application import Application, Probe, Run
from core.bounds import CounterRule, Counters, Crossed, Threshold, ThresholdKind
from core.model import Verdict
from core.node.health import Outcome, ProbeResult
from core.node.thresholds import Measures

GOOD, REFUSED, TIMEOUT = ProbeResult(Outcome.GOOD), ProbeResult(Outcome.BAD, "refused"), ProbeResult(Outcome.TIMEOUT, "no answer")
TOO_MANY_THREADS = Threshold(kind=ThresholdKind.THREADS, amount=10, for_s=20.0)
STARVED = Measures(cpu_cores=0.1, cpu_waiting=0.9)
TURNS_MAX = 10_000
BEGAN_S = 1000.0
a_turn = asyncio.sleep  # the real one


class MadeRun:
    """As much of agent.runs.RunState as is looked at. says: what its own monitor action answers."""

    alive = True
    started = True
    says: ProbeResult | None = None

    def members(self) -> list[int]:
        return [1]

    def cgroup(self) -> None:
        return None

    async def monitor(self) -> ProbeResult | None:
        return self.says


class Stage:
    """An examiner whose time passes only in its pauses. answers: by the name of a probed process; the last one goes on."""

    def __init__(self, **application: Any) -> None:
        self.application = Application(name="web", **{"run": Run(exec=("/bin/web",)), **application})
        self.run, self.now_s = MadeRun(), BEGAN_S
        self.measures = [Measures()]
        self.answers: dict[str, list[ProbeResult]] = {}
        self.totals: dict[str, int] = {}
        self.pauses: dict[str, list[float]] = {}
        self.changes: list[Verdict] = []
        self.measured = 0
        self._due: list[float] = []
        self._over: Callable[[], bool] = lambda: False

    def measure(self, members: Sequence[int], cgroup: str | None) -> Measures:
        self.measured += 1
        return self.measures.pop(0) if len(self.measures) > 1 else self.measures[0]

    async def ask(self, probe: Probe, context: ProbeContext) -> ProbeResult:
        answers = self.answers[str(probe.process or probe.kind.value)]
        if not answers:
            await asyncio.Event().wait()  # it hangs, for longer than the test lasts
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def sleep(self, pause_s: float) -> None:
        """In place of asyncio's: whoever's pause ends first sets the clock and goes on, so nobody really waits."""
        task = asyncio.current_task()
        assert task is not None
        self.pauses.setdefault(task.get_name(), []).append(pause_s)
        due_s = self.now_s + pause_s
        self._due.append(due_s)
        while self.now_s < due_s:
            await a_turn(0)
            if self._over():
                await asyncio.Event().wait()  # time stands still
            if due_s == min(self._due):
                self.now_s = due_s
        self._due.remove(due_s)

    def play(self, until: Callable[[Examiner], bool], *, ready: bool = False) -> tuple[Verdict, str]:
        """Let it examine a new run until then; its verdict at that moment."""

        async def story() -> tuple[Verdict, str]:
            one: list[Examiner] = []
            self._over, self._due = lambda: bool(one) and until(one[0]), []
            examined = Examiner(
                self.application,
                self.run,  # type: ignore[arg-type]  # as much of it as is looked at
                meter=self,  # type: ignore[arg-type]
                totals=lambda: dict(self.totals),
                context=ProbeContext(),
                ready=ready,
                clock=lambda: self.now_s,
                changed=lambda: self.changes.append(one[0].verdict()[0]),
            )
            one.append(examined)
            try:
                for _ in range(TURNS_MAX):
                    await a_turn(0)
                    if until(examined):
                        return examined.verdict()
                raise AssertionError(f"that never came: {examined.verdict()}, after {self.now_s - BEGAN_S:g} s")
            finally:
                examined.close()
                await a_turn(0)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(examiner, "ask", self.ask)
            patched.setattr(asyncio, "sleep", self.sleep)
            return asyncio.run(story())


def probe(name: str = "web", **more: Any) -> Probe:
    return Probe(process=name, **{"every_s": 5.0, "timeout_s": 1.0, **more})


def counted(examined: Examiner, index: int = 0) -> int:
    return examined.questions[index].outcomes.total()


def is_failing(examined: Examiner) -> bool:
    return examined.verdict()[0] is Verdict.FAILING


# --- at which pace -----------------------------------------------------------------------------------------------


def test_a_probe_is_asked_at_the_multiples_of_its_period_with_all_else_that_comes_again() -> None:
    stage = Stage(probes=(probe(every_s=7.0),))
    stage.answers["web"] = [GOOD]

    stage.play(lambda it: counted(it) >= 5)

    assert stage.pauses["process web of web"] == [until_beat_s(7.0, BEGAN_S), *[7.0] * 4]


def test_jitter_makes_each_pause_longer_by_a_part_of_it_and_never_shorter() -> None:
    stage = Stage(probes=(probe(every_s=7.0, jitter_s=2.0),))
    stage.answers["web"] = [GOOD]

    stage.play(lambda it: counted(it) >= 50)

    pauses = stage.pauses["process web of web"]
    assert all(7.0 <= pause_s <= 9.0 for pause_s in pauses)
    assert max(pauses) - min(pauses) > 0.5, "they are spread"


@pytest.mark.parametrize(
    ("asked", "name", "pace_s"),
    [(probe(), "process web", STARTING_EVERY_S), (Probe(command=("/bin/check",)), "command /bin/check", STARTING_PROGRAM_EVERY_S)],
)
def test_until_it_was_seen_healthy_it_is_asked_often_and_a_program_less_so(asked: Probe, name: str, pace_s: float) -> None:
    stage = Stage(probes=(asked,))
    stage.answers[asked.process or "command"] = [REFUSED, GOOD]

    stage.play(lambda it: counted(it) >= 3)

    assert stage.pauses[f"{name} of web"][:2] == [pytest.approx(pace_s), until_beat_s(5.0, BEGAN_S + pace_s)]


def test_a_start_that_takes_long_is_asked_after_less_often_and_never_less_than_its_period() -> None:
    stage = Stage(probes=(probe(every_s=5.0),))
    stage.answers["web"] = [REFUSED]

    stage.play(lambda it: stage.now_s - BEGAN_S > 200)

    pauses = stage.pauses["process web of web"]
    assert all(later >= earlier - 1e-6 for earlier, later in pairwise(pauses))
    assert (pauses[0], pauses[-1]) == (pytest.approx(STARTING_EVERY_S), 5.0)
    assert len(pauses) < 150


def test_a_probe_that_hangs_delays_no_other_and_no_measure() -> None:
    stage = Stage(probes=(probe("deaf"), probe("well")), thresholds=(Threshold(kind=ThresholdKind.THREADS, amount=100),))
    stage.answers = {"deaf": [], "well": [GOOD]}

    verdict, reason = stage.play(lambda it: counted(it, 1) >= 20)

    assert stage.pauses.keys() == {"process well of web", "measures of web"}
    assert stage.measured >= 19 * 5
    assert (verdict, reason) == (Verdict.UNKNOWN, "not asked yet"), "it is not known to be up"


def test_measures_are_taken_each_second_where_a_threshold_or_a_counter_waits_for_them_and_seldom_elsewhere() -> None:
    threshold, counters = Threshold(kind=ThresholdKind.THREADS, amount=100), Counters()
    for application, pace_s in (
        ({"thresholds": (threshold,)}, MEASURE_CLOSELY_S),
        ({"counters": counters}, MEASURE_CLOSELY_S),
        ({}, MEASURE_EVERY_S),
    ):
        stage = Stage(**application)
        stage.play(lambda it, stage=stage: stage.measured >= 5)  # type: ignore[misc]  # a default
        assert set(stage.pauses["measures of web"]) == {pace_s}


# --- what it comes to --------------------------------------------------------------------------------------------


def test_as_many_bad_results_in_a_row_as_fall_are_failing_and_it_is_told_once() -> None:
    stage = Stage(probes=(probe(fall=3),))
    stage.answers["web"] = [GOOD, REFUSED, REFUSED, GOOD, REFUSED]

    assert stage.play(is_failing) == (Verdict.FAILING, "refused")
    assert stage.now_s - BEGAN_S == 6 * 5.0, "with the seventh answer"
    assert stage.changes == [Verdict.HEALTHY, Verdict.FAILING]


def test_no_answer_under_saturation_is_busy_until_its_own_longer_budget_is_spent() -> None:
    stage = Stage(probes=(probe(fall=2),), busy_budget_s=120.0)
    stage.answers["web"], stage.measures = [GOOD, TIMEOUT], [STARVED]
    busy_s: list[float] = []

    def until(it: Examiner) -> bool:
        verdict, _ = it.verdict()
        busy_s.extend([stage.now_s] if verdict is Verdict.BUSY else [])
        return verdict is Verdict.FAILING

    _, reason = stage.play(until)
    assert reason.startswith("busy for 12")
    assert "its budget is 120 s: no answer; starved" in reason
    assert busy_s[-1] - busy_s[0] >= 110.0
    assert stage.changes[:2] == [Verdict.HEALTHY, Verdict.BUSY]


def test_no_answer_without_an_excuse_is_failing_at_once_after_fall() -> None:
    stage = Stage(probes=(probe(fall=2),))
    stage.answers["web"] = [GOOD, TIMEOUT]

    stage.play(is_failing)

    assert stage.changes == [Verdict.HEALTHY, Verdict.FAILING]


def test_it_is_measured_anew_when_there_was_no_answer_for_it_may_have_been_stopped_since() -> None:
    stage = Stage(probes=(probe(fall=1),))
    stage.answers["web"], stage.measures = [GOOD, TIMEOUT], [STARVED, replace(STARVED, stopped=True)]

    stage.play(lambda it: counted(it) == 2)

    assert stage.changes == [Verdict.HEALTHY, Verdict.FAILING]


def test_what_could_not_be_asked_never_makes_a_healthy_one_anything_else() -> None:
    stage = Stage(probes=(probe(fall=1),))
    stage.answers["web"] = [GOOD, ProbeResult(Outcome.UNKNOWN, "no descriptors")]

    stage.play(lambda it: counted(it) >= 30)

    assert stage.changes == [Verdict.HEALTHY]


def test_an_adopted_one_that_was_healthy_fails_without_being_seen_healthy_first() -> None:
    stage = Stage(probes=(probe(fall=2),))
    stage.answers["web"] = [REFUSED]

    stage.play(is_failing, ready=True)

    assert stage.changes == [Verdict.FAILING]


def test_a_threshold_that_lasts_is_failing() -> None:
    stage = Stage(thresholds=(TOO_MANY_THREADS,))
    stage.measures = [Measures(threads=12)]

    stage.play(is_failing)

    assert stage.now_s - BEGAN_S == 20
    assert stage.changes == [Verdict.FAILING]


def test_a_threshold_that_only_reports_is_said_beside_healthy() -> None:
    stage = Stage(thresholds=(replace(TOO_MANY_THREADS, then=Crossed.REPORT),))
    stage.measures = [Measures(threads=12)]

    verdict, reason = stage.play(lambda it: stage.now_s - BEGAN_S >= 30)

    assert verdict is Verdict.HEALTHY
    assert reason.startswith("threads is at 12, the limit is 10,")


def test_counters_are_looked_at_each_second_and_one_violation_over_their_window_is_failing() -> None:
    stage = Stage(counters=Counters(rules=(CounterRule(name="activations", at_least=5),), interval_s=40.0))
    stage.totals = {"activations": 3}

    assert stage.play(is_failing) == (Verdict.FAILING, "0 activations, at least 5 are expected in 40 s")
    assert stage.now_s - BEGAN_S == 40


def test_its_own_monitor_action_counts_like_a_probe_every_10_s_and_where_it_says_nothing_nothing_is_counted() -> None:
    stage = Stage(run=Run(lsb="/etc/init.d/web"))
    stage.play(lambda it: stage.measured >= 5, ready=True)
    assert stage.changes == []

    stage.run.says, stage.pauses = ProbeResult(Outcome.BAD, "dead"), {}
    assert stage.play(is_failing, ready=True) == (Verdict.FAILING, "dead")
    assert len(stage.pauses["monitor of web"]) == 2, "one that says not running may be a slip, two are not"

    stage.run.says, stage.pauses = GOOD, {}
    assert stage.play(lambda it: counted(it) >= 3)[0] is Verdict.HEALTHY
    assert stage.pauses["monitor of web"] == [10.0] * 3, "up with the first good one"


def test_its_own_monitor_action_is_asked_as_often_as_the_application_says() -> None:
    stage = Stage(run=Run(lsb="/etc/init.d/web"), monitor_every_s=65.0)
    stage.run.says = GOOD

    stage.play(lambda it: counted(it) >= 3, ready=True)

    assert stage.pauses["monitor of web"] == [until_beat_s(65.0, BEGAN_S), 65.0, 65.0]


def test_without_anything_to_ask_it_is_healthy_from_its_start_on() -> None:
    stage = Stage()
    since_s: list[float | None] = []

    assert stage.play(lambda it: bool(since_s.append(it.healthy_since_s)) or stage.measured >= 3) == (Verdict.HEALTHY, "")
    assert set(since_s) == {BEGAN_S}


def test_since_when_it_is_healthy_is_forgotten_once_it_is_not_and_begins_anew() -> None:
    stage = Stage(probes=(probe(fall=1),))
    stage.answers["web"] = [GOOD, GOOD, REFUSED, GOOD, GOOD]
    seen: list[tuple[int, float | None]] = []

    def until(it: Examiner) -> bool:
        seen.append((counted(it), it.healthy_since_s))
        return counted(it) == 5

    stage.play(until)
    after = {count: {since_s for counted, since_s in seen if counted == count} for count in range(1, 6)}
    assert after == {1: {BEGAN_S}, 2: {BEGAN_S}, 3: {None}, 4: {BEGAN_S + 15}, 5: {BEGAN_S + 15}}


def test_while_its_own_start_is_under_way_it_is_not_yet_well_whatever_answers() -> None:
    stage = Stage(probes=(probe(),))
    stage.answers["web"], stage.run.started = [GOOD], False
    seen: list[tuple[bool, float | None]] = []

    stage.play(lambda it: bool(seen.append((it.ready, it.healthy_since_s))) or counted(it) >= 5)

    assert set(seen) == {(False, None)}


def test_what_is_told_of_a_question_is_in_plain_values() -> None:
    stage = Stage(probes=(probe(rise=1, fall=3),))
    stage.answers["web"] = [ProbeResult(Outcome.GOOD, took_s=0.0123456), ProbeResult(Outcome.BAD, "refused", took_s=0.0123456)]
    told: list[dict[str, Any]] = []

    def until(it: Examiner) -> bool:
        told.append(it.questions[0].told())
        return counted(it) == 2

    stage.play(until)
    assert told[-1] == {
        "probe": "process web",
        "verdict": "healthy",
        "reason": "",
        "in_a_row": 1,
        "rise": 1,
        "fall": 3,
        "every_s": 5.0,
        "took_s": 0.0123,
        "outcomes": {"good": 1, "bad": 1},
    }
