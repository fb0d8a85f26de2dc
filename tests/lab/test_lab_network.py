"""lab.network: a VPC that routes, forgets nobody's silence, and cuts what it is told to cut. Runs inside the lab's space."""

from __future__ import annotations

import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from moto import mock_aws

from lab import netns
from lab.network import VpcNetwork, _vpcs_of_moto

pytestmark = pytest.mark.lab
SERVER = "10.20.1.5"


@pytest.fixture
def network(in_space: None) -> VpcNetwork:
    made = VpcNetwork()
    made.ensure_vpc("10.20.0.0/16")
    return made


def greeter(network: VpcNetwork, name: str = "server", address: str = SERVER) -> None:
    """A namespace with that address in which somebody greets on port 8080."""
    network.attach(name, address, subnet_cidr="10.20.1.0/24")
    listener = netns.listener(name, "0.0.0.0", 8080, hop_limit=64)

    def greet() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.sendall(name.encode())

    threading.Thread(target=greet, daemon=True).start()


def ask(address: str, *, timeout_s: float = 5.0) -> bytes:
    """By default long enough for a packet that a busy machine loses: the kernel sends it again each second."""
    with socket.create_connection((address, 8080), timeout=timeout_s) as client:
        return client.recv(100)


def test_a_machine_is_reached_at_its_private_address(network: VpcNetwork) -> None:
    greeter(network)
    assert ask(SERVER) == b"server"


def test_machines_of_two_subnets_reach_each_other(network: VpcNetwork) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html: the local route."""
    greeter(network)
    network.attach("client", "10.20.2.9", subnet_cidr="10.20.2.0/24")
    assert netns.inside("client", lambda: ask(SERVER)) == b"server"


def test_attach_gives_a_prefix_that_enters(network: VpcNetwork) -> None:
    prefix = network.attach("client", "10.20.2.9")
    shown = subprocess.run([*prefix, "ip", "-brief", "address", "show", "eth0"], capture_output=True, text=True, check=True).stdout
    assert "10.20.2.9/16" in shown
    assert network.attach("client", "10.20.2.9") == prefix
    with pytest.raises(ValueError, match=r"already has the address 10\.20\.2\.9"):
        network.attach("client", "10.20.2.10")


def test_an_address_that_nobody_has_is_silent(network: VpcNetwork) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html: not associated, no answer."""
    network.route("54.1.2.3", None)
    with ThreadPoolExecutor() as both:
        # Longer than the 3 s after which a kernel tells EHOSTUNREACH by default.
        asked = [both.submit(ask, address, timeout_s=4.0) for address in ("10.20.7.7", "54.1.2.3")]
    assert [type(one.exception()) for one in asked] == [TimeoutError, TimeoutError]


def test_an_elastic_address_follows_its_route(network: VpcNetwork) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html"""
    for name, address in (("one", "10.20.1.11"), ("two", "10.20.1.12")):
        greeter(network, name, address)
        network.add_address(name, "54.1.2.3")
    network.route("54.1.2.3", "10.20.1.11")
    assert ask("54.1.2.3") == b"one"
    network.route("54.1.2.3", "10.20.1.12")
    assert ask("54.1.2.3") == b"two"
    network.remove_address("two", "54.1.2.3")
    network.remove_address("two", "54.1.2.3")
    with pytest.raises(TimeoutError):
        ask("54.1.2.3", timeout_s=1.0)


def test_a_cut_link_is_silent_until_it_is_mended(network: VpcNetwork) -> None:
    greeter(network)
    network.set_link("server", up=False)
    with pytest.raises(TimeoutError):
        ask(SERVER, timeout_s=1.0)
    network.set_link("server", up=True)
    assert ask(SERVER) == b"server"


def test_detaching_leaves_nothing_and_may_be_said_twice(network: VpcNetwork) -> None:
    network.attach("client", "10.20.2.9")
    network.detach("client")
    network.detach("client")
    assert not netns.exists("client")
    assert network.attach("client", "10.20.2.9")


def test_the_same_address_keeps_its_hardware_address(network: VpcNetwork) -> None:
    """A function's address is used again at once; a neighbour that remembers the former holder must still reach it."""
    for name in ("first", "second"):
        greeter(network, name, "10.20.3.3")
        assert ask("10.20.3.3") == name.encode()
        network.detach(name)


def test_wrong_addresses_are_refused_by_name(network: VpcNetwork) -> None:
    with pytest.raises(ValueError, match=r"192\.168\.0\.1 is in none of the lab's VPCs \(10\.20\.0\.0/16\)"):
        network.attach("client", "192.168.0.1")
    with pytest.raises(ValueError, match=r"overlaps 10\.20\.0\.0/16"):
        network.ensure_vpc("10.20.128.0/17")
    with pytest.raises(LookupError, match="nobody is not attached"):
        network.set_link("nobody", up=False)


def test_who_attaches_before_the_vpc_is_named_finds_it_at_ec2() -> None:
    """Contract with moto: its EC2 backend keeps the VPCs, each with its cidr_block."""
    with mock_aws():
        client = boto3.client("ec2", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
        client.create_vpc(CidrBlock="10.99.0.0/16")
        assert "10.99.0.0/16" in _vpcs_of_moto()
