"""Making a database's user at deploy: one function hands over what opens it, the other uses it, and CloudFormation hears how it went."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from core import names
from core.database import Engine
from core.database_user import Order, statements
from lambdas import hand_secret, make_user
from lambdas.adapters import clock, custom_resource, functions, postgres, secret
from lambdas.adapters.clients import WorldFailed
from lambdas.adapters.session import ServerSaid

PASSWORD = "geheim:1"
ORDER = {"engine": "postgres", "host": "db.example", "port": "5432", "name": "ledger", "user": "application"}
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!db-1"


class Answers:
    """Where CloudFormation waits for an answer. refuse: how many times it fails first."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.types: list[str | None] = []
        self.refuse = 0
        answers = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answers.types.append(self.headers.get("Content-Type"))
                answers.refuse -= 1
                if answers.refuse < 0:
                    answers.taken.append(json.loads(body))
                self.send_response(503 if answers.refuse >= 0 else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/answer?X-Amz-Signature=key"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)
    monkeypatch.setenv(names.ENV_FUNCTION_MAKE_USER, "maker")
    made = Answers()
    yield made
    made.server.shutdown()
    made.server.server_close()


def request(answers: Answers, kind: str = "Create", **more: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes.html"""
    return {
        "RequestType": kind,
        "RequestId": "r-1",
        "StackId": "arn:stack",
        "LogicalResourceId": "User",
        "ResponseURL": answers.url,
        "ResourceType": "AWS::CloudFormation::CustomResource",
        "ResourceProperties": {"ServiceToken": "arn:hander", "secret": SECRET, **ORDER},
        **more,
    }


def test_the_secret_is_handed_over_and_cloudformation_told_without_a_word_of_it(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html"""
    asked: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(secret, "read", lambda arn: json.dumps({"username": "understudy", "password": PASSWORD, "of": arn}))
    monkeypatch.setattr(functions, "ask", lambda *call: asked.append(call))
    answers.refuse = 2

    hand_secret.handler(request(answers), None)

    assert asked == [("maker", {**ORDER, "port": 5432, "master": "understudy", "password": PASSWORD})]
    [told] = answers.taken
    assert told == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "application@db.example",
        "StackId": "arn:stack",
        "RequestId": "r-1",
        "LogicalResourceId": "User",
    }
    assert set(answers.types) == {""}, "its address was signed for a content type that is empty"
    assert PASSWORD not in capsys.readouterr().out


def test_a_password_that_was_just_changed_is_read_again_and_what_stays_refused_fails_the_deploy(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = iter(["old", "new", "newer", "newest"])
    monkeypatch.setattr(secret, "read", lambda arn: json.dumps({"username": "understudy", "password": next(passwords)}))
    asked: list[str] = []

    def ask(function: str, payload: dict[str, Any]) -> dict[str, Any]:
        asked.append(payload["password"])
        raise WorldFailed("ask maker", "Unhandled", "28P01: password authentication failed")

    monkeypatch.setattr(functions, "ask", ask)
    hand_secret.handler(request(answers, "Update", PhysicalResourceId="application@db.example"), None)

    assert asked == ["old", "new", "newer", "newest"]
    assert (answers.taken[0]["Status"], answers.taken[0]["PhysicalResourceId"]) == ("FAILED", "application@db.example")
    assert "28P01" in answers.taken[0]["Reason"]


def test_a_role_that_aws_does_not_know_everywhere_yet_is_waited_for(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency"""
    refusals = [WorldFailed("read the database's secret", "AccessDeniedException", "not authorized")] * 2

    def read(arn: str) -> str:
        if refusals:
            raise refusals.pop()
        return json.dumps({"username": "understudy", "password": PASSWORD})

    monkeypatch.setattr(secret, "read", read)
    monkeypatch.setattr(functions, "ask", lambda *call: None)
    hand_secret.handler(request(answers), None)

    assert answers.taken[0]["Status"] == "SUCCESS"


def test_a_secret_that_cannot_be_read_fails_the_deploy_and_is_not_told(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret, "read", lambda arn: f'{{"password": "{PASSWORD}"}}')
    hand_secret.handler(request(answers), None)

    assert answers.taken[0]["Status"] == "FAILED"
    assert PASSWORD not in json.dumps(answers.taken)


def test_when_the_stack_goes_the_user_stays_with_what_it_owns(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret, "read", lambda arn: pytest.fail("nothing is to be opened"))
    hand_secret.handler(request(answers, "Delete", PhysicalResourceId="application@old.example"), None)

    assert (answers.taken[0]["Status"], answers.taken[0]["PhysicalResourceId"]) == ("SUCCESS", "application@old.example")


def test_an_answer_that_nobody_takes_is_an_error_that_does_not_tell_the_address(answers: Answers) -> None:
    answers.refuse = 99
    with pytest.raises(WorldFailed) as caught:
        custom_resource.answer(request(answers), id_="x")

    assert "503" in str(caught.value)
    assert "X-Amz-Signature" not in f"{caught.value} {caught.value.__cause__}"


class Said:
    """A database that is news to the resolver at first. refuses: what it says to the statements."""

    def __init__(self, away: int = 0, refuses: ServerSaid | None = None) -> None:
        self.away, self.refuses = away, refuses
        self.opened: list[dict[str, Any]] = []
        self.heard: list[str] = []

    def __call__(self, host: str, port: int, **how: Any) -> Said:
        self.opened.append(how)
        if len(self.opened) <= self.away:
            raise OSError("Name or service not known")
        return self

    def __enter__(self) -> Said:
        return self

    def __exit__(self, *_: object) -> None: ...

    def say(self, statement: str) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.heard.append(statement)


EVENT = {**ORDER, "master": "understudy", "password": PASSWORD}


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr(clock, "now_ms", lambda: now[0])
    monkeypatch.setattr(clock, "sleep", lambda seconds: now.__setitem__(0, now[0] + int(seconds * 1000)))


def test_the_user_is_made_as_the_master_user_over_tls_once_the_database_is_found(
    passing: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Said(away=3)
    monkeypatch.setattr(postgres, "Connection", database)

    assert make_user.handler(EVENT, None) == {"made": "application"}
    assert database.heard == list(statements(Order(Engine.POSTGRES, "db.example", 5432, "ledger", "application", "understudy", PASSWORD)))
    assert database.opened[-1] == {
        "name": "ledger", "user": "understudy", "password": PASSWORD, "ca": make_user.BUNDLED_CA, "timeout_s": make_user.ANSWER_S,
    }  # fmt: skip
    assert PASSWORD not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("database", "words"),
    [(Said(refuses=ServerSaid("42501", "permission denied")), "42501: permission denied"), (Said(away=99), "no way to db.example:5432")],
)
def test_what_is_refused_or_stays_away_is_said_and_not_what_opens_it(
    database: Said, words: str, passing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "Connection", database)
    with pytest.raises(make_user.NotMade) as caught:
        make_user.handler(EVENT, None)

    assert words in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert len(database.opened) <= make_user.TRY_FOR_S / make_user.PAUSE_S + 1
