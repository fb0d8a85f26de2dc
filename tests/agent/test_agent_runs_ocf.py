"""Resource agents: what each exit status means, and what they are told."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from agent.runs import RunState, adopt_orphans, start
from agent.runs.actions import Acted
from agent.runs.ocf_codes import judged, words_for
from core.application import Application, OcfAgent, Run
from core.node.health import Outcome
from tests.agent.programs import eventually, new_mark
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
