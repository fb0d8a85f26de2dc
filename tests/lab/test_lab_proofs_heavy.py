"""The judge judged, at length: break one of our own protections, and the drill that stands for it fails, on the promises that name it.

Two labs side by side play it all, in about three minutes, on our code as it is. Each test reads what they saw.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from proofs import ALARM, CLOSED, FRONT, REPOSITORY, SERVED, SHARE, Lab, playing

pytestmark = [pytest.mark.lab, pytest.mark.heavy]

# Patience: enough for what must still happen at this time scale, and no more, for a broken recovery is waited for to the end.
_AS_IT_IS = (
    ("second node", "second-node", None, 60),
    ("lost events", "lost-events", None, 90),
    ("no alarm action, frozen", "freeze-instance", "alarm-action", 60),
)
_SABOTAGED = (
    ("code raises, killed", "kill-instance", "recover-code", 25),
    ("code hangs, killed", "kill-instance", "recover-hangs", 25),
    ("role denied, killed", "kill-instance", "recover-role", 25),
    ("role denied, frozen", "freeze-instance", "recover-role", 30),
)


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Lab]]:
    """With everything in place, or no alarm action; and with the recovery broken."""
    with playing(tmp_path_factory.mktemp("proofs"), [(REPOSITORY, _AS_IT_IS), (REPOSITORY, _SABOTAGED)]) as (as_it_is, sabotaged):
        yield as_it_is, sabotaged


def test_a_second_node_waits_and_never_serves(labs: tuple[Lab, Lab]) -> None:
    assert labs[0].broken("second node") == set()


def test_with_every_event_lost_the_sweep_alone_recovers(labs: tuple[Lab, Lab]) -> None:
    assert labs[0].broken("lost events") == set()


def test_without_the_alarms_action_the_sweep_recovers_a_frozen_machine_and_the_drill_fails_on_who_noticed(labs: tuple[Lab, Lab]) -> None:
    assert labs[0].broken("no alarm action, frozen") - {SHARE} == {ALARM}


class TestWithTheRecoveryBroken:
    def test_its_code_raising_a_killed_machine_is_replaced_by_its_group_and_the_drill_fails_on_incident_and_front(
        self, labs: tuple[Lab, Lab]
    ) -> None:
        assert labs[1].broken("code raises, killed") == {FRONT, CLOSED}

    def test_its_role_denied_a_killed_machine_is_replaced_by_its_group_and_the_drill_fails_on_incident_and_front(
        self, labs: tuple[Lab, Lab]
    ) -> None:
        assert labs[1].broken("role denied, killed") == {FRONT, CLOSED}
        assert labs[1].promises("role denied, killed")[SERVED]["held"]

    def test_its_role_denied_a_frozen_machine_stays_and_the_drill_fails(self, labs: tuple[Lab, Lab]) -> None:
        assert labs[1].broken("role denied, frozen") >= {FRONT, CLOSED, ALARM}
        assert labs[1].step("role denied, frozen")["result"]["incident"] is None

    def test_hanging_it_is_cut_off_with_a_clear_line_and_nothing_of_it_is_left_running(self, labs: tuple[Lab, Lab]) -> None:
        step = labs[1].step("code hangs, killed")

        assert labs[1].broken("code hangs, killed") == {FRONT, CLOSED}
        assert any("Task timed out after 3.00 seconds" in line for line in step["recovery_said"])
        assert step["left_running"] == []


def test_labs_side_by_side_end_well_and_leave_nothing_running(labs: tuple[Lab, Lab]) -> None:
    for lab in labs:
        assert lab.status == 0, lab.printed[-6000:]
        assert lab.left == []
