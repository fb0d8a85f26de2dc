"""A real PostgreSQL that takes tokens: its user is made by the very function that a deploy runs, and IAM decides who comes in.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html; inside the lab's space.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

import boto3
import pytest

from core import names
from lab.certificates import CA_FILE
from lab.world import ACCOUNT, REGION
from lambdas import make_user
from tests.lab.lab_worlds import events, role, wait_for
from tests.lab.test_lab_rds import POSTGRES, Database, database

__all__ = ["database"]  # a fixture

pytestmark = [
    pytest.mark.lab,
    pytest.mark.heavy,
    pytest.mark.skipif(not POSTGRES, reason="there is no PostgreSQL on this machine (Debian package postgresql)"),
]
USER = "application"
REFUSED = r"28000|28P01"  # by LDAP or by SCRAM


class Iam:
    """A database whose user was made as a deploy makes it, and roles that may come in or not."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
        self.database, self._world = database, database.world
        self.made = database.create(EnableIAMDatabaseAuthentication=True, **more)
        self.master = database.settings(self.made)
        monkeypatch.setenv(names.ENV_DATABASE_CA, str(self._world.lab_dir / "rds" / CA_FILE))
        self.order = {key: self.master[key] for key in ("host", "port", "name", "password")}
        self.order |= {"engine": "postgres", "user": USER, "master": self.master["user"]}
        make_user.handler(self.order, None)
        resource = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:{self.made['DbiResourceId']}/{USER}"
        role("node", {"rds-db:connect": resource})
        role("stranger", {"rds-db:connect": resource.replace(USER, "somebody")})

    def token(self, who: str = "node", user: str = USER) -> str:
        keys = self._world.principals.issue(f"arn:aws:iam::{ACCOUNT}:role/{who}", "i-1", now=self._world.clock.now())
        session = boto3.session.Session(keys.access_key, keys.secret_key, keys.token, region_name=REGION)
        endpoint = self.made["Endpoint"]
        return str(session.client("rds").generate_db_auth_token(endpoint["Address"], endpoint["Port"], user))

    def connect(self, password: str, user: str = USER) -> Any:
        return self.database.connect({**self.master, "user": user, "password": password})


def test_a_token_opens_it_for_the_user_that_a_deploy_made_and_for_nobody_else(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    iam = Iam(database, monkeypatch)
    made = iam.token()

    session = iam.connect(made)
    assert session.ask("SELECT current_user, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user") == [[USER, "f", "f"]]
    session.ask("CREATE TABLE entry (number int)")
    session.ask("INSERT INTO entry VALUES (1)")

    # Made once more, as a retried deploy does, it is as it was.
    assert make_user.handler(iam.order, None) == {"made": USER}
    assert iam.connect(made).ask("SELECT count(*) FROM entry") == [["1"]]

    said = database.wire.ServerSaid
    for password, user in ((iam.token("stranger"), USER), (iam.token(user="understudy"), USER), (iam.master["password"], USER)):
        with pytest.raises(said, match=REFUSED):
            iam.connect(password, user)
    with pytest.raises(said, match="28P01"):
        iam.connect(iam.token(user="understudy"), "understudy")  # the master user is no member of rds_iam
    assert iam.connect(iam.master["password"], "understudy").ask("SELECT 1") == [["1"]]
    with pytest.raises(said, match=r"rejects|no encryption"):
        _in_the_clear(iam)

    now = database.world.clock.now()
    monkeypatch.setattr(database.world.clock, "now", lambda: now + 1000)
    with pytest.raises(said, match=REFUSED):
        iam.connect(made)
    assert session.ask("SELECT 1") == [["1"]], "a session goes on: a token is asked for when one begins"
    assert "X-Amz" not in database.world.journal.path.read_text()


def test_a_standby_that_took_over_takes_tokens_too(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    iam = Iam(database, monkeypatch, MultiAZ=True)
    iam.connect(iam.token()).ask("CREATE TABLE entry (number int)")

    database.rds.reboot_db_instance(DBInstanceIdentifier="understudy-ledger", ForceFailover=True)

    wait_for(lambda: events(database.world, event_id="RDS-EVENT-0049"))
    assert iam.connect(iam.token()).ask("SELECT count(*) FROM entry") == [["0"]]
    with pytest.raises(database.wire.ServerSaid, match=REFUSED):
        iam.connect(iam.token("stranger"))


def test_two_databases_have_ids_of_their_own_so_that_a_policy_names_one(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html"""
    iam = Iam(database, monkeypatch)
    id_ = iam.made["DbiResourceId"]

    [told] = database.rds.describe_db_instances()["DBInstances"]
    assert told["DbiResourceId"] == id_
    assert id_.startswith("db-")
    assert id_ != "db-M5ENSHXFPU6XHZ4G4ZEI5QIO2U", "moto's, which is the same for all"


def _in_the_clear(iam: Iam) -> None:
    endpoint = iam.made["Endpoint"]
    with socket.create_connection((endpoint["Address"], endpoint["Port"]), timeout=5) as plain:
        body = struct.pack("!I", 196608) + f"user\0{USER}\0database\0ledger\0\0".encode()
        plain.sendall(struct.pack("!I", len(body) + 4) + body)
        raise iam.database.wire.ServerSaid(plain.recv(4096).decode(errors="replace"))
