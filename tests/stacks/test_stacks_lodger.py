"""A database, kept state and load balancers on a shared foundation: what such a deployable makes, and brings to the functions there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core import names
from core.estimate.estimating import estimate, estimate_foundation
from core.estimate.lines import Group
from core.model import Network, SharedFoundation
from core.watching.register import read_register
from spec import load
from spec.rates import load_rates
from tests.stacks.conftest import ROOT, Synth, Template, as_list
from tests.stacks.test_stacks_shared import filled, looked_up, template_in

FILE = ROOT / "deployables" / "lodger.yaml"
RATES = load_rates().rates


@pytest.fixture(scope="module")
def folder(synth: Synth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template of a foundation whose file asks for all that there is, and the lodger's with a password for its database."""
    folder = tmp_path_factory.mktemp("lodger")
    asking = folder / "asking.yaml"
    asking.write_text("foundation: shared\nnetwork: {cidr: 10.30.0.0/16}\ndatabase_secrets: true\ndashboard: true\n")
    by_password = folder / "by-password.yaml"
    lines = FILE.read_text().replace("auth: iam", "auth: secret").splitlines()
    by_password.write_text("\n".join(line for line in lines if "artifact:" not in line))
    for which, file in (("foundation", asking), ("by-password", by_password)):
        done = synth(folder / which, file)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def lodger(every: Path) -> Template:
    return Template(json.loads((every / "understudy-lodger.template.json").read_text()))


@pytest.fixture(scope="module")
def foundation(folder: Path) -> Template:
    return template_in(folder / "foundation")


def given_to(lodger: Template, role: str) -> list[dict[str, Any]]:
    """The statements that its stack adds to a role of the foundation."""
    roles = {id_ for id_, name in looked_up(lodger).items() if name.endswith(f"/{role}")}
    policies = [policy for policy in lodger.of("AWS::IAM::Policy") if policy["Roles"][0].get("Ref") in roles]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def test_it_registers_its_balancers_and_its_database(lodger: Template) -> None:
    known = {id_: "10.30.0.0/16" for id_, name in looked_up(lodger).items() if name.endswith("/cidr")}
    register, bad = read_register({parameter["Name"]: filled(parameter["Value"], known) for parameter in lodger.of("AWS::SSM::Parameter")})

    assert bad == ()
    assert register.databases == {"understudy-lodger": "lodger"}
    assert {name: front["kind"] for name, front in register.fronts["lodger"].items()} == {"ledger": "nlb", "web": "alb"}


def test_recovery_is_let_fence_its_targets_and_fail_its_database_over_and_no_other(lodger: Template) -> None:
    statements = {
        statement["Action"] if isinstance(statement["Action"], str) else "rds": statement for statement in given_to(lodger, "recover-role")
    }
    targets = [s for s in given_to(lodger, "recover-role") if s["Action"] == "elasticloadbalancing:DeregisterTargets"]

    assert set(statements) == {"rds", "elasticloadbalancing:DeregisterTargets"}
    assert filled(statements["rds"]["Resource"], {}).endswith(":db:understudy-lodger")
    assert sorted(as_list(statements["rds"]["Action"])) == ["rds:DescribeDBInstances", "rds:RebootDBInstance"]
    named = {resource["Ref"] for statement in targets for resource in as_list(statement["Resource"])}
    assert named == set(lodger.ids("AWS::ElasticLoadBalancingV2::TargetGroup"))


def test_the_shared_bucket_lets_the_logs_of_any_balancer_on_it_in_and_gives_them_back(foundation: Template, lodger: Template) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html"""
    (policy,) = foundation.of("AWS::S3::BucketPolicy")
    (lets,) = (
        s
        for s in policy["PolicyDocument"]["Statement"]
        if s.get("Principal") == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    )
    (balancer,) = (b for b in lodger.of("AWS::ElasticLoadBalancingV2::LoadBalancer") if b["Type"] == "application")
    attributes = {attribute["Key"]: attribute["Value"] for attribute in balancer["LoadBalancerAttributes"]}

    assert lodger.of("AWS::S3::BucketPolicy") == []
    assert "/access/*/AWSLogs/" in filled(lets["Resource"], {})
    assert attributes["access_logs.s3.prefix"] == "access/lodger/web"
    assert looked_up(lodger)[attributes["access_logs.s3.bucket"]["Ref"]] == "/understudy/shared/bucket"
    rules = foundation.only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    assert any(rule["Prefix"] == "access/" and "ExpirationInDays" in rule for rule in rules)


def test_a_node_keeps_its_state_below_its_own_prefix_of_the_shared_bucket(lodger: Template) -> None:
    (state,) = (s for s in lodger.statements() if as_list(s["Action"]) == ["s3:GetObject", "s3:PutObject"])

    assert filled(state["Resource"], {}).endswith("/state/lodger/ledger/*")


def test_the_foundation_hears_of_every_database_of_ours_and_writes_it_down(foundation: Template) -> None:
    (rule,) = (r for r in foundation.of("AWS::Events::Rule") if r.get("EventPattern", {}).get("source") == ["aws.rds"])

    assert rule["EventPattern"]["detail"]["SourceIdentifier"] == [{"prefix": f"{names.PRODUCT}-"}]
    assert foundation.function("record_event") in json.dumps(rule["Targets"])
    (writes,) = (s for s in foundation.statements(foundation.role_of("record_event")) if s["Action"] == "dynamodb:PutItem")
    assert writes["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["INCIDENT#*#*", "HISTORY#*"]}}


def test_rules_of_any_deployable_of_ours_may_wake_recovery_by_one_leave(foundation: Template) -> None:
    """For what EBS says of their volumes: a function's policy has 20 KB, and a leave a rule would fill them."""
    recover = foundation.function("recover_assembly")
    leaves = [p for p in foundation.of("AWS::Lambda::Permission") if p["FunctionName"].get("Fn::GetAtt", [""])[0] == recover]
    (of_any,) = (p for p in leaves if "Fn::Join" in p.get("SourceArn", {}))

    assert of_any["Principal"] == "events.amazonaws.com"
    assert filled(of_any["SourceArn"], {}).endswith(f":rule/{names.PRODUCT}-*")


# --- the way to the secret, once for all ----------------------------------------------------------------------------------


def test_who_has_a_password_goes_by_the_foundations_way_and_makes_none(folder: Path, foundation: Template) -> None:
    """https://docs.aws.amazon.com/vpc/latest/privatelink/manage-dns-names.html: a network has room for one that answers to the name."""
    tenant = template_in(folder / "by-password")
    way = {id_ for id_, name in looked_up(tenant).items() if name == "/understudy/shared/database-secrets"}
    (into,) = (rule for rule in tenant.of("AWS::EC2::SecurityGroupIngress") if rule["GroupId"].get("Ref") in way)

    assert tenant.of("AWS::EC2::VPCEndpoint") == []
    assert (into["FromPort"], into["ToPort"]) == (443, 443)
    told = {parameter["Name"] for parameter in foundation.of("AWS::SSM::Parameter")}
    assert "/understudy/shared/database-secrets" in told


def test_that_way_leads_to_what_rds_keeps_in_this_account_alone(foundation: Template) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html: such secrets are named `rds!`."""
    (endpoint,) = (e for e in foundation.of("AWS::EC2::VPCEndpoint") if e["VpcEndpointType"] == "Interface")
    (statement,) = endpoint["PolicyDocument"]["Statement"]

    assert statement["Action"] == "secretsmanager:GetSecretValue"
    assert filled(statement["Resource"], {}).endswith(":secret:rds!db-*")
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}
    assert endpoint["PrivateDnsEnabled"] is True


# --- what it costs --------------------------------------------------------------------------------------------------------


def test_what_we_add_for_it_is_within_the_limit_and_its_database_is_on_its_own_bill() -> None:
    found = estimate(load(FILE), RATES)

    assert found.further.usd <= 1.5
    database = [line for line in found.lines if line.part in ("database", "secret")]
    assert {line.what.split(",")[0] for line in database} == {"postgres 16.13", "storage", "backups", "password"}
    assert {line.group for line in database} == {Group.YOURS}


def test_the_way_to_secrets_is_paid_for_once_by_the_foundation() -> None:
    def endpoints(foundation: SharedFoundation) -> list[float]:
        return [line.quantity for line in estimate_foundation(foundation, RATES).lines if line.part == "endpoints"]

    assert endpoints(SharedFoundation(name="shared")) == []
    assert endpoints(SharedFoundation(name="shared", network=Network(zones=2), database_secrets=True)) == [1460.0]


def test_the_foundations_screen_shows_the_verdicts_of_all_that_say_one(foundation: Template) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html"""
    body = filled(foundation.only("AWS::CloudWatch::Dashboard")["DashboardBody"], {})

    assert "SEARCH('{Understudy,Assembly,Deployable} MetricName=" in body.replace('\\"', '"')
    assert '"Foundation","shared"' in body
