"""The command as a person uses it: up, another terminal, Ctrl-C, and what goes wrong on the way; real labs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from lab import space

pytestmark = pytest.mark.lab
ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-P", str(ROOT / "cli" / "__main__.py")]


class Run:
    """One run of the command in a process group of its own, as a terminal starts it; its lines as they come."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.out: list[str] = []
        self.err: list[str] = []
        self.process = subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=env
        )
        pairs = ((self.process.stdout, self.out), (self.process.stderr, self.err))
        self._readers = [threading.Thread(target=lambda f, to: to.extend(iter(f.readline, "")), args=pair) for pair in pairs]
        for reader in self._readers:
            reader.start()

    def until(self, words: str, *, within_s: float = 120.0) -> None:
        end = time.monotonic() + within_s
        while not any(words in line for line in self.out):
            assert self.process.poll() is None, (self.out, self.err)
            assert time.monotonic() < end, (self.out, self.err)
            time.sleep(0.02)

    def press_ctrl_c(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> tuple[int, list[str]]:
        """Exit status, and the lines on stderr."""
        status = self.process.wait(timeout=60)
        for reader in self._readers:
            reader.join(timeout=10)
        return status, [line.rstrip() for line in self.err]

    def descendants(self) -> list[int]:
        parents: dict[int, list[int]] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                parents.setdefault(int(path.read_text().rsplit(")", 1)[1].split()[1]), []).append(int(path.parent.name))
            except OSError:
                continue
        found, todo = [], [self.process.pid]
        while todo:
            todo += parents.get(todo[0], [])
            found += parents.get(todo.pop(0), [])
        return found

    def emulator(self) -> int:
        (pid,) = [pid for pid in self.descendants() if b"\0lab.server\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return pid


@pytest.fixture
def run() -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start(*arguments: str, env: dict[str, str] | None = None) -> Run:
        runs.append(Run(*arguments, env=env))
        return runs[-1]

    yield start
    for one in runs:
        if one.process.poll() is None:
            one.process.kill()
        one.end()


@pytest.fixture
def name() -> str:
    return f"walk-{uuid.uuid4().hex[:8]}"


def gone(pids: list[int], *, within_s: float = 5.0) -> bool:
    end = time.monotonic() + within_s
    while (left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]) and time.monotonic() < end:
        time.sleep(0.02)
    return not left


def folder(name: str) -> Path:
    return ROOT / ".lab" / name


def get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_a_lab_that_is_up_serves_this_machine_alone_until_it_is_taken_down(run: Callable[..., Run], name: str) -> None:
    quick = {"LAB_DELAY_PENDING": "1", "LAB_DELAY_BOOT": "1", "LAB_DELAY_GROUP_LAUNCH": "0.5"}  # of AWS's delays, those before it serves
    up = run("lab", "up", "--name", name, env={**os.environ, **quick})
    up.until("ends it")
    told = json.loads((folder(name) / "addresses.json").read_text())

    status, body = get(f"http://{told['fronts'][0]['here']}/")
    assert (status, json.loads(body)["count"]) == (200, 0)
    keys = told["environment"]
    cloudformation = boto3.client(
        "cloudformation",
        endpoint_url=told["aws"],
        region_name=keys["AWS_REGION"],
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )
    assert cloudformation.describe_stacks(StackName=told["stack"])["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    assert get(told["aws"] + "/_lab/memory")[0] == 403
    here = [int(told["aws"].rsplit(":", 1)[1]), *(int(front["here"].rsplit(":", 1)[1]) for front in told["fronts"])]
    for port in here:  # 127.0.0.2 is this machine, too; only what listens everywhere would answer there
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=5)

    again = run("lab", "up", "--name", name)
    assert again.end()[0] == 2
    assert "already up" in again.err[0]

    inside = up.descendants()
    down = run("lab", "down", "--name", name)
    assert (down.end(), down.out) == ((0, []), [f"the lab {name!r} is down\n"])
    assert up.end() == (0, [f"the lab {name!r} is down"])
    assert gone(inside)
    assert not folder(name).exists()


def test_a_port_in_use_is_one_line_and_leaves_nothing(run: Callable[..., Run], name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, err = run("lab", "up", "--name", name, "--port", str(port)).end()

    assert (status, len(err)) == (2, 1)
    assert f"port {port} on 127.0.0.1 cannot be used" in err[0]
    assert not folder(name).exists()


@pytest.mark.parametrize("stage", ["emulator up", pytest.param(" resources", marks=pytest.mark.heavy)])
def test_ctrl_c_is_one_line_and_leaves_nothing(stage: str, run: Callable[..., Run], name: str) -> None:
    """While the template is synthesized, and while it is deployed."""
    up = run("lab", "up", "--name", name)
    up.until(stage)
    inside = up.descendants()

    up.press_ctrl_c()

    assert up.end() == (130, ["understudy: interrupted; nothing is left running"])
    assert gone(inside)
    assert not folder(name).exists()


@pytest.mark.parametrize("after_s", [0.3, 0.6, 0.9])
def test_ctrl_c_while_everything_only_starts_is_no_traceback(after_s: float, run: Callable[..., Run], name: str) -> None:
    up = run("lab", "up", "--name", name)
    time.sleep(after_s)  # no matter what it is at

    up.press_ctrl_c()
    status, err = up.end()

    # Before the lab takes over, the process simply ends by the signal.
    assert (status, err) in [(-signal.SIGINT, []), (130, ["understudy: interrupted; nothing is left running"])]
    assert not folder(name).exists()


def test_an_emulator_that_dies_is_one_line_with_its_log_and_nothing_runs_on(run: Callable[..., Run], name: str) -> None:
    up = run("lab", "up", "--name", name)
    up.until("emulator up")
    inside = up.descendants()

    os.kill(up.emulator(), signal.SIGKILL)
    status, err = up.end()

    log = folder(name) / "server.log"
    assert status == 4
    assert err == [
        f"understudy: the emulator died (SIGKILL); its log is {log}",
        f"understudy: what happened is in {folder(name)} (journal.jsonl, server.log); delete it when done",
    ]
    assert log.exists()
    assert gone(inside)
    assert run("lab", "down", "--name", name).end() == (0, [])
    assert not folder(name).exists()


def test_when_its_outer_process_is_killed_all_ends_and_the_next_run_tidies_up(run: Callable[..., Run], name: str) -> None:
    up = run("lab", "up", "--name", name)
    up.until("emulator up")
    inside = up.descendants()

    up.process.kill()

    assert gone(inside)
    assert folder(name).exists()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        other = run("lab", "up", "--name", f"{name}-b", "--port", str(taken.getsockname()[1]))
        assert other.end()[0] == 2
    assert not folder(name).exists()


def test_a_machine_without_namespaces_is_told_in_one_line() -> None:
    """Root of a user namespace that may hold no other, and without the right to make the rest (user_namespaces(7), capabilities(7))."""
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all -- "$@"'
    enter = ["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh"]
    code = "import sys; from lab import space; sys.exit(space.enter(['true']))"

    done = subprocess.run([*enter, sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == space.REFUSED
    assert len(done.stderr.splitlines()) == 1
    assert "user namespaces are forbidden here (user.max_user_namespaces = 0): sudo sysctl -w" in done.stderr
