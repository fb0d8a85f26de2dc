"""Database instances: which server serves under an instance's name, and what RDS does to it."""

from __future__ import annotations

import datetime
import ipaddress
import json
import logging
import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

from moto.backends import get_backend

from lab.certificates import authority
from lab.functions.guard import guarded
from lab.network import VpcNetwork
from lab.rds import server
from lab.rds.mariadb import Mariadb
from lab.rds.postgres import Postgres
from lab.rds.server import Asked, Server
from lab.rds.tokens import Door, Listener
from lab.world import ACCOUNT, AWS_ADDRESS, REGION, World

# Above the functions' addresses, counted from the top of the subnet (lab/functions/vpc.py).
_FROM_TOP, _TO_TOP = 66, 96
_ENGINES: dict[str, type[Server]] = {"postgres": Postgres, "mariadb": Mariadb}
AVAILABLE, REBOOTING = "available", "rebooting"
log = logging.getLogger("lab.rds")


@dataclass(eq=False)
class Instance:
    """lock: one thing at a time is done to it. served: the server behind the name. hosts: how many it has had."""

    identifier: str
    host: str
    port: int
    user: str
    name: str
    subnets: list[str]
    arn: str
    kind: type[Server]
    served: Server | None = None
    standby: Server | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    hosts: int = 0
    zone: int = 0  # the served one's, by its place among the subnets
    zones: dict[str, int] = field(default_factory=dict)  # of its hosts, by name


class NoStandby(LookupError):
    """There is nothing to fail over to."""


class Instances:
    """Safe to call from any thread."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._known: dict[str, Instance] = {}
        self._used: set[str] = set()
        self._listener: Listener | None = None

    def create(self, made: Any) -> None:
        """Give moto's new instance its body. Raises server.NoServer, server.Failed."""
        if made.engine not in _ENGINES:
            raise server.NoServer(f"this lab plays PostgreSQL and MariaDB, and not {made.engine}, of which Debian has no server")
        if self._world.network is None:
            return
        instance = Instance(
            identifier=made.db_instance_identifier,
            host=made.address,
            port=int(made.port),
            user=made.master_username,
            name=made.db_name or "",
            subnets=_subnets_of(made),
            arn=made.arn,
            kind=_ENGINES[made.engine],
        )
        with instance.lock:
            password = secrets.token_urlsafe(24)
            _write_secret(made, instance.user, password)
            primary = self._server(instance, zone=0)
            primary.initialize(_parameters(made), tokens=self._tokens(instance, made))
            authority(self._world.lab_dir).issue(instance.host, primary.certificates)
            primary.start()
            primary.furnish(instance.user, password, instance.name)
            self._serve(instance, primary)
            if made.multi_az:
                self._add_standby(instance)
        with self._lock:
            self._known[instance.identifier] = instance
        text = f"{instance.identifier} serves at {instance.host}: {made.engine_version} is played by {instance.kind.played_by()}"
        self._world.journal.say("rds", text, database=instance.identifier, address=primary.address)

    def _tokens(self, instance: Instance, made: Any) -> Asked | None:
        """With IAM authentication: whom its servers ask about a token; None without."""
        if str(made.iam_database_authentication_enabled).lower() != "true":
            return None
        with self._lock:
            if self._listener is None:
                self._listener = Listener(self._world, AWS_ADDRESS)
            listener = self._listener
        listener.doors[instance.identifier] = Door(instance.host, instance.port, made.dbi_resource_id)
        return Asked(listener.address, listener.port, instance.identifier)

    def delete(self, identifier: str) -> None:
        with self._lock:
            instance = self._known.pop(identifier, None)
            if self._listener is not None:
                self._listener.doors.pop(identifier, None)
        if instance is not None and instance.served is not None:
            self._world.names.pop(instance.host.lower(), None)
            for one in (instance.served, instance.standby):
                if one is not None:
                    self._take_away(one)

    def reboot(self, identifier: str) -> None:
        """Restart the engine where it is: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_RebootInstance.html"""
        with self._lock:
            instance = self._known.get(identifier)
        if instance is None or instance.served is None:
            return
        with instance.lock:
            self._tell(instance, "availability", "RDS-EVENT-0004", "DB instance shutdown.")
            instance.served.restart()
            self._tell(instance, "availability", "RDS-EVENT-0006", "DB instance restarted.")

    def fail_over(self, identifier: str) -> None:
        """Returns once it has begun. Raises NoStandby.

        The primary's host is gone at once, as a failed one is: what is connected hears nothing more. Whatever it had acknowledged its
        standby has, for it held the answer until then. The name leads to the standby after AWS's delay, and another standby is made.
        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html
        """
        with self._lock:
            instance = self._known.get(identifier)
        if instance is None or instance.served is None or instance.standby is None:
            raise NoStandby(identifier)
        with instance.lock:
            old, new = instance.served, instance.standby
            instance.served, instance.standby = new, None
            say_status(identifier, REBOOTING)
            self._tell(instance, "failover", "RDS-EVENT-0013", "Multi-AZ instance failover started.")
            network = self._world.network
            if isinstance(network, VpcNetwork):
                network.set_link(old.name, up=False)
            old.kill()
            new.promote()
        delay, clock = self._world.delays["database_failover"], self._world.clock
        start = clock.now()
        self._world.journal.delay("database_failover", identifier, start=start, end=start + clock.real(delay.seconds), source=delay.source)
        clock.later(delay.seconds, lambda: guarded(self._world, "rds", self._complete, instance, old, new))

    def _complete(self, instance: Instance, old: Server, new: Server) -> None:
        with instance.lock:
            self._serve(instance, new)
            say_status(instance.identifier, AVAILABLE)
            self._tell(
                instance, "failover", "RDS-EVENT-0015", "Multi-AZ failover to standby complete - DNS propagation may take a few minutes."
            )
            self._tell(instance, "failover", "RDS-EVENT-0049", "Multi-AZ instance failover completed.")
            self._take_away(old)
            self._add_standby(instance)

    def _add_standby(self, instance: Instance) -> None:
        """In the other zone than the primary's; from now on a commit waits for it."""
        assert instance.served is not None, "a standby follows a primary"
        standby = self._server(instance, zone=1 - instance.zone)
        standby.clone(instance.served)
        standby.start()
        instance.served.wait_for_standby(on=True)
        instance.standby = standby
        self._world.journal.say("rds", f"{instance.identifier} has a standby", database=instance.identifier, address=standby.address)

    def _tell(self, instance: Instance, category: str, kind: str, message: str) -> None:
        """As https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloud-watch-events.html shows an event."""
        self._world.journal.say("rds", f"{instance.identifier}: {message}", database=instance.identifier, event_id=kind)
        if self._world.events is not None:
            now = datetime.datetime.fromtimestamp(self._world.clock.now(), datetime.UTC)
            detail = {
                "EventCategories": [category],
                "SourceType": "DB_INSTANCE",
                "SourceArn": instance.arn,
                "Date": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "Message": message,
                "SourceIdentifier": instance.identifier,
                "EventID": kind,
            }
            self._world.events.emit("aws.rds", "RDS DB Instance Event", detail, [instance.arn])

    def close(self) -> None:
        with self._lock:
            known = list(self._known.values())
            self._known.clear()
            if self._listener is not None:
                self._listener.close()
        for instance in known:
            for one in (instance.served, instance.standby):
                if one is not None:
                    one.kill()

    def _serve(self, instance: Instance, on: Server) -> None:
        instance.served = on
        instance.zone = instance.zones[on.name]
        self._world.names[instance.host.lower()] = (on.address,)

    def _server(self, instance: Instance, *, zone: int) -> Server:
        """A fresh host in the subnet of a zone."""
        network = self._world.network
        assert network is not None, "create() has looked"
        with self._lock:
            address = self._free_address(instance.subnets[zone % len(instance.subnets)])
            self._used.add(address)
        instance.hosts += 1
        name = f"db-{instance.identifier}-{instance.hosts}"
        instance.zones[name] = zone
        prefix = network.attach(name, address)
        return instance.kind(name, self._world.lab_dir / "rds" / name, address, instance.port, prefix)

    def _take_away(self, gone: Server) -> None:
        gone.remove()
        if self._world.network is not None:
            self._world.network.detach(gone.name)
        with self._lock:
            self._used.discard(gone.address)

    def _free_address(self, subnet_id: str) -> str:
        block = ipaddress.ip_network(get_backend("ec2")[ACCOUNT][REGION].get_subnet(subnet_id).cidr_block)
        for offset in range(_FROM_TOP, min(_TO_TOP, block.num_addresses - 4)):
            address = str(block[-offset])
            if address not in self._used:
                return address
        raise server.Failed(f"no free address for a database in {subnet_id}")


def status_of(identifier: str) -> str:
    """As DescribeDBInstances tells it; "" for one that is not there."""
    made = get_backend("rds")[ACCOUNT][REGION].databases.get(identifier)
    return str(made.status) if made is not None else ""


def say_status(identifier: str, status: str) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html"""
    made = get_backend("rds")[ACCOUNT][REGION].databases.get(identifier)
    if made is not None:
        made.status = status


def _subnets_of(made: Any) -> list[str]:
    """One of each zone, in the subnet group's order."""
    by_zone: dict[str, str] = {}
    for subnet in made.db_subnet_group._subnets:
        by_zone.setdefault(subnet.availability_zone, subnet.id)
    return list(by_zone.values())


def _parameters(made: Any) -> dict[str, str]:
    """What its parameter group says otherwise than the engine."""
    backend = get_backend("rds")[ACCOUNT][REGION]
    group = backend.db_parameter_groups.get(made.db_parameter_group_name)
    found = group.parameters.items() if group is not None else ()
    return {name: str(one["ParameterValue"]) for name, one in found if "ParameterValue" in one}


def _write_secret(made: Any, user: str, password: str) -> None:
    """What RDS keeps in the managed secret: https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html"""
    secret = made.master_user_secret.secret
    stored: Any = get_backend("secretsmanager")[ACCOUNT][REGION].secrets[secret.arn]
    stored.versions[stored.default_version_id]["secret_string"] = json.dumps({"username": user, "password": password})
