"""AWS::CloudFormation::CustomResource: a function of the template's own is asked, and its answer waited for.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lab.emulator.cloudformation.operation import now_waits
from lab.emulator.cloudformation.provider import Made, Request, ResourceError, resource
from lab.world import AWS_ADDRESS, PORT, REGION

BUCKET = f"cloudformation-custom-resource-response-{REGION.replace('-', '')}"
ANSWER_BYTES_MAX = 4096
TIMEOUT_S = 3600
_LOOK_S = 0.1
_asked: dict[str, tuple[str, Mapping[str, Any]]] = {}  # by physical id: its stack, and what it was made of


@resource("AWS::CloudFormation::CustomResource", change=lambda request, id_: _changed(request, id_))
def custom(request: Request) -> Made:
    properties = _properties(request)
    id_ = _ask(request, "Create", properties)
    return _made(request, id_, properties)


def _changed(request: Request, id_: str) -> Made:
    """Another id than before means another thing: CloudFormation has the old one deleted.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes.html
    """
    stack, before = _asked[id_]
    request, properties = replace(request, stack_id=stack), _properties(request)
    new = _ask(request, "Update", properties, PhysicalResourceId=id_, OldResourceProperties=before)
    if new != id_:
        _ask(request, "Delete", before, PhysicalResourceId=id_)
        del _asked[id_]
    return _made(request, new, properties)


def _made(request: Request, id_: str, properties: Mapping[str, Any]) -> Made:
    _asked[id_] = (request.stack_id, properties)
    return Made(id_, undo=lambda: _ask(request, "Delete", properties, PhysicalResourceId=id_))


def _properties(request: Request) -> dict[str, Any]:
    """All of them go to the function as they are, each value as a text."""
    request.props.need("ServiceToken")
    return {name: _texts(request.props.take(name)) for name in [*request.props.left(), "ServiceToken"]}


def _texts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _texts(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_texts(inner) for inner in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _ask(request: Request, kind: str, properties: Mapping[str, Any], **more: Any) -> str:
    """Give the physical id that the function answered with. Raises ResourceError when it failed, or did not answer in time."""
    s3, id_ = request.api("s3"), str(uuid.uuid4())
    s3.create_bucket(Bucket=BUCKET)
    signed = s3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": id_}, ExpiresIn=2 * TIMEOUT_S)
    inside = f"http://{AWS_ADDRESS}:{PORT}" if request.world.network is not None else request.world.endpoint
    event = {
        "RequestType": kind,
        "RequestId": id_,
        "ResponseURL": inside + signed.removeprefix(request.world.endpoint),
        "ResourceType": request.type_name,
        "LogicalResourceId": request.logical_id,
        "StackId": request.stack_id,
        "ResourceProperties": dict(properties),
        **more,
    }
    assert request.world.functions is not None, "a lab that deploys has functions"
    request.world.functions.invoke_async(str(properties["ServiceToken"]), event, origin="cloudformation")
    now_waits()
    answer = _answer(s3, id_, within_s=float(properties.get("ServiceTimeout", TIMEOUT_S)))
    if answer.get("Status") != "SUCCESS":
        status, why = answer.get("Status"), answer.get("Reason")
        raise ResourceError(f"Received response status [{status}] from custom resource. Message returned: {why}")
    if any(answer.get(key) != event[key] for key in ("StackId", "RequestId", "LogicalResourceId")) or not answer.get("PhysicalResourceId"):
        raise ResourceError("Invalid response from custom resource: StackId, RequestId, LogicalResourceId or PhysicalResourceId")
    return str(answer["PhysicalResourceId"])


def _answer(s3: Any, id_: str, *, within_s: float) -> dict[str, Any]:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        found = s3.list_objects_v2(Bucket=BUCKET, Prefix=id_).get("Contents")
        if found:
            body = s3.get_object(Bucket=BUCKET, Key=id_)["Body"].read()
            s3.delete_object(Bucket=BUCKET, Key=id_)
            if len(body) > ANSWER_BYTES_MAX:
                raise ResourceError("Invalid response from custom resource: Response object is too long")
            answer = json.loads(body)
            return answer if isinstance(answer, dict) else {}
        time.sleep(_LOOK_S)
    raise ResourceError(
        "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId [" + id_ + "]"
    )
