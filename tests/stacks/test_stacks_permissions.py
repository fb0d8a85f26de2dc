"""Who may do what, as the template's policies say it (docs/design.md: "Who may do what")."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stacks.conftest import Template, as_list

MODULES = ("tick", "probe_nodes", "recover_assembly", "admit_node", "retire_node", "move_front")
# Actions that know no resource, by the Service Authorization Reference, and those that Lambda checks on '*' itself.
NOT_TO_BE_NARROWED = {
    "autoscaling:DescribeAutoScalingGroups",
    "cloudwatch:DescribeAlarmsForMetric",
    "dynamodb:ListStreams",
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeAddresses",
    "ec2:DescribeInstances",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
# The same of what the demo does not use.
NOT_TO_BE_NARROWED_ELSEWHERE = {
    "autoscaling:DescribeWarmPool", "ec2:DescribeSnapshots", "ec2:DescribeVolumes", "elasticloadbalancing:DescribeTargetHealth",
}  # fmt: skip


def allowed(template: Template, role: str) -> set[str]:
    return {a for s in template.statements(role) if s["Effect"] == "Allow" for a in as_list(s["Action"])}


def partitions(template: Template, role: str, action: str) -> set[str]:
    """Partition keys under which a role may do something to items."""
    return {
        key
        for statement in template.statements(role)
        if action in as_list(statement["Action"])
        for key in statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]
    }


def test_no_policy_allows_a_wildcard_action(template: Template) -> None:
    assert not [a for s in template.statements() for a in as_list(s["Action"]) if "*" in a and s["Effect"] == "Allow"]


def test_any_resource_stands_only_where_aws_has_no_finer_one(template: Template) -> None:
    wide = {a for s in template.statements() if s["Effect"] == "Allow" and s["Resource"] == "*" for a in as_list(s["Action"])}
    assert wide == NOT_TO_BE_NARROWED


def test_the_topics_key_is_used_for_publishing_only_and_its_owner_administers_it_without_using_it(template: Template) -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html; kms:ViaService: conditions-kms.html"""
    statements = template.only("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    uses = [s for s in statements if any(a.startswith(("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")) for a in as_list(s["Action"]))]
    others = {a for s in statements if s not in uses for a in as_list(s["Action"])}

    assert all("kms:ViaService" in s["Condition"]["StringEquals"] for s in uses if "AWS" in s["Principal"])
    services = {service for s in uses for service in as_list(s["Principal"].get("Service", []))}
    assert services == {"cloudwatch.amazonaws.com", "events.amazonaws.com"}, "alarms, and the rules of whoever puts some on the topic"
    assert "kms:PutKeyPolicy" in others, "else nobody could ever change it, and AWS refuses it"
    assert not [a for a in others if "*" in a or a.startswith(("kms:CreateGrant", "kms:ReEncrypt"))]


def test_no_role_has_a_managed_policy(template: Template) -> None:
    assert not [role for role in template.of("AWS::IAM::Role") if "ManagedPolicyArns" in role]


def test_every_access_to_items_names_its_partitions(template: Template) -> None:
    touching = [
        s
        for s in template.statements()
        if any(a.startswith("dynamodb:") and a.endswith(("Item", "Query", "Scan")) for a in as_list(s["Action"]))
    ]
    assert touching
    assert all("dynamodb:LeadingKeys" in s["Condition"]["ForAllValues:StringEquals"] for s in touching)


def test_nobody_may_scan_or_delete_items(template: Template) -> None:
    everything = {a for s in template.statements() for a in as_list(s["Action"])}
    assert not everything & {"dynamodb:Scan", "dynamodb:DeleteItem", "dynamodb:PartiQLSelect"}


def test_a_batch_which_could_delete_is_the_probers_alone_and_of_its_own_looks(template: Template) -> None:
    """AWS has one action for batches of puts and of deletes: API_BatchWriteItem.html. Who may overwrite a look could as well empty it."""
    batching = [s for s in template.statements() if "dynamodb:BatchWriteItem" in as_list(s["Action"])]

    assert len(batching) == 1
    assert partitions(template, template.role_of("probe_nodes"), "dynamodb:BatchWriteItem") == {"LOOK#demo#counter"}


def test_a_node_says_everything_to_its_partition_and_can_do_nothing_else(template: Template) -> None:
    role = template.node_role()
    assert allowed(template, role) == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "s3:GetObject",
        "s3:PutObject",
    }
    assert partitions(template, role, "dynamodb:PutItem") == {"NODE#demo#counter"}
    assert partitions(template, role, "dynamodb:GetItem") == {"PERMIT#demo#counter"}


def test_a_node_puts_evidence_under_its_own_assembly(template: Template) -> None:
    (statement,) = (s for s in template.statements(template.node_role()) if s["Action"] == "s3:PutObject")
    assert statement["Resource"]["Fn::Join"][1][-1] == "/evidence/demo/counter/*"


@pytest.mark.parametrize(
    ("module", "written"),
    [
        ("tick", set()),
        ("probe_nodes", {"LOOK#demo#counter"}),
        ("recover_assembly", {"INCIDENT#demo#counter", "BUDGET", "HISTORY#demo"}),
        ("admit_node", {"PERMIT#demo#counter"}),
        ("retire_node", set()),
        ("move_front", set()),
    ],
)
def test_each_function_writes_its_own_partitions(template: Template, module: str, written: set[str]) -> None:
    assert partitions(template, template.role_of(module), "dynamodb:PutItem") == written


@pytest.mark.parametrize(
    ("action", "who"),
    [
        ("ec2:TerminateInstances", {"recover_assembly"}),
        ("autoscaling:TerminateInstanceInAutoScalingGroup", {"recover_assembly"}),
        ("autoscaling:SuspendProcesses", {"recover_assembly"}),
        ("autoscaling:UpdateAutoScalingGroup", {"recover_assembly"}),
        ("autoscaling:ResumeProcesses", {"recover_assembly"}),
        ("autoscaling:CompleteLifecycleAction", {"admit_node", "retire_node"}),
        ("autoscaling:RecordLifecycleActionHeartbeat", {"admit_node", "retire_node"}),
        ("ec2:AssociateAddress", {"move_front"}),
        ("dynamodb:UpdateItem", set()),
        ("sns:Publish", {"recover_assembly"}),
        ("events:PutEvents", {"recover_assembly"}),
        ("kms:Decrypt", {"recover_assembly"}),
        ("kms:GenerateDataKey", {"recover_assembly"}),
        ("ec2:CreateNetworkInterface", {"probe_nodes"}),
        ("s3:PutObject", {"admit_node", "recover_assembly", "retire_node"}),
    ],
)
def test_what_changes_aws_is_in_few_hands(template: Template, action: str, who: set[str]) -> None:
    assert {module for module in MODULES if action in allowed(template, template.role_of(module))} == who


def test_what_changes_aws_changes_only_what_bears_our_tag(template: Template) -> None:
    changing = ("autoscaling:", "ec2:")
    for statement in template.statements():
        actions = [a for a in as_list(statement["Action"]) if a.startswith(changing) and a not in NOT_TO_BE_NARROWED]
        if actions:
            assert statement["Condition"]["StringEquals"] == {"aws:ResourceTag/understudy:deployable": "demo"}, actions
            assert statement["Resource"] != "*"


def test_room_in_a_group_is_for_two_at_most_and_nothing_else_of_it_is_changed(template: Template) -> None:
    (statement,) = (s for s in template.statements() if "autoscaling:UpdateAutoScalingGroup" in as_list(s["Action"]))

    assert statement["Condition"]["NumericLessThanEquals"] == {"autoscaling:MaxSize": "2"}
    assert {key.removeprefix("autoscaling:") for key, absent in statement["Condition"]["Null"].items() if absent == "true"} == {
        "InstanceTypes", "LaunchConfigurationName", "LaunchTemplateVersionSpecified", "MinSize", "VPCZoneIdentifiers",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("module", "invoked"),
    [
        ("tick", {"admit_node", "retire_node", "recover_assembly", "move_front"}),
        ("probe_nodes", set()),
        ("recover_assembly", {"probe_nodes", "move_front"}),
        ("admit_node", {"probe_nodes", "move_front"}),
        ("retire_node", set()),
        ("move_front", set()),
    ],
)
def test_each_function_invokes_whom_its_variables_name(template: Template, module: str, invoked: set[str]) -> None:
    by_id = {template.function(other): other for other in MODULES}
    statements = [s for s in template.statements(template.role_of(module)) if "lambda:InvokeFunction" in as_list(s["Action"])]
    assert {by_id[arn["Fn::GetAtt"][0]] for s in statements for arn in as_list(s["Resource"])} == invoked

    variables: dict[str, Any] = template.resources[template.function(module)]["Properties"]["Environment"]["Variables"]
    named = {value["Ref"] for key, value in variables.items() if key.startswith("UNDERSTUDY_FUNCTION_")}
    assert {by_id[id_] for id_ in named} == invoked


def test_the_probers_code_cannot_use_what_lambda_needs_to_place_it_in_the_vpc(template: Template) -> None:
    (denied,) = (s for s in template.statements(template.role_of("probe_nodes")) if s["Effect"] == "Deny")
    assert denied["Condition"] == {"ArnEquals": {"lambda:SourceFunctionArn": [{"Fn::GetAtt": [template.function("probe_nodes"), "Arn"]}]}}
    assert "ec2:CreateNetworkInterface" in denied["Action"]


def test_functions_write_only_into_their_own_log(template: Template) -> None:
    for module in MODULES:
        (statement,) = (s for s in template.statements(template.role_of(module)) if "logs:PutLogEvents" in as_list(s["Action"]))
        function = template.resources[template.function(module)]["Properties"]
        assert statement["Resource"]["Fn::GetAtt"][0] == function["LoggingConfig"]["LogGroup"]["Ref"]
