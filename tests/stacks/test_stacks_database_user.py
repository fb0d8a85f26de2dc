"""A database that lets nodes in by IAM: who may come as whom, and who makes that user without anybody seeing what it takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.database import IAM_USER, parse_whereabouts
from lambdas.adapters.functions import ANSWER_TIMEOUT_S as ASK_S
from lambdas.hand_secret import PAUSE_S, TRIES
from tests.stacks.conftest import Template, as_list

READ, ENTER = "secretsmanager:GetSecretValue", "rds-db:connect"


@pytest.fixture(scope="module")
def template(every: Path) -> Template:
    """Of deployables/everything.yaml."""
    return Template(json.loads((every / "understudy-everything.template.json").read_text()))


def instance(template: Template) -> str:
    [id_] = template.ids("AWS::RDS::DBInstance")
    return id_


def allowed(template: Template, module: str) -> set[str]:
    return {a for s in template.statements(template.role_of(module)) if s["Effect"] == "Allow" for a in as_list(s["Action"])}


def test_tokens_are_taken_and_nobodys_password_but_the_master_users_is_made(template: Template) -> None:
    made = template.resources[instance(template)]["Properties"]

    assert made["EnableIAMDatabaseAuthentication"] is True
    assert made["ManageMasterUserPassword"] is True


def test_a_node_may_come_as_that_user_of_that_database_and_reads_no_secret(template: Template) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html"""
    [entering] = [s for s in template.statements() if ENTER in as_list(s["Action"])]
    [reading] = [s for s in template.statements() if READ in as_list(s["Action"])]

    resource = entering["Resource"]["Fn::Join"][1]
    assert resource[-2:] == [{"Fn::GetAtt": [instance(template), "DbiResourceId"]}, f"/{IAM_USER}"]
    assert "*" not in json.dumps(entering)
    assert reading in template.statements(template.role_of("hand_secret"))
    assert entering not in template.statements(template.role_of("hand_secret")) + template.statements(template.role_of("make_user"))


def test_no_endpoint_is_paid_for_where_no_node_reads_the_secret(template: Template) -> None:
    assert [e for e in template.of("AWS::EC2::VPCEndpoint") if e.get("VpcEndpointType") == "Interface"] == []


def test_who_reads_the_secret_is_outside_the_network_and_may_hand_it_to_one_function(template: Template) -> None:
    hander = template.resources[template.function("hand_secret")]["Properties"]
    statements = template.statements(template.role_of("hand_secret"))

    assert "VpcConfig" not in hander
    assert allowed(template, "hand_secret") == {READ, "lambda:InvokeFunction", "logs:CreateLogStream", "logs:PutLogEvents"}
    [reading] = [s for s in statements if READ in as_list(s["Action"])]
    [handing] = [s for s in statements if "lambda:InvokeFunction" in as_list(s["Action"])]
    assert reading["Resource"] == {"Fn::GetAtt": [instance(template), "MasterUserSecret.SecretArn"]}
    assert handing["Resource"] == {"Fn::GetAtt": [template.function("make_user"), "Arn"]}


def test_who_makes_the_user_reaches_the_database_and_nothing_else_and_may_call_nothing(template: Template) -> None:
    maker = template.resources[template.function("make_user")]["Properties"]
    [security] = [group["Fn::GetAtt"][0] for group in maker["VpcConfig"]["SecurityGroupIds"]]
    out = [r for r in template.of("AWS::EC2::SecurityGroupEgress") if r["GroupId"] == {"Fn::GetAtt": [security, "GroupId"]}]
    [database] = template.resources[instance(template)]["Properties"]["VPCSecurityGroups"]

    assert [(rule["DestinationSecurityGroupId"], rule["FromPort"], rule["ToPort"]) for rule in out] == [(database, 5432, 5432)]
    # CDK writes a rule that lets nothing out, for CloudFormation would let all out where there is none.
    assert [r["CidrIp"] for r in template.resources[security]["Properties"]["SecurityGroupEgress"]] == ["255.255.255.255/32"]
    mine = template.statements(template.role_of("make_user"))
    [denied] = [s for s in mine if s["Effect"] == "Deny"]
    assert allowed(template, "make_user") - set(denied["Action"]) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert denied["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"] == [{"Fn::GetAtt": [template.function("make_user"), "Arn"]}]


def test_the_order_names_the_secret_and_holds_none_and_its_answer_is_waited_for_some_minutes(template: Template) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html"""
    order = template.only("AWS::CloudFormation::CustomResource")

    of = instance(template)
    assert order == {
        "ServiceToken": {"Fn::GetAtt": [template.function("hand_secret"), "Arn"]},
        "ServiceTimeout": 360,
        "engine": "postgres",
        "host": {"Fn::GetAtt": [of, "Endpoint.Address"]},
        "port": {"Fn::GetAtt": [of, "Endpoint.Port"]},
        "name": "ledger",
        "user": IAM_USER,
        "secret": {"Fn::GetAtt": [of, "MasterUserSecret.SecretArn"]},
    }
    assert "resolve:secretsmanager" not in json.dumps(template.body)


def test_no_node_is_launched_before_its_user_is_there_and_no_user_is_made_before_there_is_a_way(template: Template) -> None:
    [order] = template.ids("AWS::CloudFormation::CustomResource")
    launched = [id_ for id_ in template.ids("AWS::AutoScaling::AutoScalingGroup") if instance(template) in template.before(id_)]
    ways = {
        id_
        for id_ in template.ids("AWS::EC2::SecurityGroupIngress")
        if "makes its user" in template.resources[id_]["Properties"]["Description"]
    }

    assert launched
    assert all(order in template.before(id_) for id_ in launched)
    assert ways
    assert ways <= template.before(order)


def test_each_function_ends_before_who_asked_it_gives_up(template: Template) -> None:
    hander, maker = (template.resources[template.function(name)]["Properties"]["Timeout"] for name in ("hand_secret", "make_user"))

    assert maker < ASK_S
    assert hander > TRIES * (ASK_S + PAUSE_S)
    assert hander < 360


def test_a_node_is_told_where_the_database_is_and_of_no_secret(template: Template) -> None:
    told = []
    for launch in template.of("AWS::EC2::LaunchTemplate"):
        parts = launch["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Join"][1]
        text = "".join(part if isinstance(part, str) else part.get("Fn::GetAtt", ["", "?"])[1] for part in parts)
        told += [line.partition("=")[2] for line in text.splitlines() if line.startswith("UNDERSTUDY_DATABASE=")]

    assert told == ["host=Endpoint.Address,port=Endpoint.Port"]
    assert parse_whereabouts(told[0].replace("Endpoint.Port", "5432")).secret is None
