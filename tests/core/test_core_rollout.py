"""What a deploy hears of a node, and how long it waits for one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.lifecycle.admission import BOOT_S, Abandon, Complete, Done, Step, Wait
from core.lifecycle.rollout import CREATE_MAX_S, MARGIN_S, PAUSE_MAX_S, Word, create_timeout_s, iso_duration, update_pause_s, word_for
from core.model import Application, Assembly, Deployable, Front, OnDisagreement, Run, Tolerance
from core.records import Permit
from core.recovery.snapshot import Machine, Member, StackPlace, View
from core.watching.fleet import Watched

NOW = 1_800_000_000_000
NODE = "i-0aaa"
STACK = StackPlace(stack="arn:aws:cloudformation:eu-west-1:1:stack/understudy-demo/x", logical_id="CounterGroup")
WATCHED = Watched(
    deployable="demo", name="counter", ha_port=7810, http_port=7880, front=Front(), start_grace_s=120, tolerance=Tolerance(2, 3600),
    on_disagreement=OnDisagreement.REPORT,
)  # fmt: skip


def view(lifecycle: str = "Pending:Wait", *, current: bool = True, state: str = "running", **changes: Any) -> View:
    """A node that holds the permit, in a group that a stack made."""
    base = View(
        watched=WATCHED,
        now_ms=NOW,
        group="g",
        stack=STACK,
        permit=Permit(deployable="demo", assembly="counter", instance=NODE, epoch=4, at_ms=NOW),
        members={NODE: Member(instance=NODE, lifecycle=lifecycle, healthy=True, current=current)},
        machines={NODE: Machine(instance=NODE, state=state, address="10.20.0.6", launched_ms=NOW)},
    )
    return replace(base, **changes)


@pytest.mark.parametrize(
    ("seen", "step", "word"),
    [
        pytest.param(view(), Complete("well"), Word.SUCCESS, id="let in"),
        pytest.param(view(), Abandon("never ready", keep_evidence=True), Word.FAILURE, id="not good enough"),
        pytest.param(view(), Abandon("terminated"), None, id="lost by AWS: says nothing about the version"),
        pytest.param(view(), Wait("starts"), None, id="nothing to say yet"),
        pytest.param(view("InService"), Done("in service"), Word.SUCCESS, id="let in by a call that could not say so"),
        pytest.param(view("InService", permit=None), Done("in service"), None, id="in service without a permit"),
        pytest.param(view("Terminating:Wait"), Done("leaves"), Word.FAILURE, id="taken away while it waited"),
        pytest.param(view("Terminating:Wait", state="terminated"), Done("leaves"), None, id="gone by itself"),
        pytest.param(view("Terminating:Wait", permit=None), Done("leaves"), None, id="taken away before it was permitted"),
        pytest.param(view(current=False), Abandon("never ready", keep_evidence=True), None, id="of a version already gone back from"),
        pytest.param(view(current=False), Complete("well"), None, id="well, but not what the deploy waits for"),
        pytest.param(view(stack=None), Complete("well"), None, id="no stack made the group"),
        pytest.param(view(members={}), Done("not in the group any more"), None, id="not in the group any more"),
    ],
)
def test_a_deploy_hears_of_nodes_of_its_own_version_only(seen: View, step: Step, word: Word | None) -> None:
    assert word_for(seen, NODE, step) == word


def assembly(name: str = "counter", *, grace_s: float = 120, after: tuple[str, ...] = ()) -> Assembly:
    application = Application(name="app", run=Run(exec=("/bin/app",)))
    return Assembly(
        name=name, image="debian-12", instances=("t4g.small",), applications=(application,), ha_port=1, http_port=2, start_grace_s=grace_s,
        after=after,
    )  # fmt: skip


def test_a_first_deployment_waits_longer_than_admission_gives_a_node() -> None:
    alone = assembly()
    assert create_timeout_s(Deployable(name="demo", assemblies=(alone,)), alone) > BOOT_S + alone.start_grace_s


def test_no_deploy_waits_longer_than_cloudformation_can() -> None:
    """docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-creationpolicy.html"""
    chain = tuple(assembly(f"a{n}", grace_s=3600, after=(f"a{n - 1}",) if n else ()) for n in range(20))

    assert create_timeout_s(Deployable(name="demo", assemblies=chain), chain[-1]) == CREATE_MAX_S == 12 * 3600


def test_each_assembly_is_counted_once_however_many_start_after_it() -> None:
    """Thirty, each after all before it: as many ways from the last to the first as there are subsets of the others."""
    names = [f"a{n}" for n in range(30)]
    all_after_all = tuple(assembly(name, grace_s=1, after=tuple(names[:n])) for n, name in enumerate(names))

    assert create_timeout_s(Deployable(name="demo", assemblies=all_after_all), all_after_all[-1]) == 30 * (BOOT_S + 1) + MARGIN_S


def test_an_update_waits_for_the_old_node_to_go_too_but_no_longer_than_aws_lets_it() -> None:
    alone, slow = assembly(), assembly(grace_s=3600)
    deployable = Deployable(name="demo", assemblies=(alone,))

    assert create_timeout_s(deployable, alone) < update_pause_s(deployable, alone) < PAUSE_MAX_S
    assert update_pause_s(Deployable(name="demo", assemblies=(slow,)), slow) == PAUSE_MAX_S


def test_who_starts_after_others_is_waited_for_as_long_as_they_are_and_longer() -> None:
    first, second = assembly("first"), assembly("second", after=("first",))
    deployable = Deployable(name="demo", assemblies=(first, second))

    assert create_timeout_s(deployable, second) >= create_timeout_s(deployable, first) + BOOT_S + second.start_grace_s


def test_durations_are_whole_minutes_rounded_up() -> None:
    assert (iso_duration(60), iso_duration(61), iso_duration(3600)) == ("PT1M", "PT2M", "PT60M")
