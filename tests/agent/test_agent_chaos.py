"""The agent killed at each thing it does: afterwards exactly one copy of each application runs, and never were there two.

Two, even for a moment, tell on themselves: each copy takes a lock that the kernel gives to one, and who does not get it writes it down.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.application import Run
from core.model import Application
from core.records import Permit, permit_item
from core.settings import node_settings_to_json
from tests.agent.worlds import deployable_of, end_all, living, permit

ROOT = Path(__file__).parents[2]
PATIENCE_S = 40.0
# The lock is held by flock(1) and what it runs, both children of the leader: whoever forgets them starts a second copy.
COPY = 'flock -n -E 77 "$1/$2.lock" sleep 600; test $? = 77 && echo "$2" >> "$1/doubles"'
# Effects whose order in a life is known; all the others are found by the heavy test below.
FAULTS = [
    pytest.param("note:1:before", id="before the first word is written"),
    pytest.param("begin:1:after", id="a run was numbered"),
    pytest.param("spawn:1:before", id="about to start a program"),
    pytest.param("spawn:1:after", id="a program was started, and nobody knows its pid"),
    pytest.param("spawn:3:after", id="a program was started again"),
    pytest.param("rename:4:before", id="a note is half written"),
    pytest.param("stop:1:after", id="a program was asked to stop"),
]

LIVES = [
    pytest.param("", "work", "be-well", id="start, restart and stop"),
    pytest.param("crash", "work", "be-well", id="adoption, restart and stop"),
    pytest.param("", "be-superseded", "be-released", id="release"),
]


class Node:
    """One node's folder; each `live` is one life of its agent, as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.instance = folder, f"i-{uuid.uuid4().hex[:17]}"
        settings = node_settings_to_json(deployable_of(self._copies("web", after=("db",)), self._copies("db")), "counter")
        (folder / "agent.json").write_text(settings)
        (folder / "instance").write_text(self.instance)
        self.write("permit", permit(self.instance, epoch=3))
        self.write("another", permit("i-another", epoch=4))

    def _copies(self, name: str, after: tuple[str, ...] = ()) -> Application:
        run = Run(exec=("/bin/sh", "-c", COPY, "copy", str(self.folder), name))
        return Application(name=name, run=run, after=after, stop_timeout_s=2.0)

    def write(self, name: str, written: Permit) -> None:
        (self.folder / name).write_text(json.dumps(permit_item(written)))

    def live(self, story: str, fault: str = "none") -> int:
        """Exit status: 0 the story came to its end, 9 the fault was met."""
        with (self.folder / "log").open("ab") as log:
            log.write(f"--- {story} {fault}\n".encode())
            log.flush()
            program = [sys.executable, "-m", "tests.agent.faulty_agent", str(self.folder), story, fault]
            status = subprocess.run(program, cwd=ROOT, stdout=log, stderr=log, timeout=PATIENCE_S, check=False).returncode
        assert status in (0, 9), (self.folder / "log").read_text()
        return status

    def doubles(self) -> list[str]:
        path = self.folder / "doubles"
        return path.read_text().split() if path.exists() else []

    def runs(self) -> dict[str, int]:
        """How many runs of each application live."""
        return {name: len({_mark(pid) for pid in living(f"{name}/", self.instance)}) for name in ("web", "db")}

    def reached(self) -> list[str]:
        return (self.folder / "effects").read_text().split()


def _mark(pid: int) -> bytes:
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next(entry for entry in environment if entry.startswith(b"UNDERSTUDY_RUN="))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path)
    yield node
    end_all(node.instance)
    print((tmp_path / "log").read_text())


@pytest.mark.parametrize("fault", FAULTS)
def test_an_agent_that_dies_here_is_followed_by_one_that_runs_exactly_one_copy_of_each(node: Node, fault: str) -> None:
    assert node.live("work", fault) == 9
    assert node.live("be-well") == 0

    assert node.runs() == {"web": 1, "db": 1}
    assert node.doubles() == []


def test_an_agent_that_dies_while_it_adopts_is_followed_by_one_that_adopts(node: Node) -> None:
    assert node.live("crash") == 9
    before = sorted(living(instance=node.instance))
    assert node.live("be-well", "adopt:1:after") == 9
    assert node.live("be-well") == 0

    assert sorted(living(instance=node.instance)) == before, "nothing was restarted"
    assert node.doubles() == []


def test_an_agent_that_dies_before_its_release_is_written_is_followed_by_one_that_writes_it(node: Node) -> None:
    assert node.live("be-superseded", "give-up:1:before") == 9
    assert not (node.folder / "state" / "given-up.json").exists()
    assert node.live("be-released") == 0

    assert node.runs() == {"web": 0, "db": 0}
    assert json.loads((node.folder / "state" / "given-up.json").read_text())["epoch"] == 3


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("first", "story", "last"), [("", "work", "be-well"), ("crash", "work", "be-well"), ("", "be-superseded", "be-released")]
)
def test_killed_before_and_after_every_effect_of_a_life(tmp_path: Path, first: str, story: str, last: str) -> None:
    """The effects of one whole life are listed first; then there is a life for each, and one after it."""
    probe = Node(_made(tmp_path / "listed"))
    if first:
        probe.live(first)
        (probe.folder / "effects").unlink()
    assert probe.live(story) == 0
    end_all(probe.instance)
    met = 0
    for effect in probe.reached():
        for moment in ("before", "after"):
            node = Node(_made(tmp_path / f"{effect}-{moment}"))
            try:
                if first:
                    assert node.live(first) == 9
                met += node.live(story, f"{effect}:{moment}") == 9
                assert node.live(last) == 0
                expected = 0 if last == "be-released" else 1
                assert (node.runs(), node.doubles()) == ({"web": expected, "db": expected}, []), f"{effect}:{moment}\n{_log(node)}"
            finally:
                end_all(node.instance)
    print(f"{story}: {met} of {2 * len(probe.reached())} faults were met")
    assert met >= len(probe.reached()), "writing happens in a thread too, so that a few numbers differ from life to life; not most"


def _log(node: Node) -> str:
    return (node.folder / "log").read_text()


def _made(folder: Path) -> Path:
    os.mkdir(folder)
    return folder
