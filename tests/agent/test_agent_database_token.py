"""Tokens that a node signs for itself: AWS's own signer makes the same, and one is renewed long before it ends."""

from __future__ import annotations

import datetime
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.auth
import botocore.compat
import pytest

from agent.database_token import RENEWED_AFTER_S, SignedTokens
from agent.ports import Unreachable
from core.database import TOKEN_LIFE_S, Whereabouts

AT = Whereabouts(host="db.abc.eu-central-1.rds.amazonaws.com", port=5432)


@pytest.fixture(autouse=True)
def role(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ACCESS_KEY_ID", "ASIA1"), ("SECRET_ACCESS_KEY", "s"), ("SESSION_TOKEN", "t/+=")):
        monkeypatch.setenv(f"AWS_{name}", value)
    moment = datetime.datetime(2026, 11, 21, 12, 0, 0)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_: moment)


def test_a_token_is_what_awss_own_signer_makes_of_the_same() -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.Python.html"""
    session = boto3.Session()  # its own: the shared one may have somebody else's keys by now
    theirs = session.client("rds", region_name="eu-central-1").generate_db_auth_token(AT.host, AT.port, "application")

    ours = SignedTokens(AT, "application", "eu-central-1").credentials()
    assert urlsplit(f"https://{ours.password}").netloc == f"{AT.host}:5432"
    assert parse_qs(urlsplit(ours.password).query) == parse_qs(urlsplit(theirs).query)


def test_it_is_signed_anew_when_a_third_of_its_life_is_over_and_not_before() -> None:
    """A token lives 15 minutes: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html"""
    now = [1000.0]
    tokens = SignedTokens(AT, "application", "eu-central-1", now=lambda: now[0])
    first = tokens.credentials()
    now[0] += RENEWED_AFTER_S - 1
    same = tokens.credentials()
    now[0] += 1
    second = tokens.credentials()

    assert (first.user, first.expires_at) == ("application", 1000.0 + TOKEN_LIFE_S)
    assert same is first
    assert second.expires_at == 1000.0 + RENEWED_AFTER_S + TOKEN_LIFE_S


def test_without_a_roles_credentials_it_says_so_and_asks_for_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = SignedTokens(AT, "application", "eu-central-1")
    with monkeypatch.context() as without:
        without.delenv("AWS_ACCESS_KEY_ID")
        without.setenv("AWS_EC2_METADATA_DISABLED", "true")
        without.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        without.setenv("AWS_CONFIG_FILE", "/nonexistent")
        with pytest.raises(Unreachable, match="sign a token for the database"):
            tokens.credentials()

    assert "ASIA1" in tokens.credentials().password
