"""What an application's settings say of it holds for what is run, however it is run: its user, folder, variables, limits and output."""

from __future__ import annotations

import asyncio
import os
import pwd
import resource
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from agent.runs import adopt_orphans, children, files, managed, start
from agent.runs.cgroups import MEMORY, PROCESSES, cgroup_for
from core.application import Application, Limits, OcfAgent, Output, Run
from tests.agent.programs import eventually, new_mark
from tests.agent.test_agent_runs_ocf_metadata import METADATA
from tests.programs.nodes import open_folder

LOOK = 'echo "$(ulimit -Sn) $(ulimit -Hn) $PWD $LEVEL $(id -un)" > {0}/seen.new; echo a word; mv {0}/seen.new {0}/seen'
AGENT = """#!/bin/sh
case "$1" in
meta-data) cat "$0.xml" ;;
start) setsid sh -c '{look}; echo $$ > {folder}/pid; exec sleep 600' &
  while ! [ -s {folder}/pid ]; do sleep 0.01; done ;;
stop) kill $(cat {folder}/pid) 2>/dev/null; exit 0 ;;
status | monitor) kill -0 $(cat {folder}/pid) 2>/dev/null || exit {stopped} ;;
esac
"""


def made(kind: str, folder: Path) -> Run:
    """Three ways to have the same thing run."""
    look = LOOK.format(folder)
    if kind == "exec":
        return Run(exec=("sh", "-c", f"{look}; exec sleep 600"))
    path = folder / "resource.d" / "test" / "made-up"
    path.parent.mkdir(parents=True)
    path.write_text(AGENT.format(look=look, folder=folder, stopped=3 if kind == "lsb" else 7))
    path.chmod(0o755)
    path.with_name("made-up.xml").write_bytes(METADATA)
    if kind == "lsb":
        return Run(lsb=str(path))
    return Run(ocf=OcfAgent(provider="test", type="made-up", parameters=(("state", "x"),), root=str(folder)))


def seen_by(application: Application, folder: Path, environment: Mapping[str, str]) -> tuple[list[str], tuple[str, ...]]:
    """What it found where it ran, and the warnings of its run."""
    adopt_orphans()

    async def story() -> tuple[list[str], tuple[str, ...]]:
        run = start(application, environment={"PATH": os.environ["PATH"], **environment}, mark=new_mark(), changed=lambda: None)
        await eventually(lambda: (run.started and (folder / "seen").exists()) or not run.alive)
        assert run.ended is None
        warnings = tuple(getattr(run, "warnings", ()))
        run.stop(10.0)
        await eventually(lambda: not run.alive)
        return (folder / "seen").read_text().split(), warnings

    return asyncio.run(story())


@pytest.mark.parametrize("kind", ["exec", "lsb", "ocf"])
def test_limits_folder_variables_and_output_hold_for_what_is_run(kind: str, tmp_path: Path) -> None:
    log = Output(file=str(tmp_path / "log"))
    application = Application(name="web", run=made(kind, tmp_path), directory="/usr", limits=Limits(open_files=123), output=log)

    seen, _ = seen_by(application, tmp_path, {"LEVEL": "info"})

    assert seen == ["123", "123", "/usr", "info", pwd.getpwuid(os.geteuid()).pw_name]
    assert "a word" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("kind", ["exec", "lsb", "ocf"])
def test_what_is_run_is_not_handed_the_many_descriptors_of_the_agent(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that waits by select(2) would break above 1,023."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(files, "_usual", 256)

    seen, _ = seen_by(Application(name="web", run=made(kind, tmp_path)), tmp_path, {"LEVEL": "info"})

    assert seen[:2] == ["256", str(hard)]
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard), "the agent keeps its own"


def test_an_agent_that_has_not_raised_its_own_pays_nothing_for_that() -> None:
    assert files.for_children() == "-"


def test_limits_are_set_whatever_the_program_has_for_a_path(tmp_path: Path) -> None:
    """A JVM or a Node.js installation often brings a PATH of its own."""
    limits = Limits(open_files=321)
    application = Application(name="web", run=Run(exec=("/bin/sh", "-c", f"{LOOK.format(tmp_path)}; exec /bin/sleep 600")), limits=limits)

    seen, _ = seen_by(application, tmp_path, {"PATH": str(bin_without_prlimit(tmp_path))})

    assert seen[:2] == ["321", "321"]


def bin_without_prlimit(folder: Path) -> Path:
    programs = folder / "programs"
    programs.mkdir()
    for name in ("id", "mv", "sleep"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    return programs


def test_limits_without_the_program_that_sets_them_are_refused_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="limits need prlimit of util-linux"):
        files.launcher("/bin/sleep", directory="/", environment={}, open_files=100)

    assert files.launcher("/bin/sleep", directory="/", environment={}) == []


def test_a_program_runs_as_its_user() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    with open_folder() as folder:
        folder.chmod(0o777)
        application = Application(name="web", run=made("exec", folder), user="nobody", directory="/usr")
        seen, _ = seen_by(application, folder, {"LEVEL": "$HOME"})

    assert seen[2:] == ["/usr", "$HOME", "nobody"]


@pytest.mark.parametrize("kind", ["exec", "lsb"])
def test_limits_that_the_machine_cannot_enforce_are_said(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (children, managed):
        monkeypatch.setattr(module, "cgroup_for", lambda mark, limits: (None, (MEMORY, PROCESSES)))
    application = Application(name="web", run=made(kind, tmp_path), limits=Limits(memory_bytes=1 << 30, processes=99))

    _, warnings = seen_by(application, tmp_path, {"LEVEL": "info"})

    assert [warning.split(" is ")[0] for warning in warnings] == ["limits.memory", "limits.processes"]
    assert all("not enforced here" in warning for warning in warnings)


@pytest.mark.parametrize("kind", ["exec", "lsb", "ocf"])
def test_limits_of_memory_and_processes_are_set_on_its_cgroup(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs it is in there from the first instruction, so that what it starts counts too."""
    asked: list[Limits] = []

    def noted(mark: str, limits: Limits) -> object:
        asked.append(limits)
        return cgroup_for(mark, Limits())

    for module in (children, managed):
        monkeypatch.setattr(module, "cgroup_for", noted)
    limits = Limits(memory_bytes=1 << 30, processes=99)

    seen_by(replace(Application(name="web", run=made(kind, tmp_path)), limits=limits), tmp_path, {"LEVEL": "info"})

    assert asked == [limits]


def test_a_cgroup_that_somebody_has_removed_is_made_again() -> None:
    """As another agent of the same cgroup does when it begins, with those that are empty."""
    mark = new_mark()
    made, _ = cgroup_for(mark, Limits())
    if made is None:
        pytest.skip("this machine has no cgroup (version 2) that we may write to")
    made.folder.rmdir()

    again, _ = cgroup_for(mark, Limits())

    assert again is not None
    assert again.folder == made.folder
    assert again.members() == []
