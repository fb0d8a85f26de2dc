"""The life of an application that a resource agent runs: started, monitored, stopped, cleaned up after, adopted."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

import pytest

from agent.runs import adopt, adopt_orphans
from agent.runs.actions import SAID_BYTES_MAX, Action
from core.node.health import Outcome
from tests.agent.programs import eventually, is_running, new_mark
from tests.agent.test_agent_runs_ocf import Made, gone, made
from tests.agent.test_agent_runs_ocf_metadata import METADATA

__all__ = ["made"]  # a fixture


def test_it_is_started_monitored_and_stopped_by_its_actions(made: Made) -> None:
    async def story() -> None:
        run = made.start()
        assert not run.started
        assert await run.monitor() is None, "there is nothing to ask while it comes up"
        await eventually(lambda: run.started)
        await eventually(lambda: made.pid in run.members(), "its daemon is a member, though no child of ours")
        result = await run.monitor()
        assert result is not None
        assert result.outcome is Outcome.GOOD

        daemon = made.pid
        run.stop(10.0)
        await eventually(lambda: not run.alive)
        assert run.ended == "stopped"
        assert not is_running(daemon)
        assert not made.state.exists(), "it was stopped by its agent and not killed"

    asyncio.run(story())


def test_the_end_of_its_last_process_is_learnt_from_the_kernel_and_tidied_up_by_a_stop(made: Made) -> None:
    async def story() -> None:
        run = made.start()
        await eventually(lambda: run.started)
        await eventually(lambda: run.pid == made.pid)
        os.killpg(made.pid, signal.SIGKILL)
        await eventually(lambda: not run.alive)
        assert run.ended == "its last process has ended"
        assert made.actions()[-1] == "stop"

    asyncio.run(story())


def test_a_monitor_that_says_not_running_is_the_end(made: Made) -> None:
    """An address has no process whose end the kernel could tell."""

    async def story() -> None:
        run = made.start()
        await eventually(lambda: run.started)
        made.tell("monitor", 7)
        result = await run.monitor()
        assert result is not None
        assert result.outcome is Outcome.BAD
        await eventually(lambda: not run.alive)
        assert run.ended == "monitor: exit status 7 (cleanly stopped): told to"

    asyncio.run(story())


def test_a_stop_that_fails_is_followed_by_a_kill(made: Made) -> None:
    made.tell("stop", 1)

    async def story() -> None:
        run = made.start()
        await eventually(lambda: run.started)
        daemon = made.pid
        run.stop(10.0)
        await eventually(lambda: not run.alive)
        assert run.ended is not None
        assert run.ended.startswith("killed; stop: exit status 1 (failed, or undetermined): told to; afterwards stop: exit status 1")
        assert not is_running(daemon)

    asyncio.run(story())


@pytest.mark.parametrize("action", ["start", "stop", "monitor"])
def test_an_action_that_hangs_is_killed_with_all_it_has_started_at_the_time_its_meta_data_gives(tmp_path: Path, action: str) -> None:
    adopt_orphans()
    soon = re.sub(rb'(name="%s"[^/]*) timeout="[0-9]+s?"' % action.encode(), rb'\1 timeout="300ms"', METADATA)
    made = Made(tmp_path, soon)
    made.hang(action)

    async def story() -> None:
        run = made.start()
        if action == "start":
            await eventually(lambda: not run.alive)
            assert run.ended is not None
            assert run.ended.startswith("start: no end within 0.")
        elif action == "monitor":
            await eventually(lambda: run.started)
            result = await run.monitor()
            assert result is not None
            assert result.outcome is Outcome.TIMEOUT
            await gone(run)
        else:
            await eventually(lambda: run.started)
            run.stop(10.0)
            await eventually(lambda: not run.alive)
            assert run.ended is not None
            assert run.ended.startswith("killed; stop: no end within 0.")
        assert sleepers(made) == []

    asyncio.run(story())


def sleepers(made: Made) -> list[int]:
    """What still runs of this agent's actions and daemon."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and is_running(int(entry.name)):
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if f"OCF_ROOT={made.folder}\0".encode() in environment:
                found.append(int(entry.name))
    return found


def test_a_clean_kills_what_it_has_and_lets_the_agent_tidy_up(made: Made) -> None:
    async def story() -> None:
        run = made.start()
        await eventually(lambda: run.started)
        daemon = made.pid
        run.clean()
        await eventually(lambda: not run.alive)
        assert run.ended == "killed"
        assert not is_running(daemon)
        assert not made.state.exists()

    asyncio.run(story())


# --- adoption ----------------------------------------------------------------------------------------------------


def test_a_running_one_is_adopted_by_asking_its_agent(made: Made) -> None:
    async def story() -> None:
        mark = new_mark("made")
        former = made.start(mark=mark)
        await eventually(lambda: former.started)
        run = adopt(made.application(), former.identity(), mark=mark, changed=lambda: None)
        assert run is not None
        await eventually(lambda: run.started)
        assert (run.adopted, run.alive, run.pid) == (True, True, made.pid)
        await gone(run)
        assert made.actions().count("start") == 1

    asyncio.run(story())


def test_a_start_that_a_dead_agent_had_begun_is_waited_for_and_not_doubled(made: Made) -> None:
    async def story() -> None:
        mark = new_mark("made")
        made.hang("start")
        left = Action(
            [str(made.folder / "resource.d/test/made-up"), "start"],
            environment={"PATH": os.environ["PATH"], "OCF_RESKEY_state": str(made.state), "UNDERSTUDY_RUN": mark},
            directory="/",
            user=None,
        )
        run = adopt(made.application(), None, mark=mark, changed=lambda: None)
        assert run is not None
        await asyncio.sleep(0.3)
        assert run.alive
        assert made.actions() == ["start"], "nothing is asked of it until the start has ended"
        os.killpg(left.pid, signal.SIGKILL)
        await left.end(5.0)
        await eventually(lambda: not run.alive)
        assert run.ended == "found monitor: exit status 7 (cleanly stopped)"

    asyncio.run(story())


def test_what_an_action_says_is_kept_within_bounds_and_a_daemon_it_leaves_is_not_killed_by_a_pipe(tmp_path: Path) -> None:
    """It inherits the action's output, and goes on writing for years."""
    script = f"(while :; do head -c 100000 /dev/zero 2>/dev/null; sleep 0.01; echo x > {tmp_path}/alive; done) & echo $! > {tmp_path}/pid"

    async def story() -> None:
        action = Action(["sh", "-c", script], environment={"PATH": os.environ["PATH"]}, directory="/", user=None)
        acted = await action.end(5.0)
        assert acted.status == 0
        daemon = int((tmp_path / "pid").read_text())
        await asyncio.sleep(0.2)
        (tmp_path / "alive").unlink(missing_ok=True)
        await eventually(lambda: (tmp_path / "alive").exists(), "it writes, fails, and lives on")
        assert len(acted.said) <= SAID_BYTES_MAX
        os.killpg(os.getpgid(daemon), signal.SIGKILL)

    asyncio.run(story())
