"""The functions of a synthesized template, and what wakes them."""

from __future__ import annotations

import json
from typing import Any

from core.policy import Policy
from lambdas import driver
from lambdas.adapters import clock
from tests.stacks.conftest import Template


def test_six_functions_share_one_archive_and_bear_no_fixed_name(template: Template) -> None:
    functions = template.of("AWS::Lambda::Function")
    assert len(functions) == 6
    assert len({json.dumps(function["Code"]) for function in functions}) == 1
    assert {function["Runtime"] for function in functions} == {"python3.14"}
    assert not any("FunctionName" in function or "ReservedConcurrentExecutions" in function for function in functions)
    assert len({function["Role"]["Fn::GetAtt"][0] for function in functions}) == 6


def test_only_recovery_may_wake_itself_again_and_again_and_its_incidents_end(template: Template) -> None:
    """Lambda stops a chain of about 16: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html

    recover_assembly alone feeds a queue that feeds it, so it alone is allowed to. What bounds the chain instead is the incident.
    """
    settings = {function["Handler"]: function.get("RecursiveLoop", "Terminate") for function in template.of("AWS::Lambda::Function")}
    assert {handler for handler, setting in settings.items() if setting != "Terminate"} == {"lambdas.recover_assembly.handler"}

    feed_themselves = set()
    for mapping in template.of("AWS::Lambda::EventSourceMapping"):
        queue, function = mapping["EventSourceArn"]["Fn::GetAtt"][0], template.resources[mapping["FunctionName"]["Ref"]]["Properties"]
        role = function["Role"]["Fn::GetAtt"][0]
        if any("sqs:SendMessage" in s["Action"] and queue in json.dumps(s["Resource"]) for s in template.statements(role)):
            feed_themselves.add(function["Handler"])
    assert feed_themselves == {"lambdas.recover_assembly.handler"}

    (timeout_s,) = {function["Timeout"] for function in template.of("AWS::Lambda::Function") if function["Handler"] in feed_themselves}
    chain = Policy().incident_s / (timeout_s - clock.RESERVE_S + driver.HAND_OVER_DELAY_S)
    assert 16 < chain < 100, "longer than Lambda would let it, and a message a minute for an hour at most"


def test_only_the_prober_lives_in_the_vpc(template: Template) -> None:
    inside = [function["Handler"] for function in template.of("AWS::Lambda::Function") if "VpcConfig" in function]
    assert inside == ["lambdas.probe_nodes.handler"]


def test_every_function_has_a_log_that_ends_and_a_place_for_what_failed(template: Template) -> None:
    functions = set(template.ids("AWS::Lambda::Function"))
    configs = {config["FunctionName"]["Ref"]: config for config in template.of("AWS::Lambda::EventInvokeConfig")}
    assert set(configs) == functions
    assert all("OnFailure" in config["DestinationConfig"] for config in configs.values())
    assert all(log["RetentionInDays"] == 30 for log in template.of("AWS::Logs::LogGroup"))
    for function in template.of("AWS::Lambda::Function"):
        assert "Ref" in function["LoggingConfig"]["LogGroup"]


def test_the_variables_fit_in_what_aws_gives_a_function(template: Template) -> None:
    for function in template.of("AWS::Lambda::Function"):
        assert len(json.dumps(function["Environment"]["Variables"])) < 3000


def _rule(template: Template, module: str) -> list[Any]:
    (function,) = [template.function(module)]
    return [
        rule
        for rule in template.of("AWS::Events::Rule")
        if any(target["Arn"] == {"Fn::GetAtt": [function, "Arn"]} for target in rule["Targets"])
    ]


def test_each_hook_wakes_its_handler_for_our_groups_only(template: Template) -> None:
    for module, kind, hook in (("admit_node", "launch", "admit"), ("retire_node", "terminate", "retire")):
        (rule,) = _rule(template, module)
        assert rule["EventPattern"] == {
            "source": ["aws.autoscaling"],
            "detail-type": [f"EC2 Instance-{kind} Lifecycle Action"],
            "detail": {"LifecycleHookName": [hook], "NotificationMetadata": ["understudy/demo/counter"]},
        }


def test_what_befalls_an_instance_wakes_recovery(template: Template) -> None:
    kinds = {kind for rule in _rule(template, "recover_assembly") for kind in rule["EventPattern"]["detail-type"]}
    assert kinds == {
        "EC2 Instance State-change Notification",
        "EC2 Instance Launch Unsuccessful",
        "EC2 Instance Terminate Successful",
        "EC2 Instance Terminate Unsuccessful",
        "EC2 Spot Instance Interruption Warning",
        "AWS Health Event",
    }


def test_the_clock_wakes_the_sweep_each_minute(template: Template) -> None:
    (rule,) = _rule(template, "tick")
    assert rule["ScheduleExpression"] == "rate(1 minute)"


def test_every_target_of_a_rule_has_bounded_retries_and_a_dead_letter_queue(template: Template) -> None:
    for rule in template.of("AWS::Events::Rule"):
        (target,) = rule["Targets"]
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 300, "MaximumRetryAttempts": 5}
        assert "DeadLetterConfig" in target


def test_the_stream_wakes_recovery_for_requests_alone_and_gives_up_in_time(template: Template) -> None:
    (mapping,) = (m for m in template.of("AWS::Lambda::EventSourceMapping") if "StartingPosition" in m)
    assert mapping["FunctionName"] == {"Ref": template.function("recover_assembly")}
    (pattern,) = mapping["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {
        "eventName": ["INSERT", "MODIFY"],
        "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "REQUEST#"}]}}},
    }
    assert (mapping["MaximumRetryAttempts"], mapping["MaximumRecordAgeInSeconds"], mapping["BisectBatchOnFunctionError"]) == (3, 300, True)
    assert "OnFailure" in mapping["DestinationConfig"]
