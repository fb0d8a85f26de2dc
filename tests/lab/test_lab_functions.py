"""Functions run as on AWS: own process, warm and cold starts, timeouts, memory, environment, logs."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.backends import get_backend

from lab.functions.engine import FunctionEngine
from lab.world import ACCOUNT, REGION, World
from tests.lab.lab_worlds import archive, deploy, events, small_world, wait_for


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with small_world(tmp_path) as made:
        yield made


def call(name: str, payload: Any = None, **more: Any) -> tuple[Any, dict[str, Any]]:
    answer = boto3.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload or {}), **more)
    text = answer["Payload"].read()
    return (json.loads(text) if text else None), answer


def log_lines(name: str) -> list[str]:
    group = get_backend("logs")[ACCOUNT][REGION].groups.get(f"/aws/lambda/{name}")
    return [event.message for stream in (group.streams.values() if group else ()) for event in stream.events]


ECHO = """
import os
import boto3
count = 0
def handler(event, context):
    global count
    count += 1
    print("hello", event)
    return {"event": event, "count": count, "pid": os.getpid(), "env": dict(os.environ), "cwd": os.getcwd(),
            "id": context.aws_request_id, "left": context.get_remaining_time_in_millis(), "arn": context.invoked_function_arn}
"""


def test_a_handler_runs_in_its_own_process_with_awss_environment_and_nothing_of_ours(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime"""
    os.environ["LAB_SECRET_OF_OURS"] = "x"
    arn = deploy("echo", ECHO, Environment={"Variables": {"MINE": "1"}}, MemorySize=256)

    body, answer = call("echo", {"a": 1})

    env = body["env"]
    assert body["event"] == {"a": 1}
    assert body["pid"] != os.getpid()
    assert body["arn"] == arn
    assert 0 < body["left"] <= 5000
    assert env["MINE"] == "1"
    assert env["AWS_LAMBDA_FUNCTION_NAME"] == "echo"
    assert env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert env["AWS_REGION"] == REGION
    assert env["AWS_ENDPOINT_URL"] == world.endpoint
    assert env["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    found = world.principals.find(env["AWS_ACCESS_KEY_ID"])
    assert found is not None
    assert found.role_arn == f"arn:aws:iam::{ACCOUNT}:role/echo-role"
    assert "LAB_SECRET_OF_OURS" not in env
    assert "FunctionError" not in answer
    del os.environ["LAB_SECRET_OF_OURS"]


def test_an_environment_is_kept_warm_and_used_again(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""
    deploy("echo", ECHO)

    first, _ = call("echo")
    second, _ = call("echo")

    assert (first["count"], second["count"]) == (1, 2)
    assert first["pid"] == second["pid"]
    assert [line["cold"] for line in events(world, who="main", what="invoked by")] == [True, False]


def test_between_calls_nothing_goes_on(world: World) -> None:
    """Same page: the environment is frozen after each invocation."""
    deploy(
        "ticker",
        "import threading, time\nn = 0\ndef run():\n    global n\n    while True:\n        time.sleep(0.01)\n        n += 1\n"
        "threading.Thread(target=run, daemon=True).start()\ndef handler(event, context):\n    return n\n",
    )
    before, _ = call("ticker")
    time.sleep(0.5)
    after, _ = call("ticker")

    assert after - before < 20


def test_calls_at_the_same_time_get_environments_of_their_own(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"""
    deploy("slow", "import os, time\ndef handler(event, context):\n    time.sleep(0.7)\n    return os.getpid()\n")
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(call("slow")[0])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(found)) == 2


def test_reserved_concurrency_throttles(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""
    deploy("slow", "import time\ndef handler(event, context):\n    time.sleep(1)\n", ReservedConcurrentExecutions=1)
    client = boto3.client("lambda", config=boto3.session.Config(retries={"total_max_attempts": 1}))
    thread = threading.Thread(target=lambda: call("slow"))
    thread.start()
    wait_for(lambda: events(world, what="invoked by"))

    with pytest.raises(client.exceptions.TooManyRequestsException):
        client.invoke(FunctionName="slow", Payload="{}")
    thread.join()


def test_a_function_that_hangs_is_killed_at_its_timeout(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html"""
    deploy("hang", "import time\ndef handler(event, context):\n    while True:\n        time.sleep(1)\n", Timeout=1)

    body, answer = call("hang")

    assert answer["FunctionError"] == "Unhandled"
    assert body["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in body["errorMessage"]
    assert any("Task timed out after 1.00 seconds" in line for line in log_lines("hang"))


def test_an_error_of_the_handler_is_told_in_the_header_and_the_body(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html"""
    deploy("bad", "def handler(event, context):\n    raise KeyError('nope')\n")

    body, answer = call("bad")

    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    assert body["errorType"] == "KeyError"
    assert body["errorMessage"] == "'nope'"
    assert events(world, who="main", what="failed after")[0]["error"] == "KeyError: 'nope'"


def test_a_handler_that_cannot_be_loaded_is_an_error_of_its_init(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html"""
    deploy("bad", "import nothing_of_that_name\n")

    body, answer = call("bad")

    assert answer["FunctionError"] == "Unhandled"
    assert body["errorType"] == "Runtime.ImportModuleError"


def test_a_process_that_exits_is_an_error_and_the_next_call_starts_anew(world: World) -> None:
    deploy("quits", "import os\ndef handler(event, context):\n    if event.get('quit'):\n        os._exit(3)\n    return 'fine'\n")

    body, _ = call("quits", {"quit": True})
    again, _ = call("quits")

    assert body["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in body["errorMessage"]
    assert again == "fine"


def test_a_function_that_needs_more_memory_than_it_has_is_killed(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
    deploy("greedy", "import time\ndef handler(event, context):\n    x = b'x' * 300_000_000\n    time.sleep(3)\n    return len(x)\n")

    body, answer = call("greedy")

    assert answer["FunctionError"] == "Unhandled"
    assert body["errorType"] == "Runtime.OutOfMemory"


def test_what_is_printed_is_in_the_log_group_between_start_and_report(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html"""
    deploy("echo", ECHO)

    body, answer = call("echo", {"a": 1}, LogType="Tail")
    lines = wait_for(lambda: [line for line in log_lines("echo") if line.startswith("REPORT")] and log_lines("echo"))

    assert [line.split(" ")[0].split("\t")[0] for line in lines] == ["START", "hello", "END", "REPORT"]
    assert f"RequestId: {body['id']}" in lines[0]
    assert "Memory Size: 128 MB" in lines[3]
    assert "Init Duration:" in lines[3]
    assert "LogResult" in answer


def test_new_code_and_new_settings_count_from_the_next_call(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html"""
    deploy("echo", "import os\ndef handler(event, context):\n    return 'old'\n")
    assert call("echo")[0] == "old"
    client = boto3.client("lambda")

    client.update_function_code(
        FunctionName="echo", ZipFile=archive({"main.py": "import os\ndef handler(e, c):\n    return os.environ['X']\n"})
    )
    client.update_function_configuration(FunctionName="echo", Environment={"Variables": {"X": "new"}})

    assert call("echo")[0] == "new"


def test_payloads_have_limits(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 6 MB, 1 MB asynchronous."""
    deploy("echo", "def handler(event, context):\n    return 'x' * event.get('n', 0)\n")
    client = boto3.client("lambda")

    with pytest.raises(client.exceptions.ClientError, match="RequestEntityTooLargeException"):
        client.invoke(FunctionName="echo", Payload=json.dumps({"x": "x" * 1_100_000}), InvocationType="Event")
    body, answer = call("echo", {"n": 7_000_000})

    assert answer["FunctionError"] == "Unhandled"
    assert "6291556" in body["errorMessage"]


def test_the_code_is_read_only(world: World) -> None:
    deploy("writes", "import os\ndef handler(event, context):\n    return oct(os.stat('main.py').st_mode & 0o777)\n")

    assert call("writes")[0] == "0o444"


def test_a_runtime_that_is_not_here_is_said_once_and_runs_on_another(world: World) -> None:
    deploy(
        "newer", "import sys, boto3, awslambdaric\ndef handler(event, context):\n    return sys.version_info[:2]\n", Runtime="python3.19"
    )

    body, _ = call("newer")
    call("newer")

    said = events(world, what="no python3.19 on this machine")
    assert len(said) == 1
    assert said[0]["runs_on"] == f"python{body[0]}.{body[1]}"


def test_closing_ends_every_process(world: World) -> None:
    deploy("echo", ECHO)
    body, _ = call("echo")
    assert isinstance(world.functions, FunctionEngine)

    world.functions.close()

    wait_for(lambda: not Path(f"/proc/{body['pid']}").exists())


def test_dry_run_runs_nothing(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    deploy("echo", ECHO)

    _, answer = call("echo", InvocationType="DryRun")

    assert answer["StatusCode"] == 204
    assert not events(world, what="invoked by")
