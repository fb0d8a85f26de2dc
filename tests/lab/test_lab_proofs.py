"""The judge judged, a sample in two labs side by side, in about a minute: the rest is in test_lab_proofs_heavy.py.

One plays two drills of the agent and one with our recovery broken, on our code as it is; one a copy in which a node does
not wait for its permit. Each test reads what they saw.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from proofs import CLOSED, FRONT, NEWCOMER_SERVED, REPOSITORY, SERVED, TWICE, WITHOUT_PERMIT_RULE, Lab, copy_without, playing

pytestmark = pytest.mark.lab

# Patience: enough for what must still happen at this time scale, and no more, for a broken recovery is waited for to the end.
_AS_IT_IS = (
    ("agent killed", "kill-agent", None, 60),
    ("application hung", "hang-application", None, 60),
    ("role denied, killed", "kill-instance", "recover-role", 25),
)
_WITHOUT_PERMIT_RULE = (("second node", "second-node", None, 60),)


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Lab]]:
    folder = tmp_path_factory.mktemp("proofs")
    copy = copy_without(WITHOUT_PERMIT_RULE, folder / "copy")
    with playing(folder, [(REPOSITORY, _AS_IT_IS), (copy, _WITHOUT_PERMIT_RULE)]) as (as_it_is, without):
        yield as_it_is, without


def test_an_agent_that_is_killed_adopts_its_application_and_nobody_notices(labs: tuple[Lab, Lab]) -> None:
    assert labs[0].broken("agent killed") == set()


def test_an_application_that_hangs_is_started_again_by_the_agent_alone(labs: tuple[Lab, Lab]) -> None:
    assert labs[0].broken("application hung") == set()


def test_its_role_denied_a_killed_machine_is_replaced_by_its_group_and_the_drill_fails_on_incident_and_front(labs: tuple[Lab, Lab]) -> None:
    assert labs[0].broken("role denied, killed") == {FRONT, CLOSED}
    assert labs[0].promises("role denied, killed")[SERVED]["held"]


def test_without_the_permit_rule_two_nodes_serving_at_once_are_caught(labs: tuple[Lab, Lab]) -> None:
    promises = labs[1].promises("second node")

    assert labs[1].broken("second node") >= {TWICE, NEWCOMER_SERVED}
    assert promises[TWICE]["measured"] > 0


def test_labs_side_by_side_end_well_and_leave_nothing_running(labs: tuple[Lab, Lab]) -> None:
    for lab in labs:
        assert lab.status == 0, lab.printed[-6000:]
        assert lab.left == []
