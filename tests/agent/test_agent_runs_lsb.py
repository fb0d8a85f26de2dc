"""Init scripts: what their exit statuses mean, and how their applications come up and go down."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from agent.runs import RunState, adopt, adopt_orphans, start
from agent.runs.actions import Acted
from agent.runs.lsb import Lsb, words_for
from core.application import Application, Run
from core.node.health import Outcome
from tests.agent.programs import eventually, is_running, new_mark

# By the book: a daemon with a pid file, idempotent, with a status action.
SCRIPT = """#!/bin/sh
### BEGIN INIT INFO
# Provides: made
### END INIT INFO
PIDFILE=%(folder)s/pid
alive() { [ -s "$PIDFILE" ] && kill -0 "$(cat "$PIDFILE")" 2>/dev/null; }
[ -e %(folder)s/code-$1 ] && { echo "told to"; exit "$(cat %(folder)s/code-$1)"; }
case "$1" in
start) alive && exit 0; setsid sh -c 'echo $$ > %(folder)s/pid; exec sleep 600' > /dev/null 2>&1 & while ! alive; do sleep 0.01; done ;;
stop) alive || exit 0; kill "$(cat "$PIDFILE")"; while alive; do sleep 0.01; done; rm -f "$PIDFILE" ;;
status) alive && exit 0; [ -e "$PIDFILE" ] && exit 1; exit 3 ;;
*) exit 3 ;;
esac
"""


def script(folder: Path) -> Application:
    adopt_orphans()
    path = folder / "made"
    path.write_text(SCRIPT % {"folder": folder})
    path.chmod(0o755)
    return Application(name="made", run=Run(lsb=str(path)), start_timeout_s=10.0, stop_timeout_s=10.0)


def begun(application: Application, mark: str = "") -> RunState:
    return start(application, environment={"PATH": os.environ["PATH"]}, mark=mark or new_mark("made"), changed=lambda: None)


def pid(folder: Path) -> int:
    return int((folder / "pid").read_text())


@pytest.mark.parametrize(
    ("status", "outcome", "words"),
    [
        (0, Outcome.GOOD, ""),
        (1, Outcome.BAD, "dead, and its pid file exists"),
        (2, Outcome.BAD, "dead, and its lock file exists"),
        (3, Outcome.BAD, "not running"),
        (4, Outcome.UNKNOWN, "unknown"),
        (150, Outcome.UNKNOWN, "not a status of the standard"),
        (-15, Outcome.UNKNOWN, "killed by signal 15"),
        (None, Outcome.TIMEOUT, "no end within"),
    ],
)
def test_each_status_of_a_status_action_has_its_meaning(tmp_path: Path, status: int | None, outcome: Outcome, words: str) -> None:
    result = Lsb(script(tmp_path), {}).judged(Acted(status, "", 0.1))

    assert result.outcome is outcome
    assert words in result.reason


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (1, "failed, or unspecified"),
        (2, "an argument is not valid"),
        (3, "the script does not know this action"),
        (4, "not permitted"),
        (5, "the program is not installed"),
        (6, "the program is not configured"),
        (7, "the program is not running"),
    ],
)
def test_each_status_of_a_start_has_its_words(status: int, words: str) -> None:
    assert words_for("start", Acted(status, "why\n", 0.1)) == f"start: exit status {status} ({words}): why"


def test_it_is_started_asked_and_stopped_by_its_script(tmp_path: Path) -> None:
    async def story() -> None:
        run = begun(script(tmp_path))
        await eventually(lambda: run.started)
        daemon = pid(tmp_path)
        assert daemon in run.members()
        result = await run.monitor()
        assert result is not None
        assert result.outcome is Outcome.GOOD

        run.stop(10.0)
        await eventually(lambda: not run.alive)
        assert run.ended == "stopped"
        assert not is_running(daemon)

    asyncio.run(story())


def test_its_death_is_learnt_and_tidied_up(tmp_path: Path) -> None:
    async def story() -> None:
        run = begun(script(tmp_path))
        await eventually(lambda: run.started)
        os.kill(pid(tmp_path), signal.SIGKILL)
        await eventually(lambda: not run.alive)
        assert run.ended == "its last process has ended"

    asyncio.run(story())


def test_a_status_of_not_running_is_the_end(tmp_path: Path) -> None:
    async def story() -> None:
        run = begun(script(tmp_path))
        await eventually(lambda: run.started)
        (tmp_path / "code-status").write_text("3")
        await run.monitor()
        await eventually(lambda: not run.alive)
        assert run.ended == "status: exit status 3 (not running): told to"

    asyncio.run(story())


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    application = script(tmp_path)
    (tmp_path / "code-start").write_text("6")

    async def story() -> None:
        run = begun(application)
        await eventually(lambda: not run.alive)
        assert run.ended == "start: exit status 6 (the program is not configured): told to"

    asyncio.run(story())


def test_a_stop_that_fails_is_followed_by_a_kill(tmp_path: Path) -> None:
    async def story() -> None:
        run = begun(script(tmp_path))
        await eventually(lambda: run.started)
        (tmp_path / "code-stop").write_text("1")
        run.stop(10.0)
        await eventually(lambda: not run.alive)
        assert run.ended is not None
        assert run.ended.startswith("killed; stop: exit status 1 (failed, or unspecified)")
        assert not is_running(pid(tmp_path))

    asyncio.run(story())


def test_a_script_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        run = begun(replace(script(tmp_path), run=Run(lsb="/etc/init.d/no-such-script")))
        await eventually(lambda: not run.alive)
        assert run.ended is not None
        assert run.ended.startswith("cannot start: run.lsb is /etc/init.d/no-such-script")

    asyncio.run(story())


def test_a_running_one_is_adopted_by_its_status(tmp_path: Path) -> None:
    application, mark = script(tmp_path), new_mark("made")

    async def story() -> None:
        former = begun(application, mark)
        await eventually(lambda: former.started)
        run = adopt(application, former.identity(), mark=mark, changed=lambda: None)
        assert run is not None
        await eventually(lambda: run.started)
        assert run.pid == pid(tmp_path)
        run.clean()
        await eventually(lambda: not run.alive)

    asyncio.run(story())


def test_what_is_stopped_by_a_signal_can_hear_its_stop_action(tmp_path: Path) -> None:
    """Otherwise all that it takes to be stopped gracefully would be waited for in vain."""

    async def story() -> None:
        run = begun(script(tmp_path))
        await eventually(lambda: run.started)
        os.kill(pid(tmp_path), signal.SIGSTOP)
        run.stop(20.0)
        await eventually(lambda: not run.alive)
        assert run.ended == "stopped"

    asyncio.run(story())
