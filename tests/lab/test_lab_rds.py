"""Database instances in the lab are real servers with AWS's manners: TLS or nothing, a managed secret, a name of their own.

Inside the lab's space, where a server has an address of the VPC; without PostgreSQL on the machine they are skipped, and say so.
"""

from __future__ import annotations

import importlib.util
import json
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lab.certificates import CA_FILE
from lab.world import REGION, World
from tests.lab.lab_worlds import events, wait_for
from tests.lab.rds_worlds import room_for, with_databases

WIRE = Path(__file__).resolve().parents[2] / "deployables" / "programs" / "postgres.py"
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not POSTGRES, reason="there is no PostgreSQL on this machine (Debian package postgresql)"),
]


class Database:
    """One instance, asked for as CloudFormation asks, and its clients."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.rds = room_for("10.79", "postgres16", ("rds.force_ssl", "1"))
        found = importlib.util.spec_from_file_location("ledger_program", WIRE)
        assert found is not None
        assert found.loader is not None
        self.wire = importlib.util.module_from_spec(found)
        found.loader.exec_module(self.wire)
        connect = socket.create_connection
        names = world.names
        # A machine would ask the VPC's resolver, which answers from the same names.
        monkeypatch.setattr(socket, "create_connection", lambda at, **more: connect((names.get(at[0], at)[0], at[1]), **more))

    def create(self, **more: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.rds.create_db_instance(
            DBInstanceIdentifier="understudy-ledger",
            DBInstanceClass="db.t4g.medium",
            Engine="postgres",
            EngineVersion="16.13",
            DBName="ledger",
            AllocatedStorage=20,
            MasterUsername="understudy",
            ManageMasterUserPassword=True,
            DBSubnetGroupName="two",
            DBParameterGroupName="tls",
            **more,
        )["DBInstance"]
        return made

    def settings(self, made: dict[str, Any]) -> dict[str, Any]:
        secret = boto3.client("secretsmanager", region_name=REGION).get_secret_value(SecretId=made["MasterUserSecret"]["SecretArn"])
        told = json.loads(secret["SecretString"])
        return {
            "host": made["Endpoint"]["Address"],
            "port": made["Endpoint"]["Port"],
            "name": "ledger",
            "user": told["username"],
            "password": told["password"],
            "ca": str(self.world.lab_dir / "rds" / CA_FILE),
        }

    def connect(self, settings: dict[str, Any]) -> Any:
        return self.wire.Connection(settings, timeout_s=5.0)


@pytest.fixture
def database(in_space: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    with with_databases(tmp_path, monkeypatch) as world:
        yield Database(world, monkeypatch)


def test_an_instance_answers_by_its_name_to_who_has_the_managed_password_and_over_tls_alone(database: Database) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html#PostgreSQL.Concepts.General.SSL.Requiring"""
    made = database.create()
    settings = database.settings(made)

    connection = database.connect(settings)
    assert connection.ask("SELECT current_user, current_database()") == [["understudy", "ledger"]]
    assert connection.ask("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == [["t"]]
    # The master user is no superuser, as on RDS.
    assert connection.ask("SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user") == [["f", "t"]]
    assert made["MasterUserSecret"]["SecretArn"].split(":secret:")[1].startswith("rds!db-")

    with pytest.raises(database.wire.ServerSaid, match="28P01"):
        database.connect({**settings, "password": "guessed"})
    with pytest.raises(database.wire.ServerSaid, match="no encryption"):
        _connect_in_the_clear(database, settings)
    with pytest.raises(ssl.SSLCertVerificationError):
        database.connect({**settings, "ca": str(Path(ssl.get_default_verify_paths().openssl_cafile))})

    database.rds.reboot_db_instance(DBInstanceIdentifier="understudy-ledger")
    with pytest.raises((OSError, database.wire.ServerSaid)):
        connection.ask("SELECT 1")
    assert database.connect(settings).ask("SELECT 1") == [["1"]]

    # Without a standby it fails over to nothing: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RebootDBInstance.html
    with pytest.raises(ClientError, match="no standby"):
        database.rds.reboot_db_instance(DBInstanceIdentifier="understudy-ledger", ForceFailover=True)


def _connect_in_the_clear(database: Database, settings: dict[str, Any]) -> None:
    with socket.create_connection((settings["host"], settings["port"]), timeout=5) as plain:
        body = struct.pack("!I", 196608) + b"user\0understudy\0database\0ledger\0\0"
        plain.sendall(struct.pack("!I", len(body) + 4) + body)
        answer = plain.recv(4096)
    raise database.wire.ServerSaid(answer.decode(errors="replace"))


def test_a_failover_promotes_the_standby_under_the_same_name_and_loses_nothing_that_was_acknowledged(database: Database) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html and
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloud-watch-events.html
    """
    told: list[tuple[str, str, dict[str, Any]]] = []

    class Events:
        def emit(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str] | None = None) -> None:
            told.append((source, detail_type, detail))

    database.world.events = Events()
    made = database.create(MultiAZ=True)
    settings = database.settings(made)
    connection = database.connect(settings)
    connection.ask("CREATE TABLE entry (number int)")
    before = database.world.names[settings["host"]]
    for number in range(50):
        connection.ask(f"INSERT INTO entry VALUES ({number})")  # noqa: S608 - numbers of our own

    database.rds.reboot_db_instance(DBInstanceIdentifier="understudy-ledger", ForceFailover=True)

    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RebootDBInstance.html
    assert database.rds.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"] == "rebooting"
    with pytest.raises(ClientError, match="InvalidDBInstanceState"):
        database.rds.reboot_db_instance(DBInstanceIdentifier="understudy-ledger", ForceFailover=True)
    with pytest.raises((OSError, database.wire.ServerSaid)):
        connection.ask("INSERT INTO entry VALUES (50)")
    wait_for(lambda: database.world.names[settings["host"]] != before)
    after = database.connect(settings)
    assert after.ask("SELECT count(*), pg_is_in_recovery() FROM entry") == [["50", "f"]]
    wait_for(lambda: "RDS-EVENT-0049" in [detail["EventID"] for _, _, detail in told])
    assert database.rds.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"] == "available"
    assert {(source, kind) for source, kind, _ in told} == {("aws.rds", "RDS DB Instance Event")}
    [done] = (detail for _, _, detail in told if detail["EventID"] == "RDS-EVENT-0049")
    assert (done["SourceIdentifier"], done["EventCategories"], done["SourceArn"]) == (
        "understudy-ledger",
        ["failover"],
        made["DBInstanceArn"],
    )

    # Another standby follows the new primary, in the zone that the old one was in, and takes over in its turn.
    wait_for(lambda: len(events(database.world, what="has a standby")) == 2)
    after.ask("INSERT INTO entry VALUES (51)")
    database.rds.reboot_db_instance(DBInstanceIdentifier="understudy-ledger", ForceFailover=True)
    wait_for(lambda: database.world.names[settings["host"]][0].startswith("10.79.0."))
    assert database.connect(settings).ask("SELECT count(*) FROM entry") == [["51"]]
