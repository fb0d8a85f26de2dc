"""MariaDB in the lab is a real one with RDS's manners, asked by its own client with the very file that the agent writes.

Inside the lab's space; without MariaDB on the machine it is left out, and says so.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from core.database import Credentials, Engine, Whereabouts, files
from core.database import Database as Wanted
from lab.certificates import CA_FILE
from lab.world import REGION, World
from tests.lab.lab_worlds import events, wait_for
from tests.lab.rds_worlds import room_for, with_databases

HERE = all(Path(path).exists() for path in ("/usr/sbin/mariadbd", "/usr/bin/mariadb", "/usr/bin/mariadb-backup"))
pytestmark = [
    pytest.mark.lab,
    pytest.mark.heavy,
    pytest.mark.skipif(not HERE, reason="there is no MariaDB on this machine (Debian packages mariadb-server-core, -client-core, -backup)"),
]
WANTED = Wanted(engine=Engine.MARIADB, version="10.11.18", instance="db.t4g.medium", name="ledger")
NAMED = 'mount --bind "$0" /etc/hosts && exec "$@"'


class Refused(Exception):
    """What the client said."""


class Shop:
    """One instance, asked for as CloudFormation asks, and MariaDB's own client."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self._folder = world, folder
        self.rds = room_for("10.78", WANTED.family, ("require_secure_transport", "1"))

    def create(self, **more: Any) -> None:
        given = {"DBInstanceIdentifier": "understudy-shop", "Engine": "mariadb", "EngineVersion": WANTED.version, "MultiAZ": False, **more}
        made = self.rds.create_db_instance(
            DBInstanceClass=WANTED.instance,
            DBName=WANTED.name,
            Port=WANTED.engine.port,
            AllocatedStorage=20,
            MasterUsername="understudy",
            ManageMasterUserPassword=True,
            DBSubnetGroupName="two",
            DBParameterGroupName="tls",
            **given,
        )["DBInstance"]
        secret = boto3.client("secretsmanager", region_name=REGION).get_secret_value(SecretId=made["MasterUserSecret"]["SecretArn"])
        told = json.loads(secret["SecretString"])
        self.user = Credentials(user=told["username"], password=told["password"])
        self.at = Whereabouts(host=made["Endpoint"]["Address"], port=made["Endpoint"]["Port"])
        self.ca = str(self.world.lab_dir / "rds" / CA_FILE)

    def ask(self, text: str, *, user: Credentials | None = None, ca: str | None = None) -> str:
        """As a program on a node would, by the file that it finds in UNDERSTUDY_DATABASE_OPTIONS. Raises Refused."""
        options = self._folder / "client.cnf"
        options.write_text(files(WANTED, self.at, user or self.user, ca=ca or self.ca)[options.name])
        return self.run(text, f"--defaults-file={options}")

    def run(self, text: str, *how: str) -> str:
        """Where the database's name is known, as the VPC's resolver would tell it. Raises Refused."""
        hosts = self._folder / "hosts"
        hosts.write_text(f"{self.world.names[self.at.host][0]} {self.at.host}\n")
        client = ["mariadb", *how, "--batch", "--skip-column-names", "--connect-timeout=5", WANTED.name]
        argv = ["unshare", "--mount", "--", "sh", "-c", NAMED, str(hosts), *client]
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise Refused(done.stderr)
        return done.stdout.strip()


@pytest.fixture
def shop(in_space: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with with_databases(tmp_path, monkeypatch) as world:
        yield Shop(world, tmp_path)


def test_it_answers_by_its_name_to_who_has_the_managed_password_and_over_tls_alone(shop: Shop) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/mariadb-ssl-connections.require-ssl.html and, of the master user,

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/MariaDB.Concepts.UsersAndPrivileges.html
    """
    shop.create()

    assert shop.ask("SELECT CURRENT_USER(), DATABASE()").split() == ["understudy@%", "ledger"]
    assert shop.ask("SHOW STATUS LIKE 'Ssl_version'").split()[1].startswith("TLS")
    assert "SUPER" not in shop.ask("SHOW GRANTS")
    with pytest.raises(Refused, match="1045"):
        shop.ask("SELECT 1", user=Credentials(user="understudy", password="guessed"))
    with pytest.raises(Refused, match=r"insecure transport|1045"):
        shop.run(
            "SELECT 1", "--no-defaults", "--skip-ssl", f"--host={shop.at.host}", "--user=understudy", f"--password={shop.user.password}"
        )
    with pytest.raises(Refused, match=r"certificate|TLS"):
        shop.ask("SELECT 1", ca="/etc/ssl/certs/ca-certificates.crt")

    shop.ask("CREATE TABLE entry (number int) ENGINE=InnoDB; INSERT INTO entry VALUES (1)")
    shop.rds.reboot_db_instance(DBInstanceIdentifier="understudy-shop")
    assert shop.ask("SELECT count(*) FROM entry") == "1"


def test_a_failover_promotes_the_standby_and_loses_nothing_that_was_acknowledged(shop: Shop) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html"""
    shop.create(MultiAZ=True)
    shop.ask("CREATE TABLE entry (number int) ENGINE=InnoDB")
    before = shop.world.names[shop.at.host]
    shop.ask("".join(f"INSERT INTO entry VALUES ({number});" for number in range(50)))  # noqa: S608 - numbers of our own

    shop.rds.reboot_db_instance(DBInstanceIdentifier="understudy-shop", ForceFailover=True)

    wait_for(lambda: shop.world.names[shop.at.host] != before)
    assert shop.ask("SELECT count(*), @@read_only FROM entry").split() == ["50", "0"]
    # Another standby follows the new primary, in the zone that the old one was in, and takes over in its turn.
    wait_for(lambda: len(events(shop.world, what="has a standby")) == 2)
    shop.ask("INSERT INTO entry VALUES (51)")
    shop.rds.reboot_db_instance(DBInstanceIdentifier="understudy-shop", ForceFailover=True)
    wait_for(lambda: shop.world.names[shop.at.host] == before)
    assert shop.ask("SELECT count(*) FROM entry") == "51"


def test_what_the_lab_cannot_play_is_refused_by_name(shop: Shop) -> None:
    with pytest.raises(ClientError, match="not mysql, of which Debian has no server"):
        shop.create(Engine="mysql", EngineVersion="8.4.9")
