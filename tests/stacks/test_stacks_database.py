"""A shared database in the template: kept, encrypted, closed to all but those that reach it, and without a password."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import spec
from core.database import parse_whereabouts
from core.estimate.estimating import estimate
from spec.rates import load_rates
from tests.stacks.conftest import Synth, Template, as_list

FILE = """\
deployable: ledger
database: {engine: postgres, version: "16.13", instance: db.t4g.medium, name: ledger, backups: 14d}
assemblies:
  - name: writer
    image: debian-12
    instances: [t4g.small]
    state: {keep: none}
    reaches: [database]
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
  - name: hidden
    image: debian-12
    instances: [t4g.small]
    state: {keep: none}
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
"""
READ = "secretsmanager:GetSecretValue"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "ledger.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def template(synth: Synth, file: Path) -> Template:
    done = synth(file.parent / "out", file)
    assert done.returncode == 0, done.stderr
    return Template(json.loads((file.parent / "out" / "understudy-ledger.template.json").read_text()))


def instance(template: Template) -> str:
    [id_] = template.ids("AWS::RDS::DBInstance")
    return id_


def nodes_of(template: Template, assembly: str) -> str:
    """Of an assembly's nodes, the security group."""
    [id_] = (
        id_
        for id_ in template.ids("AWS::EC2::SecurityGroup")
        if template.resources[id_]["Properties"]["GroupDescription"] == f"Nodes of ledger/{assembly}"
    )
    return id_


def test_it_is_encrypted_backed_up_private_and_changes_its_version_only_when_the_file_does(template: Template) -> None:
    made = template.resources[instance(template)]["Properties"]

    assert made["StorageEncrypted"] is True
    assert made["PubliclyAccessible"] is made["AutoMinorVersionUpgrade"] is made["MultiAZ"] is False
    assert (made["Engine"], made["EngineVersion"], made["BackupRetentionPeriod"], made["DBName"]) == ("postgres", "16.13", 14, "ledger")


def test_it_outlives_the_stack(template: Template) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html"""
    made = template.resources[instance(template)]

    assert made["Properties"]["DeletionProtection"] is True
    assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert made["Properties"]["DeleteAutomatedBackups"] is False


def test_it_speaks_tls_alone(template: Template) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html"""
    [id_] = template.ids("AWS::RDS::DBParameterGroup")

    assert template.resources[id_]["Properties"]["Parameters"] == {"rds.force_ssl": "1"}
    assert template.resources[id_]["Properties"]["Family"] == "postgres16"
    assert template.resources[instance(template)]["Properties"]["DBParameterGroupName"] == {"Ref": id_}


def test_its_subnets_are_in_two_zones(template: Template) -> None:
    subnets = [subnet["Ref"] for subnet in template.only("AWS::RDS::DBSubnetGroup")["SubnetIds"]]

    assert len({json.dumps(template.resources[subnet]["Properties"]["AvailabilityZone"]) for subnet in subnets}) == 2


def test_no_password_stands_in_the_template_for_rds_makes_and_keeps_it(template: Template) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html"""
    made = template.resources[instance(template)]["Properties"]

    assert made["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in made
    assert not template.of("AWS::SecretsManager::Secret")
    assert "resolve:secretsmanager" not in json.dumps(template.body)


def test_nodes_of_assemblies_that_reach_it_come_in_by_its_port_and_nobody_else(template: Template) -> None:
    [database] = template.resources[instance(template)]["Properties"]["VPCSecurityGroups"]
    group = template.resources[database["Fn::GetAtt"][0]]["Properties"]
    into = [rule for rule in template.of("AWS::EC2::SecurityGroupIngress") if rule["GroupId"] == database]

    assert "SecurityGroupIngress" not in group
    writer = {"Fn::GetAtt": [nodes_of(template, "writer"), "GroupId"]}
    assert [(rule["SourceSecurityGroupId"], rule["FromPort"], rule["ToPort"]) for rule in into] == [(writer, 5432, 5432)]
    out = [rule for rule in template.of("AWS::EC2::SecurityGroupEgress") if rule["DestinationSecurityGroupId"] == database]
    assert [(rule["GroupId"], rule["FromPort"], rule["ToPort"]) for rule in out] == [(writer, 5432, 5432)]


def test_one_secret_is_read_by_the_roles_of_nodes_that_reach_it_and_by_no_other(template: Template) -> None:
    [reading] = [s for s in template.statements() if READ in as_list(s["Action"])]
    policies = [p for p in template.of("AWS::IAM::Policy") if reading in p["PolicyDocument"]["Statement"]]

    assert reading["Resource"] == {"Fn::GetAtt": [instance(template), "MasterUserSecret.SecretArn"]}
    [role] = policies[0]["Roles"]
    launching = [t for t in template.of("AWS::EC2::LaunchTemplate") if nodes_of(template, "writer") in json.dumps(t)]
    [profile] = (p for p in template.resources.values() if p["Type"] == "AWS::IAM::InstanceProfile" and p["Properties"]["Roles"] == [role])
    [id_] = (id_ for id_, resource in template.resources.items() if resource is profile)
    assert launching[0]["LaunchTemplateData"]["IamInstanceProfile"] == {"Arn": {"Fn::GetAtt": [id_, "Arn"]}}


def test_without_a_way_out_an_endpoint_leads_to_that_secret_alone_in_every_zone(template: Template) -> None:
    """https://docs.aws.amazon.com/secretsmanager/latest/userguide/vpc-endpoint-overview.html"""
    [endpoint] = [e for e in template.of("AWS::EC2::VPCEndpoint") if e.get("VpcEndpointType") == "Interface"]

    assert endpoint["PrivateDnsEnabled"] is True
    assert endpoint["SubnetIds"] == template.only("AWS::RDS::DBSubnetGroup")["SubnetIds"]
    [statement] = endpoint["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == (READ, {"Fn::GetAtt": [instance(template), "MasterUserSecret.SecretArn"]})


def test_the_group_is_made_when_its_nodes_can_reach_the_database(template: Template) -> None:
    ways = {
        id_
        for id_, resource in template.resources.items()
        if resource["Type"].startswith("AWS::EC2::SecurityGroup") and resource["Properties"].get("FromPort") == 5432
    }
    endpoints = {id_ for id_ in template.ids("AWS::EC2::VPCEndpoint") if "PrivateDnsEnabled" in template.resources[id_]["Properties"]}
    groups = {id_ for id_ in template.ids("AWS::AutoScaling::AutoScalingGroup") if instance(template) in template.before(id_)}

    assert len(groups) == 1
    assert ways | endpoints <= template.before(groups.pop())


def test_a_node_is_told_where_the_database_is_and_not_what_opens_it(template: Template) -> None:
    told = []
    for launch in template.of("AWS::EC2::LaunchTemplate"):
        parts = launch["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Join"][1]
        text = "".join(part if isinstance(part, str) else part.get("Fn::GetAtt", ["", "?"])[1] for part in parts)
        told += [line.partition("=")[2] for line in text.splitlines() if line.startswith("UNDERSTUDY_DATABASE=")]

    [where] = told
    assert where == "host=Endpoint.Address,port=Endpoint.Port,secret=MasterUserSecret.SecretArn"
    assert parse_whereabouts(where.replace("Endpoint.Port", "5432")).host == "Endpoint.Address"


def test_its_logs_are_kept_for_a_month_and_were_there_first(template: Template) -> None:
    """RDS makes a log group that is kept for ever where there is none.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Procedural.UploadtoCloudWatch.html
    """
    made = template.resources[instance(template)]["Properties"]
    logs = {r["Properties"]["LogGroupName"]: id_ for id_, r in template.resources.items() if "LogGroupName" in r.get("Properties", {})}

    for kind in made["EnableCloudwatchLogsExports"]:
        id_ = logs[f"/aws/rds/instance/{made['DBInstanceIdentifier']}/{kind}"]
        assert template.resources[id_]["Properties"]["RetentionInDays"] == 30
        assert id_ in template.before(instance(template))


def test_what_is_paid_for_by_the_month_has_its_line(template: Template, file: Path) -> None:
    lines = estimate(spec.load(file), load_rates().rates).lines
    quantity = {(line.part, line.rate_name): line.quantity for line in lines if line.part in ("database", "secret", "endpoints")}

    endpoint = [e for e in template.of("AWS::EC2::VPCEndpoint") if e.get("VpcEndpointType") == "Interface"]
    assert quantity["endpoints", "interface_endpoint_hour"] == 730 * sum(len(e["SubnetIds"]) for e in endpoint)
    made = template.resources[instance(template)]["Properties"]
    assert quantity["database", made["DBInstanceClass"]] == 730
    assert quantity["database", "rds_stored_gb"] == int(made["AllocatedStorage"])
    assert quantity["secret", "secret"] == 1
    assert quantity["secret", "secret_request"] == 730 * 60


def test_a_file_without_a_database_has_nothing_of_it(synthesized: tuple[Path, str]) -> None:
    demo = (synthesized[0] / "understudy-demo.template.json").read_text()

    assert "AWS::RDS" not in demo
    assert "secretsmanager" not in demo
    assert "UNDERSTUDY_DATABASE" not in demo


# --- what RDS says of it -------------------------------------------------------------------------------------------


def test_what_rds_does_by_itself_wakes_record_event_and_its_daily_backups_do_not(template: Template) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloud-watch-events.html"""
    [rule] = [r for r in template.of("AWS::Events::Rule") if r.get("EventPattern", {}).get("source") == ["aws.rds"]]

    detail = rule["EventPattern"]["detail"]
    assert detail["SourceIdentifier"] == [template.resources[instance(template)]["Properties"]["DBInstanceIdentifier"]]
    assert {"failover", "failure", "availability", "recovery"} <= set(detail["EventCategories"])
    assert "backup" not in detail["EventCategories"]
    [target] = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [template.function("record_event"), "Arn"]}
    assert "DeadLetterConfig" in target


def test_record_event_writes_down_and_tells_and_may_do_nothing_about_it(template: Template) -> None:
    statements = template.statements(template.role_of("record_event"))
    allowed = {action for s in statements if s["Effect"] == "Allow" for action in as_list(s["Action"])}

    assert allowed == {
        "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "events:PutEvents", "kms:Decrypt", "kms:GenerateDataKey",
        "logs:CreateLogStream", "logs:PutLogEvents", "sns:Publish", "sqs:SendMessage",
    }  # fmt: skip
    [writing] = [s for s in statements if "dynamodb:PutItem" in as_list(s["Action"])]
    *incidents, history = writing["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]
    assert (all(key.startswith("INCIDENT#ledger#") for key in incidents), history) == (True, "HISTORY#ledger")


def test_recover_assembly_may_fail_its_own_database_over_and_nobody_else_may_any(template: Template) -> None:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html"""
    touching = {
        handler: [s for s in template.statements(template.role_of(handler)) if any(a.startswith("rds:") for a in as_list(s["Action"]))]
        for handler in ("recover_assembly", "admit_node", "retire_node", "move_front", "tick", "probe_nodes", "record_event")
    }
    assert [handler for handler, statements in touching.items() if statements] == ["recover_assembly"]
    [statement] = touching["recover_assembly"]
    assert as_list(statement["Action"]) == ["rds:DescribeDBInstances", "rds:RebootDBInstance"]
    assert "db:understudy-ledger" in json.dumps(statement["Resource"])
