"""What an agent makes of what its former life left: applications run on, counts and holds stay, and never are there two."""

from __future__ import annotations

import json
import os
import signal
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from agent import notebook
from agent.adoption import living_runs
from agent.notes import Notes
from agent.runs import CannotTell
from agent.state_file import NOTES_FILE
from core.model import Application, Probe, Tolerance
from core.records import Phase
from tests.agent.test_agent_life import Life, sleeper
from tests.agent.worlds import INSTANCE, end_all, living, permit

pytestmark = pytest.mark.usefixtures("alone")


def lived(folder: Path, *applications: Application, epoch: int = 1) -> Life:
    """A life in which all came up, then the agent was told to stop."""
    life = Life(folder, *applications)
    life.table.write_permit(permit(epoch=epoch))

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)

    life.run(story)
    return life


def notes_of(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / NOTES_FILE).read_text())["applications"]["sleeper"])


def forget(folder: Path) -> None:
    """What was noted in memory, so that the disk's notes are all there is."""
    for path in (folder / "run").glob("applications-*.json"):
        path.unlink()


def test_an_upgrade_in_place_restarts_nothing_also_when_the_settings_changed(tmp_path: Path) -> None:
    lived(tmp_path, sleeper())
    before = living("sleeper/")
    second = lived(tmp_path, sleeper(environment=(("NEW", "1"),)))

    assert living("sleeper/") == before != []
    assert second.events().count("adopted") == 1
    assert "start" not in second.events()


def test_an_application_that_the_settings_no_longer_have_is_ended(tmp_path: Path) -> None:
    lived(tmp_path, sleeper(), sleeper(name="old"))
    kept = living("sleeper/")
    second = lived(tmp_path, sleeper())

    assert living("old/") == []
    assert living("sleeper/") == kept
    assert "cleaned" in second.events()


def test_what_is_left_of_an_earlier_run_is_ended_before_anything_is_started(tmp_path: Path) -> None:
    """It escaped the end of its run, and holds what the next one needs; its agent died before it noticed."""
    first = lived(tmp_path, sleeper())
    (before,) = living("sleeper/")
    assert notes_of(tmp_path)["run"] == 1
    notes = json.loads((tmp_path / NOTES_FILE).read_text())
    notes["applications"]["sleeper"] |= {"run": 2, "identity": None}
    (tmp_path / NOTES_FILE).write_text(json.dumps(notes))
    forget(tmp_path)
    second = lived(tmp_path, sleeper())

    assert "cleaned" not in first.events()
    assert second.events().index("cleaned") < second.events().index("start")
    (after,) = living("sleeper/")
    assert after != before


def test_one_that_ended_while_no_agent_was_there_is_a_failure_and_is_started_again(tmp_path: Path) -> None:
    lived(tmp_path, sleeper())
    end_all()
    second = lived(tmp_path, sleeper())

    assert second.events().count("start") == 1
    assert len(living("sleeper/")) == 1
    assert notes_of(tmp_path)["run"] == 2
    history = notes_of(tmp_path)["history"]
    assert isinstance(history, dict)
    assert history["last"] == "ended while no agent was there (no exit status)"


def test_runs_are_numbered_on_and_failures_inside_the_window_stay_counted_across_lives(tmp_path: Path) -> None:
    flimsy = sleeper(tolerance=Tolerance(1, 300))
    lived(tmp_path, flimsy)
    end_all()
    lived(tmp_path, flimsy)
    end_all()
    life = Life(tmp_path, flimsy)
    life.table.write_permit(permit())

    async def story() -> None:
        item = await life.eventually(lambda: life.table.items.get(("NODE#demo#counter", f"REQUEST#{INSTANCE}")))
        assert item["reason"].startswith("2 failures in 300 s, 1 are tolerated")

    life.run(story)
    assert notes_of(tmp_path)["run"] == 2, "the next start waits"


def test_after_another_boot_nothing_is_looked_for_and_no_failure_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lived(tmp_path, sleeper())
    end_all()
    monkeypatch.setattr("agent.daemon.boot", lambda: "another boot")
    second = lived(tmp_path, sleeper())

    assert second.events().count("start") == 1
    assert (notes_of(tmp_path)["run"], notes_of(tmp_path)["counted"]) == (2, 0)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 7}', '{"version": 1, "instance": 5}', "\x00" * 4096])
def test_notes_that_cannot_be_read_are_put_aside_and_what_lives_is_found_by_its_mark(tmp_path: Path, content: str) -> None:
    lived(tmp_path, sleeper(), epoch=4)
    before = living("sleeper/")
    forget(tmp_path)
    (tmp_path / NOTES_FILE).write_text(content)
    second = lived(tmp_path, sleeper(), epoch=4)

    assert living("sleeper/") == before != []
    assert {"notes-trouble", "adopted"} <= set(second.events())
    assert "start" not in second.events()
    assert (tmp_path / f"{NOTES_FILE}.bad").read_text() == content
    assert (notes_of(tmp_path)["run"], notes_of(tmp_path)["epoch"]) == (1, 4)


def test_a_run_whose_note_was_never_written_is_found_all_the_same(tmp_path: Path) -> None:
    """As after a full disk: the notes tell of run 1, which is gone; run 2 lives."""
    lived(tmp_path, sleeper())
    old = (tmp_path / NOTES_FILE).read_bytes()
    end_all()
    lived(tmp_path, sleeper())
    before = living("sleeper/")
    forget(tmp_path)
    (tmp_path / NOTES_FILE).write_bytes(old)
    third = lived(tmp_path, sleeper())

    assert living("sleeper/") == before != []
    assert "start" not in third.events()


def test_a_copied_image_does_not_take_its_originals_notes_for_its_own(tmp_path: Path) -> None:
    lived(tmp_path, sleeper())
    forget(tmp_path)
    end_all()
    text = (tmp_path / NOTES_FILE).read_text().replace(INSTANCE, "i-original")
    (tmp_path / NOTES_FILE).write_text(text)
    lived(tmp_path, sleeper())

    assert (notes_of(tmp_path)["run"], notes_of(tmp_path)["counted"]) == (1, 0)


def test_where_it_cannot_be_told_nothing_is_started_and_the_node_says_so_and_asks_to_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived(tmp_path, sleeper())

    def cannot(*_: object, **__: object) -> None:
        raise CannotTell("systemd does not answer")

    with monkeypatch.context() as patch:
        patch.setattr("agent.supervised.adopt", cannot)
        patch.setattr("core.node.running.CANNOT_TELL_S", 0.2)
        life = Life(tmp_path, sleeper())
        life.table.write_permit(permit())

        async def story() -> None:
            item = await life.eventually(lambda: life.table.items.get(("NODE#demo#counter", f"REQUEST#{INSTANCE}")))
            assert item["reason"] == "it cannot be told whether a former run still lives: systemd does not answer"
            report = life.table.report("demo", "counter")
            assert report is not None
            assert report.applications[0][1].reason.startswith("cannot tell whether it runs")

        life.run(story)
    assert "start" not in life.events()
    assert len(living("sleeper/")) == 1
    last = lived(tmp_path, sleeper())
    assert "adopted" in last.events(), "nothing was forgotten meanwhile"


def test_what_can_be_told_a_moment_later_is_adopted_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from agent import supervised

    lived(tmp_path, sleeper())
    before = living("sleeper/")
    adopt, asked = supervised.adopt, []

    def at_first_not(*arguments: object, **named: object) -> object:
        asked.append(1)
        if len(asked) == 1:
            raise CannotTell("not yet")
        return adopt(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("agent.supervised.adopt", at_first_not)
    monkeypatch.setattr("agent.supervised.TELL_AGAIN_S", 0.05)
    life = lived(tmp_path, sleeper())

    assert living("sleeper/") == before
    assert "start" not in life.events()


def test_an_adopted_application_fails_no_faster_than_one_that_was_watched_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A starting one is asked often, to notice soon that it is up; one that was up has its period between any two bad answers."""
    monkeypatch.setattr("agent.examiner.STARTING_PROGRAM_EVERY_S", 0.01)
    asked, bad = tmp_path / "asked", tmp_path / "bad"
    ask = ("/bin/sh", "-c", f"read up idle < /proc/uptime; echo $up >> {asked}; test ! -e {bad}")
    probed = sleeper(probes=(Probe(command=ask, every_s=1.0, timeout_s=1.0, fall=3),))
    lived(tmp_path, probed)
    asked.unlink()
    bad.touch()
    life = Life(tmp_path, probed)
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: "failed" in life.events())
        at_s = [float(line) for line in asked.read_text().split()]
        assert len(at_s) >= 3
        assert min(later - earlier for earlier, later in pairwise(at_s[:3])) > 0.9

    life.run(story)


# --- disks -------------------------------------------------------------------------------------------------------


def test_on_a_disk_that_takes_nothing_applications_are_restarted_all_the_same_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(notebook, "write_notes", full)
    life = Life(tmp_path, sleeper())
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        (first,) = living("sleeper/")
        os.kill(first, signal.SIGKILL)
        await life.eventually(lambda: (found := living("sleeper/")) and found != [first])

    life.run(story)
    assert life.events().count("state-trouble") == 1
    assert living_runs(INSTANCE) == {"sleeper": {2}}
    monkeypatch.undo()


def test_a_disk_that_hangs_delays_neither_a_restart_nor_the_watchdog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, goes_on, hangs = notebook.write_notes, threading.Event(), threading.Event()
    goes_on.set()

    def hanging(path: Path, notes: Notes, *, durable: bool) -> None:
        if durable and not goes_on.is_set():
            hangs.set()
            assert goes_on.wait(20)  # a thread's; the loop must not feel it
        write(path, notes, durable=durable)

    monkeypatch.setattr(notebook, "write_notes", hanging)
    life = Life(tmp_path, sleeper())
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        goes_on.clear()
        (first,) = living("sleeper/")
        os.kill(first, signal.SIGKILL)
        await life.eventually(lambda: (found := living("sleeper/")) and found != [first])
        await life.eventually(hangs.is_set)
        (second,) = living("sleeper/")
        os.kill(second, signal.SIGKILL)  # and with a writing under way
        await life.eventually(lambda: (found := living("sleeper/")) and found != [second])
        fed = life.notes.said.count("WATCHDOG=1")
        await life.eventually(lambda: life.notes.said.count("WATCHDOG=1") >= fed + 2)
        goes_on.set()

    life.run(story)


def test_failures_survive_a_reader_of_notes_that_a_newer_agent_wrote(tmp_path: Path) -> None:
    lived(tmp_path, sleeper())
    before = living("sleeper/")
    forget(tmp_path)
    value = json.loads((tmp_path / NOTES_FILE).read_text())
    value["applications"]["sleeper"]["new"] = value["new"] = {"a": 1}
    (tmp_path / NOTES_FILE).write_text(json.dumps(value))
    lived(tmp_path, sleeper())

    assert living("sleeper/") == before
