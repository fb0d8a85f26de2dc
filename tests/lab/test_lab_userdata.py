"""lab.machines.userdata: which user data is run, and what is said of the rest."""

from __future__ import annotations

import base64
import gzip

import pytest

from lab.machines.userdata import SCRIPT_BYTES_MAX, UserDataError, script

SCRIPT = b"#!/bin/sh\necho hello\n"


# No time in it: the names of the tests must be alike in every process that runs them.
ZIPPED = gzip.compress(SCRIPT, mtime=0)


@pytest.mark.parametrize("data", [SCRIPT, ZIPPED, base64.b64encode(SCRIPT), base64.b64encode(ZIPPED)])
def test_a_script_is_found_in_its_wrappings(data: bytes) -> None:
    """https://cloudinit.readthedocs.io/en/latest/explanation/format.html"""
    assert script(data) == SCRIPT


@pytest.mark.parametrize("data", [b"", b"\n"])
def test_no_user_data_is_no_script(data: bytes) -> None:
    assert script(data) is None


@pytest.mark.parametrize("data", [b"#cloud-config\npackages: []\n", b"echo hello\n", b"Content-Type: multipart/mixed"])
def test_anything_but_a_script_is_refused_by_its_first_line(data: bytes) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html: scripts begin with #!."""
    with pytest.raises(UserDataError, match="the lab runs scripts only"):
        script(data)


def test_a_bomb_and_broken_gzip_are_refused() -> None:
    with pytest.raises(UserDataError, match="unpacks to more than"):
        script(gzip.compress(b"#!" + b"a" * SCRIPT_BYTES_MAX, mtime=0))
    with pytest.raises(UserDataError, match="looks like gzip"):
        script(b"\x1f\x8bnonsense")
