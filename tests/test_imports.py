"""Who may import whom: everything points at core, and each package has its list of others' packages."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = {"core", "spec", "stacks", "lambdas", "agent", "cli", "lab", "bench", "simulation", "tools", "examples", "app", "tests"}
MAY_IMPORT = {  # package: ours, others'
    "core": (set(), set()),
    "spec": ({"core"}, {"defusedxml", "pydantic", "pydantic_core", "xmlschema", "yaml"}),
    "stacks": ({"core", "spec"}, {"aws_cdk", "constructs", "jsii"}),  # jsii: for those who implement an interface of CDK
    "app.py": ({"core", "spec", "stacks"}, {"aws_cdk"}),
    "lambdas": ({"core"}, {"boto3", "botocore", "pymysql"}),  # the last for those that make the user of a MariaDB or MySQL
    "agent": ({"core"}, {"boto3", "botocore", "h11", "prometheus_client"}),
    "cli": ({"core", "spec"}, {"boto3", "botocore"}),  # to ask what a parameter holds
    "lab": (set(), {"awslambdaric", "boto3", "botocore", "cryptography", "flask", "moto", "requests", "responses", "werkzeug", "yaml"}),
    # Prices; decisions are measured over the views of their tests; the others for the floors.
    "bench": ({"core", "spec", "tests"}, {"boto3", "botocore", "h11"}),
    "simulation": ({"core", "lambdas", "agent"}, {"boto3", "botocore", "greenlet"}),  # boto3: how items look on the wire
    # Tables of the docs are made from the code; the second three run the tests of mutants, over whose views rules are compared.
    "tools": ({"spec", "core", "agent", "lab", "tests"}, {"_pytest", "defusedxml", "hypothesis", "pytest"}),
    "deployables": (set(), {"mysql", "postgres"}),  # files beside the programs that use them
    "examples": ({"stacks"}, {"aws_cdk", "constructs"}),
}
# What touches the world has no place in core: it decides, and is handed what it needs, the time included.
WORLDLY = {"asyncio", "http", "logging", "multiprocessing", "os", "random", "secrets", "shutil", "signal", "socket", "ssl", "subprocess"}
WORLDLY |= {"tempfile", "threading", "time", "urllib"}
PURE = {"urllib.parse"}  # takes addresses apart, opens none


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def broken_rules(package: str) -> Iterator[str]:
    ours, others = MAY_IMPORT[package]
    place = ROOT / package
    for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
        for line, name in imports(path):
            top = name.partition(".")[0]
            allowed = top in sys.stdlib_module_names or top in ours | others | {package}
            if not allowed or (package == "core" and top in WORLDLY and name not in PURE):
                yield f"{path.relative_to(ROOT)}:{line} imports {name or 'relatively'}"


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_its_row_allows(package: str) -> None:
    assert not list(broken_rules(package))


def test_every_folder_with_code_has_a_row() -> None:
    folders = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("*/*.py")} - {"tests"}

    assert folders <= set(MAY_IMPORT)
    assert {"core", "spec", "stacks", "lambdas", "agent", "cli", "lab"} <= folders


@pytest.mark.parametrize(
    ("modules", "others"),
    [
        ("lab.__main__, lab.playing, lab.standing, lab.many_labs", {"moto", "flask", "werkzeug"}),  # the emulator's alone
        ("cli.main", {"boto3", "botocore", "aws_cdk"}),  # most commands ask AWS nothing
    ],
)
def test_what_a_person_waits_for_loads_no_library_that_others_use(modules: str, others: set[str]) -> None:
    """moto takes seconds to load, and a drill starts two processes that have no use for it; boto3 a quarter of one."""
    program = f"import sys, {modules}; print(sorted({others!r} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout == "[]\n"
