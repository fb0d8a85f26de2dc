"""The order for a database's user, and the statements that make it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.database import IAM_USER, MASTER_USER, Engine
from core.database_user import BadOrder, Order, order_to_event, parse_order, statements

ORDER = Order(
    engine=Engine.POSTGRES, host="db.example", port=5432, name="ledger", user=IAM_USER, master=MASTER_USER, password="geheim'; --"
)
EVENT = order_to_event(ORDER)


def test_an_order_survives_its_way_through_an_event_whose_numbers_are_texts() -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html"""
    assert parse_order(EVENT) == parse_order({**EVENT, "port": "5432"}) == ORDER


def test_no_text_of_an_order_has_the_password() -> None:
    assert "geheim" not in f"{ORDER} {ORDER!r}" + "".join(statements(ORDER))


def test_the_user_is_made_once_is_a_member_of_rds_iam_and_may_make_tables_in_its_database() -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html"""
    make, *grants = statements(ORDER)

    assert "IF NOT EXISTS" in make
    assert grants == [
        'GRANT rds_iam TO "application"',
        'GRANT ALL ON DATABASE "ledger" TO "application"',
        'GRANT ALL ON SCHEMA public TO "application"',
    ]


@pytest.mark.parametrize("engine", [Engine.MARIADB, Engine.MYSQL])
def test_there_it_comes_by_the_plugin_of_aws_and_over_tls_and_may_make_tables_in_its_database_alone(engine: Engine) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html; _ is any letter in a GRANT."""
    make, change, grant = statements(replace(ORDER, engine=engine, name="our_books"))

    assert make == "CREATE USER IF NOT EXISTS 'application'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'"
    assert change == "ALTER USER 'application'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL"
    assert grant.endswith(r" ON `our\_books`.* TO 'application'@'%'")
    assert "CREATE" in grant
    assert not {"ALL", "GRANT OPTION", "SUPER", "CREATE USER"} & set(grant.removeprefix("GRANT ").partition(" ON ")[0].split(", "))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"engine": "oracle"}, "engine is 'oracle'"),
        ({"user": 'x"; DROP'}, "user is"),
        ({"name": "my-app"}, "name is"),
        ({"port": "0"}, "port 0"),
        ({"port": "five"}, "port is 'five'"),
        ({"host": ""}, "host is ''"),
        ({"password": None}, "password is missing"),
        ({"password": ""}, "and a password"),
        ({"user": MASTER_USER}, "is the master user"),
    ],
)
def test_what_is_no_order_is_refused_without_telling_the_password(change: dict[str, Any], words: str) -> None:
    with pytest.raises(BadOrder) as caught:
        parse_order({**EVENT, **change})

    assert words in str(caught.value)
    assert "geheim" not in str(caught.value)
