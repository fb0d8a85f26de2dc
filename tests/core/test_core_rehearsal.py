"""A recording is played to the same decisions that the agent makes, and says what would be done."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.application import Application, OcfAgent, Probe, Run, Tolerance
from core.bounds import CounterRule, Counters, Crossed, Threshold, ThresholdKind
from core.model import Assembly
from core.node.observations import BadObservation, OfApplication, parse, settings_of
from core.node.rehearsal import rehearse

RUN = Run(exec=("/srv/ledger",))


def assembly(*applications: Application) -> Assembly:
    return Assembly(name="a", image="debian-12", instances=("t4g.small",), ha_port=1, http_port=2, applications=applications)


def ledger(**settings: Any) -> Assembly:
    return assembly(Application(name="ledger", **{"run": RUN, "probes": (Probe(tcp="127.0.0.1:1"),), **settings}))


def at(at_s: float, **seen: Any) -> str:
    return json.dumps({"at_s": at_s, "application": "ledger", **seen} if seen and "permit" not in seen else {"at_s": at_s, **seen})


def result(at_s: float, outcome: str, probe: int | str = 0) -> str:
    return at(at_s, probe=probe, outcome=outcome, reason=f"it was {outcome}")


def played(lines: list[str], of: Assembly) -> list[str]:
    return [str(told).split("s  ", 1)[0].strip() + " " + str(told).split("s  ", 1)[1] for told in rehearse(of, lines)]


def test_an_application_that_hangs_is_stopped_and_started_again() -> None:
    lines = [at(0), result(1, "good"), result(6, "timeout"), result(11, "timeout"), at(12, exit="killed by SIGTERM"), result(13, "good")]

    assert played(lines, ledger()) == [
        "0.0 ledger: unknown: starting",
        "0.0 ledger: would start run 1 under epoch 1",
        "0.0 ledger: unknown: starting: not asked yet",
        "1.0 ledger: healthy",
        "6.0 ledger: probe 0 counts as bad: it was timeout",
        "11.0 ledger: probe 0 counts as bad: it was timeout",
        "11.0 ledger: failing: it was timeout",
        "11.0 ledger: would stop it within 10 s: it was timeout",
        "12.0 ledger: ended: killed by SIGTERM",
        "12.0 ledger: would start run 2 under epoch 1, penalty 1.0",
        "12.0 ledger: failing: it was timeout; starting again",
        "13.0 ledger: healthy",
    ]


def test_a_starved_one_is_left_alone_until_its_budget_is_spent() -> None:
    starved = at(5, measures={"cpu_cores": 0.01, "cpu_waiting": 0.9, "cores": 2})
    lines = [result(1, "good"), starved, result(6, "timeout"), result(11, "timeout"), at(70)]
    told = played(lines, ledger(busy_budget_s=60.0))

    assert "11.0 ledger: busy: it was timeout; starved: it waited for 0.90 cores and got 0.01" in told
    assert not any("would stop" in line for line in told)
    assert any(
        line.startswith("71.0 ledger: would stop it within 10 s: busy for 60 s")
        for line in played([*lines, at(72)], ledger(busy_budget_s=60.0))
    )


def test_old_measures_excuse_nothing() -> None:
    starved = at(5, measures={"cpu_cores": 0.01, "cpu_waiting": 0.9, "cores": 2})
    lines = [result(1, "good"), starved, result(21, "timeout"), result(26, "timeout")]

    assert any("would stop it" in line for line in played(lines, ledger()))


def test_a_leak_is_stopped_by_its_threshold_and_a_report_only_told() -> None:
    of = ledger(
        thresholds=(
            Threshold(kind=ThresholdKind.MEMORY, percent=90, for_s=10),
            Threshold(kind=ThresholdKind.THREADS, amount=50, for_s=0, then=Crossed.REPORT),
        )
    )
    lines = [result(1, "good")]
    lines += [at(second, measures={"memory_bytes": 95, "memory_limit_bytes": 100, "threads": 60}) for second in range(5, 20, 5)]
    told = played(lines, of)

    assert told.count("5.0 ledger: would warn: threads is at 60, the limit is 50, for 0 s") == 1
    assert sum("would warn" in line for line in told) == 1
    assert "15.0 ledger: would stop it within 10 s: memory is at 95.0 %, the limit is 90 %, for 10 s" in told


def test_counters_of_a_whole_interval_are_judged() -> None:
    of = ledger(counters=Counters(rules=(CounterRule(name="aborts", at_most=5),)))
    lines = [result(1, "good"), *(at(second, counts={"aborts": second}) for second in range(2, 50, 2))]

    assert any(line.startswith("42.0 ledger: would stop it within 10 s: 40 aborts, at most 5") for line in played(lines, of))


def test_one_that_goes_up_and_down_is_restarted_ever_later_and_asks_for_another_node_past_its_tolerance() -> None:
    lines, now_s = [at(0)], 0.0
    for _ in range(5):
        lines += [result(now_s + 1, "good"), at(now_s + 21, exit="exit status 1")]
        now_s += 30
    told = played([*lines, at(now_s)], ledger(tolerance=Tolerance(3, 300.0)))

    starts = [line for line in told if "would start" in line]
    assert [float(line.split()[0]) for line in starts] == [0, 21, 51.5, 82, 141]
    assert [line.partition("penalty ")[2] for line in starts] == ["", "1.0", "1.9", "2.8", "3.4"]
    assert any("would ask for its node to be replaced: 4 failures in 300 s" in line for line in told)


def test_one_that_never_comes_up_is_stopped_at_its_start_timeout_by_the_clock_alone() -> None:
    told = played([at(0), at(100)], ledger(start_timeout_s=30.0, stop_timeout_s=5.0))

    assert [line for line in told if "would" in line or "killed" in line] == [
        "0.0 ledger: would start run 1 under epoch 1",
        "30.0 ledger: would stop it within 5 s: not healthy 30 s after its start: not asked yet",
        "35.0 ledger: killed: the grace of its stop is over",
        "35.0 ledger: would start run 2 under epoch 1, penalty 1.0",
        "65.0 ledger: would stop it within 5 s: not healthy 30 s after its start: not asked yet",
        "70.0 ledger: killed: the grace of its stop is over",
        "70.0 ledger: would start run 3 under epoch 1, penalty 1.9",
    ]


def test_a_gap_in_which_too_much_would_happen_is_refused() -> None:
    with pytest.raises(BadObservation, match=r"line 2: at_s is 1e\+09: more than 3000 decisions come before it"):
        list(rehearse(ledger(start_timeout_s=1.0, stop_timeout_s=1.0), [at(0), at(1e9)]))


def test_start_order_waits_for_what_it_comes_after() -> None:
    of = assembly(
        Application(name="ledger", run=RUN, probes=(Probe(tcp="127.0.0.1:1"),)), Application(name="web", run=RUN, after=("ledger",))
    )
    told = played([at(0), result(3, "good")], of)

    assert "0.0 web: unknown: waits for ledger" in told
    assert "3.0 web: would start run 1 under epoch 1" in told


def test_an_applications_own_start_and_monitor_count() -> None:
    of = ledger(run=Run(ocf=OcfAgent(provider="heartbeat", type="pgsql")), probes=())
    up = [at(0), result(1, "good", "monitor"), at(4, started=True)]

    assert "4.0 ledger: healthy" in played(up, of)
    assert any("would stop it" in line for line in played([*up, result(10, "bad", "monitor"), result(20, "bad", "monitor")], of))
    degraded = played([at(0), at(4, degraded="exit 190")], of)
    assert "4.0 ledger: would stop it within 10 s: came up degraded: exit 190" in degraded


def test_an_operator_holds_it_and_brings_it_back() -> None:
    lines = [at(0), result(1, "good"), at(5, hold=True), at(6, exit="exit status 0"), at(60), at(61, hold=False)]
    told = played(lines, ledger())

    assert "5.0 ledger: would stop it within 10 s, drained first: an operator takes it offline" in told
    assert [line for line in told if "would start" in line][-1].startswith("61.0 ")


def test_a_permit_for_another_node_kills_and_one_that_is_terminated_stops_gracefully() -> None:
    well = [at(0), result(1, "good")]
    superseded = played([*well, at(5, permit=2, other=True)], ledger())
    terminated = played([*well, json.dumps({"at_s": 5, "terminating": True}), at(6, exit="exit status 0")], ledger())

    assert "5.0 ledger: would kill it: superseded: permit 2 names another node" in superseded
    assert "5.0 the node: would give up epoch 1 for good" in superseded
    assert "5.0 ledger: would stop it within 10 s, drained first: Auto Scaling's target lifecycle state is Terminated" in terminated
    assert "6.0 the node: would give up epoch 1 for good" in terminated


def test_what_was_recorded_of_it_while_it_does_not_run_here_is_left_out_and_said_once() -> None:
    told = played(
        [at(0), at(1, exit="exit status 1"), at(1.1, exit="x"), at(2, exit="x"), result(2.1, "bad"), result(2.2, "bad")], ledger()
    )

    assert sum("left out" in line for line in told) == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("no", "line 2 is not JSON"),
        ("[1]", "line 2 is [1], expected an object"),
        ('{"at_s": "now"}', "line 2: at_s is 'now', expected a number of 0 or more"),
        ('{"at_s": NaN}', "line 2: at_s is nan, expected a number"),
        ('{"at_s": -1}', "line 2: at_s is -1, expected a number"),
        ('{"at_s": 0.5}', "line 2: at_s is 0.5, the line before has 1: time does not go back"),
        ('{"at_s": 2, "permits": 1}', "line 2: permits is 1: unknown here"),
        ('{"at_s": 2, "application": "ledger"}', "line 2 tells nothing of 'ledger': use exactly one of"),
        ('{"at_s": 2, "application": "ledger", "exit": "x", "hold": true}', "use exactly one of"),
        ('{"at_s": 2, "application": "other", "exit": "x"}', "line 2: application is 'other', expected one of ['ledger']"),
        ('{"at_s": 2, "application": "ledger", "probe": 1, "outcome": "good"}', "line 2: probe is 1, expected one of [0]"),
        ('{"at_s": 2, "application": "ledger", "probe": 0, "outcome": "fine"}', "line 2: outcome is 'fine', expected one of"),
        ('{"at_s": 2, "application": "ledger", "measures": {"memory": 1}}', "line 2: memory is 1: unknown here"),
        ('{"at_s": 2, "application": "ledger", "measures": {"disks": {"/": {"used": 1}}}}', "line 2: inodes is None, expected a number"),
        ('{"at_s": 2, "application": "ledger", "counts": {"aborts": 1.5}}', "line 2: aborts is 1.5, expected a whole number"),
        ('{"at_s": 2, "application": "ledger", "exit": 1}', "line 2: exit is 1, expected a text"),
        ("[" * 90_000, "line 2 is not JSON"),
        ('"' + "x" * 200_000 + '"', "line 2 is 200002 characters long, at most 100000 are read"),
    ],
)
def test_a_line_that_cannot_be_used_is_refused_with_its_number(line: str, says: str) -> None:
    with pytest.raises(BadObservation) as refused:
        list(rehearse(ledger(), [at(1), line]))

    assert says in str(refused.value)


def test_a_recording_may_name_its_settings_and_hold_comments() -> None:
    assert settings_of('{"settings": "agent.json"}') == "agent.json"
    assert settings_of('{"at_s": 0}') is None
    assert played(['{"settings": "agent.json"}', "", "# a comment"], ledger()) == []


def test_a_measure_that_could_not_be_taken_is_recorded_as_null_or_left_out() -> None:
    observation = parse(at(1, measures={"memory_bytes": None, "threads": 3, "stopped": True, "cores": 4}), 1)

    assert isinstance(observation, OfApplication)
    assert observation.measures is not None
    assert (observation.measures.memory_bytes, observation.measures.threads, observation.measures.cores) == (None, 3, 4)
    assert observation.measures.stopped


MOMENTS = st.one_of(
    st.sampled_from(["good", "bad", "timeout", "busy", "unknown"]).map(lambda outcome: {"probe": 0, "outcome": outcome}),
    st.fixed_dictionaries({"measures": st.fixed_dictionaries({"cpu_cores": st.floats(0, 2), "cpu_waiting": st.floats(0, 2)})}),
    st.just({"exit": "exit status 1"}),
    st.booleans().map(lambda hold: {"hold": hold}),
)


@given(st.lists(st.tuples(st.floats(0, 40), MOMENTS), max_size=40))
def test_any_recording_is_played_to_its_end_with_one_run_at_a_time(moments: list[tuple[float, dict[str, Any]]]) -> None:
    lines, now_s = [], 0.0
    for step_s, seen in moments:
        now_s += step_s
        lines.append(at(now_s, **seen))
    told = list(rehearse(ledger(), lines))

    running, last_s = False, 0.0
    for moment in told:
        assert moment.at_s >= last_s
        last_s = moment.at_s
        if moment.what.startswith("would start"):
            assert not running, "two at a time"
            running = True
        elif moment.what.startswith(("ended:", "killed:", "would kill")):
            running = False
