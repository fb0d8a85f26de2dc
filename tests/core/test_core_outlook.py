"""What reports and looks say together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.model import Verdict
from core.policy import Policy
from core.records import Look, Looks, Phase, Report
from core.recovery.outlook import answers, failing_for_s, healthy_value, judge_look, report_age_s, with_look

POLICY = Policy()
OF = ("demo", "counter", "i-0aaa")


def report(*, instance: str = "i-0aaa", epoch: int = 1, seq: int = 1, boot: str = "b", verdict: Verdict = Verdict.HEALTHY) -> Report:
    return Report(
        deployable="demo", assembly="counter", instance=instance, boot=boot, seq=seq, epoch=epoch, at_ms=0, phase=Phase.RUNNING,
        verdict=verdict, applications=(), address="10.0.0.1", ha_port=1, http_port=2, agent="1", expires_at=99,
    )  # fmt: skip


def look(at_s: float, verdict: Verdict = Verdict.HEALTHY) -> Look:
    return Look(at_ms=int(at_s * 1000), verdict=verdict, ha="ok", http="ok")


def sweeps(*seen: tuple[float, Report | None, Verdict]) -> Looks:
    looks: Looks | None = None
    for at_s, said, verdict in seen:
        looks = with_look(looks, look(at_s, verdict), said, of=OF)
    assert looks is not None
    return looks


def test_silence_is_counted_on_the_probers_clock_from_when_the_report_last_moved() -> None:
    assert report_age_s(sweeps((100, report(seq=1), Verdict.HEALTHY), (110, report(seq=1), Verdict.HEALTHY))) == 10
    assert report_age_s(sweeps((100, report(seq=1), Verdict.HEALTHY), (110, report(seq=2), Verdict.HEALTHY))) == 0


def test_a_restarted_agent_that_counts_from_one_again_is_not_silent() -> None:
    assert report_age_s(sweeps((100, report(seq=9), Verdict.HEALTHY), (110, report(seq=1, boot="c"), Verdict.HEALTHY))) == 0


def test_the_nodes_own_clock_does_not_matter() -> None:
    wrong = replace(report(seq=2), at_ms=10**15)

    assert report_age_s(sweeps((100, report(seq=1), Verdict.HEALTHY), (110, wrong, Verdict.HEALTHY))) == 0


def test_only_the_last_minute_of_looks_is_kept() -> None:
    assert len(sweeps(*((10.0 * n, report(seq=n), Verdict.HEALTHY) for n in range(50))).looks) == 6


def test_looks_in_quick_succession_do_not_push_the_sweeps_out() -> None:
    f, h = Verdict.FAILING, Verdict.HEALTHY
    often = sweeps(*((float(n), report(), f) for n in range(60)))
    broken = sweeps((0, report(), f), (1, report(), f), (2, report(), h), (3, report(), f))

    assert (failing_for_s(often) or 0) >= 20
    assert failing_for_s(broken) == 0


def test_failing_looks_count_while_unbroken() -> None:
    f, h = Verdict.FAILING, Verdict.HEALTHY

    assert failing_for_s(sweeps((0, report(), f), (10, report(), f), (20, report(), f))) == 20
    assert failing_for_s(sweeps((0, report(), f), (10, report(), h), (20, report(), f))) == 0
    assert failing_for_s(sweeps((0, report(), f), (10, report(), h))) is None


@pytest.mark.parametrize(
    ("ha", "http", "verdict"),
    [
        ("ok", "ok", Verdict.HEALTHY),
        ("no answer within 2 s", "no answer within 2 s", Verdict.FAILING),
        ("says FAILED app: exited", "status 503", Verdict.FAILING),
        ("ok", "status 503", Verdict.UNKNOWN),
        ("says FAILED unknown: starting", "status 503", Verdict.UNKNOWN),
        ("says FAILED unknown: starting", "no answer within 2 s", Verdict.UNKNOWN),
        ("refused", "ok", Verdict.UNKNOWN),
    ],
)
def test_two_answers_must_agree(ha: str, http: str, verdict: Verdict) -> None:
    assert judge_look(ha, http) is verdict


def test_saying_failed_is_an_answer_and_a_handshake_alone_is_not() -> None:
    assert answers(replace(look(0), ha="says FAILED waiting"))
    assert not answers(replace(look(0), ha="no answer within 2 s"))


@pytest.mark.parametrize(
    ("said", "verdict", "silent_s", "value"),
    [
        pytest.param(report(), Verdict.HEALTHY, 0, 1, id="serves"),
        pytest.param(report(verdict=Verdict.BUSY), Verdict.HEALTHY, 0, 1, id="busy is not failing"),
        pytest.param(report(verdict=Verdict.FAILING), Verdict.HEALTHY, 0, 0, id="fails inside"),
        pytest.param(report(), Verdict.FAILING, 0, 0, id="fails outside"),
        pytest.param(report(), Verdict.HEALTHY, 16, 0, id="silent"),
        pytest.param(report(verdict=Verdict.UNKNOWN), Verdict.HEALTHY, 0, None, id="unknown is no data"),
        pytest.param(report(), Verdict.UNKNOWN, 0, None, id="an unclear look is no data"),
        pytest.param(report(epoch=0), Verdict.FAILING, 0, None, id="nothing was ever permitted"),
    ],
)
def test_the_metric(said: Report, verdict: Verdict, silent_s: float, value: int | None) -> None:
    looks = sweeps((100, said, verdict), (100 + silent_s, said, verdict))

    assert healthy_value({said.instance: said}, {said.instance: looks}, POLICY) == value


def test_the_assembly_is_judged_by_the_highest_epoch() -> None:
    old, new = report(epoch=1, verdict=Verdict.FAILING), report(instance="i-0bbb", epoch=2)
    seen = {"i-0aaa": sweeps((100, old, Verdict.FAILING)), "i-0bbb": sweeps((100, new, Verdict.HEALTHY))}

    assert healthy_value({"i-0aaa": old, "i-0bbb": new}, seen, POLICY) == 1
