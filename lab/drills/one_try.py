"""A recovery that is called once and never again, to see that a call that was cut short is nobody's then."""

from __future__ import annotations

import json
from typing import Any

from lab.drills.cloud import Cloud

_RECOVER, _TICK = "lambdas.recover_assembly.handler", "lambdas.tick.handler"
_POLICY = "one-try"
_RETRIES = (
    2  # what AWS does, and the template leaves as it is: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
)


def take_second_tries(cloud: Cloud) -> None:
    """Lambda tries no event again, and tick may not wake the recovery."""
    _set_retries(cloud, 0)
    recover = function_of(cloud, _RECOVER)["FunctionArn"]
    deny = {"Effect": "Deny", "Action": "lambda:InvokeFunction", "Resource": [recover, f"{recover}:*"]}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    cloud.clients["iam"].put_role_policy(RoleName=_tick_role(cloud), PolicyName=_POLICY, PolicyDocument=document)


def give_second_tries(cloud: Cloud) -> None:
    """Harmless when they were not taken."""
    _set_retries(cloud, _RETRIES)
    iam, role = cloud.clients["iam"], _tick_role(cloud)
    if _POLICY in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=_POLICY)


def _set_retries(cloud: Cloud, count: int) -> None:
    """UpdateFunctionEventInvokeConfig leaves what it is not told of: here it is told all, for a stand-in may not."""
    client, name = cloud.clients["lambda"], function_of(cloud, _RECOVER)["FunctionName"]
    now = client.get_function_event_invoke_config(FunctionName=name)
    kept = {key: now[key] for key in ("MaximumEventAgeInSeconds", "DestinationConfig") if key in now}
    client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=count, **kept)


def _tick_role(cloud: Cloud) -> str:
    return str(function_of(cloud, _TICK)["Role"].rsplit("/", 1)[-1])


def function_of(cloud: Cloud, handler: str) -> dict[str, Any]:
    """What Lambda says of the function with that handler. Raises StopIteration when there is none."""
    return next(dict(f) for f in cloud.clients["lambda"].list_functions()["Functions"] if f["Handler"] == handler)
