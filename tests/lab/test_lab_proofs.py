"""The judge judged, a sample in two labs side by side, in about a minute: the rest is in test_lab_proofs_heavy.py.

One plays two drills of the agent, on our code as it is; one a copy in which a node does not wait for its permit. Each test
reads what they saw.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from proofs import AGENT_BACK, NEWCOMER_SERVED, REPOSITORY, TWICE, WITHOUT_PERMIT_RULE, Lab, copy_without, playing

pytestmark = pytest.mark.lab

_AS_IT_IS = (
    ("agent killed", "kill-agent", None, 60),
    ("application hung", "hang-application", None, 60),
)
_WITHOUT_PERMIT_RULE = (("second node", "second-node", None, 60),)


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Lab]]:
    folder = tmp_path_factory.mktemp("proofs")
    copy = copy_without(WITHOUT_PERMIT_RULE, folder / "copy")
    with playing(folder, [(REPOSITORY, _AS_IT_IS), (copy, _WITHOUT_PERMIT_RULE)]) as (as_it_is, without):
        yield as_it_is, without


def test_an_agent_that_is_killed_adopts_its_application_and_nobody_notices(labs: tuple[Lab, Lab]) -> None:
    # How soon is for a drill that has the machine to itself: two labs and whoever else delay the start of a Python program.
    assert labs[0].broken("agent killed") - {AGENT_BACK} == set()
    assert labs[0].promises("agent killed")[AGENT_BACK]["measured"] < 60


def test_an_application_that_hangs_is_started_again_by_the_agent_alone(labs: tuple[Lab, Lab]) -> None:
    assert labs[0].broken("application hung") == set()


def test_without_the_permit_rule_two_nodes_serving_at_once_are_caught(labs: tuple[Lab, Lab]) -> None:
    promises = labs[1].promises("second node")

    assert labs[1].broken("second node") >= {TWICE, NEWCOMER_SERVED}
    assert promises[TWICE]["measured"] > 0


def test_labs_side_by_side_end_well_and_leave_nothing_running(labs: tuple[Lab, Lab]) -> None:
    for lab in labs:
        assert lab.status == 0, lab.printed[-6000:]
        assert lab.left == []
