"""What an assembly has beside its machines, made up and at moto's, through our own adapters; and the physics that moto has not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3
import pytest
from moto import mock_aws

from core import names
from core.database import Database, Engine
from core.model import FrontKind
from core.recovery.incident import State
from core.recovery.rung import DatabaseState
from lambdas.adapters import clients, databases, environment
from lambdas.adapters.balancers import BalancerFront
from lambdas.adapters.clients import WorldFailed
from lambdas.adapters.environment import FrontBalancer, FrontInterface
from lambdas.adapters.instances import NotYet
from lambdas.adapters.interface import InterfaceFront
from lambdas.adapters.volume import Volume
from simulation.agent import Agent
from simulation.machines import Machine
from simulation.schedule import Task
from simulation.weather import THROTTLED
from simulation.world import World

D, A = "made-up", "a0"
STRANGER = "i-00000000000000bad"
Answer = TypeVar("Answer")


def done(world: World, work: Callable[[], Answer], within_s: float = 60.0) -> Answer:
    """What comes of it when a function does it: functions alone sleep."""
    results: list[tuple[Any, BaseException | None]] = []
    Task(world.schedule, "test", work, lambda answer, error: results.append((answer, error))).begin()
    world.schedule.run(world.schedule.now_ms + int(within_s * 1000), lambda: bool(results), every_ms=0)
    ((answer, error),) = results
    if error is not None:
        raise error
    found: Answer = answer
    return found


@dataclass
class Beside:
    """One of the two. one, other: instances that run. does: as a function does it."""

    one: str
    other: str
    volume: Volume
    interface: InterfaceFront
    balancer: BalancerFront
    does: Callable[[Callable[[], Any]], Any]


def made(front: FrontKind = FrontKind.NETWORK_INTERFACE) -> tuple[World, Machine, Machine]:
    """A world in which nobody acts but the test, and two machines of the assembly's that run."""
    database = Database(engine=Engine.POSTGRES, version="16.4", instance="db.t4g.micro", multi_az=True)
    world = World(1, front=front, volumes=True, database=database)
    world.functions.down = True
    world.build()
    one, other = (world.machines.launch((D, A), "a", lambda machine: Agent(world, machine, world.models[0])) for _ in range(2))
    world.schedule.run(world.schedule.now_ms + 20_000)
    return world, one, other


def _made_up() -> Iterator[Beside]:
    world, one, other = made()
    for group in ("targets-a0-80", "targets-a0-81"):
        world.has.balancers.groups[group] = {}
    balancer = BalancerFront(FrontBalancer(address="x", groups=("targets-a0-80", "targets-a0-81"), ports=(80,)))
    interface = InterfaceFront(FrontInterface(interface="eni-a0", address="10.20.0.9", ports=(80,)))
    yield Beside(one.id, other.id, Volume("vol-a0"), interface, balancer, lambda work: done(world, work))


def _moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Beside]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    monkeypatch.setenv(names.ENV_DATABASES, json.dumps({f"db-{D}": D}))
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        clients.client.cache_clear()
        environment.databases.cache_clear()
        ec2, elb = boto3.client("ec2"), boto3.client("elbv2")
        one, other = (made["InstanceId"] for made in ec2.run_instances(ImageId="ami-12345678", MinCount=2, MaxCount=2)["Instances"])
        subnet = ec2.describe_subnets()["Subnets"][0]
        vpc = subnet["VpcId"]
        groups = [elb.create_target_group(Name=f"t{n}", Protocol="TCP", Port=n, VpcId=vpc)["TargetGroups"][0] for n in (80, 81)]
        interface = ec2.create_network_interface(SubnetId=subnet["SubnetId"])["NetworkInterface"]["NetworkInterfaceId"]
        boto3.client("rds").create_db_instance(
            DBInstanceIdentifier=f"db-{D}", DBInstanceClass="db.t4g.micro", Engine="postgres", MultiAZ=True, AllocatedStorage=20,
            MasterUsername="understudy", MasterUserPassword="not-a-secret",
        )  # fmt: skip
        yield Beside(
            one,
            other,
            Volume(ec2.create_volume(AvailabilityZone=subnet["AvailabilityZone"], Size=1)["VolumeId"]),
            InterfaceFront(FrontInterface(interface=interface, address="10.20.0.9", ports=(80,))),
            BalancerFront(FrontBalancer(address="x", groups=tuple(group["TargetGroupArn"] for group in groups), ports=(80,))),
            lambda work: work(),
        )
    clients.client.cache_clear()
    environment.databases.cache_clear()


# moto's half takes seconds to furnish: it runs with the heavy tests.
@pytest.fixture(params=["made up", pytest.param("moto", marks=pytest.mark.heavy)])
def beside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Beside]:
    yield from _made_up() if request.param == "made up" else _moto(monkeypatch)


@pytest.mark.parametrize("what", ["volume", "interface", "balancer"])
def test_it_is_nobodys_then_ones_then_the_others(beside: Beside, what: str) -> None:
    held: Any = getattr(beside, what)
    assert held.who_holds() is None

    for instance in (beside.one, beside.other):
        beside.does(lambda instance=instance: held.attach(instance))  # type: ignore[misc]
        assert held.who_holds() == instance


@pytest.mark.parametrize("what", ["volume", "interface"])
def test_nobody_loses_it_to_an_instance_that_there_is_not(beside: Beside, what: str) -> None:
    held: Any = getattr(beside, what)
    beside.does(lambda: held.attach(beside.one))

    with pytest.raises(NotYet):
        beside.does(lambda: held.attach(STRANGER))
    assert held.who_holds() == beside.one


def test_whom_a_balancer_does_not_know_it_sends_nothing_all_the_same(beside: Beside) -> None:
    beside.balancer.attach(beside.one)

    assert "sends it nothing more" in beside.balancer.drop(beside.one)
    assert "sends it nothing more" in beside.balancer.drop(STRANGER)
    assert beside.balancer.who_holds() is None


def test_a_database_is_its_deployables_and_is_rebooted_by_its_name(beside: Beside) -> None:
    assert databases.of(D) == DatabaseState(identifier=f"db-{D}", status="available", multi_az=True)
    assert databases.of("another") is None
    assert databases.fail_over(f"db-{D}") == "RDS takes it"
    with pytest.raises(WorldFailed, match="DBInstanceNotFound"):
        databases.fail_over("db-another")


def test_every_service_may_have_too_much_to_do() -> None:
    world, *_ = made()

    assert set(world._services) == set(THROTTLED)


# --- physics that moto has not ------------------------------------------------------------------------------------------


def test_a_volume_that_is_mounted_is_busy_until_it_is_unmounted() -> None:
    """https://docs.aws.amazon.com/ebs/latest/userguide/ebs-detaching-volume.html"""
    world, one, other = made()
    volume = Volume("vol-a0")
    done(world, lambda: volume.attach(one.id))
    world.agent_of(one).mounted = True
    with pytest.raises(NotYet, match="busy"):
        done(world, lambda: volume.attach(other.id))

    world.agent_of(one)._unmount("/var/lib/app")
    done(world, lambda: volume.attach(other.id))

    assert volume.who_holds() == other.id


@pytest.mark.parametrize("what", [Volume("vol-a0"), InterfaceFront(FrontInterface(interface="eni-a0", address="a", ports=()))], ids=str)
def test_what_a_terminated_instance_had_is_free_by_itself_unless_it_is_stuck(what: Volume | InterfaceFront) -> None:
    world, one, other = made()
    done(world, lambda: what.attach(one.id))
    held = {**world.has.attachments.volumes, **world.has.attachments.interfaces}["vol-a0" if isinstance(what, Volume) else "eni-a0"]
    held.stuck = True
    world.machines.fail(one)
    world.schedule.run(world.schedule.now_ms + 60_000)
    with pytest.raises(NotYet):
        done(world, lambda: what.attach(other.id))

    world.has.attachments.unstick(held)
    done(world, lambda: what.attach(other.id))

    assert what.who_holds() == other.id


def test_a_machine_that_hangs_is_relieved_of_an_interface_by_force_alone() -> None:
    world, one, other = made()
    interface = InterfaceFront(FrontInterface(interface="eni-a0", address="a", ports=()))
    done(world, lambda: interface.attach(one.id))
    one.frozen = True
    began_ms = world.schedule.now_ms

    done(world, lambda: interface.attach(other.id))

    assert interface.who_holds() == other.id
    assert world.schedule.now_ms - began_ms >= 3000


def test_a_target_is_well_once_its_node_has_served_for_a_while_and_a_blind_balancer_finds_nobody_well() -> None:
    world, one, _ = made(FrontKind.NLB)
    ready = [False]
    world.has.balancers.ready = lambda machine: ready[0]
    world.has.balancers.new_target_s = 60.0
    balancer = BalancerFront(FrontBalancer(address="x", groups=("targets-a0-80", "targets-a0-81"), ports=(80,)))
    balancer.attach(one.id)

    def through(after_s: float) -> bool:
        world.schedule.run(world.schedule.now_ms + int(after_s * 1000))
        return done(world, lambda: balancer.verify(0.0)) is None

    assert balancer.who_holds() == one.id
    assert not through(120)
    ready[0] = True
    assert not through(30)
    assert through(60)
    world.has.balancers.blind = True
    assert not through(10)


def test_rds_says_a_little_late_what_its_database_is_at_and_takes_no_second_order_meanwhile() -> None:
    world, _, _ = made()
    heard: list[bool] = []

    def status() -> str:
        found = databases.of(D)
        assert found is not None
        heard.append(world.has.databases.silent(D))
        return found.status

    databases.fail_over(f"db-{D}")
    assert (status(), heard[-1]) == ("available", True)
    world.schedule.run(world.schedule.now_ms + 7_000)
    assert (status(), heard[-1]) == ("rebooting", True)
    assert "does not take it now" in databases.fail_over(f"db-{D}")
    world.schedule.run(world.schedule.now_ms + 130_000)
    assert (status(), heard[-1]) == ("available", False)


def test_an_application_whose_database_fails_over_is_busy_and_is_not_restarted() -> None:
    world, _, _ = made(FrontKind.NONE)
    world.functions.down = False
    world.schedule.run(world.schedule.now_ms + 400_000, lambda: (agent := world.holder((D, A))) is not None and agent.serves)
    agent = world.holder((D, A))
    assert agent is not None
    run, before = agent.application.run, world.has.databases.all[D].turn
    agent.application.database_back = lambda: agent.application._connected(run)  # type: ignore[method-assign]

    world.has.databases.fails_over(D, 60.0)
    world.schedule.run(world.schedule.now_ms + 40_000)
    assert agent.concluded is not None
    said = agent.concluded
    world.schedule.run(world.schedule.now_ms + 60_000)

    assert "database: it does not answer" in said.reason
    assert agent.serves
    assert agent.application.run == run
    assert world.has.databases.all[D].turn == before + 1
    assert world.watch.faults == []
    world.schedule.run(world.schedule.now_ms + 60_000, lambda: bool(world.watch.mended))
    (incident,) = world.watch.mended
    assert (incident.state, incident.instance, incident.woken_by) == (State.RECOVERED, agent.machine.id, "rds")
    assert None not in incident.durations().values(), "RDS says when it began and when it was over, and the node that it is well"
