"""The docs say what the code says: tables made from it, commands that exist, links that lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.drills.docs import PAGE, written

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_tables_of_drills_sabotages_and_delays_are_those_of_the_code() -> None:
    assert PAGE.read_text() == written(PAGE.read_text()), "run: .venv/bin/python -m lab.drills.docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()) if "://" not in target]

    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_make_targets_of_the_readme_exist() -> None:
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", (ROOT / "README.md").read_text(), flags=re.MULTILINE))

    assert named
    assert named <= made


def test_the_commands_of_the_readme_are_commands() -> None:
    named = set(re.findall(r"^understudy ([a-z]+)", (ROOT / "README.md").read_text(), flags=re.MULTILINE))
    told = subprocess.run([sys.executable, "-m", "cli", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True).stdout

    assert named
    assert all(re.search(rf"\b{name}\b", told) for name in named)


def test_the_readme_shows_a_real_timeline() -> None:
    text = (ROOT / "README.md").read_text()

    assert re.search(r"^\s+0\.\d\d s  drill", text, flags=re.MULTILINE)
    assert re.search(r"recover_assembly\s.*\brecovered\b", text)
