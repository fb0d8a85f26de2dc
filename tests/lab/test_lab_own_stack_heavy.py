"""The example of a stack of one's own deploys as any other, serves, and survives the loss of its machine; in a minute or two."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.played import played

pytestmark = [pytest.mark.lab, pytest.mark.heavy]


def test_it_deploys_serves_and_survives_the_loss_of_its_machine(tmp_path: Path) -> None:
    seen = played("owning.py", tmp_path)

    assert seen["problems"] == []
    assert seen["drill"]["deployable"] == "counting"
    assert [promise for promise in seen["drill"]["promises"] if not promise["held"]] == []
