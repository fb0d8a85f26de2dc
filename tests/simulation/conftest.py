"""The simulation's world in a test: whatever it put in the place of AWS is taken out again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulation import seam


@pytest.fixture(autouse=True)
def _world_removed() -> Iterator[None]:
    yield
    seam.remove()
