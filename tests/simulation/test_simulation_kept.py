"""Histories that found something, kept as they were: what a seed's history is changes with each new kind of fault."""

from __future__ import annotations

import pytest

from simulation.fault import Fault
from simulation.history import History
from simulation.plan import Plan
from tests.simulation.calm import CALM

KEPT = {
    # Their agent, made up then, ordered the same stop again and again within one moment.
    "a machine is frozen while it leaves, and thaws past its application's grace": Plan(
        18082, 1, 2.25, (Fault("instance refresh", 78.209, 5.968, 0), Fault("pause", 81.417, 106.323, 0)), CALM | {"front": 1.0}
    ),
    "a bad version is taken back while its node is frozen": Plan(
        19094, 3, 2.98,
        (
            Fault("deploy of a bad version", 79.802, 70.8, 0), Fault("zone loss", 122.112, 116.122, 1), Fault("pause", 159.664, 51.042, 0),
            Fault("table out for functions", 163.052, 40.206, 0),
        ),
        CALM | {"twice": 0.5, "skew": 3.0, "hidden": 6.0},
    ),
    # A node that is paused tells nothing of itself, so that the watch took it for well since before.
    "what wakes from a pause as it is killed was not well until then": Plan(
        2226, 2, 1.556,
        (
            Fault("monitor outage", 13.567601675793924, 12.349543213154707, 1),
            Fault("retire_node or move_front dies", 40.8022431649286, 98.18646208616356, 1),
            Fault("pause", 67.06748585502208, 50.257898120346454, 1),
        ),
        CALM | {"latency": 0.05, "lost": 1.0, "twice": 0.5, "stale": 0.5, "hidden": 6.0, "disagreement": 1.0},
    ),
    "an interface is torn from the new node by a call that came late for the old one": Plan(
        19575, 1, 2.854, (Fault("interface is not let go", 17.379764192873647, 95.15928963757376, 0),),
        CALM | {"latency": 0.05, "twice": 0.5, "stale": 0.5, "front": 4.0, "disagreement": 1.0},
    ),
    "the same, and the replacement was an operator's wish": Plan(
        16952, 3, 1.812,
        (Fault("kill", 28.021886978296983, 111.60547303743238, 0), Fault("operator says replace", 30.191202324718848, 332.46783011767, 1)),
        CALM | {"latency": 0.05, "hidden": 6.0, "front": 4.0},
    ),
    "what befalls a node that a rung has made is its own affair, while the rung goes on": Plan(
        13666, 2, 1.164,
        (Fault("stop", 12.963856158200523, 17.259190525693537, 1), Fault("all hang at once", 44.68013129784417, 57.723013951991724, 1)),
        CALM | {"hidden": 6.0, "front": 3.0, "intolerant": 1.0},
    ),
    "who is taken along is not ended while who leads is weighed again": Plan(
        16149, 2, 2.098329655708903,
        (
            Fault("bucket and topic out", 61.88973948374561, 26.41367360545745, 1),
            Fault("prober blind", 92.49435185364781, 118.27946828044304, 0),
        ),
        CALM | {"latency": 0.3, "hidden": 6.0, "front": 4.0, "disagreement": 1.0, "intolerant": 1.0},
    ),
    "the database is not failed over while who was quicker than the suspicion runs": Plan(
        17721, 1, 1.5813962584870194,
        (
            Fault("database fails over", 14.869202634067893, 61.0893512704198, 0),
            Fault("EC2's API out", 29.30878508411162, 44.54292043262975, 0),
            Fault("Auto Scaling's API out", 41.36864565141229, 41.1114155301136, 0),
            Fault("application never ready on the next", 47.950053761704694, 9.297099889897673, 0),
            Fault("kill", 61.06837415828515, 11.342823288452339, 0),
            Fault("prober blind", 70.27298329828511, 96.11306674916719, 0),
        ),
        CALM | {"twice": 0.5, "hidden": 6.0, "volume": 1.0, "database": 2.0, "intolerant": 1.0},
    ),
}  # fmt: skip
KEPT_HEAVY = {
    "a group is let go on again, though a slow call suspends it after the pause is over": Plan(
        14386, 3, 1.376,
        (
            Fault("operator says maintenance", 6.071947546086156, 111.4566152381218, 2),
            Fault("application does not stop", 20.22057160107981, 37.387719713055795, 2),
            Fault("instance refresh", 23.373852454404123, 90.37723400614254, 2),
            Fault("bucket and topic out", 38.983154443676966, 17.529119123627993, 2),
            Fault("all hang at once", 50.028660072515095, 67.1627068680649, 2),
            Fault("slow calls", 63.36224445931357, 101.65290740639111, 2),
        ),
        CALM | {"latency": 0.05, "twice": 0.5, "stale": 0.5, "front": 3.0, "volume": 1.0},
    ),
    "launches whose events are lost are let in, though the minute is not enough for two hundred": Plan(
        4333, 200, 0.5, (Fault("kill", 16.202507388547694, 55.68233611373071, 38),),
        CALM | {"latency": 0.05, "lost": 0.3, "late": 0.4, "skew": 3.0, "stale": 0.5, "hidden": 6.0, "intolerant": 1.0},
    ),
}  # fmt: skip
DIES_TWICE = Plan(
    31098, 1, 2.843,
    (
        Fault("dies while it boots", 18.68081425507155, 79.76207911339615, 0), Fault("application fails", 27.774147902396, 100.44156, 0),
        Fault("stop", 55.35943898745334, 38.54209394305195, 0), Fault("stop", 102.68234169088525, 13.025647526443759, 0),
        Fault("application never ready on the next", 65.17932200762682, 109.69641530369464, 0),
        Fault("partition node from all", 143.33745623699377, 106.1349688052863, 0),
    ),
    CALM | {"latency": 0.05, "front": 3.0, "disagreement": 1.0},
)  # fmt: skip


@pytest.mark.parametrize("plan", KEPT.values(), ids=KEPT)
def test_a_history_that_broke_a_promise_once_keeps_it(plan: Plan) -> None:
    assert History(plan).live().broken == ""


@pytest.mark.heavy
@pytest.mark.parametrize("plan", KEPT_HEAVY.values(), ids=KEPT_HEAVY)
def test_a_large_history_that_broke_a_promise_once_keeps_it(plan: Plan) -> None:
    assert History(plan).live().broken == ""


def test_a_replacement_that_dies_while_it_is_verified_is_counted_once() -> None:
    """Its last report goes on saying that it runs; it was taken up again for that, and given up, as a boot loop of three."""
    history = History(DIES_TWICE)
    history.live()

    lost = [note.what for one in history.world.watch.ended.values() for note in one.notes if "did not live" in note.what]
    assert lost == []
