"""A machine in trouble around a real agent process: no room on its disk, nothing to be written, no memory, no view of what runs."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.runs.launch import unprotect
from core.application import Run
from core.model import Application
from core.records import Phase
from tests.agent.chaos_node import ROOT, Node
from tests.agent.test_agent_life import Life, sleeper
from tests.agent.worlds import end_all, living, permit

APART = ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path)
    yield node
    node.end()
    print(node.log() if (tmp_path / "log").exists() else "")


def lives_apart(node: Node, script: str, *stories: str) -> None:
    """Lives one after the other in a mount namespace of their own, set up by that script; its $folder is the node's."""
    probe = subprocess.run([*APART, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"this machine lets nobody mount in a namespace of their own (unshare and mount of util-linux): {probe.stderr.strip()}")
    small = 'small() { mkdir -p "$1" && mount -t tmpfs -o size=64k tmpfs "$1"; }'
    agents = [f"{shlex.join(node.program(story))} || exit $?" for story in stories[:-1]]
    lines = [
        f"folder={shlex.quote(str(node.folder))}",
        small,
        script,
        *(line.replace("|| exit $?", "; test $? = 9 || exit 1") for line in agents),
    ]
    lines.append(f"exec {shlex.join(node.program(stories[-1]))}")
    with (node.folder / "log").open("ab") as log:
        done = subprocess.run([*APART, "/bin/sh", "-c", "\n".join(lines)], cwd=ROOT, stdout=log, stderr=log, timeout=90, check=False)
    assert done.returncode == 0, node.log()


def events(node: Node) -> list[str]:
    return [json.loads(line)["event"] for line in node.log().splitlines() if line.startswith("{")]


# --- disks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("small", ['small "$folder/state"', 'small "$folder/state"; small "$folder/run"'], ids=["disk", "disk and memory"])
def test_on_a_full_disk_a_dead_application_is_started_again_and_it_says_so_once_and_writes_when_there_is_room(
    node: Node, small: str
) -> None:
    lives_apart(node, small, "fill-the-disk")

    assert node.runs() == {"web": 1, "db": 1, "old": 0}
    assert [event for event in events(node) if event.startswith("state")] == ["state-trouble", "state-well-again"]


def test_on_a_disk_that_became_read_only_a_dead_application_is_started_again_and_it_says_so_once(node: Node) -> None:
    lives_apart(node, 'small "$folder/state"', "take-writing-away")

    assert node.runs() == {"web": 1, "db": 1, "old": 0}
    assert [event for event in events(node) if event.startswith("state")] == ["state-trouble", "state-well-again"]


def test_an_agent_that_comes_back_to_a_read_only_disk_adopts_what_runs(node: Node) -> None:
    lives_apart(node, 'small "$folder/state"', "crash-on-a-read-only-disk", "be-well")

    assert node.runs() == {"web": 1, "db": 1, "old": 0}
    assert events(node).count("adopted") == 2
    assert events(node).count("start") == 2, "of the first life"


# --- what cannot be known --------------------------------------------------------------------------------------------


def test_an_agent_that_cannot_tell_whether_its_applications_run_says_so_asks_to_be_replaced_and_never_runs_two(node: Node) -> None:
    """Its notes are torn, and what runs is out of its sight: in another user namespace it may not read their environment."""
    assert node.live("crash") == 9
    before = sorted(living(instance=node.instance))
    for path in (*(node.folder / "state").glob("applications*"), *(node.folder / "run").glob("applications*")):
        path.write_text("torn")
    hidden = subprocess.run([*APART, "cat", f"/proc/{before[0]}/environ"], capture_output=True, check=False)
    if hidden.returncode == 0 or b"unshare" in hidden.stderr:
        pytest.skip("on this machine a user namespace (unshare of util-linux) cannot be had, or does not hide an environment")

    assert node.live("not-tell", before=APART) == 0
    request = json.loads((node.folder / "request").read_text())
    assert "it cannot be told whether a former run still lives" in request["reason"]
    assert sorted(living(instance=node.instance)) == before
    assert node.live("be-well") == 0
    assert sorted(living(instance=node.instance)) == before, "adopted as soon as it can be told"
    assert node.doubles() == []


def test_while_its_request_to_be_replaced_is_unanswered_it_goes_on_trying_and_comes_up_when_it_can(node: Node) -> None:
    assert node.live("ask-and-go-on") == 0

    assert "1 are tolerated; the last: exited with status 3" in json.loads((node.folder / "request").read_text())["reason"]
    assert events(node).count("failed") >= 5
    assert node.runs() == {"web": 1, "db": 1, "old": 0}


# --- memory ----------------------------------------------------------------------------------------------------------

LIMIT_BYTES = 64 << 20
# Its first run takes more than there is, in a child of its own; which of the two the kernel kills is the kernel's choice.
HOG = """
import os, sys, time
if not os.path.exists(sys.argv[1]):
    open(sys.argv[1], "w").close()
    if os.fork() == 0:
        hog = [b"x" * (1 << 20) for _ in range(1 << 12)]
        os._exit(0)
    os._exit(os.wait()[1] and 77)
time.sleep(600)
"""


@pytest.fixture
def little_memory() -> Iterator[Path]:
    """A cgroup with a memory limit, of whichever version has the controller here."""
    name = f"understudy-test-{os.getpid()}"
    for top, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        folder = Path(top) / name
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            (folder / limit).write_text(str(LIMIT_BYTES))
        except OSError:
            folder.rmdir()
            continue
        yield folder
        end_all()
        folder.rmdir()
        return
    pytest.skip("needs root and a cgroup with a memory controller, so that the kernel itself kills for memory")


def test_an_application_that_the_kernel_kills_for_memory_is_started_again_and_nobody_else_notices(
    tmp_path: Path, little_memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.daemon.adopt_orphans", lambda: None)
    monkeypatch.setattr("agent.cycle.reap_orphans", lambda now_s: None)
    join = f'echo $$ > {little_memory}/cgroup.procs; exec "$@"'
    hog = Run(exec=("/bin/sh", "-c", join, "join", sys.executable, "-c", HOG, str(tmp_path / "was")))
    life = Life(tmp_path, Application(name="hog", run=hog), sleeper())
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: "failed" in life.events())
        await life.eventually(lambda: life.phase() is Phase.RUNNING and len(living("hog/")) == 1)

    life.run(story)
    failed = [line for line in map(json.loads, life.stream.getvalue().splitlines()) if line["event"] == "failed"]
    assert [(line["application"], line["run"]) for line in failed] == [("hog", 1)]
    assert failed[0]["reason"] in ("exited with status 77", "killed by SIGKILL")
    assert len(living("sleeper/")) == 1


def test_the_agents_protection_when_memory_is_short_is_not_handed_down_to_its_applications(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unit's OOMScoreAdjust= is inherited at fork; here the agent has none to hand down, so that it is told that it has."""
    monkeypatch.setattr("agent.daemon.adopt_orphans", lambda: None)
    monkeypatch.setattr("agent.cycle.reap_orphans", lambda now_s: None)
    taken_from: list[int] = []
    monkeypatch.setattr("agent.runs.launch.protected_from_oom", lambda: True)
    monkeypatch.setattr("agent.runs.launch.unprotect", taken_from.append)
    life = Life(tmp_path, sleeper())
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        (pid,) = living("sleeper/")
        await life.eventually(lambda: pid in taken_from)

    try:
        life.run(story)
    finally:
        end_all()


def test_taking_the_protection_away_leaves_a_program_as_likely_to_be_killed_as_any(tmp_path: Path) -> None:
    program = "echo 500 > /proc/self/oom_score_adj && echo up; exec sleep 600"  # to raise it is everybody's right
    with subprocess.Popen(["/bin/sh", "-c", program], stdout=subprocess.PIPE) as popen:
        try:
            assert popen.stdout is not None
            assert popen.stdout.readline() == b"up\n"
            unprotect(popen.pid)
            assert Path(f"/proc/{popen.pid}/oom_score_adj").read_text() == "0\n"
        finally:
            popen.kill()
