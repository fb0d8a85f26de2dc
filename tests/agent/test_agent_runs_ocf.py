"""Resource agents: what each exit status means, what they are told, and how their applications come up and go down."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

import pytest

from agent.runs import RunState, adopt, adopt_orphans, start
from agent.runs.actions import SAID_BYTES_MAX, Acted, Action
from agent.runs.ocf_codes import judged, words_for
from core.application import Application, OcfAgent, Run
from core.node.health import Outcome
from tests.agent.programs import eventually, is_running, new_mark
from tests.agent.test_agent_runs_ocf_metadata import METADATA

# A daemon of its own; `$dir/CODE-<action>` holds the exit status that an action is to have instead of doing its work.
AGENT = """#!/bin/sh
dir="$(dirname "$OCF_RESKEY_state")"
env > "$dir/environment-$1"
echo "$1" >> "$dir/actions"
[ -e "$dir/hang-$1" ] && { sleep 600 & wait; }
[ -e "$dir/code-$1" ] && { echo "noise"; echo "ocf-exit-reason:told to" >&2; exit "$(cat "$dir/code-$1")"; }
alive() { [ -s "$OCF_RESKEY_state" ] && kill -0 "$(cat "$OCF_RESKEY_state")" 2>/dev/null; }
case "$1" in
meta-data) cat "$0.xml" ;;
validate-all) exit 0 ;;
start) alive && exit 0
  setsid sh -c 'echo $$ > "$OCF_RESKEY_state"; while :; do sleep 0.05; echo told; done' &
  while ! alive; do sleep 0.01; done ;;
stop) alive && kill "$(cat "$OCF_RESKEY_state")"; while alive; do sleep 0.01; done; rm -f "$OCF_RESKEY_state" ;;
monitor) alive && exit 0; exit 7 ;;
*) exit 3 ;;
esac
"""


class Made:
    """A made-up resource agent in a folder of its own."""

    def __init__(self, folder: Path, metadata: bytes = METADATA) -> None:
        self.folder, self.state = folder, folder / "state"
        path = folder / "resource.d" / "test" / "made-up"
        path.parent.mkdir(parents=True)
        path.write_text(AGENT)
        path.chmod(0o755)
        path.with_name("made-up.xml").write_bytes(metadata)

    def tell(self, action: str, code: int) -> None:
        (self.folder / f"code-{action}").write_text(str(code))

    def hang(self, action: str) -> None:
        (self.folder / f"hang-{action}").touch()

    def told(self, action: str) -> dict[str, str]:
        lines = (self.folder / f"environment-{action}").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def actions(self) -> list[str]:
        return (self.folder / "actions").read_text().split()

    def application(self, *parameters: tuple[str, str], check_level: int = 0) -> Application:
        given = parameters or (("state", str(self.state)),)
        agent = OcfAgent(provider="test", type="made-up", parameters=given, root=str(self.folder), check_level=check_level)
        return Application(name="made", run=Run(ocf=agent))

    def start(self, *parameters: tuple[str, str], mark: str = "", check_level: int = 0) -> RunState:
        application = self.application(*parameters, check_level=check_level)
        environment = {"PATH": os.environ["PATH"], "OCF_OWN": "x"}
        return start(application, environment=environment, mark=mark or new_mark("made"), changed=lambda: None)

    @property
    def pid(self) -> int:
        return int(self.state.read_text())


@pytest.fixture
def made(tmp_path: Path) -> Made:
    adopt_orphans()
    return Made(tmp_path)


async def gone(run: RunState) -> None:
    run.clean()
    await eventually(lambda: not run.alive, "it is gone")


# --- exit statuses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome", "meaning"),
    [
        (0, Outcome.GOOD, ""),
        (1, Outcome.BAD, "failed, or undetermined"),
        (2, Outcome.BAD, "a parameter is not valid on this machine"),
        (3, Outcome.UNKNOWN, "the agent does not know this action"),
        (4, Outcome.BAD, "not permitted"),
        (5, Outcome.BAD, "something it needs is not installed on this machine"),
        (6, Outcome.BAD, "its parameters are not valid anywhere"),
        (7, Outcome.BAD, "cleanly stopped"),
        (8, Outcome.GOOD, ""),
        (9, Outcome.BAD, "promoted and failed"),
        (190, Outcome.GOOD, "active, but degraded"),
        (191, Outcome.GOOD, "active and promoted, but degraded"),
        (42, Outcome.BAD, "not a status of the standard"),
        (-9, Outcome.BAD, "killed by signal 9"),
        (None, Outcome.TIMEOUT, "no end within"),
    ],
)
def test_each_status_of_a_monitor_action_has_its_meaning(status: int | None, outcome: Outcome, meaning: str) -> None:
    result = judged(Acted(status, "ocf-exit-reason:why\nthen noise\n", 0.5))

    assert result.outcome is outcome
    assert meaning in result.reason


def test_the_exit_reason_is_told_and_not_the_noise_around_it() -> None:
    assert words_for("start", Acted(5, "INFO: a\nocf-exit-reason:no such binary\nINFO: b\n", 0.1)).endswith(": no such binary")


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 7, 9, 42])
def test_a_start_that_fails_is_the_end_of_the_run_and_is_stopped_after(made: Made, code: int) -> None:
    made.tell("start", code)

    async def story() -> None:
        run = made.start()
        await eventually(lambda: not run.alive)
        assert run.ended is not None
        assert run.ended.startswith(f"start: exit status {code} (")
        assert "told to" in run.ended
        assert made.actions()[-1] == "stop"

    asyncio.run(story())


@pytest.mark.parametrize(("code", "words"), [(190, "active, but degraded"), (191, "active and promoted, but degraded")])
def test_a_start_that_comes_up_degraded_says_so(made: Made, code: int, words: str) -> None:
    made.tell("start", code)

    async def story() -> None:
        run = made.start()
        await eventually(lambda: run.started)
        assert run.alive
        assert run.degraded is not None
        assert words in run.degraded
        await gone(run)

    asyncio.run(story())


# --- what it is told ---------------------------------------------------------------------------------------------


def test_an_agent_is_told_what_the_standard_lists_and_nothing_else_of_that_prefix(made: Made) -> None:
    async def story() -> None:
        run = made.start(check_level=10)
        await eventually(lambda: run.started)
        assert await run.monitor() is not None
        await gone(run)

    asyncio.run(story())

    ours = {name: value for name, value in made.told("monitor").items() if name.startswith("OCF_")}
    assert ours == {
        "OCF_RA_VERSION_MAJOR": "1",
        "OCF_RA_VERSION_MINOR": "1",
        "OCF_ROOT": str(made.folder),
        "OCF_RESOURCE_INSTANCE": "made",
        "OCF_RESOURCE_TYPE": "made-up",
        "OCF_RESOURCE_PROVIDER": "test",
        "OCF_CHECK_LEVEL": "10",
        "OCF_OUTPUT_FORMAT": "text",
        "OCF_RESKEY_state": str(made.state),
        "OCF_RESKEY_CRM_meta_timeout": "5000",
        "OCF_RESKEY_CRM_meta_interval": "7000",
    }
    assert made.told("start")["OCF_RESKEY_CRM_meta_timeout"] == "2000"
    assert made.told("start")["OCF_CHECK_LEVEL"] == "0"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ((("colour", "red"),), "ocf.parameters.colour is 'red': made-up has no such parameter, it has"),
        ((("count", "3"),), "ocf.parameters lacks ['state']: made-up requires them"),
        ((("state", "/x/y"), ("count", "many")), "ocf.parameters.count is 'many': use an integer"),
        ((("state", "/x/y"), ("loud", "very")), "ocf.parameters.loud is 'very': use true or false"),
    ],
)
def test_parameters_are_held_against_the_meta_data(made: Made, parameters: tuple[tuple[str, str], ...], said: str) -> None:
    async def story() -> None:
        run = made.start(*parameters)
        await eventually(lambda: not run.alive)
        assert run.ended is not None
        assert run.ended.startswith("cannot start: ")
        assert said in run.ended

    asyncio.run(story())


def test_an_agent_that_finds_its_parameters_invalid_is_not_started(made: Made) -> None:
    made.tell("validate-all", 6)

    async def story() -> None:
        run = made.start()
        await eventually(lambda: not run.alive)
        assert run.ended == "cannot start: validate-all: exit status 6 (its parameters are not valid anywhere): told to"
        assert "start" not in made.actions()

    asyncio.run(story())


def test_an_agent_that_is_not_there_is_named(made: Made) -> None:
    async def story() -> None:
        agent = OcfAgent(provider="test", type="other", root=str(made.folder))
        run = start(Application(name="made", run=Run(ocf=agent)), environment={}, mark=new_mark("made"), changed=lambda: None)
        await eventually(lambda: not run.alive)
        assert run.ended is not None
        assert run.ended.startswith("cannot start: no OCF agent test:other")

    asyncio.run(story())


# --- its life ----------------------------------------------------------------------------------------------------


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
