"""AWS::Events::Rule."""

from __future__ import annotations

import json

from lab.emulator.cloudformation.provider import Made, Request, ResourceError, resource


@resource("AWS::Events::Rule", name="Name", name_max=64, attributes=("Arn",), again=True)
def rule(request: Request) -> Made:
    """A rule and its targets. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html"""
    events, props, name = request.api("events"), request.props, request.name
    given = props.pick("Description", "ScheduleExpression", "State", "RoleArn", "EventBusName")
    bus = {"EventBusName": given["EventBusName"]} if "EventBusName" in given else {}
    if pattern := props.take("EventPattern"):
        given["EventPattern"] = json.dumps(pattern)
    if tags := props.tags():
        given["Tags"] = tags
    arn = events.put_rule(Name=name, **given)["RuleArn"]
    targets = props.take("Targets", [])
    if targets:
        failed = events.put_targets(Rule=name, Targets=targets, **bus)["FailedEntries"]
        if failed:
            raise ResourceError(f"targets refused: {failed}")

    def undo() -> None:
        events.remove_targets(Rule=name, Ids=[target["Id"] for target in targets], **bus)
        events.delete_rule(Name=name, **bus)

    return Made(name, {"Arn": arn}, undo)
