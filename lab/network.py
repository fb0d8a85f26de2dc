"""The VPC: a bridge in the lab's namespace on which machines and VPC functions hang, and the way elastic addresses take.

Everything in a VPC is on one segment; the lab itself is its router, its internet gateway and its clients.
What nobody answers is dropped in silence, as AWS does, never refused: a client's connect times out.
Security groups and network ACLs are not imitated here.
"""

from __future__ import annotations

import hashlib
import ipaddress
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from lab import cuts, netns
from lab.world import ACCOUNT, REGION, World

_VOID = "void"
# With 3 probes (the kernel's default) a dead neighbour turns into EHOSTUNREACH after 3 s; on AWS nothing ever answers.
_ARP_PROBES = 300


@dataclass(frozen=True, slots=True)
class _Vpc:
    cidr: ipaddress.IPv4Network
    bridge: str


@dataclass(frozen=True, slots=True)
class _Attachment:
    address: str
    vpc: _Vpc
    link: str  # our end of the pair; the other end is eth0 in there
    elastic: set[str] = field(default_factory=set)  # addresses it takes packets for besides its own
    further: dict[str, str] = field(default_factory=dict)  # our ends of further pairs, by the hardware address of the other end

    @property
    def links(self) -> list[str]:
        return [self.link, *self.further.values()]


class VpcNetwork:
    """world.network: bridges, named namespaces, routes of elastic addresses. Safe to call from any thread."""

    def __init__(self, known_vpcs: Callable[[], list[str]] = list) -> None:
        """known_vpcs: ranges of the VPCs that exist at EC2, for who attaches before anybody named the VPC."""
        self._known_vpcs = known_vpcs
        self._lock = threading.RLock()
        self._vpcs: dict[ipaddress.IPv4Network, _Vpc] = {}
        self._gateways: set[ipaddress.IPv4Address] = set()
        self._attached: dict[str, _Attachment] = {}
        self._void = False
        self._cuts = cuts.Cuts()
        self._told: list[Callable[[str, str], None]] = []

    def on_vpc(self, tell: Callable[[str, str], None]) -> None:
        """Tell of every VPC, made already or later: its range, and the address that AWS keeps there for DNS."""
        with self._lock:
            self._told.append(tell)
            for cidr in self._vpcs:
                tell(str(cidr), str(cidr[2]))

    def ensure_vpc(self, vpc_cidr: str) -> None:
        """Make the VPC's segment unless it is there. Raises ValueError when it overlaps another one."""
        cidr = ipaddress.IPv4Network(vpc_cidr)
        with self._lock:
            if cidr in self._vpcs:
                return
            for other in self._vpcs:
                if other.overlaps(cidr):
                    raise ValueError(f"the VPC {cidr} overlaps {other}: the lab routes both, so give them different ranges")
            bridge = f"vpc{len(self._vpcs)}"
            netns.ip(
                [
                    # A fixed hardware address: else it changes with the ports and every neighbour must learn anew.
                    f"link add {bridge} address {_mac(bridge)} type bridge stp_state 0 mcast_snooping 0",
                    f"link set {bridge} addrgenmode none up",
                    f"ntable change name arp_cache dev {bridge} mcast_probes {_ARP_PROBES}",
                    f"addr add {cidr[1]}/{cidr.prefixlen} dev {bridge}",
                    f"addr add {cidr[2]}/{cidr.prefixlen} dev {bridge}",  # https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
                ]
            )
            self._gateways.add(cidr[1])
            self._vpcs[cidr] = _Vpc(cidr, bridge)
            for tell in self._told:
                tell(str(cidr), str(cidr[2]))

    def attach(self, name: str, address: str, *, mac: str | None = None, subnet_cidr: str | None = None) -> list[str]:
        """A namespace with that private address on its eth0, and the argv prefix that enters it.

        The default route leads to the first address of the subnet, as in AWS
        (https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html). Attaching the same
        name and address again is harmless; another address for a name in use raises ValueError.
        """
        with self._lock:
            known = self._attached.get(name)
            if known is not None:
                if known.address != address:
                    raise ValueError(f"{name} already has the address {known.address}, not {address}")
                return netns.prefix(name)
            vpc = self._vpc_of(address)
            gateway = self._ensure_gateway(vpc, subnet_cidr)
            link = "v" + hashlib.sha256(name.encode()).hexdigest()[:12]
            self._make_namespace(name, link, mac or _mac(address), vpc)
            netns.ip(
                [
                    "link set lo up",
                    "link set eth0 addrgenmode none up",
                    f"ntable change name arp_cache dev eth0 mcast_probes {_ARP_PROBES}",
                    f"addr add {address}/{vpc.cidr.prefixlen} dev eth0",
                    f"route add default via {gateway}",
                ],
                namespace=name,
            )
            self._attached[name] = _Attachment(address, vpc, link)
            self._cuts.attached(name, link)
            return netns.prefix(name)

    def detach(self, name: str) -> None:
        """Take the namespace away, link first, so that nobody hears a farewell. Harmless when unknown."""
        with self._lock:
            gone = self._attached.pop(name, None)
            self._cuts.gone(name)
            if gone is not None:
                netns.ip([*(f"link del {link}" for link in gone.links), f"netns del {name}"])

    def set_link(self, name: str, *, up: bool) -> None:
        """Cut or mend its cable, and further ones with it; its own loopback goes on. Raises LookupError when unknown."""
        with self._lock:
            netns.ip([f"link set {link} {'up' if up else 'down'}" for link in self._attachment(name).links])

    def cut(self, name: str, wire: str, *, on: bool, ports: Iterable[int] = ()) -> None:
        """One wire of a machine: to `functions` of the VPC, to AWS's `services`, or of the `callers` of some ports. Raises LookupError."""
        with self._lock:
            attachment = self._attachment(name)
            if wire == "functions":
                functions = [known.link for other, known in self._attached.items() if other.startswith(cuts.FUNCTION)]
                self._cuts.from_functions(name, attachment.links, functions, cut=on)
            elif wire == "services":
                cuts.from_services(name, attachment.vpc.cidr, cut=on)
            elif wire == "callers":
                cuts.from_callers(name, ports, cut=on)
            else:
                raise LookupError(f"no wire called {wire!r}; there are functions, services and callers")

    def plug(self, name: str, link: str, mac: str) -> None:
        """A further link of that name appears in a namespace, down and without an address. Raises LookupError."""
        with self._lock:
            attachment = self._attachment(name)
            ours = "v" + hashlib.sha256(f"{name} {mac}".encode()).hexdigest()[:12]
            netns.ip(
                [
                    f"link add {ours} type veth peer name {link} address {mac} netns {name}",
                    f"link set {ours} addrgenmode none master {attachment.vpc.bridge} up",
                ]
            )
            attachment.further[mac] = ours

    def unplug(self, name: str, mac: str) -> None:
        """The contrary; harmless when it has no such link. Raises LookupError."""
        with self._lock:
            ours = self._attachment(name).further.pop(mac, None)
            if ours is not None:
                netns.ip([f"link del {ours}"])

    def route(self, public_address: str, private_address: str | None) -> None:
        """Send an elastic address to who holds the private one; None, or nobody there, is silence."""
        public = ipaddress.IPv4Address(public_address)
        with self._lock:
            if private_address is None:
                self._ensure_void()
                netns.ip([f"route replace {public}/32 dev {_VOID}"])
                return
            vpc = self._vpc_of(private_address)
            netns.ip([f"route replace {public}/32 via {private_address} dev {vpc.bridge}"])

    def add_address(self, name: str, address: str) -> None:
        """Let a namespace take packets for an elastic address."""
        with self._lock:
            attachment = self._attachment(name)
            if address not in attachment.elastic:
                netns.ip([f"addr add {ipaddress.IPv4Address(address)}/32 dev lo"], namespace=name)
                attachment.elastic.add(address)

    def remove_address(self, name: str, address: str) -> None:
        """The contrary; harmless when it has no such address."""
        with self._lock:
            attachment = self._attachment(name)
            if address in attachment.elastic:
                netns.ip([f"addr del {ipaddress.IPv4Address(address)}/32 dev lo"], namespace=name)
                attachment.elastic.discard(address)

    def _make_namespace(self, name: str, link: str, mac: str, vpc: _Vpc) -> None:
        try:
            netns.ip(
                [
                    f"netns add {name}",
                    f"link add {link} type veth peer name eth0 address {mac} netns {name}",
                    f"link set {link} addrgenmode none master {vpc.bridge} up",
                ]
            )
        except netns.NetworkError:
            if netns.exists(name):
                netns.ip([f"netns del {name}"])
            raise

    def _ensure_gateway(self, vpc: _Vpc, subnet_cidr: str | None) -> ipaddress.IPv4Address:
        if subnet_cidr is None:
            return vpc.cidr[1]
        gateway = ipaddress.IPv4Network(subnet_cidr)[1]
        if gateway not in vpc.cidr:
            raise ValueError(f"the subnet {subnet_cidr} is not in the VPC {vpc.cidr}")
        if gateway not in self._gateways:
            netns.ip([f"addr add {gateway}/{vpc.cidr.prefixlen} dev {vpc.bridge}"])
            self._gateways.add(gateway)
        return gateway

    def _ensure_void(self) -> None:
        """A bridge with no port and no neighbours to ask for: what is sent there is gone.

        Not a blackhole route: that one tells a local sender EINVAL at once.
        """
        if not self._void:
            netns.ip([f"link add {_VOID} type bridge", f"link set {_VOID} addrgenmode none arp off up"])
            self._void = True

    def _vpc_of(self, address: str) -> _Vpc:
        wanted = ipaddress.IPv4Address(address)
        if not any(wanted in cidr for cidr in self._vpcs):
            for known in self._known_vpcs():
                if wanted in ipaddress.IPv4Network(known):
                    self.ensure_vpc(known)
        for vpc in self._vpcs.values():
            if wanted in vpc.cidr:
                return vpc
        raise ValueError(f"{address} is in none of the lab's VPCs ({', '.join(map(str, self._vpcs)) or 'there is none'})")

    def _attachment(self, name: str) -> _Attachment:
        try:
            return self._attached[name]
        except KeyError:
            raise LookupError(f"{name} is not attached to the network") from None


def _mac(name: str) -> str:
    """A locally administered hardware address that depends on the name (or address: used again, no neighbour is misled) alone."""
    digest = hashlib.sha256(name.encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


def _vpcs_of_moto() -> list[str]:
    from moto.backends import get_backend

    ec2: Any = get_backend("ec2")[ACCOUNT][REGION]
    return [str(vpc.cidr_block) for vpc in ec2.vpcs.values()]


def install(world: World) -> None:
    world.network = VpcNetwork(_vpcs_of_moto)


def start(world: World) -> None:
    """Nothing runs by itself here: the kernel does."""
