"""Break our own protection on purpose, and mend it again, so that it is seen that a drill can fail."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.drills import belief, no_signal, one_try
from lab.drills.cloud import Cloud, wait_for
from lab.drills.node_sabotage import Edit, in_settings, in_unit
from lab.drills.stage import CALL_S, Stage
from lab.world import ACCOUNT, REGION

_HANDLER = "lambdas.recover_assembly.handler"
_POLICY = "sabotage"
HANGS_TIMEOUT_S = 3
_RAISES = "def handler(event, context):\n    raise RuntimeError('sabotaged: recover_assembly raises')\n"
_HANGS = "import time\n\n\ndef handler(event, context):\n    print('sabotaged: recover_assembly hangs')\n    time.sleep(900)\n"


@dataclass(frozen=True, slots=True)
class Sabotage:
    """what: in words, for whoever watches. undo: as the template has it; harmless when nothing was applied."""

    name: str
    what: str
    apply: Callable[[Cloud], None]
    undo: Callable[[Cloud], None]

    def inflict(self, stage: Stage) -> None:
        """Apply it, and let whatever call of the recovery began under the old order come to its end."""
        self.apply(stage.cloud)
        at = time.time()
        wait_for(lambda: not stage.recovery_under_way(begun_before=at), timeout_s=CALL_S)


def _recover_function(cloud: Cloud) -> dict[str, Any]:
    for function in cloud.clients["lambda"].list_functions()["Functions"]:
        if function["Handler"] == _HANDLER:
            return dict(function)
    raise LookupError(f"no function has the handler {_HANDLER}")


def _templates_word(cloud: Cloud) -> dict[str, Any]:
    """The properties that the deployed template gives recover_assembly."""
    body = cloud.clients["cloudformation"].get_template(StackName=cloud.stack)["TemplateBody"]
    template = json.loads(body) if isinstance(body, str) else body
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Lambda::Function" and properties.get("Handler") == _HANDLER:
            return dict(properties)
    raise LookupError(f"no function of the template has the handler {_HANDLER}")


# --- its role ------------------------------------------------------------------------------------------------


def _deny_role(cloud: Cloud) -> None:
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    cloud.clients["iam"].put_role_policy(RoleName=_role(cloud), PolicyName=_POLICY, PolicyDocument=json.dumps(deny))


def _allow_role(cloud: Cloud) -> None:
    iam, role = cloud.clients["iam"], _role(cloud)
    if _POLICY in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=_POLICY)
    clear_lost_work(cloud)


def _role(cloud: Cloud) -> str:
    return str(_recover_function(cloud)["Role"].rsplit("/", 1)[-1])


# --- its code ------------------------------------------------------------------------------------------------


def _replace_code(cloud: Cloud, source: str, *, timeout_s: int | None = None) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("lambdas/__init__.py", "")
        package.writestr("lambdas/recover_assembly.py", source)
    name = _recover_function(cloud)["FunctionName"]
    cloud.clients["lambda"].update_function_code(FunctionName=name, ZipFile=archive.getvalue())
    if timeout_s is not None:
        cloud.clients["lambda"].update_function_configuration(FunctionName=name, Timeout=timeout_s)


def _raise(cloud: Cloud) -> None:
    _replace_code(cloud, _RAISES)


def _hang(cloud: Cloud) -> None:
    """Its timeout is shortened with it: a minute tells nothing that seconds do not tell."""
    _replace_code(cloud, _HANGS, timeout_s=HANGS_TIMEOUT_S)


def _restore_code(cloud: Cloud) -> None:
    properties, name = _templates_word(cloud), _recover_function(cloud)["FunctionName"]
    place = {key: _resolved(properties["Code"][key]) for key in ("S3Bucket", "S3Key")}
    cloud.clients["lambda"].update_function_code(FunctionName=name, **place)
    cloud.clients["lambda"].update_function_configuration(FunctionName=name, Timeout=int(properties["Timeout"]))
    clear_lost_work(cloud)


def clear_lost_work(cloud: Cloud) -> None:
    """What an operator does after mending: empty the queues whose depth an alarm watches, so that it comes to rest."""
    for alarm in cloud.clients["cloudwatch"].describe_alarms()["MetricAlarms"]:
        for dimension in alarm.get("Dimensions", []):
            if alarm.get("Namespace") == "AWS/SQS" and dimension["Name"] == "QueueName":
                _drain(cloud.clients["sqs"], dimension["Value"])


def _drain(sqs: Any, queue: str) -> None:
    """Message by message: PurgeQueue may be called once a minute only. Bounded: what comes in meanwhile is another day's."""
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    for _ in range(100):
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if not messages:
            return
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def _resolved(value: str | dict[str, str]) -> str:
    """A text of the template, with the two pseudo parameters that the CDK puts into an asset's place."""
    text = value["Fn::Sub"] if isinstance(value, dict) else value
    return text.replace("${AWS::AccountId}", ACCOUNT).replace("${AWS::Region}", REGION)


def _believe(cloud: Cloud) -> None:
    _replace_code(cloud, belief.SOURCE)
    belief.take_missing_for(cloud, _callers(cloud), "breaching")


def _doubt(cloud: Cloud) -> None:
    belief.take_missing_for(cloud, _callers(cloud), "ignore")
    _restore_code(cloud)


# --- the alarm -----------------------------------------------------------------------------------------------


def _callers(cloud: Cloud) -> list[str]:
    """The alarms whose action is a function."""
    alarms = cloud.clients["cloudwatch"].describe_alarms()["MetricAlarms"]
    return [alarm["AlarmName"] for alarm in alarms if any(":lambda:" in action for action in alarm.get("AlarmActions", []))]


def _disable_actions(cloud: Cloud) -> None:
    cloud.clients["cloudwatch"].disable_alarm_actions(AlarmNames=_callers(cloud))


def _enable_actions(cloud: Cloud) -> None:
    cloud.clients["cloudwatch"].enable_alarm_actions(AlarmNames=_callers(cloud))


# --- the group -----------------------------------------------------------------------------------------------

KEPT_SUBNETS = "lab:subnets"  # tag on the group: what the template gave it


def _one_zone(cloud: Cloud) -> None:
    groups = cloud.clients["autoscaling"]
    for slot in cloud.slots():
        [group] = groups.describe_auto_scaling_groups(AutoScalingGroupNames=[slot.group])["AutoScalingGroups"]
        subnets = group["VPCZoneIdentifier"]
        groups.create_or_update_tags(Tags=[_tag(slot.group, Value=subnets, PropagateAtLaunch=False)])
        groups.update_auto_scaling_group(AutoScalingGroupName=slot.group, VPCZoneIdentifier=subnets.split(",")[0])


def _all_zones(cloud: Cloud) -> None:
    groups = cloud.clients["autoscaling"]
    for slot in cloud.slots():
        [group] = groups.describe_auto_scaling_groups(AutoScalingGroupNames=[slot.group])["AutoScalingGroups"]
        for tag in group["Tags"]:
            if tag["Key"] == KEPT_SUBNETS:
                groups.update_auto_scaling_group(AutoScalingGroupName=slot.group, VPCZoneIdentifier=tag["Value"])
                groups.delete_tags(Tags=[_tag(slot.group)])


def _tag(group: str, **more: Any) -> dict[str, Any]:
    return {"ResourceId": group, "ResourceType": "auto-scaling-group", "Key": KEPT_SUBNETS, **more}


# --- the node's own -----------------------------------------------------------------------------------------


def _on_node(name: str, what: str, edit: Edit) -> Sabotage:
    return Sabotage(name, what, edit.apply, edit.undo)


_NO_FAILURE = {"failures": 0, "window_s": 300.0}

SABOTAGES: dict[str, Sabotage] = {
    sabotage.name: sabotage
    for sabotage in (
        Sabotage("recover-role", "everything is denied to the role of recover_assembly", _deny_role, _allow_role),
        Sabotage("recover-code", "recover_assembly raises", _raise, _restore_code),
        Sabotage("recover-hangs", "recover_assembly sleeps past its timeout", _hang, _restore_code),
        Sabotage(
            "recover-believes", "recover_assembly ends what an alarm names, unasked; the alarm takes silence for failure", _believe, _doubt
        ),
        Sabotage(
            "one-try",
            "no event of recover_assembly's is tried again, and tick may not wake it",
            one_try.take_second_tries,
            one_try.give_second_tries,
        ),
        Sabotage("no-signal", "admit_node may not tell CloudFormation how a node came out", no_signal.take_word, no_signal.give_word),
        Sabotage("alarm-action", "the alarms that call a function lose their actions", _disable_actions, _enable_actions),
        Sabotage("one-zone", "the groups launch in their first zone alone", _one_zone, _all_zones),
        _on_node("no-probes", "the node's settings name no probes", in_settings(probes=[])),
        _on_node("no-thresholds", "the node's settings name no thresholds", in_settings(thresholds=[])),
        _on_node("no-patience", "by the node's settings what is busy for a second is failing", in_settings(busy_budget_s=1.0)),
        _on_node("no-tolerance", "by the node's settings the first failure asks for another node", in_settings(tolerance=_NO_FAILURE)),
        _on_node("no-watchdog", "the agent's unit has no watchdog", in_unit("WatchdogSec", "")),
        _on_node(
            "kill-group",
            "by the agent's unit its applications are killed with it",
            in_unit("KillMode", "KillMode=control-group", anew=False),
        ),
    )
}
