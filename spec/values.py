"""Checked kinds of value: durations, names, ports, addresses, paths, instance types."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from core.model import NAME

DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)")
UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LOCALHOST = ("127.0.0.1", "localhost", "::1")
PRIVATE = tuple(ipaddress.IPv4Network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
# Replacing one of these with an artifact would take the system, or the agent, away.
NODE_RESERVED = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/tmp", "/usr")  # noqa: S108 - a name
NODE_OURS = ("/opt/understudy", "/etc/understudy", "/var/lib/understudy")


def wrong(message: str, remedy: str) -> PydanticCustomError:
    """An error of ours, to be raised in a validator: what is wrong and what to do about it."""
    # Handed over as values, for pydantic would read braces in a template.
    return PydanticCustomError("understudy", "{message}", {"message": message, "remedy": remedy})


def seconds(value: object) -> float:
    """`90s`, `1.5m`, `2h` in seconds; the unit is never left out."""
    remedy = "write a number and its unit, such as 500ms, 5s, 2m, 1h or 7d"
    if not isinstance(value, str):
        raise wrong("is not a duration", remedy)
    match = DURATION.fullmatch(value)
    if match is None:
        raise wrong("is not a duration", remedy)
    return float(match[1]) * UNITS_S[match[2]]


def duration_text(seconds: float) -> str:
    """`90s`, `2m`, `1h`: the largest unit that divides it."""
    for unit in ("d", "h", "m"):
        if seconds >= UNITS_S[unit] and seconds % UNITS_S[unit] == 0:
            return f"{seconds / UNITS_S[unit]:g}{unit}"
    return f"{seconds:g}s"


@dataclass(frozen=True, slots=True)
class Duration:
    """Annotation of a float: seconds, read from a duration between the two."""

    least: str
    most: str

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{DURATION.pattern}$"}

    def _check(self, value: object) -> float:
        found_s = seconds(value)
        if not seconds(self.least) <= found_s <= seconds(self.most):
            raise wrong(f"is not between {self.least} and {self.most}", f"choose a duration from {self.least} to {self.most}")
        return found_s


@dataclass(frozen=True, slots=True)
class Matching:
    """Annotation of a str: all of it matches the pattern."""

    pattern: str
    message: str
    remedy: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^(?:{self.pattern})$"}

    def _check(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            raise wrong(self.message, self.remedy)
        return value


Name = Annotated[
    str,
    Matching(
        NAME.pattern,
        "is not a name",
        "use 1 to 32 lower-case letters, digits and dashes, beginning with a letter and not ending with a dash",
    ),
]
Text = Annotated[
    str, Matching(r"[^\x00-\x08\x0a-\x1f\x7f]{0,4096}", "has control characters or is too long", "use one line of at most 4096 characters")
]
Variable = Annotated[
    str,
    Matching(
        r"(?!UNDERSTUDY_|AWS_|NOTIFY_SOCKET|WATCHDOG_)[A-Za-z_][A-Za-z0-9_]{0,127}",
        "is not a variable that can be set",
        "use letters, digits and underscores; those that begin with UNDERSTUDY_ or AWS_ are set by the agent",
    ),
]
Email = Annotated[
    str,
    Matching(r"[^\s@,;<>\"]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+", "is not an e-mail address", "write name@example.com"),
]
Port = Annotated[int, Field(ge=1, le=65535)]
InstanceType = Annotated[
    str, Matching(r"[a-z][a-z0-9-]{0,20}\.[a-z0-9-]{1,20}", "is not an instance type", "write family.size, such as t4g.small")
]


def architecture_of(instance_type: str) -> str:
    """`arm64` for Graviton families, `x86_64` for the others.

    A family's name is letters, a generation, then attributes; a `g` among the attributes means a Graviton processor:
    https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html (a1 came before that rule).
    """
    family = instance_type.partition(".")[0]
    match = re.match(r"[a-z]+?(?:-[0-9]+tb)?[0-9]+(.*)", family)
    attributes = match[1].partition("-")[0] if match else ""
    return "arm64" if family == "a1" or "g" in attributes else "x86_64"


def _node_path(value: str) -> str:
    parts = value.split("/")
    if (
        len(value) > 255
        or not value.startswith("/")
        or any(part in ("", ".", "..") for part in parts[1:])
        or not re.fullmatch(r"[\w./+@:-]+", value)
    ):
        raise wrong("is not an absolute path", "begin with / and leave out . and .. and a / at the end")
    return value


def _install_path(value: str) -> str:
    _node_path(value)
    inside = any(value == root or value.startswith(root + "/") for root in (*NODE_RESERVED, *NODE_OURS))
    if inside or value.count("/") < 2:
        raise wrong("is a place of the system or of the agent", "choose a folder of the application's own, such as /opt/NAME")
    return value


NodePath = Annotated[str, AfterValidator(_node_path)]
AnyPath = Annotated[str, AfterValidator(lambda value: value if value == "/" else _node_path(value))]  # the root folder too
InstallPath = Annotated[str, AfterValidator(_install_path)]


def _cidr(value: str) -> str:
    remedy = "use a private IPv4 network from /16 to /24, such as 10.20.0.0/16"
    try:
        network = ipaddress.IPv4Network(value, strict=True)
    except ValueError as error:
        raise wrong("is not an IPv4 network", remedy) from error
    # The sizes of a VPC are /16 to /28; two zones of at least 64 addresses need /24.
    # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
    if not 16 <= network.prefixlen <= 24 or str(network) != value:
        raise wrong("is too large or too small", remedy)
    if not any(network.subnet_of(private) for private in PRIVATE):
        raise wrong("is not a private network", remedy)
    return value


Cidr = Annotated[str, AfterValidator(_cidr)]


def _tcp(value: str) -> str:
    host, _, port = value.rpartition(":")
    if host.strip("[]") not in LOCALHOST:
        raise wrong("does not ask this node", "probe 127.0.0.1:PORT; a probe through the front would blame the node for the network")
    if not (port.isascii() and port.isdigit() and 1 <= int(port[:9]) <= 65535):
        raise wrong("has no port between 1 and 65535", "write 127.0.0.1:PORT")
    return value


def _http(value: str) -> str:
    remedy = "write http://127.0.0.1:PORT/PATH"
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError as error:
        raise wrong("is not an address", remedy) from error
    if url.scheme != "http" or not re.fullmatch(r"[\x21-\x7e]{1,2048}", value) or url.username is not None or url.fragment:
        raise wrong("is not a plain http address", remedy)
    if url.hostname not in LOCALHOST:
        raise wrong("does not ask this node", f"{remedy}; a probe through the front would blame the node for the network")
    if port == 0:
        raise wrong("has no port between 1 and 65535", remedy)
    return value


Tcp = Annotated[str, AfterValidator(_tcp)]
Http = Annotated[str, AfterValidator(_http)]
