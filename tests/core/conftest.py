"""Leaves out what reads the deployable's file where only that is installed which functions ship, and says so (tools/every_python.py)."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

_READ_THE_FILE = ["test_core_costs.py", "test_core_recovery_times.py"]
_MISSING = [package for package in ("defusedxml", "pydantic", "yaml") if find_spec(package) is None]
collect_ignore = _READ_THE_FILE if _MISSING else []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _MISSING:
        terminalreporter.write_line(f"left out, for want of {', '.join(_MISSING)}: {', '.join(_READ_THE_FILE)}")
