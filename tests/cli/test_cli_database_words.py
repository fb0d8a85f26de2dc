"""What `understudy validate` promises of a database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import spec
from cli.validate import summary
from core.database import Auth
from core.model import Deployable

LEDGER = spec.load(Path(__file__).resolve().parents[2] / "deployables" / "ledger.yaml")


def said(deployable: Deployable) -> str:
    return "\n".join(summary(deployable))


def test_who_has_it_how_it_is_reached_and_what_becomes_of_it_is_said() -> None:
    text = said(LEDGER)

    assert "database ledger: postgres 16.13 on db.t4g.medium, 20 GB, for ledger alone, over TLS alone" in text
    assert "talks to: the database" in text
    assert "when the stack is removed it stays" in text


def test_a_standby_or_none_is_told_by_what_a_failure_means() -> None:
    assert LEDGER.database is not None
    one_zone = replace(LEDGER, database=replace(LEDGER.database, multi_az=False))

    assert "its standby in another zone takes over by the same name" in said(LEDGER)
    assert "when the zone fails it is away as long as the zone" in said(one_zone)


def test_whom_tokens_are_for_and_who_makes_that_user_is_said() -> None:
    assert LEDGER.database is not None

    assert "for the user application, who is made at deploy" in said(replace(LEDGER, database=replace(LEDGER.database, auth=Auth.IAM)))


def test_a_file_without_one_says_nothing_of_it() -> None:
    assert "database" not in said(replace(LEDGER, database=None, assemblies=tuple(replace(a, database=None) for a in LEDGER.assemblies)))


def test_who_shares_a_foundation_is_told_what_its_file_must_say() -> None:
    assert LEDGER.database is not None
    shared = replace(LEDGER, foundation="shared")

    assert "the file of shared must say `database_secrets: true`" in said(shared)
    assert "database_secrets" not in said(replace(shared, database=replace(LEDGER.database, auth=Auth.IAM)))
