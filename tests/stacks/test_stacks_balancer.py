"""Fronts that are load balancers: who comes to a node by them, who registers it, and that no balancer decides over its life."""

from __future__ import annotations

import json
from typing import Any

import pytest

import spec
from core import names
from core.estimate.estimating import estimate
from lambdas.adapters import environment
from spec.rates import load_rates
from tests.stacks.conftest import Synth, Template, as_list

ARN = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
FILE = f"""\
deployable: ledger
assemblies:
  - name: site
    image: debian-12
    instances: [t4g.small]
    front:
      {{kind: alb, ports: [443], target_port: 8080, certificate: '{ARN}', redirect: true, access_logs: true, deletion_protection: true}}
    state: {{keep: none}}
    reaches: [core]
    applications: [{{name: app, run: {{exec: [/usr/bin/env]}}}}]
  - name: core
    image: debian-12
    instances: [t4g.small]
    front: {{kind: nlb, ports: [6790, 6791], internal: true}}
    http: {{certificate: /etc/a.pem, key: /etc/k.pem}}
    state: {{keep: none}}
    applications: [{{name: app, run: {{exec: [/usr/bin/env]}}}}]
"""
REGISTER, DEREGISTER, SEE = (
    f"elasticloadbalancing:{action}" for action in ("RegisterTargets", "DeregisterTargets", "DescribeTargetHealth")
)
BALANCER, LISTENER, TARGETS = (f"AWS::ElasticLoadBalancingV2::{kind}" for kind in ("LoadBalancer", "Listener", "TargetGroup"))
MODULES = ("tick", "probe_nodes", "recover_assembly", "admit_node", "retire_node", "move_front")


@pytest.fixture(scope="module")
def template(synth: Synth, tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = tmp_path_factory.mktemp("balancers")
    (folder / "ledger.yaml").write_text(FILE)
    done = synth(folder / "out", folder / "ledger.yaml")
    assert done.returncode == 0, done.stderr
    return Template(json.loads((folder / "out" / "understudy-ledger.template.json").read_text()))


def group_of(template: Template, description: str) -> dict[str, Any]:
    [found] = [
        id_ for id_ in template.ids("AWS::EC2::SecurityGroup") if template.resources[id_]["Properties"]["GroupDescription"] == description
    ]
    return {"Fn::GetAtt": [found, "GroupId"]}


def balancer(template: Template, kind: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """(id, properties, attributes) of the one of that type."""
    [found] = [id_ for id_ in template.ids(BALANCER) if template.resources[id_]["Properties"]["Type"] == kind]
    properties = template.resources[found]["Properties"]
    return found, properties, attributes(properties["LoadBalancerAttributes"])


def attributes(given: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["Key"]: item["Value"] for item in given}


def test_no_group_knows_a_target_group_or_asks_a_balancer_whether_its_node_lives(template: Template) -> None:
    """With the type ELB a group ends whom its balancer finds unwell: one that waits for its permit, starts, or restarts a program.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-checks-overview.html
    """
    for group in template.of("AWS::AutoScaling::AutoScalingGroup"):
        assert group["HealthCheckType"] == "EC2"
        assert not {"TargetGroupARNs", "LoadBalancerNames", "TrafficSources"} & set(group)


def test_clients_meet_tls_and_are_sent_to_it(template: Template) -> None:
    id_, properties, found = balancer(template, "application")
    listeners = {entry["Port"]: entry for entry in template.of(LISTENER) if entry["LoadBalancerArn"] == {"Ref": id_}}

    assert properties["Scheme"] == "internet-facing"
    assert set(listeners) == {443, 80}
    assert listeners[443]["Protocol"] == "HTTPS"
    assert listeners[443]["Certificates"] == [{"CertificateArn": ARN}]
    assert "TLS13" in listeners[443]["SslPolicy"]
    [action] = listeners[80]["DefaultActions"]
    assert action["RedirectConfig"] == {"Port": "443", "Protocol": "HTTPS", "StatusCode": "HTTP_301"}
    assert found["deletion_protection.enabled"] == "true"
    assert found["routing.http.drop_invalid_header_fields.enabled"] == "true"


def test_requests_are_logged_into_the_bucket_once_its_policy_lets_them(template: Template) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html"""
    id_, _, found = balancer(template, "application")
    [policy] = template.ids("AWS::S3::BucketPolicy")
    statements = template.resources[policy]["Properties"]["PolicyDocument"]["Statement"]
    [let] = [s for s in statements if s["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}]

    assert (let["Effect"], let["Action"]) == ("Allow", "s3:PutObject")
    assert json.dumps(let["Resource"]).count(found["access_logs.s3.prefix"] + "/AWSLogs/") == 1
    assert found["access_logs.s3.bucket"] == {"Ref": template.ids("AWS::S3::Bucket")[0]}
    assert policy in template.before(id_)
    [rule] = [r for r in template.only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"] if r["Prefix"].startswith("access/")]
    assert rule["ExpirationInDays"] == 90


def test_a_network_balancer_passes_tcp_on_with_the_clients_address_from_any_zone(template: Template) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html"""
    id_, properties, found = balancer(template, "network")
    listeners = {entry["Port"]: entry["Protocol"] for entry in template.of(LISTENER) if entry["LoadBalancerArn"] == {"Ref": id_}}
    groups = [group for group in template.of(TARGETS) if group["Protocol"] == "TCP"]

    assert (properties["Scheme"], listeners) == ("internal", {6790: "TCP", 6791: "TCP"})
    assert found["load_balancing.cross_zone.enabled"] == "true"
    assert [group["Port"] for group in groups] == [6790, 6791]
    for group in groups:
        said = attributes(group["TargetGroupAttributes"])
        assert said["preserve_client_ip.enabled"] == said["deregistration_delay.connection_termination.enabled"] == "true"
        assert said["target_health_state.unhealthy.connection_termination.enabled"] == "false"


def test_every_target_is_asked_whether_it_is_ready_at_its_own_http_port_and_let_go_at_once(template: Template) -> None:
    asked = {(group["Port"], group["HealthCheckProtocol"]) for group in template.of(TARGETS)}

    assert asked == {(8080, "HTTP"), (6790, "HTTPS"), (6791, "HTTPS")}  # core's node speaks TLS there
    for group in template.of(TARGETS):
        assert (group["HealthCheckPath"], group["HealthCheckPort"], group["TargetType"]) == ("/readyz", "7880", "instance")
        assert group["HealthCheckTimeoutSeconds"] < group["HealthCheckIntervalSeconds"]
        assert attributes(group["TargetGroupAttributes"])["deregistration_delay.timeout_seconds"] == "0"


@pytest.mark.parametrize(
    ("assembly", "outside", "inside", "from_where"),
    [("site", [443, 80], [7880, 8080], "0.0.0.0/0"), ("core", [6790, 6791], [6790, 6791, 7880], "10.20.0.0/16")],
)
def test_clients_reach_the_balancer_and_it_alone_reaches_the_node(
    template: Template, assembly: str, outside: list[int], inside: list[int], from_where: str
) -> None:
    door, node = group_of(template, f"Front of ledger/{assembly}"), group_of(template, f"Nodes of ledger/{assembly}")
    rules = template.resources[door["Fn::GetAtt"][0]]["Properties"]
    own = template.resources[node["Fn::GetAtt"][0]]["Properties"]

    assert [(r["FromPort"], r["CidrIp"]) for r in rules["SecurityGroupIngress"]] == [(port, from_where) for port in outside]
    assert sorted(r["FromPort"] for r in rules["SecurityGroupEgress"]) == inside
    assert {r["CidrIp"] for r in rules["SecurityGroupEgress"]} == {"10.20.0.0/16"}
    assert "SecurityGroupIngress" not in own, "nobody comes to the node from an address"
    into = [r for r in template.of("AWS::EC2::SecurityGroupIngress") if r["GroupId"] == node and r["SourceSecurityGroupId"] == door]
    assert sorted(r["FromPort"] for r in into) == inside


def test_a_neighbour_goes_to_the_balancer_not_to_the_node(template: Template) -> None:
    door, nodes = group_of(template, "Front of ledger/core"), group_of(template, "Nodes of ledger/site")

    out = [r for r in template.of("AWS::EC2::SecurityGroupEgress") if r["GroupId"] == nodes]
    into = [r for r in template.of("AWS::EC2::SecurityGroupIngress") if r["SourceSecurityGroupId"] == nodes]
    assert [(r["DestinationSecurityGroupId"], r["FromPort"]) for r in out] == [(door, 6790), (door, 6791)]
    assert [(r["GroupId"], r["FromPort"]) for r in into] == [(door, 6790), (door, 6791)]


def test_registering_is_in_one_hand_and_taking_out_in_two_each_by_arn(template: Template) -> None:
    groups = {json.dumps({"Ref": id_}) for id_ in template.ids(TARGETS)}

    def who(action: str) -> dict[str, set[str]]:
        return {
            module: {json.dumps(on) for s in found for on in as_list(s["Resource"])}
            for module in MODULES
            if (found := [s for s in template.statements(template.role_of(module)) if action in as_list(s["Action"])])
        }

    assert who(REGISTER) == {"move_front": groups}
    assert who(DEREGISTER) == {"move_front": groups, "recover_assembly": groups}
    # DescribeTargetHealth knows no resource: list_awselasticloadbalancingv2.html
    assert who(SEE) == {"move_front": {'"*"'}, "tick": {'"*"'}}


def test_a_node_is_launched_when_its_balancer_listens(template: Template) -> None:
    listeners = set(template.ids(LISTENER))
    before = [template.before(group) & listeners for group in template.ids("AWS::AutoScaling::AutoScalingGroup")]

    assert sorted(map(len, before)) == [2, 2]
    assert set.union(*before) == listeners


def test_the_functions_understand_what_they_are_told_of_them(template: Template, monkeypatch: pytest.MonkeyPatch) -> None:
    told = template.resources[template.function("move_front")]["Properties"]["Environment"]["Variables"][names.ENV_FRONTS]
    parts = [part if isinstance(part, str) else next(iter(part.values())) for part in told["Fn::Join"][1]]
    monkeypatch.setenv(names.ENV_FRONTS, "".join(part if isinstance(part, str) else part[0] for part in parts))
    environment._fronts.cache_clear()

    site, core = environment.front_of("site"), environment.front_of("core")

    environment._fronts.cache_clear()
    assert isinstance(site, environment.FrontBalancer)
    assert isinstance(core, environment.FrontBalancer)
    assert ({*site.groups, *core.groups}, site.ports, core.ports) == (set(template.ids(TARGETS)), (443,), (6790, 6791))
    assert (len(site.groups), len(core.groups)) == (1, 2)


def test_outputs_say_the_name(template: Template) -> None:
    id_, _, _ = balancer(template, "application")

    assert template.body["Outputs"]["SiteFront"]["Value"] == {"Fn::GetAtt": [id_, "DNSName"]}
    assert template.body["Outputs"]["SitePorts"]["Value"] == "443"


def test_each_balancer_and_each_of_its_public_addresses_is_paid_for(template: Template, tmp_path: Any) -> None:
    (tmp_path / "ledger.yaml").write_text(FILE)
    lines = estimate(spec.load(tmp_path / "ledger.yaml"), load_rates().rates).lines
    hours = {line.rate_name: line.quantity for line in lines if line.part == "load balancer"}

    assert hours == {"alb_hour": 730, "alb_lcu_hour": 730, "nlb_hour": 730, "nlb_lcu_hour": 730}
    assert len(template.of(BALANCER)) == 2
    assert [line.quantity for line in lines if line.part == "public address"] == [2 * 730]  # the internal one has none
