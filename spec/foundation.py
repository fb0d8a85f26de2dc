"""The file of a foundation that several deployables share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, ValidationError

from core.model import Egress, Network, SharedFoundation
from spec import document
from spec.document import Document, Unreadable
from spec.problems import Problem, SpecError
from spec.reading import place, problem_of, read_raw
from spec.schema import NetworkSection
from spec.section import Section
from spec.sharing import OWN
from spec.values import Email, Name


class FoundationFile(Section):
    """A foundation: the table, bucket, topic, functions and network that several deployables share."""

    foundation: Name = Field(description="the foundation's name, as deployables say it")
    network: NetworkSection = Field(default=NetworkSection(), description="where the nodes of all its deployables live")
    notify: list[Email] = Field(default_factory=list, max_length=10, description="e-mail addresses of those to tell")
    dashboard: bool = Field(default=False, description="one screen in CloudWatch for all of them: what rings, who holds, incidents, budget")
    database_secrets: bool = Field(
        default=False,
        description="a way out of the network to Secrets Manager, paid for once, for deployables whose database has auth: secret",
    )


def is_foundation(path: str | Path) -> bool:
    """Whether the file is a foundation's rather than a deployable's; what cannot be read is for others to say."""
    try:
        data = document.parse(read_raw(Path(path))).data
    except (Unreadable, SpecError):
        return False
    return isinstance(data, dict) and "foundation" in data and not {"deployable", "assemblies"} & set(data)


def load_foundation(path: str | Path) -> SharedFoundation:
    """Read and check a foundation's file. Raises SpecError with every problem found."""
    path = Path(path)
    try:
        text = document.parse(read_raw(path))
    except Unreadable as error:
        raise SpecError(str(path), (error.problem,)) from error
    problems = [*text.problems]
    file = None
    try:
        file = FoundationFile.model_validate(text.data)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            problems.append(problem_of(place(details, text.data), details, text, FoundationFile))
    problems += (*_own_is_no_name(text), *_in_the_way(text))
    if problems or file is None:
        raise SpecError(str(path), tuple(sorted(problems, key=lambda problem: problem.line or 0)))
    network = Network(cidr=file.network.cidr, zones=file.network.zones, egress=Egress(file.network.egress))
    return SharedFoundation(
        name=file.foundation,
        network=network,
        notify=tuple(file.notify),
        dashboard=file.dashboard,
        database_secrets=file.database_secrets,
    )


def _in_the_way(text: Document) -> Iterator[Problem]:
    """An endpoint answers to the service's name in all of the network: who has another way out would be led to it, and not let in.

    https://docs.aws.amazon.com/vpc/latest/privatelink/manage-dns-names.html
    """
    said = text.data if isinstance(text.data, dict) else {}
    network = said.get("network")
    egress = network.get("egress") if isinstance(network, dict) else None
    if said.get("database_secrets") is True and egress in (Egress.NAT.value, Egress.PUBLIC_IP.value):
        yield Problem(
            key="database_secrets",
            value="true",
            line=text.line(("database_secrets",)),
            message=f"stands in the way of nodes that have one out of the network already (network.egress: {egress})",
            remedy="leave it out, or write egress: none",
        )


def _own_is_no_name(text: Document) -> Iterator[Problem]:
    if isinstance(text.data, dict) and text.data.get("foundation") == OWN:
        yield Problem(
            key="foundation",
            value=OWN,
            line=text.line(("foundation",)),
            message="means a deployable's own",
            remedy="give it another name, such as shared",
        )
