"""lab.folder and what is refused before anything is started: no namespaces, no waiting."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import __main__ as command
from lab import folder, journal, standing

ROOT = Path(__file__).resolve().parents[2]
HOLD = """\
import sys, time
from pathlib import Path
from lab import folder
folder.claim(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def holder(lab_dir: Path) -> subprocess.Popen[str]:
    """A process of its own that holds the folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(lab_dir)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=10)


def test_a_folder_in_use_is_refused_with_who_holds_it_and_two_ways_on(tmp_path: Path) -> None:
    process = holder(tmp_path / "a")
    try:
        with pytest.raises(folder.Taken, match=rf"'a' is already up \(process {process.pid}\).*lab down --name a.*another --name"):
            folder.claim(tmp_path / "a")
        assert folder.runs(tmp_path / "a")
    finally:
        end(process)


def test_what_a_killed_lab_left_is_free_and_swept_away_and_what_was_kept_on_purpose_is_not(tmp_path: Path) -> None:
    end(holder(tmp_path / "killed"))
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "journal.jsonl").touch()
    process = holder(tmp_path / "alive")
    try:
        folder.sweep(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["alive", "kept"]
    finally:
        end(process)


def test_a_claimed_folder_starts_empty(tmp_path: Path) -> None:
    end(holder(tmp_path / "a"))
    (tmp_path / "a" / "machines").mkdir()
    (tmp_path / "a" / "addresses.json").touch()

    os.close(folder.claim(tmp_path / "a"))

    assert [path.name for path in (tmp_path / "a").iterdir()] == [folder.OWNER]


def test_down_without_a_lab_is_no_error_and_takes_an_old_folder_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    end(holder(tmp_path / "a"))

    assert standing.down(tmp_path / "a") == 0
    assert capsys.readouterr().out == "no lab 'a' is up\n"
    assert not (tmp_path / "a").exists()


def test_down_kills_no_stranger_that_has_the_number_of_a_lab(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As when the folder is shared with another container: the lock is seen, the process is not."""
    process = holder(tmp_path / "a")
    try:
        (tmp_path / "a" / folder.OWNER).write_text(f"{os.getpid()} 1")

        assert standing.down(tmp_path / "a") == 1
        assert "not among the processes seen from here" in capsys.readouterr().err
    finally:
        end(process)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["drill"], "name a drill; --list tells which"),
        (["drill", "nope"], "no drill called nope; there are kill-application, "),
        (["drill", "kill-instance", "--sabotage", "nope"], "no sabotage called nope; there are "),
        (["drill", "kill-instance", "--json", "/nowhere/r.json"], "cannot write --json /nowhere/r.json (No such file or directory)"),
        (["drill", "kill-instance", "--json", "/tmp"], "cannot write --json /tmp (Is a directory)"),
        (["drill", "kill-instance", "--deployable", "/nowhere.yaml"], "--deployable /nowhere.yaml: no such file"),
        (["up", "--deployable", "/nowhere.yaml"], "--deployable /nowhere.yaml: no such file"),
    ],
)
def test_what_can_be_put_right_is_told_before_anything_is_started(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "LABS", tmp_path / "labs")

    assert command.main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"understudy: {said}")
    assert not (tmp_path / "labs").exists()


@pytest.mark.parametrize(
    "arguments",
    [["drill", "x", "--time-scale", "0"], ["drill", "x", "--time-scale", "nan"], ["up", "--port", "70000"], ["up", "--name", "../x"]],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(arguments)

    assert left.value.code == 2
    assert f"argument {arguments[-2]}: '{arguments[-1]}' is no" in capsys.readouterr().err


def test_a_file_of_results_is_tried_and_not_left_behind(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("old")

    assert (command._unwritable(tmp_path / "new.json"), command._unwritable(tmp_path / "old.json")) == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]
    assert (tmp_path / "old.json").read_text() == "old"


def test_a_clone_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    """A file stands where the folder should: root, too, is refused."""
    (tmp_path / ".lab").touch()
    labs = str(tmp_path / ".lab")
    code = f"import sys, pathlib; from lab import __main__ as m; m.LABS = pathlib.Path({labs!r}); sys.exit(m.main(['up']))"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert done.stderr.startswith(f"understudy: the lab cannot write in {tmp_path}/.lab (")
    assert len(done.stderr.splitlines()) == 1


def test_the_journal_of_a_lab_that_stands_for_weeks_is_bounded_and_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "BYTES_MAX", 2000)
    path = tmp_path / "journal.jsonl"
    kept = journal.Journal(path)
    kept.say("a", "x" * 1500)
    _, offset = journal.read(path)

    kept.say("b", "y" * 1000)
    lines, _ = journal.read(path, offset)

    assert [line["who"] for line in lines] == ["b"]
    for _ in range(20):
        kept.say("c", "z" * 900)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["journal.jsonl", "journal.jsonl.1"]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 4000


@pytest.mark.parametrize(
    ("code", "was_up", "status", "kept", "said"),
    [
        (0, False, 0, False, ""),
        (1, False, 1, True, "understudy: what happened is in "),
        (4, True, 4, True, "understudy: what happened is in "),
        (2, False, 2, False, ""),
        (3, False, 3, False, ""),
        (130, False, 130, False, "understudy: interrupted; nothing is left running"),
        (143, False, 143, False, "understudy: interrupted; nothing is left running"),
        (143, True, 0, False, "the lab 'a' is down"),
        (130, True, 130, False, "the lab 'a' is down"),
        (141, False, 141, False, ""),
        (137, True, 137, True, "understudy: the lab was killed (SIGKILL), not by us"),
    ],
)
def test_the_folder_of_what_went_wrong_is_kept_and_no_other(
    code: int, was_up: bool, status: int, kept: bool, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab_dir = tmp_path / "a"
    os.close(folder.claim(lab_dir))
    for name in ("journal.jsonl", "control-token", *(["addresses.json"] if was_up else [])):
        (lab_dir / name).touch()
    (lab_dir / "tmp").mkdir()

    assert command._farewell(argparse.Namespace(verb="up", name="a"), lab_dir, code, 1.0) == status
    assert capsys.readouterr().err.startswith(said)
    assert lab_dir.exists() == kept
    assert not (lab_dir / "control-token").exists()
    folder.sweep(tmp_path)
    assert lab_dir.exists() == kept
