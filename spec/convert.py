"""From the checked file to core's model: the same facts, in the words everybody else uses."""

from __future__ import annotations

from core.application import HaPort
from core.model import (
    Application,
    Artifact,
    Assembly,
    Deployable,
    Egress,
    Front,
    FrontKind,
    Network,
    OnDisagreement,
    Probe,
    Run,
    Tolerance,
)
from spec.schema import ApplicationSection, AssemblySection, DeployableFile, ToleranceSection


def to_model(file: DeployableFile) -> Deployable:
    return Deployable(
        name=file.deployable,
        assemblies=tuple(_assembly(section) for section in file.assemblies),
        network=Network(cidr=file.network.cidr, zones=file.network.zones, egress=Egress(file.network.egress)),
        notify=tuple(file.notify),
    )


def _assembly(section: AssemblySection) -> Assembly:
    return Assembly(
        name=section.name,
        image=section.image,
        instances=tuple(section.instances),
        applications=tuple(_application(application) for application in section.applications),
        front=Front(kind=FrontKind(section.front.kind), ports=tuple(section.front.ports)),
        ha_port=section.ha.port,
        http_port=section.ha.http,
        start_grace_s=section.start_grace,
        on_disagreement=OnDisagreement(section.on_disagreement),
        tolerance=_tolerance(section.tolerance),
    )


def _application(section: ApplicationSection) -> Application:
    return Application(
        name=section.name,
        run=Run(exec=tuple(section.run.exec)),
        install=Artifact(source=section.install.artifact, to=section.install.to) if section.install else None,
        directory=section.directory,
        environment=tuple(sorted(section.environment.items())),
        ha=HaPort(port=section.ha_port) if section.ha_port is not None else None,
        probes=tuple(
            Probe(tcp=probe.tcp, http=probe.http, every_s=probe.every, timeout_s=probe.timeout, rise=probe.rise, fall=probe.fall)
            for probe in section.probes
        ),
        tolerance=_tolerance(section.tolerance),
        start_timeout_s=section.start_timeout,
        stop_timeout_s=section.stop_timeout,
        after=tuple(section.after),
    )


def _tolerance(section: ToleranceSection) -> Tolerance:
    return Tolerance(section.failures, section.window)
