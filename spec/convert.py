"""From the checked file to core's model: the same facts, in the words everybody else uses."""

from __future__ import annotations

from collections.abc import Iterator

from core.database import REACHED, Auth, Database, Engine
from core.model import Assembly, Deployable, Egress, Front, FrontKind, HostName, Http, Network, OnDisagreement, Record, Resolves
from spec.balancer import KINDS, to_balancer
from spec.capacity import to_capacity
from spec.convert_application import to_application, to_tolerance, warnings_of
from spec.database import DatabaseSection
from spec.front import FrontSection
from spec.problems import KeyPath
from spec.recovery import to_policy
from spec.schema import AssemblySection, DeployableFile, HostNameSection
from spec.sharing import OWN
from spec.state import to_state


def to_model(file: DeployableFile) -> Deployable:
    database = _database(file.database) if file.database is not None else None
    return Deployable(
        name=file.deployable,
        assemblies=tuple(_assembly(section, database) for section in file.assemblies),
        database=database,
        network=Network(cidr=file.network.cidr, zones=file.network.zones, egress=Egress(file.network.egress)),
        notify=tuple(file.notify),
        dashboard=file.dashboard,
        foundation=None if file.foundation == OWN else file.foundation,
        recovery=to_policy(file.recovery),
    )


def warnings(file: DeployableFile) -> Iterator[tuple[KeyPath, str]]:
    """What was changed in reading the file, each with its key."""
    for index, assembly in enumerate(file.assemblies):
        for number, application in enumerate(assembly.applications):
            for key, warning in warnings_of(application):
                yield ("assemblies", index, "applications", number, key), warning


def _assembly(section: AssemblySection, database: Database | None) -> Assembly:
    return Assembly(
        name=section.name,
        image=section.image,
        instances=tuple(section.instances),
        applications=tuple(to_application(application) for application in section.applications),
        front=_front(section.front),
        ha_port=section.ha.port,
        http_port=section.ha.http,
        start_grace_s=section.start_grace,
        on_disagreement=OnDisagreement(section.on_disagreement),
        tolerance=to_tolerance(section.tolerance),
        http=Http(certificate=section.http.certificate, key=section.http.key, token_file=section.http.token_file),
        host_names=tuple(_host_name(entry) for entry in section.host_names),
        depends_on=tuple(section.depends_on),
        on_address_change=tuple(section.on_address_change) if section.on_address_change is not None else None,
        after=tuple(section.after),
        root_device=section.root_device,
        capacity=to_capacity(section),
        state=to_state(section.state),
        reaches=tuple(name for name in section.reaches if database is None or name != REACHED),
        database=database if REACHED in section.reaches else None,
    )


def _database(section: DatabaseSection) -> Database:
    return Database(
        engine=Engine(section.engine),
        version=section.version,
        instance=section.instance,
        multi_az=section.multi_az,
        auth=Auth(section.auth),
        storage_gb=section.storage,
        backups_days=round(section.backups / 86400),
        name=section.name,
        busy_budget_s=section.busy_budget,
    )


def _front(section: FrontSection) -> Front:
    record = _record(section.name, section) if section.name is not None else None
    balancer = to_balancer(section) if section.kind in KINDS else None
    return Front(kind=FrontKind(section.kind), ports=tuple(section.ports), record=record, balancer=balancer)


def _record(name: str, section: FrontSection) -> Record:
    if section.zone is None:
        return Record(name=name, ttl_s=section.ttl)
    return Record(name=name, ttl_s=section.ttl, zone=section.zone.id, public=section.zone.public)


def _host_name(section: HostNameSection) -> HostName:
    if section.resolves in (Resolves.NODE.value, Resolves.FRONT.value):
        return HostName(name=section.name, resolves=Resolves(section.resolves), of=section.of)
    return HostName(name=section.name, resolves=Resolves.ADDRESS, address=section.resolves)
