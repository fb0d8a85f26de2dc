"""A deploy waits until the node serves, and goes back by itself when it does not."""

from __future__ import annotations

import re

from core.lifecycle.rollout import PAUSE_MAX_S
from tests.stacks.conftest import Resource, Template, as_list

GROUP = "AWS::AutoScaling::AutoScalingGroup"


def group(template: Template) -> Resource:
    (id_,) = template.ids(GROUP)
    return template.resources[id_]


def seconds(duration: str) -> int:
    minutes = re.fullmatch(r"PT(\d+)M", duration)
    assert minutes is not None
    return 60 * int(minutes[1])


def test_a_first_deployment_fails_when_its_node_never_serves(template: Template) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-creationpolicy.html"""
    signal = group(template)["CreationPolicy"]["ResourceSignal"]
    grace_s = group(template)["Properties"]["HealthCheckGracePeriod"]

    assert signal["Count"] == 1
    assert seconds(signal["Timeout"]) > grace_s


def test_an_update_ends_the_old_node_before_it_waits_for_the_new_one(template: Template) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html"""
    rolling = group(template)["UpdatePolicy"]["AutoScalingRollingUpdate"]
    creation = group(template)["CreationPolicy"]["ResourceSignal"]

    assert (rolling["MinInstancesInService"], rolling["MaxBatchSize"], rolling["WaitOnResourceSignals"]) == (0, 1, True)
    assert seconds(creation["Timeout"]) < seconds(rolling["PauseTime"]) <= PAUSE_MAX_S


def test_what_an_update_works_with_is_not_suspended_by_it(template: Template) -> None:
    """https://repost.aws/knowledge-center/auto-scaling-group-rolling-updates"""
    held = set(group(template)["UpdatePolicy"]["AutoScalingRollingUpdate"]["SuspendProcesses"])

    assert held == {"HealthCheck", "ReplaceUnhealthy", "AZRebalance", "AlarmNotification", "ScheduledActions"}


def test_one_hand_tells_the_stack_and_only_this_stack(template: Template) -> None:
    telling = [s for s in template.statements() if "cloudformation:SignalResource" in as_list(s["Action"])]

    assert telling == [s for s in template.statements(template.role_of("admit_node")) if s in telling]
    assert [s["Resource"] for s in telling] == [{"Ref": "AWS::StackId"}]
