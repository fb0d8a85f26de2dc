"""The judge of the agent's drills judged: take one of a node's own protections away, and the drill that stands for it fails.

Two labs side by side play it, in about seven minutes: one breaks settings and the agent's unit, one a copy of our code as well.
Each test reads what they saw.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from proofs import REPOSITORY, WITHOUT_CLEANING_AND_PATIENCE_WITH_THE_DISK, Lab, copy_without, playing

pytestmark = [pytest.mark.lab, pytest.mark.heavy]

# A machine that was replaced remembers no failures: so none of them has to wait until earlier ones are forgotten.
_AS_IT_IS = (
    ("no probes, hung", "hang-application", "no-probes", 60),
    ("no watchdog, frozen", "freeze-agent", "no-watchdog", 60),
    ("no thresholds, leaking", "leak-memory", "no-thresholds", 60),
    ("killed with its group", "kill-agent", "kill-group", 60),
)
_COPY = (
    ("no tolerance, flapping", "flap", "no-tolerance", 60),
    ("no cleaning, port held", "grandchild-holds-port", None, 60),
    ("no patience with the disk", "fill-disk", None, 60),
    ("no patience, starved", "starve-application", "no-patience", 60),
)


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Lab]]:
    folder = tmp_path_factory.mktemp("proofs")
    copy = copy_without(WITHOUT_CLEANING_AND_PATIENCE_WITH_THE_DISK, folder / "copy")
    with playing(folder, [(REPOSITORY, _AS_IT_IS), (copy, _COPY)]) as (as_it_is, broken):
        yield as_it_is, broken


def test_without_probes_an_application_that_hangs_is_not_started_again(labs: tuple[Lab, Lab]) -> None:
    assert labs[0].broken("no probes, hung") >= {"until a new process was started", "the hung process is gone"}


def test_without_a_watchdog_a_frozen_agent_stays_frozen_and_costs_the_machine(labs: tuple[Lab, Lab]) -> None:
    broken = labs[0].broken("no watchdog, frozen")

    assert broken >= {"until the agent's next run says that all is well", "incidents"}


def test_without_a_threshold_a_leak_goes_on(labs: tuple[Lab, Lab]) -> None:
    assert labs[0].broken("no thresholds, leaking") >= {"most memory it had", "the leaking process is gone"}


def test_killed_with_the_agents_group_an_application_cannot_be_adopted(labs: tuple[Lab, Lab]) -> None:
    assert labs[0].broken("killed with its group") >= {"the same process serves", "the agent says that it adopted it"}


def test_without_tolerance_the_first_failure_costs_the_machine(labs: tuple[Lab, Lab]) -> None:
    assert not labs[1].step("no tolerance, flapping")["result"]["held"]
    assert labs[1].broken("no tolerance, flapping") & {"machines launched so far", "incidents so far"}


def test_without_cleaning_no_new_process_can_bind_the_port_and_that_costs_the_machine(labs: tuple[Lab, Lab]) -> None:
    assert labs[1].broken("no cleaning, port held") >= {
        "until a new process was started",
        "restarts of the application",
        "machines launched",
    }


def test_an_agent_that_ends_when_its_notes_cannot_be_written_is_caught(labs: tuple[Lab, Lab]) -> None:
    assert "it is the same run of the agent" in labs[1].broken("no patience with the disk")


def test_without_patience_a_starved_application_is_told_failing(labs: tuple[Lab, Lab]) -> None:
    assert labs[1].broken("no patience, starved") >= {"it was told failing", "the same process serves"}


def test_labs_side_by_side_end_well_and_leave_nothing_running(labs: tuple[Lab, Lab]) -> None:
    for lab in labs:
        assert lab.status == 0, lab.printed[-6000:]
        assert lab.left == []
