"""Names that others made the rules for: users, units, resource agents, hosts; and commands."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from core import names
from spec.values import Matching, Text, wrong

# useradd(8) of Debian 12 and its default NAME_REGEX.
User = Annotated[
    str,
    Matching(
        r"[a-z_][a-z0-9_-]{0,31}",
        "is not a user's name",
        "use 1 to 32 lower-case letters, digits, dashes and underscores, beginning with a letter or an underscore",
    ),
]
# OCF resource agent API 1.1, "Resource Agents": both become parts of a path.
AgentWord = Annotated[
    str,
    Matching(
        r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}",
        "is not a name of a resource agent",
        "use letters, digits, dashes, dots and underscores, such as heartbeat and pgsql",
    ),
]
# They become the environment's OCF_RESKEY_NAME; those of CRM_meta_ are the cluster manager's.
Parameter = Annotated[
    str,
    Matching(
        r"(?!CRM_meta_)[A-Za-z_][A-Za-z0-9_]{0,127}",
        "is not a parameter's name",
        "use letters, digits and underscores, as the agent's own meta-data has it",
    ),
]
CounterName = Annotated[
    str,
    Matching(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", "is not a counter's name", "use letters, digits, dots, dashes and underscores"),
]
HeaderText = Annotated[
    str,
    Matching(
        r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}:[\x20-\x7e]{0,500}",  # RFC 9110, 5.1 and 5.5
        "is not a header",
        "write Name: value",
    ),
]
ProcessName = Annotated[
    str,
    Matching(r"[^/\x00-\x1f\x7f]{1,64}", "is not a process's name", "use the program's file name, such as postgres, without its folder"),
]


def _program_is_absolute(value: list[str]) -> list[str]:
    if not value[0].startswith("/"):
        raise wrong(
            f"begins with {value[0]!r}, which is not an absolute path", "name the program by its full path, such as /usr/bin/python3"
        )
    return value


Command = Annotated[list[Text], Field(min_length=1, max_length=64), AfterValidator(_program_is_absolute)]


def _unit(value: str) -> str:
    """A service's name as systemd.unit(5) has it, an instance of a template among them."""
    if not re.fullmatch(r"[A-Za-z0-9:_.\\-]+(?:@[A-Za-z0-9:_.\\-]*)?\.service", value) or len(value) > 255:
        raise wrong("is not the name of a service unit", "write it in full, such as postgresql.service or postgresql@16-main.service")
    if value.endswith("@.service"):
        raise wrong("is a template, which cannot be started", "name an instance of it, such as postgresql@16-main.service")
    if value.startswith(f"{names.PRODUCT}-"):
        raise wrong("is a unit of the agent's", "name the application's own unit")
    return value


UnitName = Annotated[str, AfterValidator(_unit)]

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"


def _host_name(value: str) -> str:
    """RFC 1123, 2.1: labels of letters, digits and dashes; the last one not all digits, or it would read as an address."""
    if not re.fullmatch(rf"{_LABEL}(?:\.{_LABEL})*", value) or len(value) > 253 or re.fullmatch(r"(?:.*\.)?[0-9]+", value):
        raise wrong("is not a host name", "use letters, digits and dashes between dots, such as platform.example.net")
    if value.lower() == "localhost" or value.lower().endswith(".localhost"):
        raise wrong("is this machine to every program on it", "choose another name; RFC 6761 reserves this one")
    return value


HostNameText = Annotated[str, AfterValidator(_host_name)]


def _domain(value: str) -> str:
    """As IAM compares it, in small letters (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-rrset-conditions.html).

    RFC 6762, 3: names under .local are asked for by multicast on many machines. RFC 6761 and AWS keep the others for themselves
    (https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html).
    """
    _host_name(value)
    if value != value.lower() or "." not in value:
        raise wrong("is not a name in a domain", "use small letters and at least one dot, such as scheduler.ledger.internal")
    reserved = next(
        (tail for tail in ("local", "compute.internal", "ec2.internal", "amazonaws.com") if f".{value}".endswith(f".{tail}")), None
    )
    if reserved is not None:
        raise wrong(f"lies in .{reserved}, which means something else already", "choose another domain, such as ledger.internal")
    return value


DomainName = Annotated[str, AfterValidator(_domain)]


def _resolves(value: str) -> str:
    """The two words, or one address."""
    if value in ("node", "front"):
        return value
    try:
        address = ipaddress.IPv4Address(value)
    except ValueError as error:
        raise wrong("is neither node, nor front, nor an IPv4 address", "write node, front, or an address such as 10.20.0.5") from error
    if address.is_unspecified or address.is_multicast or address == ipaddress.IPv4Address("255.255.255.255"):
        raise wrong("is no address of one machine", "write node, front, or an address such as 10.20.0.5")
    return value


ResolvesText = Annotated[str, AfterValidator(_resolves)]
