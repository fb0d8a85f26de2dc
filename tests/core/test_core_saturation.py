"""No answer in time has a reason or has none: starved, flat out and short of memory or I/O are reasons; sleeping is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.node.saturation import saturated
from core.node.thresholds import Measures


def measures(**known: object) -> Measures:
    return Measures(**{"cores": 2, **known})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        pytest.param(
            measures(cpu_waiting=0.8, cpu_cores=0.05), "starved: it waited for 0.80 cores and got 0.05", id="its core was taken away"
        ),
        pytest.param(measures(cpu_waiting=3.0, cpu_cores=0.5), "starved: it waited for 3.00 cores and got 0.50", id="many tasks wait"),
        pytest.param(measures(cpu_pressure=0.6), "starved: tasks waited for a core 60 % of the time", id="by pressure, without schedstat"),
        pytest.param(measures(cpu_cores=1.97), "flat out: it uses 1.97 of 2 cores", id="it burns all its cores"),
        pytest.param(measures(cpu_cores=0.98, cpu_waiting=0.0), "flat out: it uses 0.98 of 2 cores", id="its one thread burns a core"),
        pytest.param(
            measures(cpu_cores=0.6, cpu_waiting=0.4),
            "flat out: it uses 0.60 of 2 cores and waits for 0.40 more",
            id="it runs or wants to all the time",
        ),
        pytest.param(measures(memory_pressure=0.45), "short of memory: all waited for it 45 % of the time", id="thrashing"),
        pytest.param(measures(io_pressure=0.7), "short of I/O: all waited for it 70 % of the time", id="waiting for its disk"),
    ],
)
def test_there_is_a_reason_not_to_answer(seen: Measures, why: str) -> None:
    assert saturated(seen) == why


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(None, id="nothing was measured"),
        pytest.param(measures(), id="nothing could be measured"),
        pytest.param(measures(cpu_cores=0.0, cpu_waiting=0.001), id="it sleeps"),
        pytest.param(measures(cpu_cores=0.3, cpu_waiting=0.1), id="it works a little"),
        pytest.param(measures(cpu_cores=0.0, cpu_waiting=0.0, cpu_pressure=0.95), id="it sleeps on a crowded machine"),
        pytest.param(measures(memory_pressure=0.05, io_pressure=0.2), id="a machine in normal use"),
        pytest.param(
            measures(stopped=True, cpu_waiting=2.0, cpu_pressure=1.0, memory_pressure=1.0, io_pressure=1.0, cpu_cores=2.0),
            id="a stopped one hangs, whatever else is the case",
        ),
    ],
)
def test_there_is_none(seen: Measures | None) -> None:
    assert saturated(seen) == ""


@pytest.mark.parametrize(
    ("at", "below"),
    [
        pytest.param({"cpu_waiting": 0.25, "cpu_cores": 0.25}, {"cpu_waiting": 0.24, "cpu_cores": 0.1}, id="a quarter of the time without"),
        pytest.param({"cpu_waiting": 0.4, "cpu_cores": 0.4}, {"cpu_waiting": 0.4, "cpu_cores": 0.41}, id="no longer than it had one"),
        pytest.param({"cpu_waiting": 0.25}, {"cpu_waiting": 0.2}, id="what it used is not known"),
        pytest.param({"cpu_pressure": 0.5}, {"cpu_pressure": 0.49}, id="half of the time by pressure"),
        pytest.param({"cpu_cores": 0.9}, {"cpu_cores": 0.89}, id="nine tenths of a core"),
        pytest.param({"memory_pressure": 0.3}, {"memory_pressure": 0.29}, id="three tenths short of memory"),
        pytest.param({"io_pressure": 0.5}, {"io_pressure": 0.49}, id="half of the time short of I/O"),
    ],
)
def test_each_number_is_a_reason_from_itself_on(at: dict[str, float], below: dict[str, float]) -> None:
    assert saturated(measures(**at)) != ""
    assert saturated(measures(**below)) == ""


shares = st.one_of(st.none(), st.floats(0, 4))


@given(shares, shares, shares, shares, shares)
def test_a_stopped_process_is_never_saturated(
    cores: float | None, waiting: float | None, cpu: float | None, memory: float | None, io: float | None
) -> None:
    told = {"cpu_cores": cores, "cpu_waiting": waiting, "cpu_pressure": cpu, "memory_pressure": memory, "io_pressure": io}

    assert saturated(measures(stopped=True, **told)) == ""


@given(st.floats(0, 0.24), st.floats(0, 0.6), st.floats(0, 1))
def test_the_crowd_excuses_nobody_who_sleeps(waiting: float, used: float, crowd: float) -> None:
    assert saturated(measures(cpu_cores=used, cpu_waiting=waiting, cpu_pressure=crowd)) == ""
