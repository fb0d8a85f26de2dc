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

from lab import __main__ as command
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


def test_no_lab_sees_more_replacements_than_its_assemblies_absorb_unless_one_drill_makes_them_all() -> None:
    for evening in plan([drill.name for drill in in_playing_order()]):
        replaced = sum(DRILLS[name].replaces for name in evening.names)

        assert len(evening.names) == 1 or (replaced <= 2 and len(evening.names) <= 4), evening.names


def test_beside_other_labs_what_is_to_be_alone_has_labs_of_its_own_at_the_end() -> None:
    evenings = plan(["kill-application", "kill-instance", "meltdown", "no-capacity"], labs=2)

    assert [(evening.names, evening.alone) for evening in evenings] == [
        (("kill-instance",), False),
        (("no-capacity",), False),
        (("kill-application",), True),
        (("meltdown",), True),
    ]


def test_all_of_them_is_each_that_a_deployable_has_what_it_needs_for_and_always_a_page_of_them(tmp_path: Path) -> None:
    everything = command.parser().parse_args(["drill", "all"])
    mine = command.parser().parse_args(["drill", "all", "--deployable", "mine.yaml", "--html", str(tmp_path / "mine.html")])

    assert command.every_drill(everything) == ["--html", str(command.PAGE)]
    assert command.every_drill(mine) == []
    assert (set(everything.names), everything.html) == (set(DRILLS), command.PAGE)
    assert set(mine.names) == {drill.name for drill in DRILLS.values() if not drill.needs}


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


# Says who begins and ends, and takes its time; `a` alone waits until `b` has ended, so that it ends second.
SLOW = """
import json, sys, time
from pathlib import Path
words = sys.argv[1:]
name, folder = words[1], Path(words[words.index("--folder") + 1])
with open(folder / "diary", "a") as diary:
    print("begins", name, file=diary, flush=True)
    print("hello of", name, flush=True)
    print("trouble of", name, file=sys.stderr, flush=True)
    until = time.monotonic() + 20
    while name == "a" and not (folder / "results-of-b").exists() and time.monotonic() < until:
        time.sleep(0.01)
    promise = {"name": "it holds", "held": True, "measured": 1, "limit": 1, "unit": "count"}
    Path(words[words.index("--json") + 1]).write_text(json.dumps([{"drill": name, "held": True, "promises": [promise]}]))
    print("ends", name, file=diary, flush=True)
(folder / f"results-of-{name}").touch()
"""


def beside(tmp_path: Path, labs: int, *evenings: tuple[str, bool]) -> tuple[list[str], list[str], list[str]]:
    """(the diary of drills that began and ended, what was said, the drills in the rows' order) of (name, alone), each in its lab."""
    (tmp_path / "lab.py").write_text(SLOW)
    said: list[str] = []
    many = ManyLabs(
        tmp_path, ["--folder", str(tmp_path)], said.append, lambda _: None, [sys.executable, str(tmp_path / "lab.py")], labs=labs
    )
    setting = Setting("demo", ready=tmp_path / "demo.yaml")
    assert many.play([Evening(setting, (name,), alone) for name, alone in evenings]) == 0
    return (tmp_path / "diary").read_text().splitlines(), said, [row["drill"] for row in many.rows]


def test_labs_run_beside_each_other_and_their_results_keep_the_order_of_the_plan(tmp_path: Path) -> None:
    """The first ends only after the second, which one lab after another could not."""
    diary, _, rows = beside(tmp_path, 2, ("a", False), ("b", False))

    assert diary.index("ends b") < diary.index("ends a")
    assert rows == ["a", "b"]


def test_what_is_to_be_alone_begins_once_every_other_lab_has_ended(tmp_path: Path) -> None:
    diary, _, _ = beside(tmp_path, 2, ("a", False), ("b", False), ("c", True), ("d", True))

    assert diary[4:] == ["begins c", "ends c", "begins d", "ends d"]


def test_each_line_of_a_lab_that_is_not_the_only_one_tells_which_lab_it_is_of(tmp_path: Path) -> None:
    _, said, _ = beside(tmp_path, 2, ("a", False), ("b", False))

    assert {"[1] hello of a", "[1] trouble of a", "[2] hello of b", "[2] trouble of b"} <= set(said)


_PROGRAM = """
import sys
from pathlib import Path
from lab.drills.programme import Evening, Setting
from lab.many_labs import ManyLabs
folder = Path(sys.argv[1])
program = [sys.executable, str(folder / "lab.py")]
many = ManyLabs(folder, [], lambda _: None, lambda _: None, program, labs=int(sys.argv[2]))
setting = Setting("demo", ready=folder / "demo.yaml")
code = many.play([Evening(setting, (name, "other")) for name in ("a", "b", "c")])
print([row["drill"] for row in many.rows])
sys.exit(code)
"""


@pytest.mark.parametrize(("number", "labs"), [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGINT, 2)])
def test_a_signal_reaches_each_lab_once_and_what_was_seen_so_far_is_told(number: signal.Signals, labs: int, tmp_path: Path) -> None:
    (tmp_path / "lab.py").write_text(
        "import json, os, sys, time\n"
        "name = sys.argv[2]\n"
        f"row = {row('a')!r} | {{'drill': name}}\n"
        "json.dump([row], open(sys.argv[sys.argv.index('--json') + 1], 'w'))\n"
        f"open({str(tmp_path)!r} + '/pid-' + name, 'w').write(str(os.getpid()))\n"
        "time.sleep(60)\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(tmp_path), str(labs)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as a shell does for what it starts with &
    )
    running = [tmp_path / f"pid-{name}" for name in "abc"[:labs]]
    until = time.monotonic() + 30
    while not all(pid.exists() and pid.read_text() for pid in running):
        assert time.monotonic() < until, "the labs were not started"
        time.sleep(0.02)

    program.send_signal(number)
    printed, _ = program.communicate(timeout=30)

    assert (program.returncode, printed) == (128 + number, f"{list('abc'[:labs])}\n")
    for pid in running:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)
