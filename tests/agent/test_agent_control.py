"""The local socket: who may speak, what is answered, and that what was begun is brought to its end."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.control_server import REQUEST_BYTES_MAX, ControlServer
from agent.control_socket import NoAgent, NoAnswer, call
from agent.serving import PortInUse
from core.model import Verdict
from tests.agent.holders import FakeHolder

BY_PORT = {7810: None, 7811: "web"}
Ask = Callable[..., Awaitable[dict[str, Any]]]


def with_control(path: Path, story: Callable[[FakeHolder, Ask], Awaitable[None]]) -> FakeHolder:
    holder = FakeHolder()

    async def ask(do: str, **more: Any) -> dict[str, Any]:
        return await asyncio.to_thread(call, str(path), {"do": do, **more}, 5.0)

    async def run() -> None:
        server = ControlServer(holder, BY_PORT)
        await server.open_at(path)
        try:
            async with asyncio.timeout(30):
                await story(holder, ask)
        finally:
            await server.close()

    asyncio.run(run())
    return holder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "agent.sock"


def test_each_verb_reaches_the_holder_and_its_words_come_back(path: Path) -> None:
    async def story(holder: FakeHolder, ask: Ask) -> None:
        assert await ask("offline", application="web") == {"ok": True, "done": "offline done"}
        assert await ask("clean", port=7811) == {"ok": True, "done": "clean done"}
        assert await ask("online", port=7810) == {"ok": True, "done": "online done"}
        assert await ask("online") == {"ok": True, "done": "online done"}

    assert with_control(path, story).done == [("offline", "web"), ("clean", "web"), ("online", None), ("online", None)]


def test_status_and_why_are_of_one_application_or_of_all(path: Path) -> None:
    async def story(holder: FakeHolder, ask: Ask) -> None:
        holder.tell(Verdict.FAILING, "died")
        assert (await ask("status"))["status"]["applications"].keys() == {"web", "db"}
        assert (await ask("status", port=7811))["status"]["reason"] == "died"
        assert (await ask("why", application="web"))["why"] == {"web": {"verdict": "failing"}}
        assert (await ask("why"))["why"].keys() == {"web", "db"}

    with_control(path, story)


def test_trouble_is_told_in_its_own_words(path: Path) -> None:
    async def story(holder: FakeHolder, ask: Ask) -> None:
        holder.trouble = "web came up degraded"
        assert await ask("online", application="web") == {"ok": False, "error": "web came up degraded"}

    with_control(path, story)


def test_who_loses_patience_is_told_so_and_the_work_is_finished(path: Path) -> None:
    async def story(holder: FakeHolder, ask: Ask) -> None:
        holder.gate = asyncio.Event()
        answer = await ask("offline", application="web", timeout_s=0.05)
        assert (answer["ok"], answer["under_way"]) == (False, True)
        assert holder.done == []
        holder.gate.set()
        while holder.done != [("offline", "web")]:
            await asyncio.sleep(0.01)

    with_control(path, story)


def test_who_asks_meanwhile_does_not_wait_for_another_s_long_work(path: Path) -> None:
    async def story(holder: FakeHolder, ask: Ask) -> None:
        holder.gate = asyncio.Event()
        long = asyncio.create_task(ask("offline", application="web"))
        assert (await ask("status"))["ok"]
        holder.gate.set()
        assert (await long)["ok"]

    with_control(path, story)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"\n", "not JSON"),
        (b"[1]\n", "expected an object"),
        (b"{}\n", "do is None: use one of"),
        (b'{"do": "explode"}\n', "do is 'explode': use one of ['clean', 'offline', 'online', 'status', 'why']"),
        (b'{"do": ["why"]}\n', "do is ['why']"),
        (b'{"do": "why", "aplication": "web"}\n', "unknown key 'aplication'"),
        (b'{"do": "why", "application": "nobody"}\n', "application is 'nobody': use one of ['web', 'db']"),
        (b'{"do": "why", "application": 7}\n', "application is 7"),
        (b'{"do": "why", "port": 1}\n', "port is 1: use an HA port, one of [7810, 7811]"),
        (b'{"do": "why", "port": true}\n', "port is True"),
        (b'{"do": "why", "port": 7811, "application": "web"}\n', "in place of application"),
        (b'{"do": "clean", "timeout_s": 0}\n', "timeout_s is 0"),
        (b'{"do": "clean", "timeout_s": NaN}\n', "timeout_s is nan"),
        (b'{"do": "clean", "timeout_s": "5"}\n', "timeout_s is '5'"),
        (b"[" * 4000 + b"\n", "not JSON"),
        (b"x" * (REQUEST_BYTES_MAX + 1) + b"\n", "line longer than"),
        (b"x" * (3 * REQUEST_BYTES_MAX), "line longer than"),
    ],
)
def test_a_request_that_is_none_is_refused_by_key_and_value_and_nothing_is_done(path: Path, line: bytes, said: str) -> None:
    async def story(holder: FakeHolder, ask: Ask) -> None:
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(line)
        answer = json.loads(await reader.readline())
        assert answer["ok"] is False
        assert said in answer["error"]
        writer.close()
        assert (await ask("status"))["ok"]

    assert with_control(path, story).done == []


def test_requests_sent_ahead_are_done_one_after_the_other(path: Path) -> None:
    async def story(holder: FakeHolder, ask: Ask) -> None:
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b'{"do": "offline"}\n{"do": "clean"}\n{"do": "online"}\n')
        writer.write_eof()
        assert [json.loads(line)["ok"] for line in (await reader.read()).splitlines()] == [True] * 3
        writer.close()

    assert [verb for verb, _ in with_control(path, story).done] == ["offline", "clean", "online"]


def test_only_the_agent_s_own_user_may_open_it(path: Path) -> None:
    async def story(holder: FakeHolder, ask: Ask) -> None:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    with_control(path, story)
    assert not path.exists()


def test_it_is_closed_to_others_from_the_moment_it_has_a_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before: list[int] = []
    monkeypatch.setattr(Path, "chmod", lambda path, mode: before.append(stat.S_IMODE(path.stat().st_mode)))

    async def story(holder: FakeHolder, ask: Ask) -> None:
        assert (await ask("status"))["ok"]

    former = os.umask(0)
    try:
        with_control(path, story)
    finally:
        os.umask(former)
    assert before == [0o600]


def test_what_a_dead_agent_left_gives_way_and_a_living_one_does_not(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def story(holder: FakeHolder, ask: Ask) -> None:
        assert (await ask("status"))["ok"]
        with pytest.raises(PortInUse, match="another agent listens"):
            await ControlServer(holder, BY_PORT).open_at(path)
        assert (await ask("status"))["ok"]

    with_control(path, story)


def test_a_file_that_is_no_socket_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("mine")

    async def run() -> None:
        with pytest.raises(PortInUse, match="is no socket"):
            await ControlServer(FakeHolder(), BY_PORT).open_at(path)

    asyncio.run(run())
    assert path.read_text() == "mine"


# --- the client's side ------------------------------------------------------------------------------------------------


def test_no_agent_is_told_from_no_answer(path: Path) -> None:
    with pytest.raises(NoAgent, match="No such file"):
        call(str(path), {"do": "status"}, 1.0)
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        with pytest.raises(NoAgent, match="refused"):
            call(str(path), {"do": "status"}, 1.0)
        silent.listen()
        with pytest.raises(NoAnswer, match=r"within 0\.1 s"):
            call(str(path), {"do": "status"}, 0.1)


@pytest.mark.parametrize(
    ("said", "error"), [(b"", "no JSON"), (b"garbage\n", "no JSON"), (b"[1]\n", "no object"), (b'{"ok": tr', "no JSON")]
)
def test_an_answer_that_is_none_is_said_to_be(path: Path, said: bytes, error: str) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as odd:
        odd.bind(str(path))
        odd.listen()

        def answer() -> None:
            connection, _ = odd.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(NoAnswer, match=error):
            call(str(path), {"do": "status"}, 5.0)
        thread.join()
