"""AWS::DynamoDB::Table."""

from __future__ import annotations

from typing import Any

from lab.emulator.cloudformation.provider import Made, Request, resource

_SAME = ("AttributeDefinitions", "KeySchema", "ProvisionedThroughput", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")


def _stream(given: dict[str, Any] | None) -> dict[str, Any]:
    """A table has a stream when its template says what the records hold."""
    return {"StreamSpecification": {"StreamEnabled": True, **given}} if given else {}


def _encryption(given: dict[str, Any] | None) -> dict[str, Any]:
    if not given:
        return {}
    rest = {key: value for key, value in given.items() if key != "SSEEnabled"}
    return {"SSESpecification": {"Enabled": given["SSEEnabled"], **rest}}


@resource("AWS::DynamoDB::Table", name="TableName", attributes=("Arn", "StreamArn"))
def table(request: Request) -> Made:
    dynamodb, props, name = request.api("dynamodb"), request.props, request.name
    given = props.pick(*_SAME, "BillingMode", "TableClass", "DeletionProtectionEnabled")
    given |= _stream(props.take("StreamSpecification")) | _encryption(props.take("SSESpecification"))
    if tags := props.tags():
        given["Tags"] = tags
    dynamodb.create_table(TableName=name, **given)
    if ttl := props.take("TimeToLiveSpecification"):
        specification = {"Enabled": bool(ttl.get("Enabled")), "AttributeName": ttl["AttributeName"]}
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)
    if recovery := props.take("PointInTimeRecoverySpecification"):
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    made = dynamodb.describe_table(TableName=name)["Table"]
    attributes = {"Arn": made["TableArn"]}
    if "LatestStreamArn" in made:
        attributes["StreamArn"] = made["LatestStreamArn"]
    return Made(name, attributes, lambda: dynamodb.delete_table(TableName=name))
