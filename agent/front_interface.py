"""Adapter: gives the front's network interface its address and its way back, once it is attached to this node.

AWS attaches an interface to a running machine and leaves the rest to its operating system
(https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/best-practices-for-configuring-network-interfaces.html). Some images bring a
program that configures it in its own time, others none, so the agent does it itself; both may, for each step means the same twice.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network

from agent.log import Log, Once
from agent.ports import Attached, Unreachable

# Numbers of our own, beside those that others use: a table for the way back, and the rule's place before the main table's (32766).
TABLE, RULE_PRIORITY = 17810, 17810
IP_S = 10.0
FIND_EVERY_S, FINDS_MAX = 1.0, 120  # the metadata service may know of an interface later than the kernel
SETTLE_S = 5.0
_GROUPS = 0x1 | 0x10 | 0x40 | 0x80  # linux/rtnetlink.h: RTMGRP_LINK, RTMGRP_IPV4_IFADDR, _ROUTE, _RULE
_MESSAGES_MAX = 1000
_SIOCGIFHWADDR = 0x8927  # netdevice(7)
_LOOPBACK = "00:00:00:00:00:00"
_EVENTS_BYTES = 65536


class NotConfigured(Exception):
    """iproute2 refused, or is not there: says what it said."""


@dataclass(frozen=True, slots=True)
class Found:
    """The link that the front's interface is on this machine."""

    link: str
    subnet: IPv4Network


def links() -> dict[str, str]:
    """Names of this machine's links, by hardware address."""
    found = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(asking, _SIOCGIFHWADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue  # it went away just now
            found[":".join(f"{byte:02x}" for byte in answer[18:24])] = name
    found.pop(_LOOPBACK, None)
    return found


def find(address: str, interface_of: Callable[[str], Attached | None], known: dict[str, str]) -> Found | None:
    """Which of the links has the front's address by the metadata service's word. Raises Unreachable; ValueError: no subnet."""
    for mac, link in known.items():
        attached = interface_of(mac)
        if attached is not None and address in attached.addresses:
            return Found(link, IPv4Network(attached.subnet))
    return None


def configure(address: str, found: Found) -> None:
    """Bring it up with the front's address alone, and send answers from that address out by it.

    AWS drops what leaves an interface under an address that is not its own (source/destination checking), and both interfaces
    lie in one subnet: without a rule of its own the answer would leave by the first one. Raises NotConfigured.
    """
    link, gateway = found.link, found.subnet[1]  # https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
    _ip(
        f"link set {link} up",
        f"addr replace {address}/32 dev {link}",
        f"route replace {found.subnet} dev {link} scope link src {address} table {TABLE}",
        f"route replace default via {gateway} dev {link} onlink src {address} table {TABLE}",
    )
    try:
        _ip(f"rule add from {address}/32 lookup {TABLE} priority {RULE_PRIORITY}")
    except NotConfigured as error:
        if "File exists" not in str(error):
            raise


def _ip(*lines: str) -> None:
    try:
        done = subprocess.run(
            ["ip", "-4", "-batch", "-"], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=IP_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotConfigured(f"ip: {error}") from error
    if done.returncode != 0:
        raise NotConfigured(f"ip: {(done.stderr or done.stdout).strip()[:300]}")


async def keep_front_interface(
    address: str,
    *,
    interface_of: Callable[[str], Attached | None],
    log: Log,
    links: Callable[[], dict[str, str]] = links,
    configure: Callable[[str, Found], None] = configure,
    find_every_s: float = FIND_EVERY_S,
    settle_s: float = SETTLE_S,
) -> None:
    """Whenever the network of this machine changes, see to the front's interface if it is here. Never returns.

    Between changes it sleeps in the kernel. What another program undid is done again; what we do ourselves is a change too and
    is not heard, so that each round is followed by one more, once all is quiet.
    """
    trouble, said = Once(log, "front-interface"), None
    tries_left, settling = FINDS_MAX, True
    with Changes() as changes:
        while True:
            known = links()
            found = await _configured(address, known, interface_of, configure, trouble) if len(known) > 1 else None
            changes.forget()
            if found is not None and found.link != said:
                log.say("front-interface", link=found.link, address=address)
            said = found.link if found is not None else None
            if links() != known:
                tries_left = FINDS_MAX
            elif len(known) > 1 and found is None and tries_left:
                tries_left -= 1
                await changes.wait(find_every_s)
            elif settling:
                settling = await changes.wait(settle_s)
            else:
                settling = await changes.wait(None)
                tries_left = FINDS_MAX


async def _configured(
    address: str,
    known: dict[str, str],
    interface_of: Callable[[str], Attached | None],
    configure: Callable[[str, Found], None],
    trouble: Once,
) -> Found | None:
    try:
        found = await asyncio.to_thread(find, address, interface_of, known)
        if found is not None:
            await asyncio.to_thread(configure, address, found)
    except (Unreachable, NotConfigured, ValueError) as error:
        trouble.trouble(error)
        return None
    trouble.well()
    return found


class Changes:
    """What the kernel tells of changes of links, addresses, routes and rules (rtnetlink(7)); what exactly is not read."""

    def __enter__(self) -> Changes:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
        self._socket.bind((0, _GROUPS))
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._socket, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _hear(self) -> None:
        for _ in range(_MESSAGES_MAX):
            try:
                self._socket.recv(_EVENTS_BYTES)
            except BlockingIOError:
                break
            except OSError:  # ENOBUFS: messages were lost, which is a change too
                continue
        self._changed.set()

    def forget(self) -> None:
        """What has been told so far."""
        self._hear()
        self._changed.clear()

    async def wait(self, within_s: float | None) -> bool:
        """Until something changes; False: nothing did in that time."""
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True
