"""A real MariaDB that takes tokens: its user is made by the very function that a deploy runs, and IAM decides who comes in.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html; inside the lab's space.
"""

from __future__ import annotations

import shutil
import socket
from typing import Any

import boto3
import pytest

from core import names
from deployables.programs import mysql
from lab.world import ACCOUNT, REGION
from lambdas import make_user
from tests.lab.lab_worlds import events, role, wait_for
from tests.lab.test_lab_rds_mariadb import HERE, Credentials, Refused, Shop, shop

__all__ = ["shop"]  # a fixture

pytestmark = [
    pytest.mark.lab,
    pytest.mark.heavy,
    pytest.mark.skipif(not HERE, reason="there is no MariaDB on this machine (Debian packages mariadb-server-core, -client-core, -backup)"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler on this machine (Debian packages gcc, libc6-dev)"),
]
USER = "application"


class Iam:
    """A database whose user was made as a deploy makes it, and roles that may come in or not."""

    def __init__(self, shop: Shop, monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
        self.shop, self._world = shop, shop.world
        shop.create(EnableIAMDatabaseAuthentication=True, **more)
        [made] = shop.rds.describe_db_instances()["DBInstances"]
        connect, known = socket.create_connection, shop.world.names
        # A machine would ask the VPC's resolver, which answers from the same names.
        monkeypatch.setattr(socket, "create_connection", lambda at, *a, **more: connect((known.get(at[0], at)[0], at[1]), *a, **more))
        monkeypatch.setenv(names.ENV_DATABASE_CA, shop.ca)
        at = {"engine": "mariadb", "host": shop.at.host, "port": shop.at.port, "name": "ledger"}
        self.order = {**at, "user": USER, "master": shop.user.user, "password": shop.user.password}
        make_user.handler(self.order, None)
        resource = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:{made['DbiResourceId']}/{USER}"
        role("node", {"rds-db:connect": resource})
        role("stranger", {"rds-db:connect": resource.replace(USER, "somebody")})

    def token(self, who: str = "node", user: str = USER) -> str:
        keys = self._world.principals.issue(f"arn:aws:iam::{ACCOUNT}:role/{who}", "i-1", now=self._world.clock.now())
        session = boto3.session.Session(keys.access_key, keys.secret_key, keys.token, region_name=REGION)
        return str(session.client("rds").generate_db_auth_token(self.shop.at.host, self.shop.at.port, user))

    def ask(self, text: str, password: str, user: str = USER) -> str:
        """By MariaDB's own client, with the file that the agent writes."""
        return self.shop.ask(text, user=Credentials(user=user, password=password))

    def connect(self, password: str) -> mysql.Connection:
        """As a program of deployables/ does."""
        settings = {"host": self.shop.at.host, "port": self.shop.at.port, "name": "ledger", "ca": self.shop.ca}
        return mysql.Connection({**settings, "user": USER, "password": password}, timeout_s=5.0)


def test_a_token_opens_it_for_the_user_that_a_deploy_made_and_for_nobody_else(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    iam = Iam(shop, monkeypatch)
    made = iam.token()

    session = iam.connect(made)
    assert session.ask("SELECT CURRENT_USER(), DATABASE(), NULL") == [["application@%", "ledger", None]]
    session.ask("CREATE TABLE entry (number bigint AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB")
    assert session.ask("INSERT INTO entry VALUES () RETURNING number") == [["1"]]
    with pytest.raises(mysql.ServerSaid, match=r"1142|1044|1227"):
        session.ask("SELECT * FROM mysql.global_priv")

    # Made once more, as a retried deploy does, it is as it was.
    assert make_user.handler(iam.order, None) == {"made": USER}
    assert iam.ask("SELECT count(*) FROM entry", made) == "1"

    for password, user in (
        (iam.token("stranger"), USER),
        (iam.token(user="understudy"), USER),
        (shop.user.password, USER),
        ("", USER),
        (iam.token(user="understudy"), "understudy"),  # the master user has a password, and that alone
    ):
        with pytest.raises(Refused, match="1045"):
            iam.ask("SELECT 1", password, user)
    assert iam.ask("SELECT 1", shop.user.password, "understudy") == "1"
    with pytest.raises(Refused, match=r"insecure transport|1045"):
        shop.run("SELECT 1", "--no-defaults", "--skip-ssl", f"--host={shop.at.host}", f"--user={USER}", f"--password={made}")

    now = shop.world.clock.now()
    monkeypatch.setattr(shop.world.clock, "now", lambda: now + 1000)
    with pytest.raises(mysql.ServerSaid, match="1045"):
        iam.connect(made)
    assert session.ask("SELECT 1") == [["1"]], "a session goes on: a token is asked for when one begins"
    assert "X-Amz" not in shop.world.journal.path.read_text()


def test_a_standby_that_took_over_takes_tokens_too_and_so_does_one_that_was_restarted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    iam = Iam(shop, monkeypatch, MultiAZ=True)
    iam.ask("CREATE TABLE entry (number int)", iam.token())

    shop.rds.reboot_db_instance(DBInstanceIdentifier="understudy-shop", ForceFailover=True)

    wait_for(lambda: events(shop.world, event_id="RDS-EVENT-0049"))
    assert iam.ask("SELECT count(*) FROM entry", iam.token()) == "0"
    with pytest.raises(Refused, match="1045"):
        iam.ask("SELECT 1", iam.token("stranger"))
    wait_for(lambda: len(events(shop.world, what="has a standby")) == 2)
    shop.rds.reboot_db_instance(DBInstanceIdentifier="understudy-shop")
    assert iam.ask("SELECT count(*) FROM entry", iam.token()) == "0"


def test_without_iam_the_statement_that_makes_such_a_user_is_refused_in_awss_words(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """ERROR 1524: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html"""
    shop.create()

    with pytest.raises(Refused, match=r"1524.*Plugin 'AWSAuthenticationPlugin' is not loaded"):
        shop.ask("CREATE USER x IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'")
