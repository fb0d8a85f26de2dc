"""Drills in several labs: which goes where, what a lab that fails costs, and what a Ctrl-C leaves; with a program in the lab's place."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.drills.model import Result, exactly
from lab.drills.programme import SETTINGS, Evening, Setting, plan
from lab.drills.scenes import DRILLS, in_playing_order
from lab.many_labs import ManyLabs, Row
from spec import load, load_foundation

ROOT = Path(__file__).resolve().parents[2]


def row(name: str, *, held: bool = True) -> Row:
    return Result(drill=name, deployable="demo", promises=(exactly("it holds", int(held), 1),)).json()


# Plays what it is told to: {"drill": [exit status, held]} for each drill that it gets to; null ends it as when a lab cannot go on.
FAKE = """
import json, sys
words = sys.argv[1:]
names = words[1 : words.index("--deployable")]
script = json.loads(open(words[words.index("--script") + 1]).read())
rows, status = [], 0
for name in names:
    told = script[name]
    if told is None:
        if rows:
            break
        sys.exit(1)
    status, held = max(status, told[0]), told[1]
    if told[0] == 4:
        break
    promise = {"name": "it holds", "held": held, "measured": int(held), "limit": 1, "unit": "count"}
    rows.append({"drill": name, "deployable": "demo", "held": held, "promises": [promise]})
json.dump(rows, open(words[words.index("--json") + 1], "w"))
print("played", [row["drill"] for row in rows], flush=True)
sys.exit(status)
"""


def played(tmp_path: Path, script: dict[str, list[object] | None], *names: str) -> tuple[int, list[tuple[str, bool]], list[list[str]]]:
    """(exit status, each drill and whether it held, the drills kept whenever a lab had ended)."""
    (tmp_path / "lab.py").write_text(FAKE)
    (tmp_path / "script").write_text(json.dumps(script))
    kept: list[list[str]] = []
    many = ManyLabs(
        tmp_path,
        ["--script", str(tmp_path / "script")],
        lambda _: None,
        lambda rows: kept.append([row["drill"] for row in rows]),
        [sys.executable, str(tmp_path / "lab.py")],
    )
    evening = Evening(Setting("demo", ready=tmp_path / "demo.yaml"), names)
    code = many.play([evening])
    return code, [(row["drill"], row["held"]) for row in many.rows], kept


def test_every_drill_has_a_lab_that_gives_it_what_it_needs() -> None:
    assert {drill.needs for drill in DRILLS.values()} <= SETTINGS.keys()

    names = [drill.name for drill in in_playing_order()]
    assert sorted(name for evening in plan(names) for name in evening.names) == sorted(DRILLS)


def test_drills_that_need_the_same_share_a_lab_in_their_order() -> None:
    evenings = plan(["no-capacity", "kill-instance", "zone-loss"])

    assert [(evening.setting.name, evening.names) for evening in evenings] == [
        ("demo, two sizes", ("no-capacity", "zone-loss")),
        ("demo", ("kill-instance",)),
    ]


@pytest.mark.parametrize("needs", list(SETTINGS))
def test_the_files_of_every_setting_are_deployables_as_the_format_has_them(needs: str, tmp_path: Path) -> None:
    deployable, foundation = SETTINGS[needs].files(tmp_path)

    told = load(deployable)
    assert told.foundation == (load_foundation(foundation).name if foundation else None)


def test_after_a_drill_that_did_not_hold_the_others_are_played(tmp_path: Path) -> None:
    code, seen, _ = played(tmp_path, {"a": [0, True], "b": [1, False], "c": [0, True]}, "a", "b", "c")

    assert (code, seen) == (1, [("a", True), ("b", False), ("c", True)])


def test_a_lab_that_cannot_go_on_is_followed_by_a_fresh_one_for_the_rest(tmp_path: Path) -> None:
    """The third finds no steady deployable after the second; in a lab of its own it comes first."""
    script: dict[str, list[object] | None] = {"a": [0, True], "b": [0, True], "c": None, "d": [0, True]}

    code, seen, kept = played(tmp_path, script, "a", "b", "c", "d")

    assert (code, seen) == (1, [("a", True), ("b", True), ("c", False), ("d", True)])
    assert kept == [["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d"]]


def test_a_drill_in_which_the_emulator_dies_is_broken_and_the_rest_is_played(tmp_path: Path) -> None:
    code, seen, _ = played(tmp_path, {"a": [0, True], "b": [4, True], "c": [0, True]}, "a", "b", "c")

    assert (code, seen) == (1, [("a", True), ("b", False), ("c", True)])


def test_a_machine_without_namespaces_plays_nothing(tmp_path: Path) -> None:
    (tmp_path / "lab.py").write_text("import sys; sys.exit(3)")
    many = ManyLabs(tmp_path, [], lambda _: None, lambda _: None, [sys.executable, str(tmp_path / "lab.py")])

    assert many.play([Evening(Setting("demo", ready=tmp_path / "demo.yaml"), ("a", "b"))]) == 3
    assert many.rows == []


_PROGRAM = """
import sys
from pathlib import Path
from lab.drills.programme import Evening, Setting
from lab.many_labs import ManyLabs
folder = Path(sys.argv[1])
many = ManyLabs(folder, [], lambda _: None, lambda _: None, [sys.executable, str(folder / "lab.py")])
setting = Setting("demo", ready=folder / "demo.yaml")
code = many.play([Evening(setting, ("a", "b")), Evening(setting, ("c",))])
print([row["drill"] for row in many.rows])
sys.exit(code)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_lab_once_and_what_was_seen_so_far_is_told(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "lab.py").write_text(
        "import json, os, signal, sys, time\n"
        f"json.dump([{row('a')!r}], open(sys.argv[sys.argv.index('--json') + 1], 'w'))\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "time.sleep(60)\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as a shell does for what it starts with &
    )
    until = time.monotonic() + 30
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < until, "the lab was not started"
        time.sleep(0.02)

    program.send_signal(number)
    printed, _ = program.communicate(timeout=30)

    assert (program.returncode, printed) == (128 + number, "['a']\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
