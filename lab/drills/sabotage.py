"""Break our own protection on purpose, so that it is seen that a drill can fail."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable

from lab.drills.cloud import Cloud

_RAISES = "def handler(event, context):\n    raise RuntimeError('sabotaged: recover_assembly raises')\n"


def _recover_function(cloud: Cloud) -> dict[str, str]:
    for function in cloud.clients["lambda"].list_functions()["Functions"]:
        if function["Handler"] == "lambdas.recover_assembly.handler":
            return dict(function)
    raise LookupError("no function has the handler lambdas.recover_assembly.handler")


def _recover_role(cloud: Cloud) -> None:
    """Deny everything to the role of recover_assembly."""
    role = _recover_function(cloud)["Role"].rsplit("/", 1)[-1]
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    cloud.clients["iam"].put_role_policy(RoleName=role, PolicyName="sabotage", PolicyDocument=json.dumps(deny))


def _recover_code(cloud: Cloud) -> None:
    """Replace recover_assembly by a handler that raises."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("lambdas/__init__.py", "")
        package.writestr("lambdas/recover_assembly.py", _RAISES)
    cloud.clients["lambda"].update_function_code(FunctionName=_recover_function(cloud)["FunctionName"], ZipFile=archive.getvalue())


def _alarm_action(cloud: Cloud) -> None:
    """Take the actions off the alarms that call a function."""
    for alarm in cloud.clients["cloudwatch"].describe_alarms()["MetricAlarms"]:
        if any(":lambda:" in action for action in alarm.get("AlarmActions", [])):
            cloud.clients["cloudwatch"].disable_alarm_actions(AlarmNames=[alarm["AlarmName"]])


SABOTAGES: dict[str, Callable[[Cloud], None]] = {
    "recover-role": _recover_role,
    "recover-code": _recover_code,
    "alarm-action": _alarm_action,
}
