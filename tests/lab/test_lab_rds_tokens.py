"""IAM's word on who may come into a database: a token opens one door, for one user, for a quarter of an hour, as policies say.

Pages: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html and its .IAMPolicy.html.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto import mock_aws

from lab.clock import Clock
from lab.delays import Delays
from lab.journal import Journal
from lab.rds import tokens
from lab.rds.ldap import INVALID_CREDENTIALS, SUCCESS, Bind, NoBind, bound, parse_bind, size_of
from lab.rds.tokens import Denied, Door, Listener, check
from lab.world import REGION, World
from tests.lab.lab_worlds import events, role

DOOR = Door("understudy-ledger.abc.us-east-1.rds.amazonaws.com", 5432, "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ")
MAY = {"rds-db:connect": f"arn:aws:rds-db:{REGION}:123456789012:dbuser:{DOOR.resource}/application"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("tokens")
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        for name, value in (("ACCESS_KEY_ID", "testing"), ("SECRET_ACCESS_KEY", "testing"), ("DEFAULT_REGION", REGION)):
            environment.setenv(f"AWS_{name}", value)
        role("node", MAY)
        role("elsewhere", {"rds-db:connect": MAY["rds-db:connect"].replace("db-A", "db-B")})
        yield World(lab_dir=folder, clock=Clock(), journal=Journal(folder / "journal"), delays=Delays())


def token(world: World, who: str = "node", *, lives_s: float = 3600, region: str = REGION, **change: Any) -> str:
    """Signed with that role's credentials, as AWS's own signer would (tests/agent/test_agent_database_token.py compares the two)."""
    keys = world.principals.issue(f"arn:aws:iam::123456789012:role/{who}", "i-1", now=world.clock.now(), lifetime_s=lives_s)
    at = {"host": DOOR.host, "port": DOOR.port, "user": "application", **change}
    request = AWSRequest("GET", f"https://{at['host']}:{at['port']}/", params={"Action": "connect", "DBUser": at["user"]})
    SigV4QueryAuth(Credentials(keys.access_key, keys.secret_key, keys.token), "rds-db", region, expires=900).add_auth(request)
    return str(request.url).removeprefix("https://")


def test_a_token_of_awss_own_signer_opens_it_too(world: World) -> None:
    keys = world.principals.issue("arn:aws:iam::123456789012:role/node", "i-1", now=world.clock.now())
    session = boto3.session.Session(keys.access_key, keys.secret_key, keys.token, region_name=REGION)

    assert check(world, DOOR, "application", session.client("rds").generate_db_auth_token(DOOR.host, DOOR.port, "application"))


def test_a_token_opens_the_door_that_its_role_may_enter(world: World) -> None:
    assert check(world, DOOR, "application", token(world)).endswith("role/node")


@pytest.mark.parametrize(
    ("change", "user", "words"),
    [
        ({"who": "elsewhere"}, "application", "rds-db:connect"),
        ({"who": "nobody"}, "application", "does not exist"),
        ({"user": "understudy"}, "understudy", "rds-db:connect"),
        ({}, "understudy", "not for understudy"),
        ({"host": "other.abc.us-east-1.rds.amazonaws.com"}, "application", "signed for other"),
        ({"port": 3306}, "application", "3306"),
        ({"region": "eu-central-1"}, "application", "eu-central-1"),
        ({"lives_s": -1}, "application", "have expired"),
    ],
)
def test_it_opens_no_other_door_and_none_for_who_may_not(world: World, change: dict[str, Any], user: str, words: str) -> None:
    """A policy names the database by its resource id, and the user: UsingWithRDS.IAMDBAuth.IAMPolicy.html"""
    with pytest.raises(Denied, match=words):
        check(world, DOOR, user, token(world, **change))


def test_after_fifteen_minutes_it_opens_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """ "Each token has a lifetime of 15 minutes." """
    made, now = token(world), world.clock.now()

    monkeypatch.setattr(world.clock, "now", lambda: now + tokens.TOKEN_S_MAX - 5)
    assert check(world, DOOR, "application", made)
    monkeypatch.setattr(world.clock, "now", lambda: now + tokens.TOKEN_S_MAX + 5)
    with pytest.raises(Denied, match="for 900 s"):
        check(world, DOOR, "application", made)
    longer = made.replace("X-Amz-Expires=900", "X-Amz-Expires=9000")
    with pytest.raises(Denied, match="for 9000 s"):
        check(world, DOOR, "application", longer)


@pytest.mark.parametrize("spoilt", ["", "geheim", "?", "{}&x=1", "{}0", "a{}"])
def test_what_was_not_signed_like_this_opens_nothing(world: World, spoilt: str) -> None:
    with pytest.raises(Denied):
        check(world, DOOR, "application", spoilt.format(token(world)))


def test_a_database_asks_by_ldap_and_hears_yes_or_no(world: World) -> None:
    """https://www.rfc-editor.org/rfc/rfc4511#section-4.2; what was asked stands in the journal, and not the token."""
    listener = Listener(world, "127.0.0.1")
    listener.doors["understudy-ledger"] = DOOR
    made = token(world)

    def asked(name: str, password: str) -> bytes:
        with socket.create_connection((listener.address, listener.port), timeout=5) as asking:
            asking.sendall(_bind(name, password))
            return asking.recv(64)

    yes, no = asked("understudy-ledger/application", made), asked("understudy-ledger/understudy", made)
    unknown = asked("other/application", made)
    listener.close()

    bind = Bind(1, "", "")
    assert (yes, no, unknown) == (bound(bind, SUCCESS), bound(bind, INVALID_CREDENTIALS), bound(bind, INVALID_CREDENTIALS))
    assert len(events(world, what="let in by its token")) == 1
    assert "X-Amz" not in world.journal.path.read_text()


def _bind(name: str, password: str) -> bytes:
    """As OpenLDAP's library writes it."""

    def part(tag: int, content: bytes) -> bytes:
        size = len(content)
        return bytes([tag]) + (bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2)) + content

    body = part(2, b"\x03") + part(4, name.encode()) + part(0x80, password.encode())
    return part(0x30, part(2, b"\x01") + part(0x60, body))


@pytest.mark.parametrize("size", [5, 127, 128, 2000])
def test_a_bind_is_read_whatever_its_length(size: int) -> None:
    message = _bind("ledger/application", "x" * size)

    assert (size_of(message), size_of(message[:1])) == (len(message), None)
    assert parse_bind(message) == Bind(1, "ledger/application", "x" * size)


@pytest.mark.parametrize("message", [b"\x30\x05\x02\x01\x02\x42\x00", b"GET / HTTP/1.1", b"\x30\x03\x02\x01\x01", _bind("a", "b")[:-1]])
def test_what_is_no_bind_is_said_to_be_none(message: bytes) -> None:
    """The first is the goodbye that follows a bind."""
    with pytest.raises(NoBind):
        assert (size_of(message), parse_bind(message)) is None
