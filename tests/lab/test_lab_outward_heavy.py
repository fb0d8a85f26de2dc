"""State on EFS and a public name on a shared foundation, by the real CDK CLI: both survive the loss of their machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.played import played

pytestmark = [pytest.mark.lab, pytest.mark.heavy]


def test_what_is_kept_on_efs_and_found_by_a_public_name_goes_on_at_the_next_machines_address(tmp_path: Path) -> None:
    """The address is EC2's, which may lend the next machine the same one.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html
    """
    seen = played("outward.py", tmp_path)

    assert seen["broken"] == []
    assert seen["found"] >= seen["counted"]
    assert seen["first"]["machine"] != seen["second"]["machine"]
    assert seen["second"]["public"] == seen["name"] != ""
