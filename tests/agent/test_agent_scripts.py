"""monitor, online, offline and clean as a cluster manager calls them: their arguments, their order, each of their exit codes."""

from __future__ import annotations

import asyncio
import io
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.control_server import ControlServer
from agent.ha_port import ha_server
from agent.scripts import acting, monitoring
from agent.scripts.monitoring import judge
from agent.serving import Server
from core.model import Verdict
from tests.agent.holders import FakeHolder

SCRIPTS = Path(__file__).parents[2] / "agent" / "scripts"


class Node(threading.Thread):
    """HA port and local socket of one application, in a loop of its own, for the scripts are processes of their own."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.holder, self.path = FakeHolder(), folder / "agent.sock"
        self.port = 0
        self._up, self._loop, self._end = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    def run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        ha = ha_server(lambda: self.holder.view("web"), "test")
        await ha.open(["127.0.0.1"], 0)
        self.port = ha.port
        control = ControlServer(self.holder, {ha.port: "web"})
        await control.open_at(self.path)
        self._up.set()
        await self._end.wait()
        servers: tuple[Server, ...] = (control, ha)
        for server in servers:
            await server.close()

    def begin(self) -> None:
        self.start()
        assert self._up.wait(20)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self.join()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path)
    node.begin()
    try:
        yield node
    finally:
        node.end()


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


def run(script: str, *words: object, sock: Path | str = "/nowhere/agent.sock") -> Done:
    """What the script does, without the price of a process for each."""
    given = ["/usr/lib/jvm", "/opt/mz", "mzadmin", *map(str, words)]
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setenv("UNDERSTUDY_SOCKET", str(sock))
        code = monitoring.main(given) if script == "monitor" else acting.main(script, given)
    return Done(code, out.getvalue(), err.getvalue())


def execute(script: str, *words: object, sock: Path | str = "/nowhere/agent.sock") -> int:
    """The exit code of a process of its own."""
    command = [sys.executable, "-s", str(SCRIPTS / script), "/usr/lib/jvm", "/opt/mz", "mzadmin", *map(str, words)]
    environment = {"PATH": os.environ["PATH"], "UNDERSTUDY_SOCKET": str(sock)}
    return subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False, cwd="/").returncode


def monitor(*words: object) -> int:
    return run("monitor", *words).code


@contextmanager
def answering(said: bytes, *, close: bool = True) -> Iterator[int]:
    """A port that answers each connection with the same bytes, whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.recv(1000)
                connection.sendall(said)
                if close:
                    connection.close()
                else:
                    kept.append(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in kept:
                connection.close()


# --- monitor, each code -------------------------------------------------------------------------------------------


def test_110_when_it_is_healthy(node: Node) -> None:
    assert monitor(node.port) == 110


def test_105_when_it_is_busy(node: Node) -> None:
    node.holder.tell(Verdict.BUSY, "queue full")
    assert monitor(node.port) == 105


def test_100_when_it_is_failing(node: Node) -> None:
    node.holder.tell(Verdict.FAILING, "died")
    assert monitor(node.port) == 100


def test_99_when_it_cannot_be_told(node: Node) -> None:
    node.holder.tell(Verdict.UNKNOWN, "starting")
    assert monitor(node.port) == 99


def test_100_when_it_was_taken_offline_although_nothing_failed(node: Node) -> None:
    node.holder.tell(Verdict.UNKNOWN, "held", held=True)
    assert monitor(node.port) == 100


def test_101_to_109_as_results_begin_to_speak_against_it(node: Node) -> None:
    node.holder.tell(Verdict.HEALTHY, in_a_row=1, fall=3)
    assert 106 <= monitor(node.port) <= 109
    node.holder.tell(Verdict.BUSY, "slow", in_a_row=2, fall=3)
    assert 101 <= monitor(node.port) <= 104


def test_100_when_the_connection_is_refused_for_longer_than_an_agent_takes_to_restart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert monitor(port, "127.0.0.1", 0.3) == 100


def test_refused_is_asked_again_while_an_agent_may_be_restarting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    codes: list[int] = []
    asking = threading.Thread(target=lambda: codes.append(monitor(port, "127.0.0.1", 20)))
    asking.start()
    time.sleep(0.5)  # it is refused meanwhile
    with socket.create_server(("127.0.0.1", port)) as listener:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"ERROR\r\nOK\r\n")
            asking.join()
    assert codes == [110]


def test_99_when_there_is_no_answer_in_time() -> None:
    with answering(b"", close=False) as port:
        began_s = time.monotonic()
        assert monitor(port, "127.0.0.1", 0.4) == 99
        assert time.monotonic() - began_s < 10


def test_99_when_the_answer_only_drips() -> None:
    with answering(b"{", close=False) as port:
        assert monitor(port, "127.0.0.1", 0.3) == 99


def test_99_when_the_host_has_no_such_name() -> None:
    assert monitor(7811, "no-such-host.invalid", 5) == 99


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"ERROR not understood\r\nOK\r\n", 110),
        (b"what?\r\nok\r\n", 110),
        (b"ERROR\nFAILED too few activations\n", 100),
        (b"ERROR\nFAILED unknown: starting\n", 99),
        (b"ERROR\nERROR\n", 99),
        (b"", 99),
        (b'{"verdict": "splendid"}\nOK\n', 110),
        (b"\xff\xfe\n\x00\n", 99),
    ],
)
def test_a_port_that_knows_no_status_is_taken_by_its_ping(said: bytes, code: int) -> None:
    with answering(said) as port:
        assert monitor(port, "127.0.0.1", 20) == code


@pytest.mark.parametrize(
    "words", [(), ("x",), (0,), (65536,), (7811, "h", "soon"), (7811, "h", 0), (7811, "h", 1, "debug", 5), (7811, "", "", "?")]
)
def test_99_and_the_usage_when_the_arguments_are_wrong(words: tuple[object, ...]) -> None:
    done = run("monitor", *words)
    assert done.code == 99
    assert "usage: monitor JAVA_HOME MZ_HOME username port [host] [sec_timeout] [debug]" in done.err


@pytest.mark.parametrize("script", ["monitor", "online", "offline", "clean"])
@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_says_what_it_does_and_what_its_exit_codes_mean(script: str, word: str) -> None:
    said = subprocess.run([sys.executable, "-s", str(SCRIPTS / script), word], capture_output=True, text=True, timeout=60, check=True)

    assert said.stdout.startswith(f"usage: {script} JAVA_HOME MZ_HOME username port")
    assert "Exit status: " in said.stdout


def test_debug_tells_what_was_asked_and_answered_and_without_it_nothing_is_printed(node: Node) -> None:
    told = run("monitor", node.port, "localhost", 5, "debug").out
    assert f"asking localhost port {node.port}" in told
    assert '"verdict":"healthy"' in told
    assert "110: healthy" in told
    assert run("monitor", node.port).out == ""


def test_counts_that_are_none_are_passed_over() -> None:
    assert judge('{"verdict": "healthy", "in_a_row": "x", "fall": -1}', "")[0] == 110
    assert judge('{"verdict": "healthy", "in_a_row": 1, "fall": 0}', "")[0] in range(106, 110)


# --- online, offline, clean -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["offline", "clean", "online"])
def test_0_when_it_is_done(node: Node, script: str) -> None:
    assert run(script, node.port, sock=node.path).code == 0
    assert node.holder.done == [(script, "web")]


@pytest.mark.parametrize("script", ["offline", "clean", "online"])
def test_1_and_the_agent_s_words_when_it_was_not_done(node: Node, script: str) -> None:
    node.holder.trouble = "web will not"
    done = run(script, node.port, sock=node.path)
    assert (done.code, done.err) == (1, f"{script}: web will not\n")


@pytest.mark.parametrize("script", ["offline", "clean", "online"])
def test_10_seconds_to_wait_when_it_is_still_under_way(node: Node, script: str) -> None:
    node.holder.gate = asyncio.Event()
    assert run(script, node.port, "localhost", 1, sock=node.path).code == 10


@pytest.mark.parametrize("script", ["offline", "clean", "online"])
def test_10_when_no_agent_is_there_to_ask(script: str) -> None:
    assert run(script, 7811, "127.0.0.1", 5).code == 10


@pytest.mark.parametrize("words", [(), ("x",), (7811, "192.0.2.1"), (7811, "localhost", 5, "what")])
def test_1_and_the_usage_when_the_arguments_are_wrong_or_name_another_machine(node: Node, words: tuple[object, ...]) -> None:
    done = run("offline", *words, sock=node.path)
    assert done.code == 1
    assert "usage: offline" in done.err
    assert node.holder.done == []


def test_1_when_the_port_stands_for_nothing_here(node: Node) -> None:
    assert run("offline", 1, sock=node.path).code == 1
    assert node.holder.done == []


def test_online_of_what_is_failing_is_offline_then_clean_then_online(node: Node) -> None:
    node.holder.tell(Verdict.FAILING, "hangs")
    done = run("online", node.port, "localhost", 20, "debug", sock=node.path)
    assert done.code == 0
    assert [verb for verb, _ in node.holder.done] == ["offline", "clean", "online"]
    assert "online: online done" in done.out


def test_clean_follows_an_offline_that_did_not_succeed_and_without_clean_nothing_is_started(node: Node) -> None:
    node.holder.tell(Verdict.FAILING, "hangs")
    node.holder.trouble = "a process cannot be killed"
    assert run("online", node.port, sock=node.path).code == 1
    assert [verb for verb, _ in node.holder.done] == ["offline", "clean"]


def test_online_of_what_was_taken_offline_only_starts_it(node: Node) -> None:
    node.holder.tell(Verdict.FAILING, "held", held=True)
    assert run("online", node.port, sock=node.path).code == 0
    assert [verb for verb, _ in node.holder.done] == ["online"]


def test_each_script_may_be_executed_as_it_is_from_anywhere(node: Node) -> None:
    assert all(os.access(SCRIPTS / script, os.X_OK) for script in ("monitor", "online", "offline", "clean"))
    assert execute("monitor", node.port) == 110
    assert [execute(script, node.port, sock=node.path) for script in ("offline", "clean", "online")] == [0, 0, 0]
    assert [verb for verb, _ in node.holder.done] == ["offline", "clean", "online"]
    assert execute("offline", 7811) == 10


def test_the_scripts_import_nothing_that_is_slow_to_load() -> None:
    look = "import sys, agent.scripts.monitoring, agent.scripts.acting; print({'boto3', 'asyncio', 'ssl', 'h11'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", look], cwd=SCRIPTS.parents[1], capture_output=True, text=True, check=True).stdout
    assert said == "set()\n"
