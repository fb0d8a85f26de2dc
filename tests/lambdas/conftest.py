"""A small cloud for the handlers: moto's AWS, a clock turned by hand, and nodes that do what a test says."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from moto import mock_aws
from moto.elbv2.exceptions import InvalidTargetError
from moto.elbv2.models import FakeTargetGroup

from core import names
from core.application import Run
from core.items import looks_item, permit_item, report_item
from core.lifecycle.rollout import Word
from core.model import Application, Assembly, Deployable, Front, FrontKind, Verdict
from core.records import Look, Looks, Permit, Phase, Report
from core.recovery.incident import Incident, parse_incident
from core.recovery.snapshot import Member, StackPlace
from core.watching.fleet import fleet_file
from lambdas import move_front
from lambdas.adapters import clients, clock, deploys, environment, fronts, functions, groups, queues, table, wire
from lambdas.adapters.clients import WorldFailed

EVENTS = Path(__file__).parents[1] / "events"
D, A = "demo", "counter"
PLACE = StackPlace(stack="arn:aws:cloudformation:us-east-1:123456789012:stack/understudy-demo/x", logical_id="Group")


@dataclass
class Context:
    """Lambda's context, by the test's own clock."""

    cloud: Cloud
    ends_ms: int
    aws_request_id: str = "r-1"

    def get_remaining_time_in_millis(self) -> int:
        return self.ends_ms - self.cloud.now_ms


@dataclass
class Cloud:
    """now_ms moves only when a handler sleeps; then `while_asleep` lets the rest of the world go on."""

    now_ms: int = 1_800_000_000_000
    while_asleep: Callable[[], None] = lambda: None
    look: Verdict = Verdict.HEALTHY
    front_accepts: bool = True
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    woken: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    hooks: list[tuple[str, str, str]] = field(default_factory=list)
    lifecycles: dict[str, str] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)
    signals: list[tuple[StackPlace, str, str]] = field(default_factory=list)
    signal_fails: int = 0  # so many calls from now on
    when_told: Callable[[], None] = lambda: None
    order: list[Any] = field(default_factory=list)
    place: StackPlace = PLACE
    pool: dict[str, tuple[str, bool]] | None = None  # of the warm pool's instances: where each stands, and whether it is current
    tags: ClassVar[dict[str, str]] = {names.TAG_DEPLOYABLE: D, names.TAG_ASSEMBLY: A}

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name="us-east-1")

    def context(self, seconds: float = 60, request: str = "r-1") -> Context:
        return Context(self, self.now_ms + int(seconds * 1000), request)

    def event(self, name: str, instance: str = "") -> dict[str, Any]:
        text = (EVENTS / f"{name}.json").read_text()
        return dict(json.loads(text.replace("i-1234567890abcdef0", instance) if instance else text))

    # --- what is in the world -------------------------------------------------------------------------

    def members(self) -> list[str]:
        (group,) = self.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        return [i["InstanceId"] for i in group["Instances"]]

    def state(self, instance: str) -> str:
        (row,) = self.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"]
        return str(row["Instances"][0]["State"]["Name"])

    def put(self, item: dict[str, Any]) -> None:
        table.put(item)

    def permit(self, instance: str, epoch: int = 1) -> None:
        self.put(permit_item(Permit(deployable=D, assembly=A, instance=instance, epoch=epoch, at_ms=self.now_ms)))

    def report(
        self, instance: str, *, epoch: int = 1, phase: Phase = Phase.RUNNING, verdict: Verdict = Verdict.HEALTHY, **more: Any
    ) -> None:
        report = Report(
            deployable=D, assembly=more.pop("assembly", A), instance=instance, boot="b", seq=more.pop("seq", 1), epoch=epoch,
            at_ms=self.now_ms, phase=phase, verdict=verdict, applications=(), address=more.pop("address", "10.20.0.5"),
            ha_port=more.pop("ha_port", 7810), http_port=more.pop("http_port", 7880), agent="1",
            expires_at=self.now_ms // 1000 + 3600,
        )  # fmt: skip
        self.put(report_item(report))

    def serves(self, assembly: str, instance: str) -> None:
        """Another assembly's node holds its permit and is well."""
        self.put(permit_item(Permit(deployable=D, assembly=assembly, instance=instance, epoch=1, at_ms=self.now_ms)))
        self.report(instance, assembly=assembly)

    def looks(self, instance: str, verdicts: list[Verdict], *, silent_s: float = 0) -> None:
        taken = tuple(
            Look(at_ms=self.now_ms - 10_000 * (len(verdicts) - 1 - n), verdict=verdict, ha="-", http="-")
            for n, verdict in enumerate(verdicts)
        )
        looks = Looks(
            deployable=D, assembly=A, instance=instance, looks=taken, report_boot="b", report_seq=1,
            report_moved_ms=self.now_ms - int(silent_s * 1000), expires_at=self.now_ms // 1000 + 3600,
        )  # fmt: skip
        self.put(looks_item(looks))

    def frozen(self, instance: str) -> None:
        """Nothing moves and nothing answers, for half a minute by now."""
        self.looks(instance, [Verdict.FAILING] * 4, silent_s=35)
        self.look = Verdict.FAILING

    def incident(self) -> Incident | None:
        return table.incident(D, A)

    def ended(self) -> list[Incident]:
        items = table.query(names.incident_pk(D, A))
        return [parse_incident(i) for i in items if str(i[names.SK])[0].isdigit()]

    def messages(self, queue: str) -> list[dict[str, Any]]:
        url = self.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"]
        got = self.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(m["Body"]) for m in got]

    def own_messages(self) -> list[dict[str, Any]]:
        """What recover_assembly sent to itself to go on, as Lambda would hand it over; taken out of the queue."""
        return self._taken(watching=False)

    def watchers(self) -> list[dict[str, Any]]:
        """What it sent to be looked after."""
        return self._taken(watching=True)

    def _taken(self, *, watching: bool) -> list[dict[str, Any]]:
        taken = [body for body in self.sent if ("watches" in body.get("incident", {})) is watching]
        self.sent = [body for body in self.sent if body not in taken]
        record = self.event("own_message")["Records"][0]
        return [{"Records": [{**record, "body": json.dumps(body)}]} for body in taken]

    def front_holder(self) -> str | None:
        (address,) = self.client("ec2").describe_addresses()["Addresses"]
        return address.get("InstanceId") or None

    def evidence(self) -> list[str]:
        return [o["Key"] for o in self.client("s3").list_objects_v2(Bucket="state").get("Contents", [])]

    # --- what the handlers reach -----------------------------------------------------------------------

    def sleep(self, seconds: float) -> None:
        self.now_ms += max(1, int(seconds * 1000))
        self.while_asleep()

    def ask(self, function: str, payload: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((function, payload))
        if function == "move":
            return move_front.handler(payload, self.context(30))
        said = "ok" if self.look is Verdict.HEALTHY else "no answer within 2 s"
        look = {"at_ms": self.now_ms, "verdict": self.look.value, "ha": said, "http": said}
        return {"look": look, "answered": self.look is Verdict.HEALTHY, "report_age_s": 0.0}


def _make_world(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    ec2, sqs = cloud.client("ec2"), cloud.client("sqs")
    key = [{"AttributeName": n, "KeyType": k} for n, k in ((names.PK, "HASH"), (names.SK, "RANGE"))]
    kinds = [{"AttributeName": n, "AttributeType": "S"} for n in (names.PK, names.SK)]
    cloud.client("dynamodb").create_table(TableName="state", KeySchema=key, AttributeDefinitions=kinds, BillingMode="PAY_PER_REQUEST")
    cloud.client("s3").create_bucket(Bucket="state")
    topic = cloud.client("sns").create_topic(Name="people")["TopicArn"]
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("tick", "recover", "people")}
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:people")
    data = {"ImageId": "ami-12345678", "InstanceType": "t3.micro"}
    template = ec2.create_launch_template(LaunchTemplateName="t", LaunchTemplateData=data)
    tags = cloud.tags
    cloud.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="counter-group",
        LaunchTemplate={"LaunchTemplateId": template["LaunchTemplate"]["LaunchTemplateId"]},
        MinSize=1,
        MaxSize=1,
        DesiredCapacity=1,
        AvailabilityZones=["us-east-1a"],
        Tags=[{"Key": k, "Value": v, "PropagateAtLaunch": True} for k, v in tags.items()],
    )
    address = ec2.allocate_address(Domain="vpc")
    assembly = Assembly(
        name=A,
        image="debian-12",
        instances=("t4g.small",),
        applications=(Application(name="app", run=Run(exec=("/bin/app",))),),
        front=Front(kind=FrontKind.ELASTIC_IP, ports=(8080,)),
        ha_port=7810,
        http_port=7880,
    )
    front = {"kind": "elastic_ip", "allocation_id": address["AllocationId"], "address": address["PublicIp"], "ports": [8080]}
    for name, value in {
        names.ENV_TABLE: "state",
        names.ENV_BUCKET: "state",
        names.ENV_TOPIC: topic,
        names.ENV_TICK_QUEUE: urls["tick"],
        names.ENV_RECOVER_QUEUE: urls["recover"],
        names.ENV_NETWORK: "127.0.0.0/8",
        names.ENV_FRONTS: json.dumps({A: front}),
        names.ENV_FUNCTION_PROBE: "probe",
        names.ENV_FUNCTION_RECOVER: "recover",
        names.ENV_FUNCTION_ADMIT: "admit",
        names.ENV_FUNCTION_RETIRE: "retire",
        names.ENV_FUNCTION_MOVE_FRONT: "move",
    }.items():
        monkeypatch.setenv(name, value)
    (folder / names.FLEET_FILE).write_text(fleet_file(Deployable(name=D, assemblies=(assembly,))))
    monkeypatch.setattr(environment, "FLEET_FILE", folder / names.FLEET_FILE)


@cache
def _session() -> boto3.Session:
    """One for all tests: reading the services' models takes most of a second."""
    return boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")


_clients: dict[tuple[str, ...], Any] = {}


def _client(service: str, *, region_name: str | None = None, config: Config | None = None) -> Any:
    """boto3.client, and one of a kind for all tests: to make it takes longer than most of what it is asked."""
    kind = (service, region_name or "", str(config and (config.retries, config.read_timeout)))
    if kind not in _clients:
        _clients[kind] = _session().client(service, region_name=region_name, config=config)
    return _clients[kind]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # thousands of them, read anew for each test
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    caches = (clients.client, environment.fleet, environment._fronts)
    world = Cloud()
    with mock_aws():
        monkeypatch.setattr(boto3, "client", _client)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", _session())
        for cached in caches:
            cached.cache_clear()
        _make_world(world, monkeypatch, tmp_path)
        monkeypatch.setattr(clock, "now_ms", lambda: world.now_ms)
        monkeypatch.setattr(clock, "sleep", world.sleep)
        monkeypatch.setattr(wire, "call", _by_boto3)
        monkeypatch.setattr(functions, "ask", world.ask)
        monkeypatch.setattr(functions, "wake", lambda function, payload: world.woken.append((function, payload)))
        monkeypatch.setattr(queues, "send", lambda url, body, *, delay_s: world.sent.append(body))
        monkeypatch.setattr(fronts, "accepts", lambda front: world.front_accepts)
        _patch_hooks(world, monkeypatch)
        yield world
    for cached in caches:
        cached.cache_clear()


def _by_boto3(operation: str, body: dict[str, Any]) -> dict[str, Any]:
    """moto answers botocore only; what is really sent is tested in test_lambdas_wire.py."""
    with clients.calling(f"{operation} the table"):
        return dict(getattr(clients.client("dynamodb"), xform_name(operation))(**body))


def _patch_hooks(world: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """moto knows no wait states and no hook actions; what is sent to them is tested in test_lambdas_adapters.py."""
    find = groups.find

    def found(deployable: str, assembly: str) -> Any:
        group = find(deployable, assembly)
        if group is None:
            return None
        members = {i: replace(m, lifecycle=world.lifecycles.get(i, m.lifecycle)) for i, m in group.members.items()}
        held = {i: Member(instance=i, lifecycle=at, healthy=True, current=new) for i, (at, new) in (world.pool or {}).items()}
        return replace(group, members=members, stack=world.place, pool=None if world.pool is None else held)

    def complete(group: str, hook: str, instance: str, *, let_in: bool) -> str:
        result = "CONTINUE" if let_in else "ABANDON"
        world.hooks.append((hook, instance, result))
        return result

    def signal(place: StackPlace, instance: str, word: Word) -> str:
        world.when_told()
        if world.signal_fails:
            world.signal_fails -= 1
            raise WorldFailed("signal", "Throttling", "slow down")
        world.signals.append((place, instance, word.value))
        return "told"

    monkeypatch.setattr(groups, "find", found)
    monkeypatch.setattr(deploys, "signal", signal)
    monkeypatch.setattr(groups, "complete_hook", complete)
    monkeypatch.setattr(groups, "keep_alive", lambda group, hook, instance: world.hooks.append((hook, instance, "ALIVE")))


@pytest.fixture
def target_groups(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The assembly's front is a load balancer with two target groups from here on; their ARNs."""
    real = FakeTargetGroup.register

    def register(self: Any, targets: list[dict[str, Any]]) -> None:
        """moto takes an instance that there is not; AWS says InvalidTarget (API_RegisterTargets.html)."""
        if any(self.ec2_backend.get_instance_by_id(target["Id"]) is None for target in targets):
            raise InvalidTargetError
        real(self, targets)

    monkeypatch.setattr(FakeTargetGroup, "register", register)
    vpc, elb = cloud.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"], cloud.client("elbv2")
    made = [elb.create_target_group(Name=f"t{port}", Protocol="TCP", Port=port, VpcId=vpc)["TargetGroups"][0] for port in (1, 2)]
    found = [str(group["TargetGroupArn"]) for group in made]
    entry = {"kind": "nlb", "address": "x.elb.amazonaws.com", "groups": found, "ports": [8080]}
    monkeypatch.setenv(names.ENV_FRONTS, json.dumps({A: entry}))
    environment._fronts.cache_clear()
    return found


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
