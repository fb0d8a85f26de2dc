"""A shared foundation with a way out of its network, by the real CDK CLI: those who stand on it survive the loss of their machine."""

from __future__ import annotations

import ipaddress
import shutil
from pathlib import Path

import pytest

from tests.lab.played import played
from tests.lab.test_lab_rds import POSTGRES

pytestmark = [pytest.mark.lab, pytest.mark.heavy]


def test_what_is_kept_on_efs_and_found_by_a_public_name_goes_on_at_the_next_machines_address(tmp_path: Path) -> None:
    """The address is EC2's, which may lend the next machine the same one.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html
    """
    seen = played("outward.py", tmp_path, arguments=("public_ip",))

    assert seen["broken"] == []
    assert seen["found"] >= seen["counted"]
    assert seen["first"]["machine"] != seen["second"]["machine"]
    assert seen["second"]["public"] == seen["name"] != ""


@pytest.mark.skipif(
    not (POSTGRES and shutil.which("cc")), reason="this machine lacks PostgreSQL (Debian package postgresql) or a C compiler"
)
def test_behind_gateways_a_node_finds_its_password_and_is_reached_by_its_balancer_alone(tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html: its subnets lend nobody an address."""
    seen = played("outward.py", tmp_path, arguments=("nat",))

    assert seen["broken"] == []
    assert (seen["first"]["public"], seen["second"]["public"]) == ("", "")
    assert ipaddress.ip_address(seen["second"]["private"]) in ipaddress.ip_network("10.40.0.0/16")
