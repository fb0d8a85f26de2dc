"""The small adapters do what their page says."""

from __future__ import annotations

import errno
import io
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import systemd
from agent.__main__ import main
from agent.log import LINE_CHARS_MAX, LINES_KEPT, Log, Once
from agent.metadata import Imds
from agent.ports import Identity, Unreachable
from agent.reporter import REPORT_BYTES_MAX, fit
from agent.state_file import BadState, read_given_up, write_given_up
from agent.systemd import Notifier
from core.items import report_item
from core.model import Verdict
from core.records import ApplicationReport
from core.settings import BadSettings
from tests.agent.worlds import INSTANCE, MetadataServer, free_port, report

# --- identity ----------------------------------------------------------------------------------------------


@pytest.fixture
def metadata() -> Iterator[MetadataServer]:
    server = MetadataServer()
    yield server
    server.close()


def test_identity_comes_with_a_token(metadata: MetadataServer) -> None:
    assert Imds(metadata.endpoint).identity() == Identity(instance=INSTANCE, region="us-east-1", address="127.0.0.1")
    assert metadata.tokens_given == 1


def test_a_refused_token_is_replaced(metadata: MetadataServer) -> None:
    imds = Imds(metadata.endpoint)
    assert imds.target_lifecycle_state() == "InService"
    metadata.token = "token-2"
    metadata.state = "Terminated"

    assert imds.target_lifecycle_state() == "Terminated"
    assert metadata.tokens_given == 2


def test_outside_a_group_there_is_no_target_state(metadata: MetadataServer) -> None:
    metadata.state = None  # type: ignore[assignment]

    assert Imds(metadata.endpoint).target_lifecycle_state() is None


def test_a_silent_metadata_service_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="metadata service: PUT /latest/api/token"):
        Imds(f"http://127.0.0.1:{free_port()}").identity()


def test_an_endpoint_that_is_none_is_refused() -> None:
    with pytest.raises(BadSettings, match="AWS_EC2_METADATA_SERVICE_ENDPOINT is 'here'"):
        Imds("here")


# --- what survives ----------------------------------------------------------------------------------------


def test_what_was_given_up_is_remembered_by_this_instance_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert read_given_up(folder, INSTANCE) == 0
    write_given_up(folder, INSTANCE, 3)
    write_given_up(folder, INSTANCE, 5)

    assert read_given_up(folder, INSTANCE) == 5
    assert read_given_up(folder, "i-made-from-its-image") == 0


def test_a_folder_that_cannot_be_made_holds_nothing_that_was_given_up_and_is_made_once_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "state"

    def full(*_given: object, **_words: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", full)
        assert read_given_up(folder, INSTANCE) == 0
        with pytest.raises(OSError, match="No space left"):
            write_given_up(folder, INSTANCE, 3)
    write_given_up(folder, INSTANCE, 3)

    assert read_given_up(folder, INSTANCE) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 9}', '{"version": 1, "epoch": "x"}', '{"version": 1, "epoch": true}'])
def test_a_spoiled_state_file_is_named_not_guessed_at(text: str, tmp_path: Path) -> None:
    (tmp_path / "given-up.json").write_text(text)

    with pytest.raises(BadState, match=r"given-up\.json"):
        read_given_up(tmp_path, INSTANCE)


# --- systemd ----------------------------------------------------------------------------------------------


def test_systemd_is_told_and_is_not_missed_where_it_is_not(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        Notifier(str(tmp_path / "notify")).say("READY=1", "STATUS=two\nlines")
        assert ear.recv(1000) == b"READY=1\nSTATUS=two lines"
    Notifier(str(tmp_path / "notify")).say("WATCHDOG=1")
    Notifier(None).say("WATCHDOG=1")


def test_where_systemd_cannot_be_asked_the_machine_is_not_taken_for_dying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert systemd.going_down() is systemd.GoingDown.NO


# --- log and reports ----------------------------------------------------------------------------------------


def test_the_log_is_json_lines_and_its_tail_is_bounded() -> None:
    stream = io.StringIO()
    log = Log(stream)
    for number in range(LINES_KEPT + 10):
        log.say("now", number=number, filler="x" * (LINE_CHARS_MAX * 2 if number == 0 else 1))
    assert log.flush()

    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= LINE_CHARS_MAX
    assert json.loads(lines[0])["event"] == "now"
    tail = [json.loads(line)["number"] for line in log.tail().splitlines()]
    assert tail == list(range(10, LINES_KEPT + 10))


def test_a_trouble_is_said_when_it_begins_and_when_it_ends() -> None:
    stream = io.StringIO()
    log = Log(stream)
    trouble = Once(log, "table")
    for _ in range(3):
        trouble.trouble("slow")
    trouble.well()
    trouble.well()
    assert log.flush()

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["table-trouble", "table-well-again"]


@pytest.mark.parametrize("applications", [1, 4, 9])
def test_a_report_fits_one_write_unit_and_keeps_every_verdict(applications: int) -> None:
    told = ApplicationReport(verdict=Verdict.FAILING, restarts=12, reason="r" * 400)
    fitted = fit(report(applications=tuple((f"application-{number}", told) for number in range(applications))))

    assert len(json.dumps(report_item(fitted)).encode()) <= REPORT_BYTES_MAX
    assert [verdict.verdict for _, verdict in fitted.applications] == [Verdict.FAILING] * applications


def test_a_report_of_many_applications_leaves_out_those_that_are_well() -> None:
    well = ApplicationReport(verdict=Verdict.HEALTHY, restarts=0)
    bad = ApplicationReport(verdict=Verdict.FAILING, restarts=3, reason="exited with status 1")
    fitted = fit(report(applications=tuple((f"application-{number:02}", bad if number == 77 else well) for number in range(100))))

    assert len(json.dumps(report_item(fitted)).encode()) <= REPORT_BYTES_MAX
    assert "application-77" in dict(fitted.applications)


# --- the command -------------------------------------------------------------------------------------------


def test_run_names_the_variable_that_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("UNDERSTUDY_SETTINGS", raising=False)

    assert main(["run"]) == 2
    assert "environment variable UNDERSTUDY_SETTINGS is not set" in capsys.readouterr().err
