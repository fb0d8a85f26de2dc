"""AWS::Lambda::*."""

from __future__ import annotations

from typing import Any

from lab.emulator.cloudformation.provider import Made, Request, resource

_FUNCTION = (
    "Architectures", "Code", "DeadLetterConfig", "Description", "Environment", "EphemeralStorage", "Handler", "KmsKeyArn", "Layers",
    "LoggingConfig", "MemorySize", "PackageType", "Role", "Runtime", "Timeout", "TracingConfig", "VpcConfig",
)  # fmt: skip
_MAPPING = (
    "BatchSize", "BisectBatchOnFunctionError", "DestinationConfig", "Enabled", "EventSourceArn", "FilterCriteria", "FunctionName",
    "FunctionResponseTypes", "MaximumBatchingWindowInSeconds", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts",
    "ParallelizationFactor", "ScalingConfig", "StartingPosition", "TumblingWindowInSeconds",
)  # fmt: skip


def _api_names(properties: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation's KmsKeyArn is the API's KMSKeyArn; all else has one name."""
    return {"KMSKeyArn" if key == "KmsKeyArn" else key: value for key, value in properties.items()}


def _settle(request: Request, name: str) -> None:
    """Settings that have calls of their own. A template that names no RecursiveLoop wants the default."""
    api, props = request.api("lambda"), request.props
    reserved = props.take("ReservedConcurrentExecutions")
    if reserved is not None:
        api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=int(reserved))
    api.put_function_recursion_config(FunctionName=name, RecursiveLoop=props.take("RecursiveLoop") or "Terminate")


def change_function(request: Request, physical_id: str) -> Made:
    """Code and configuration as UpdateFunctionCode and UpdateFunctionConfiguration change them."""
    api, given = request.api("lambda"), _api_names(request.props.pick(*_FUNCTION))
    architectures = {"Architectures": given.pop("Architectures")} if "Architectures" in given else {}
    given.pop("PackageType", None)
    api.update_function_code(FunctionName=physical_id, **given.pop("Code"), **architectures)
    arn = api.update_function_configuration(FunctionName=physical_id, **given)["FunctionArn"]
    api.tag_resource(Resource=arn, Tags=request.props.tag_map())
    _settle(request, physical_id)
    return Made(physical_id, {"Arn": arn}, lambda: api.delete_function(FunctionName=physical_id))


@resource("AWS::Lambda::Function", name="FunctionName", name_max=64, attributes=("Arn",), change=change_function)
def function(request: Request) -> Made:
    api, props, name = request.api("lambda"), request.props, request.name
    arn = api.create_function(FunctionName=name, Tags=props.tag_map(), **_api_names(props.pick(*_FUNCTION)))["FunctionArn"]
    _settle(request, name)
    return Made(name, {"Arn": arn}, lambda: api.delete_function(FunctionName=name))


@resource("AWS::Lambda::Permission", attributes=("Id",))
def permission(request: Request) -> Made:
    api, props = request.api("lambda"), request.props
    function_name = props.need("FunctionName")
    given = props.pick("Action", "Principal", "SourceArn", "SourceAccount", "EventSourceToken", "PrincipalOrgID")
    api.add_permission(FunctionName=function_name, StatementId=request.name, **given)
    undo = lambda: api.remove_permission(FunctionName=function_name, StatementId=request.name)  # noqa: E731 - a call, for later
    return Made(request.name, {"Id": request.name}, undo)


@resource("AWS::Lambda::EventInvokeConfig", again=True)
def event_invoke_config(request: Request) -> Made:
    """https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html"""
    api, props = request.api("lambda"), request.props
    function_name, qualifier = props.need("FunctionName"), props.need("Qualifier")
    names = {"FunctionName": function_name} if qualifier == "$LATEST" else {"FunctionName": function_name, "Qualifier": qualifier}
    given = props.pick("MaximumEventAgeInSeconds", "MaximumRetryAttempts", "DestinationConfig")
    api.put_function_event_invoke_config(**names, **given)
    return Made(f"{function_name}|{qualifier}", undo=lambda: api.delete_function_event_invoke_config(**names))


@resource("AWS::Lambda::EventSourceMapping", attributes=("Id", "EventSourceMappingArn"))
def event_source_mapping(request: Request) -> Made:
    api = request.api("lambda")
    made = api.create_event_source_mapping(Tags=request.props.tag_map(), **request.props.pick(*_MAPPING))
    uuid = made["UUID"]
    attributes = {"Id": uuid, "EventSourceMappingArn": made["EventSourceMappingArn"]}
    return Made(uuid, attributes, lambda: api.delete_event_source_mapping(UUID=uuid))
