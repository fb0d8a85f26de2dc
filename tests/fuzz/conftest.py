"""Says at the end how many generated inputs were judged."""

from __future__ import annotations

import pytest

from tests.fuzz.tally import SEED, judged


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if judged:
        each = ", ".join(f"{subject} {count:,}" for subject, count in sorted(judged.items()))
        terminalreporter.write_line(f"fuzz: {judged.total():,} generated inputs judged, seed {SEED}: {each}")
