"""admit_node, retire_node and move_front against moto."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import Verdict
from core.records import Phase
from core.recovery.incident import Cause, Incident, State, incident_item
from lambdas import admit_node, move_front, retire_node
from lambdas.adapters import environment, fronts, groups, table
from lambdas.adapters.clients import Unknown

MOVE = {"assembly": {"deployable": "demo", "assembly": "counter"}}


def launched(cloud: Any) -> str:
    """A node that waits in the launch hook; its agent reports and answers."""
    (node,) = cloud.members()
    cloud.lifecycles[node] = "Pending:Wait"
    cloud.report(node, epoch=0, phase=Phase.WAITING, verdict=Verdict.UNKNOWN)
    return str(node)


def starts_when_permitted(cloud: Any, node: str) -> None:
    def play() -> None:
        permit = table.permit("demo", "counter")
        if permit is not None and permit.instance == node:
            cloud.report(node, epoch=permit.epoch)

    cloud.while_asleep = play


def admit(cloud: Any, node: str, seconds: float = 60) -> Any:
    return admit_node.handler(cloud.event("instance_launch_hook", node), cloud.context(seconds))


# --- admit_node --------------------------------------------------------------------------------------


def test_the_first_node_is_permitted_let_in_and_given_the_front(cloud: Any) -> None:
    node = launched(cloud)
    starts_when_permitted(cloud, node)

    admit(cloud, node)

    permit = table.permit("demo", "counter")
    assert permit is not None
    assert (permit.instance, permit.epoch) == (node, 1)
    assert cloud.hooks == [("admit", node, "CONTINUE")]
    assert cloud.front_holder() == node


def test_a_node_is_let_in_only_once_the_assembly_before_it_serves(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    node = launched(cloud)
    fleet = environment.fleet()
    waits = replace(fleet, assemblies=(replace(fleet.assemblies[0], after=("platform",)),))
    monkeypatch.setattr(environment, "fleet", lambda: waits)

    admit(cloud, node, 5)
    assert table.permit("demo", "counter") is None
    assert cloud.hooks == [("admit", node, "ALIVE")]

    cloud.serves("platform", "i-0ffffffffffffffff")
    starts_when_permitted(cloud, node)
    admit(cloud, node)

    assert cloud.hooks[-1] == ("admit", node, "CONTINUE")


def test_nobody_is_permitted_while_the_predecessor_runs_and_the_hook_is_kept_alive(cloud: Any) -> None:
    node = launched(cloud)
    (other,) = [i["InstanceId"] for i in cloud.client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"]]
    cloud.permit(other, 3)

    admit(cloud, node)

    permit = table.permit("demo", "counter")
    assert permit is not None
    assert permit.instance == other
    assert cloud.hooks == [("admit", node, "ALIVE")]

    cloud.client("ec2").terminate_instances(InstanceIds=[other])
    starts_when_permitted(cloud, node)
    admit_node.handler({**MOVE, "instance": node, "group": "counter-group"}, cloud.context())
    permit = table.permit("demo", "counter")
    assert permit is not None
    assert (permit.instance, permit.epoch, permit.predecessor) == (node, 4, other)
    assert cloud.hooks[-1] == ("admit", node, "CONTINUE")


def test_a_permit_that_may_have_been_written_is_read_again_not_written_twice(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    node = launched(cloud)
    starts_when_permitted(cloud, node)
    write = table.put_permit

    def uncertain(new: Any, over: Any) -> None:
        write(new, over)
        raise Unknown("write", "ReadTimeoutError", "no answer")

    monkeypatch.setattr(table, "put_permit", uncertain)

    admit(cloud, node)

    permit = table.permit("demo", "counter")
    assert permit is not None
    assert permit.epoch == 1


def test_a_node_that_died_in_the_hook_is_abandoned_at_once(cloud: Any) -> None:
    node = launched(cloud)
    cloud.client("ec2").stop_instances(InstanceIds=[node])

    admit(cloud, node)

    assert cloud.hooks == [("admit", node, "ABANDON")]
    assert table.permit("demo", "counter") is None


def test_a_node_that_never_gets_ready_is_abandoned_with_evidence(cloud: Any) -> None:
    node = launched(cloud)
    cloud.permit(node)
    cloud.report(node, phase=Phase.STARTING, verdict=Verdict.UNKNOWN)
    cloud.sleep(121)

    admit(cloud, node)

    assert cloud.hooks == [("admit", node, "ABANDON")]
    assert cloud.evidence() == [f"evidence/demo/counter/{node}/abandoned.json"]


def test_a_hook_of_somebody_else_is_left_alone(cloud: Any) -> None:
    event = cloud.event("instance_launch_hook")
    event["detail"]["NotificationMetadata"] = "understudy/other/thing"

    assert admit_node.handler(event, cloud.context()) == {"did": "left alone"}
    assert cloud.hooks == []


def test_admitting_twice_changes_nothing(cloud: Any) -> None:
    node = launched(cloud)
    starts_when_permitted(cloud, node)
    admit(cloud, node)
    cloud.lifecycles[node] = "InService"

    admit(cloud, node)

    permit = table.permit("demo", "counter")
    assert permit is not None
    assert permit.epoch == 1
    assert len(cloud.hooks) == 1


# --- admit_node and the deploy that waits -------------------------------------------------------------


def never_ready(cloud: Any) -> str:
    node = launched(cloud)
    cloud.permit(node)
    cloud.report(node, phase=Phase.STARTING, verdict=Verdict.UNKNOWN)
    cloud.sleep(121)
    return node


def test_a_deploy_hears_of_success_once_the_node_is_let_in_and_has_the_front(cloud: Any) -> None:
    node = launched(cloud)
    starts_when_permitted(cloud, node)
    cloud.when_told = lambda: cloud.order.append((list(cloud.hooks), cloud.front_holder()))

    admit(cloud, node)

    assert cloud.signals == [(cloud.place, node, "SUCCESS")]
    assert cloud.order == [([("admit", node, "CONTINUE")], node)]


def test_a_node_of_a_former_version_says_nothing_to_an_update_that_began_while_its_front_was_placed(
    cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = launched(cloud)
    starts_when_permitted(cloud, node)
    find = groups.find

    def found(deployable: str, assembly: str) -> Any:
        group, begun = find(deployable, assembly), any(function == "move" for function, _ in cloud.asked)
        return group and replace(group, members={name: replace(member, current=not begun) for name, member in group.members.items()})

    monkeypatch.setattr(groups, "find", found)

    admit(cloud, node)

    assert (cloud.signals, cloud.hooks) == ([], [("admit", node, "CONTINUE")])


def test_a_deploy_hears_of_failure_before_the_group_may_launch_the_same_again(cloud: Any) -> None:
    node = never_ready(cloud)
    cloud.when_told = lambda: cloud.order.append(list(cloud.hooks))

    admit(cloud, node)

    assert cloud.signals == [(cloud.place, node, "FAILURE")]
    assert (cloud.order, cloud.hooks) == ([[]], [("admit", node, "ABANDON")])


def test_a_deploy_that_cannot_be_told_of_failure_does_not_keep_a_bad_node_in_the_group(cloud: Any) -> None:
    node = never_ready(cloud)
    cloud.signal_fails = 99

    admit(cloud, node)

    assert cloud.hooks == [("admit", node, "ABANDON")]


def test_a_success_that_could_not_be_said_is_said_again(cloud: Any) -> None:
    node = launched(cloud)
    starts_when_permitted(cloud, node)
    cloud.signal_fails = 1
    cloud.when_told = lambda: cloud.lifecycles.update({node: "InService"})

    admit(cloud, node)

    assert cloud.signals[-1] == (cloud.place, node, "SUCCESS")
    assert cloud.hooks == [("admit", node, "CONTINUE")]


# --- retire_node -------------------------------------------------------------------------------------


def leaving(cloud: Any) -> str:
    (node,) = cloud.members()
    cloud.lifecycles[node] = "Terminating:Wait"
    cloud.permit(node)
    cloud.report(node)
    return str(node)


def retire(cloud: Any, node: str) -> None:
    retire_node.handler(cloud.event("instance_terminate_hook", node), cloud.context())


def test_a_node_is_let_go_once_it_has_gone_offline(cloud: Any) -> None:
    node = leaving(cloud)
    cloud.while_asleep = lambda: cloud.report(node, phase=Phase.RELEASED)

    retire(cloud, node)

    assert cloud.hooks == [("retire", node, "CONTINUE")]
    assert cloud.evidence() == [f"evidence/demo/counter/{node}/retired.json"]


def test_a_node_that_does_not_leave_has_the_hooks_own_time(cloud: Any) -> None:
    node = leaving(cloud)

    retire(cloud, node)

    assert cloud.hooks == []


def test_a_node_that_is_stopping_gets_more_time(cloud: Any) -> None:
    node = leaving(cloud)
    cloud.report(node, phase=Phase.STOPPING)

    retire(cloud, node)

    assert cloud.hooks == [("retire", node, "ALIVE")]


def test_a_node_being_fenced_is_let_go_at_once(cloud: Any) -> None:
    node = leaving(cloud)
    incident = Incident(
        deployable="demo", assembly="counter", id="x", revision=1, instance=node, epoch=1, state=State.ISOLATING, cause=Cause.SIGNALS,
        reason="", woken_by="alarm", failed_ms=1, opened_ms=1, state_ms=1,
    )  # fmt: skip
    cloud.put(incident_item(incident))

    retire(cloud, node)

    assert cloud.hooks == [("retire", node, "CONTINUE")]


# --- move_front --------------------------------------------------------------------------------------


def test_the_front_goes_to_the_permits_holder_and_is_written_only_on_difference(cloud: Any) -> None:
    (node,) = cloud.members()
    cloud.permit(node)

    assert move_front.handler(MOVE, cloud.context()) == {"held_by": node, "tried": True, "moved": True}
    assert move_front.handler(MOVE, cloud.context()) == {"held_by": node, "tried": True, "moved": False}


def test_a_front_that_does_not_answer_is_said_so(cloud: Any) -> None:
    (node,) = cloud.members()
    cloud.permit(node)
    cloud.front_accepts = False

    assert move_front.handler(MOVE, cloud.context())["tried"] is False


def test_without_a_permit_the_front_stays(cloud: Any) -> None:
    assert move_front.handler(MOVE, cloud.context()) == {"held_by": None, "tried": None, "moved": False}
    assert cloud.front_holder() is None


def test_a_node_that_ec2_does_not_know_gets_no_front(cloud: Any) -> None:
    cloud.permit("i-0123456789abcdef0")

    assert move_front.handler(MOVE, cloud.context())["held_by"] is None


def test_a_front_that_was_moved_for_an_old_permit_is_moved_on(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two calls cross: ours read the permit before it went to another node, and its move lands last."""
    (old,) = cloud.members()
    new = cloud.client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    cloud.permit(old)
    attach = fronts.ElasticIpFront.attach

    def late(front: fronts.ElasticIpFront, instance: str) -> None:
        cloud.permit(new, epoch=2)
        attach(front, instance)

    monkeypatch.setattr(fronts.ElasticIpFront, "attach", late)

    move_front.handler(MOVE, cloud.context(30))

    assert cloud.front_holder() == new
