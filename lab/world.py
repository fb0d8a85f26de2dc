"""The parts of the lab as they see each other: one World, and a Protocol per part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lab.clock import Clock
from lab.delays import Delays
from lab.journal import Journal
from lab.principals import Principals

ACCOUNT = "123456789012"
REGION = "us-east-1"
PORT = 4566  # of the emulator, inside the lab's own network namespace
AWS_ADDRESS = "100.64.0.1"  # where nodes and functions find the emulator, inside the lab's namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSpec:
    """All that a machine knows of itself when it boots; what IMDS tells comes from here."""

    instance_id: str
    private_ip: str
    subnet_id: str
    subnet_cidr: str
    vpc_cidr: str
    mac: str
    zone: str
    instance_type: str
    image_id: str
    architecture: str
    user_data: bytes
    role_arn: str | None
    imds_tokens_required: bool
    imds_hop_limit: int
    tags: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceSpec:
    """A further network interface of a machine, as its metadata service tells of it."""

    mac: str
    private_ip: str
    index: int
    interface_id: str
    subnet_id: str
    subnet_cidr: str


class Machines(Protocol):
    """Containers that are instances: own network, mount and process namespaces."""

    def boot(self, spec: MachineSpec) -> None:
        """Power on: what is enabled, and at the first boot the user data, as cloud-init would. Returns at once."""

    def shut_down(self, instance_id: str, *, timeout_s: float) -> bool:
        """Ask the guest to shut down; True once it is off, False if it hung past the timeout. Blocks."""

    def power_off(self, instance_id: str) -> None:
        """Cut the power: every process dies now. Harmless when already off."""

    def discard(self, instance_id: str) -> None:
        """Its disk goes, which is kept from boot to boot until then. Harmless when there is none."""

    def freeze(self, instance_id: str) -> None:
        """A hung machine: everything on it stops; the kernel still completes handshakes."""

    def thaw(self, instance_id: str) -> None: ...

    def set_link(self, instance_id: str, *, up: bool) -> None:
        """Cut or mend the machine's one network link (its metadata service stays reachable to it)."""

    def set_target_lifecycle_state(self, instance_id: str, state: str) -> None:
        """What IMDS answers at /latest/meta-data/autoscaling/target-lifecycle-state: InService, Warmed:Stopped..."""

    def is_on(self, instance_id: str) -> bool: ...

    def answers(self, instance_id: str) -> bool:
        """Whether EC2's own reachability check gets an answer: it is on, linked, and not hung."""

    def console(self, instance_id: str) -> str:
        """Console output so far (bounded)."""

    def processes(self, instance_id: str) -> list[dict[str, Any]]:
        """[{"pid": pid in the lab's namespace, "argv": [...], "unit": str | None}] of a machine."""

    def init_of(self, instance_id: str) -> int:
        """The machine's process 1, by its pid in the lab's namespace. Raises LookupError."""

    def add_address(self, instance_id: str, address: str) -> None:
        """Let the machine accept packets for an elastic address (AWS would translate them instead)."""

    def remove_address(self, instance_id: str, address: str) -> None: ...

    def add_interface(self, instance_id: str, spec: InterfaceSpec) -> None:
        """A link appears on the running machine, without an address: that is for its operating system to give."""

    def remove_interface(self, instance_id: str, mac: str) -> None:
        """It is gone, whatever its operating system did with it."""


class Network(Protocol):
    """The VPC as a bridge in the lab's namespace; machines and VPC functions hang on it."""

    def ensure_vpc(self, vpc_cidr: str) -> None: ...

    def on_vpc(self, tell: Callable[[str, str], None]) -> None:
        """Tell of every VPC, made already or later: its range, and the address that AWS keeps there for DNS."""

    def attach(self, name: str, address: str) -> list[str]:
        """A named network namespace with that private address; gives the argv prefix that enters it."""

    def detach(self, name: str) -> None: ...

    def add_address(self, name: str, address: str) -> None:
        """Let a namespace take packets for a public address."""

    def route(self, public_address: str, private_address: str | None) -> None:
        """Send packets for an elastic address to a machine; None drops them in silence, as AWS does."""


class Events(Protocol):
    def emit(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str] | None = None) -> None:
        """Put an event of AWS's own on the default bus; delivered after AWS's delay, best effort."""


class Functions(Protocol):
    def invoke_async(self, function: str, payload: dict[str, Any], *, origin: str) -> None:
        """As InvocationType=Event: queued, retried, to its failure destination at the end. function: name or ARN."""

    def invoke(self, function: str, payload: dict[str, Any], *, origin: str) -> tuple[dict[str, Any] | None, str | None]:
        """Synchronous: (result, None) or (None, error text)."""


class Topics(Protocol):
    def publish(self, topic_arn: str, subject: str, message: str) -> None: ...


@dataclass(eq=False)
class World:
    """Everything in one place; parts are put in by lab.server in a fixed order, then started."""

    lab_dir: Path
    clock: Clock
    journal: Journal
    delays: Delays
    principals: Principals = field(default_factory=Principals)
    endpoint: str = f"http://localhost:{PORT}"
    machines: Machines | None = None
    network: Network | None = None
    events: Events | None = None
    functions: Functions | None = None
    topics: Topics | None = None
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)  # AWS's own names that anybody can look up, in small letters
    # Drills that break the cloud itself set these while they run (lab control API, lab/control.py).
    drop_events: bool = False  # EventBridge events, stream records and alarm actions vanish
    deliver_after_s: tuple[float, ...] = ()  # each event comes so late, once for each number
    out_of_order: frozenset[str] = frozenset()  # `functions`: none runs; `alarms`: none is evaluated
    hold_terminations: bool = False  # no instance that is shutting down comes to its end
    faults: dict[str, Any] = field(default_factory=dict)
