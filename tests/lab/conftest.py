"""Tests that need the lab's own network and processes ask for `in_space`: each runs again inside, by a pytest of its own.

Engines patch moto for the whole process; here each module of tests gives moto back as it found it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import pytest

from lab import space
from tests.lab.played import ENTER, REPOSITORY


@pytest.fixture(scope="module", autouse=True)
def moto_as_it_was() -> Iterator[None]:
    """Undo what an engine's install() put in place of moto's, so that no test depends on which ran before it."""
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == "moto"]
    classes = {
        value for module in modules for value in vars(module).values() if isinstance(value, type) and value.__module__.startswith("moto.")
    }
    before = [(owner, dict(vars(owner))) for owner in (*modules, *classes)]
    yield
    for owner, kept in before:
        for name, value in kept.items():
            if vars(owner).get(name) is not value:
                setattr(owner, name, value)


@pytest.fixture
def in_space() -> None:
    """Marks a test that must run inside the lab's namespaces."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Outside, neither such a test nor any of its fixtures runs: the pytest inside does it all."""
    for item in items:
        if isinstance(item, pytest.Function) and "in_space" in item.fixturenames and not space.inside():
            item.setup = lambda: None  # type: ignore[method-assign]
            item.runtest = partial(_run_inside, item)  # type: ignore[method-assign]


def _run_inside(item: pytest.Function) -> None:
    again = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{item.path}::{item.nodeid.split('::', 1)[1]}"]
    bare = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    done = subprocess.run([sys.executable, "-c", ENTER, *again], cwd=REPOSITORY, env=bare, capture_output=True, text=True, timeout=180)
    if done.returncode != 0:
        pytest.fail(f"inside the lab's space:\n{done.stdout}{done.stderr}", pytrace=False)
