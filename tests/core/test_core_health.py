"""Probe results become a verdict by rise and fall; busy is not dead; what could not be asked is nobody's failure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model import Probe, Verdict
from core.node.health import RECENT_MAX, Outcome, ProbeHealth, ProbeResult, after_result, busy_since, judge, remember, worst

PROBE = Probe(tcp="127.0.0.1:1", rise=2, fall=3)
STARVED = "starved: it waited for 1.80 cores and got 0.05"
OUTCOMES = {"g": Outcome.GOOD, "b": Outcome.BAD, "t": Outcome.TIMEOUT, "T": Outcome.TIMEOUT, "y": Outcome.BUSY, "u": Outcome.UNKNOWN}


def health_after(results: str, probe: Probe = PROBE, health: ProbeHealth | None = None) -> ProbeHealth:
    """g: good, b: bad, t: timeout, T: timeout of a saturated application, y: it says that it is busy, u: unknown."""
    health = ProbeHealth() if health is None else health
    for letter in results:
        saturated = STARVED if letter == "T" else ""
        health = after_result(health, ProbeResult(OUTCOMES[letter], f"because {letter}"), probe, saturated=saturated)
    return health


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        pytest.param("", Verdict.UNKNOWN, id="nothing asked yet"),
        pytest.param("g", Verdict.UNKNOWN, id="one good is not two"),
        pytest.param("gg", Verdict.HEALTHY, id="risen"),
        pytest.param("gbgg", Verdict.HEALTHY, id="a bad one starts the count again"),
        pytest.param("gbg", Verdict.UNKNOWN, id="not in a row"),
        pytest.param("bbbbbbb", Verdict.UNKNOWN, id="bad while starting is not failing"),
        pytest.param("ggbb", Verdict.HEALTHY, id="two bad are not three"),
        pytest.param("ggbbb", Verdict.FAILING, id="fallen"),
        pytest.param("ggbbgbb", Verdict.HEALTHY, id="a good one starts the count again"),
        pytest.param("ggbbbg", Verdict.FAILING, id="one good does not mend"),
        pytest.param("ggbbbgg", Verdict.HEALTHY, id="risen again"),
        pytest.param("gguuuuuu", Verdict.HEALTHY, id="unknown is not failing"),
        pytest.param("ggbubub", Verdict.FAILING, id="unknown does not interrupt a count"),
        pytest.param("ggyuyuy", Verdict.BUSY, id="nor a count of busy ones"),
        pytest.param("gug", Verdict.HEALTHY, id="nor one of good ones"),
    ],
)
def test_rise_and_fall(results: str, verdict: Verdict) -> None:
    assert health_after(results).verdict is verdict


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        pytest.param("ggttt", Verdict.FAILING, id="no answer in time is bad when nothing explains it"),
        pytest.param("ggTTT", Verdict.BUSY, id="and busy when the application is starved"),
        pytest.param("ggyyy", Verdict.BUSY, id="it is busy when it says so"),
        pytest.param("ggyy", Verdict.HEALTHY, id="two busy are not three: the verdict does not flicker"),
        pytest.param("gg" + "T" * 500, Verdict.BUSY, id="busy never adds up to failing"),
        pytest.param("ggbby", Verdict.BUSY, id="three without a good one end healthy, and not all were bad"),
        pytest.param("ggyyb", Verdict.BUSY, id="one bad among busy ones is not failing"),
        pytest.param("ggyyybb", Verdict.BUSY, id="from busy, two bad are not three"),
        pytest.param("ggyyybbb", Verdict.FAILING, id="a busy one that then is bad three times in a row fails"),
        pytest.param("ggtTtTtTtT", Verdict.BUSY, id="a wavering measure does not add up to a kill"),
        pytest.param("ggyyyg", Verdict.BUSY, id="one good answer does not end busy"),
        pytest.param("ggyyygg", Verdict.HEALTHY, id="as many as rise do"),
        pytest.param("ggbbbyyyy", Verdict.FAILING, id="from failing only good ones lead back"),
        pytest.param("ggbbbgyg", Verdict.FAILING, id="and a busy one interrupts them"),
    ],
)
def test_busy_is_told_from_dead(results: str, verdict: Verdict) -> None:
    assert health_after(results).verdict is verdict


def test_a_good_answer_begins_the_count_of_bad_ones_again_though_one_alone_mends_nothing() -> None:
    two = Probe(tcp="127.0.0.1:1", rise=2, fall=2)
    adopted = ProbeHealth(ready=True)

    assert health_after("ggyybgb", two).verdict is Verdict.BUSY, "not failing: the two bad ones are not in a row"
    assert health_after("ggyybb", two).verdict is Verdict.FAILING
    assert health_after("ygy", two, adopted).verdict is Verdict.UNKNOWN, "not busy: the two busy ones are not in a row"
    assert health_after("yy", two, adopted).verdict is Verdict.BUSY


def test_while_it_is_healthy_there_is_no_reason_whatever_was_answered_last() -> None:
    assert health_after("ggb").reason == ""
    assert health_after("ggu").reason == ""
    assert health_after("ggbbbgg").reason == ""


def test_busy_while_starting_does_not_make_it_ready() -> None:
    health = health_after("yyyyyyTTTT")

    assert (health.verdict, health.ready) == (Verdict.UNKNOWN, False)
    assert health_after("gyg").verdict is Verdict.UNKNOWN


def test_a_failing_verdict_carries_its_last_reason() -> None:
    assert health_after("ggbbb").reason == "because b"
    assert health_after("ggbbby").reason == "because b"
    assert health_after("gg").reason == ""


def test_a_starting_one_says_why_it_is_not_up_yet() -> None:
    assert health_after("").reason == "not asked yet"
    assert health_after("b").reason == "because b"
    assert health_after("bu").reason == "because u"


def test_a_timeout_of_a_starved_application_says_what_starves_it() -> None:
    assert health_after("ggTTT").reason == f"because T; {STARVED}"


def test_saturation_excuses_no_answer_that_came() -> None:
    bad = ProbeResult(Outcome.BAD, "status 500")
    health = ProbeHealth()
    for result in [ProbeResult(Outcome.GOOD)] * 2 + [bad] * 3:
        health = after_result(health, result, PROBE, saturated=STARVED)

    assert (health.verdict, health.reason) == (Verdict.FAILING, "status 500")


def test_an_adopted_application_that_was_ready_may_fail_or_be_busy_without_being_healthy_first() -> None:
    adopted = ProbeHealth(ready=True)

    assert health_after("ttt", health=adopted).verdict is Verdict.FAILING
    assert health_after("TTT", health=adopted).verdict is Verdict.BUSY
    assert health_after("tt", health=adopted).verdict is Verdict.UNKNOWN
    assert health_after("gg", health=adopted).verdict is Verdict.HEALTHY


@pytest.mark.parametrize(
    ("results", "in_a_row"), [("", 0), ("g", 1), ("gg", 0), ("ggb", 1), ("ggby", 2), ("ggyyy", 0), ("ggyyyb", 1), ("ggbbbg", 1)]
)
def test_what_speaks_against_the_verdict_is_counted(results: str, in_a_row: int) -> None:
    assert health_after(results).in_a_row == in_a_row


@given(st.text("gbtTyu", max_size=60), st.integers(1, 4), st.integers(1, 4))
def test_unknown_results_might_as_well_not_have_been(results: str, rise: int, fall: int) -> None:
    probe = Probe(tcp="127.0.0.1:1", rise=rise, fall=fall)
    with_them, without = health_after(results, probe), health_after(results.replace("u", ""), probe)

    assert (with_them.verdict, with_them.in_a_row) == (without.verdict, without.in_a_row)


@given(st.text("gbtTyu", max_size=60), st.integers(1, 4), st.integers(1, 4))
def test_failing_takes_as_many_bad_ones_in_a_row_as_fall_and_a_healthy_time_before(results: str, rise: int, fall: int) -> None:
    probe = Probe(tcp="127.0.0.1:1", rise=rise, fall=fall)
    told = "".join("b" if letter in "bt" else "y" if letter in "Ty" else letter for letter in results if letter != "u")
    became_healthy = told.find("g" * rise)

    if health_after(results, probe).verdict is Verdict.FAILING:
        assert "b" * fall in told[became_healthy + rise :]
        assert became_healthy >= 0
    if became_healthy < 0:
        assert health_after(results, probe).verdict is Verdict.UNKNOWN


@given(st.text("gbtTyu", max_size=60), st.integers(1, 4), st.integers(1, 4))
def test_enough_good_ones_mend_whatever_was_and_enough_bad_ones_break_what_was_healthy(results: str, rise: int, fall: int) -> None:
    probe = Probe(tcp="127.0.0.1:1", rise=rise, fall=fall)
    healthy = health_after(results + "g" * rise, probe)

    assert (healthy.verdict, healthy.in_a_row, healthy.reason) == (Verdict.HEALTHY, 0, "")
    assert health_after("b" * fall, probe, healthy).verdict is Verdict.FAILING
    assert health_after("T" * fall, probe, healthy).verdict is Verdict.BUSY


# --- several together --------------------------------------------------------------------------------------------


def test_the_worst_of_several_counts() -> None:
    assert worst([]) == (Verdict.HEALTHY, "")
    assert worst([(Verdict.HEALTHY, ""), (Verdict.BUSY, "b")]) == (Verdict.BUSY, "b")
    assert worst([(Verdict.UNKNOWN, "u"), (Verdict.FAILING, "f"), (Verdict.HEALTHY, "")]) == (Verdict.FAILING, "f")


def test_busy_within_its_budget_is_busy() -> None:
    parts = [(Verdict.HEALTHY, ""), (Verdict.BUSY, "flat out")]

    assert judge(parts, busy_since_s=100, busy_budget_s=600, now_s=699.9) == (Verdict.BUSY, "flat out")
    assert judge(parts, busy_since_s=None, busy_budget_s=600, now_s=9999) == (Verdict.BUSY, "flat out")


def test_busy_beyond_its_budget_is_failing_with_both_numbers() -> None:
    parts = [(Verdict.BUSY, "flat out")]

    assert judge(parts, busy_since_s=100, busy_budget_s=600, now_s=712) == (
        Verdict.FAILING,
        "busy for 612 s, its budget is 600 s: flat out",
    )


def test_a_part_that_is_unknown_does_not_stop_the_clock_of_a_busy_one() -> None:
    parts = [(Verdict.UNKNOWN, "no descriptors left"), (Verdict.BUSY, "flat out")]

    assert judge(parts, busy_since_s=0, busy_budget_s=600, now_s=10)[0] is Verdict.UNKNOWN
    assert judge(parts, busy_since_s=0, busy_budget_s=600, now_s=600)[0] is Verdict.FAILING


def test_what_fails_for_another_reason_says_that_one() -> None:
    parts = [(Verdict.BUSY, "flat out"), (Verdict.FAILING, "status 500")]

    assert judge(parts, busy_since_s=0, busy_budget_s=1, now_s=600) == (Verdict.FAILING, "status 500")


def test_a_budget_is_spent_by_busy_parts_alone() -> None:
    assert judge([(Verdict.HEALTHY, "")], busy_since_s=0, busy_budget_s=1, now_s=600) == (Verdict.HEALTHY, "")
    assert judge([(Verdict.UNKNOWN, "u")], busy_since_s=0, busy_budget_s=1, now_s=600) == (Verdict.UNKNOWN, "u")
    assert judge([], busy_since_s=None, busy_budget_s=1, now_s=600) == (Verdict.HEALTHY, "")


def test_busy_on_end_begins_with_the_first_busy_part_and_ends_with_the_last() -> None:
    busy, well = (Verdict.BUSY, "b"), (Verdict.HEALTHY, "")

    assert busy_since(None, [well, busy], now_s=5) == 5
    assert busy_since(5, [busy, well], now_s=9) == 5
    assert busy_since(5, [(Verdict.UNKNOWN, "u"), busy], now_s=9) == 5
    assert busy_since(5, [well, well], now_s=9) is None


@given(st.lists(st.tuples(st.sampled_from([Verdict.HEALTHY, Verdict.BUSY, Verdict.UNKNOWN]), st.just("r")), max_size=5), st.floats(0, 1e6))
def test_unknown_and_healthy_never_add_up_to_failing(parts: list[tuple[Verdict, str]], now_s: float) -> None:
    verdict, _ = judge(parts, busy_since_s=0, busy_budget_s=600, now_s=now_s)

    assert (verdict is Verdict.FAILING) == (now_s >= 600 and (Verdict.BUSY, "r") in parts)


# --- what was seen lately ----------------------------------------------------------------------------------------


def test_the_last_ten_results_are_kept_as_they_counted() -> None:
    recent: tuple = ()
    for second in range(12):
        recent = remember(
            recent, ProbeResult(Outcome.TIMEOUT, f"no {second}", 2.0), now_s=second, saturated=STARVED if second == 11 else ""
        )

    assert len(recent) == RECENT_MAX
    assert (recent[0].at_s, recent[0].outcome, recent[0].reason, recent[0].took_s) == (2, Outcome.BAD, "no 2", 2.0)
    assert (recent[-1].outcome, recent[-1].reason) == (Outcome.BUSY, f"no 11; {STARVED}")


def test_an_answer_quoted_in_a_reason_cannot_fill_the_memory() -> None:
    assert len(remember((), ProbeResult(Outcome.BAD, "x" * 100_000), now_s=0)[0].reason) == 200
