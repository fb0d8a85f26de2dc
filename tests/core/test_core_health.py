"""Probe results become a verdict by rise and fall; what could not be asked is nobody's failure."""

from __future__ import annotations

import pytest

from core.health import Outcome, ProbeHealth, ProbeResult, after_result, worst
from core.model import Probe, Verdict

PROBE = Probe(tcp="127.0.0.1:1", rise=2, fall=3)


def health_after(results: str, probe: Probe = PROBE) -> ProbeHealth:
    """g: good, b: bad, u: unknown."""
    health = ProbeHealth()
    for letter in results:
        outcome = {"g": Outcome.GOOD, "b": Outcome.BAD, "u": Outcome.UNKNOWN}[letter]
        health = after_result(health, ProbeResult(outcome, f"because {letter}"), probe)
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
    ],
)
def test_rise_and_fall(results: str, verdict: Verdict) -> None:
    assert health_after(results).verdict is verdict


def test_a_failing_verdict_carries_its_last_reason() -> None:
    assert health_after("ggbbb").reason == "because b"
    assert health_after("gg").reason == ""


def test_the_worst_of_several_counts() -> None:
    assert worst([]) == (Verdict.HEALTHY, "")
    assert worst([(Verdict.HEALTHY, ""), (Verdict.BUSY, "b")]) == (Verdict.BUSY, "b")
    assert worst([(Verdict.UNKNOWN, "u"), (Verdict.FAILING, "f"), (Verdict.HEALTHY, "")]) == (Verdict.FAILING, "f")
