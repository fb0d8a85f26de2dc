"""The simulation's groups beside the lab's, through our own adapters: hooks, heartbeats, what is gone and what comes instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core import names
from lambdas.adapters import clients, groups, instances
from simulation.world import World
from tests.lab.conftest import moto_as_it_was  # noqa: F401 - a fixture: whoever comes after the lab's engines finds moto as it was
from tests.lab.groups_bench import LAUNCH_HOOK, TERMINATE_HOOK, bench

D, A = "made-up", "a0"
pytestmark = pytest.mark.heavy  # the lab's groups take seconds to set up


@dataclass
class Scaling:
    """pass_s: lets time pass. fail: has EC2 end an instance without a word to its group."""

    pass_s: Callable[[float], None]
    fail: Callable[[str], None]

    def members(self) -> dict[str, str]:
        group = groups.find(D, A)
        assert group is not None
        return {instance: member.lifecycle for instance, member in group.members.items()}

    def only(self, lifecycle: str) -> str:
        (found,) = [instance for instance, now in self.members().items() if now == lifecycle]
        return found

    def serving(self) -> str:
        self.pass_s(10)
        instance = self.only("Pending:Wait")
        assert groups.complete_hook(self.name, names.LAUNCH_HOOK, instance, let_in=True) == "CONTINUE"
        self.pass_s(2)
        return instance

    @property
    def name(self) -> str:
        group = groups.find(D, A)
        assert group is not None
        return group.name


def _made_up() -> Iterator[Scaling]:
    world = World(1)
    world.functions.down = True  # nobody answers a hook but the test
    world.build()

    def fail(instance: str) -> None:
        world.machines.fail(world.machines.all[instance])

    yield Scaling(lambda seconds: world.schedule.run(world.schedule.now_ms + int(seconds * 1000)), fail)


def _lab(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scaling]:
    for name, value in {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    with bench(folder) as made:
        clients.client.cache_clear()
        tags = [{"Key": k, "Value": v, "PropagateAtLaunch": True} for k, v in ((names.TAG_DEPLOYABLE, D), (names.TAG_ASSEMBLY, A))]
        made.create_group(Tags=tags, LifecycleHookSpecificationList=[LAUNCH_HOOK, TERMINATE_HOOK])

        def fail(instance: str) -> None:
            made.ec2.terminate_instances(InstanceIds=[instance])

        yield Scaling(made.tick, fail)
    clients.client.cache_clear()


@pytest.fixture(params=["made up", "the lab's"])
def scaling(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scaling]:
    sides: dict[str, Any] = {"made up": _made_up, "the lab's": lambda: _lab(tmp_path, monkeypatch)}
    yield from sides[request.param]()


def test_a_launch_waits_for_its_hook_and_an_answer_counts_once(scaling: Scaling) -> None:
    instance = scaling.serving()

    assert scaling.members() == {instance: "InService"}
    assert "was not waiting any more" in groups.complete_hook(scaling.name, names.LAUNCH_HOOK, instance, let_in=True)


def test_an_abandoned_launch_ends_by_the_other_hook_and_another_one_comes(scaling: Scaling) -> None:
    scaling.pass_s(10)
    bad = scaling.only("Pending:Wait")
    assert groups.complete_hook(scaling.name, names.LAUNCH_HOOK, bad, let_in=False) == "ABANDON"
    scaling.pass_s(10)

    assert scaling.members()[bad] == "Terminating:Wait"
    assert scaling.only("Pending:Wait") != bad


def test_who_is_terminated_waits_in_its_hook_while_another_one_is_launched(scaling: Scaling) -> None:
    old = scaling.serving()
    assert "terminates and replaces it" in groups.terminate(old)
    scaling.pass_s(10)

    assert scaling.members()[old] == "Terminating:Wait"
    assert instances.describe([old])[old].state == "running"
    new = scaling.only("Pending:Wait")
    assert groups.complete_hook(scaling.name, names.TERMINATE_HOOK, old, let_in=True) == "CONTINUE"
    scaling.pass_s(30)
    assert scaling.members() == {new: "Pending:Wait"}
    assert instances.describe([old])[old].state == "terminated"


def test_a_hook_that_nobody_answers_ends_by_itself_unless_it_is_kept_alive(scaling: Scaling) -> None:
    scaling.pass_s(10)
    first = scaling.only("Pending:Wait")
    scaling.pass_s(500)
    groups.keep_alive(scaling.name, names.LAUNCH_HOOK, first)
    scaling.pass_s(200)
    assert scaling.members()[first] == "Pending:Wait"

    scaling.pass_s(420)
    assert scaling.members().get(first) != "Pending:Wait"


def test_nobody_looks_after_one_that_dies_while_it_waits_to_be_let_in(scaling: Scaling) -> None:
    scaling.pass_s(10)
    waits = scaling.only("Pending:Wait")
    scaling.fail(waits)
    scaling.pass_s(60)

    assert scaling.members() == {waits: "Pending:Wait"}


def test_one_that_is_gone_while_it_serves_is_replaced_through_its_hook(scaling: Scaling) -> None:
    old = scaling.serving()
    scaling.fail(old)
    scaling.pass_s(120)

    assert scaling.members()[old] == "Terminating:Wait"
    assert scaling.only("Pending:Wait") != old


def test_a_group_has_no_such_instance(scaling: Scaling) -> None:
    scaling.serving()

    assert "no such instance" in groups.terminate("i-00000000000000bad")
