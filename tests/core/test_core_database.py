"""What nodes and applications are told of a database: never a password where others read, and always what their clients understand."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace

import pytest

from core.database import (
    Auth,
    BadSecret,
    Credentials,
    Database,
    Engine,
    Whereabouts,
    environment,
    files,
    parse_secret,
    parse_whereabouts,
    whereabouts_to_text,
)

POSTGRES = Database(engine=Engine.POSTGRES, version="16.13", instance="db.t4g.medium", name="ledger")
MARIADB = Database(engine=Engine.MARIADB, version="10.11.18", instance="db.t4g.medium", name="ledger")
AT = Whereabouts(
    host="understudy-ledger.abc.eu-west-1.rds.amazonaws.com", port=5432, secret="arn:aws:secretsmanager:eu-west-1:1:secret:rds!db-x-Y"
)
# Every kind of sign that RDS may put into a password: printable ASCII but / ' " @ and space.
HARD = Credentials(user="understudy", password=r"a:b\c#d;e$f%g&h[i]j{k}l|m~n`o^p?q=r+s<t>u,v.w!x*y(z)")


@pytest.mark.parametrize("at", [AT, Whereabouts(host="db.example", port=1)])
def test_where_it_is_goes_through_a_line_of_the_environment(at: Whereabouts) -> None:
    assert parse_whereabouts(whereabouts_to_text(host=at.host, port=str(at.port), secret=at.secret)) == at


@pytest.mark.parametrize(
    "text", ["", "host=a", "host=a,port=x", "host=a,port=0", "port=1", "host=a,port=70000", "host=a,port=1,password=x"]
)
def test_half_of_where_it_is_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_whereabouts(text)


def test_a_secret_is_a_user_and_a_password() -> None:
    assert parse_secret('{"username":"understudy","password":"x"}') == Credentials(user="understudy", password="x")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"username": "a", "password": 5}', '{"username": "a", "password": ""}', '"geheim"'])
def test_a_secret_that_is_none_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(BadSecret) as caught:
        parse_secret(text)

    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("database", [POSTGRES, MARIADB])
def test_the_environment_tells_everything_but_the_password(database: Database) -> None:
    told = environment(database, AT, folder="/run/x/app", ca="/ca.pem")

    assert told["UNDERSTUDY_DATABASE_FILE"] == "/run/x/app/database.json"
    assert {AT.host, "ledger", "understudy", "/ca.pem"} <= set(told.values())
    assert set(told) == set(environment(database, AT, folder="/run/x/app", ca="/ca.pem"))
    assert not {key for key in told if "PASSWORD" in key or key == "PGPASSWORD"}


def test_clients_of_postgresql_check_the_chain_and_the_name() -> None:
    """https://www.postgresql.org/docs/current/libpq-envars.html"""
    told = environment(POSTGRES, AT, folder="/run/x/app", ca="/ca.pem")

    assert (told["PGSSLMODE"], told["PGSSLROOTCERT"], told["PGPASSFILE"]) == ("verify-full", "/ca.pem", "/run/x/app/pgpass")


@pytest.mark.parametrize("database", [POSTGRES, MARIADB])
def test_the_file_of_an_application_holds_all_that_a_driver_needs(database: Database) -> None:
    told = json.loads(files(database, AT, HARD, ca="/ca.pem")["database.json"])

    assert told == {
        "engine": database.engine.value,
        "host": AT.host,
        "port": 5432,
        "name": "ledger",
        "user": "understudy",
        "password": HARD.password,
        "expires_at": None,
        "tls": "verify-full",
        "ca": "/ca.pem",
    }


def test_a_pass_file_has_its_colons_and_backslashes_marked() -> None:
    """https://www.postgresql.org/docs/current/libpq-pgpass.html"""
    line = files(POSTGRES, AT, HARD, ca="/ca.pem")["pgpass"]

    assert line.startswith(f"{AT.host}:5432:ledger:understudy:a\\:b\\\\c#d")
    assert line.endswith("(z)\n")


def test_options_of_mariadb_and_mysql_survive_every_sign_of_a_password() -> None:
    """https://dev.mysql.com/doc/refman/8.4/en/option-files.html"""
    text = files(MARIADB, AT, HARD, ca="/ca.pem")["client.cnf"]

    assert 'password="a:b\\\\c#d;e' in text
    assert "ssl-verify-server-cert" in text.splitlines()


def test_mysqls_own_clients_are_told_to_send_a_token_as_it_is_and_mariadbs_need_not_be() -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.AWSCLI.html"""
    mysql = replace(MARIADB, engine=Engine.MYSQL, version="8.4.9")

    def told(database: Database) -> bool:
        return "enable-cleartext-plugin" in files(database, AT, HARD, ca="/ca.pem")["client.cnf"].splitlines()

    by_token = replace(mysql, auth=Auth.IAM), replace(MARIADB, auth=Auth.IAM)
    assert [told(database) for database in (*by_token, mysql, MARIADB)] == [True, False, False, False]


def test_an_engine_that_knows_no_tokens_is_refused_with_them() -> None:
    with pytest.raises(ValueError, match=r"auth iam is not known to mariadb before 10\.11"):
        replace(MARIADB, version="10.6.23", auth=Auth.IAM)


def test_parameter_groups_are_of_the_engines_family() -> None:
    assert (POSTGRES.family, MARIADB.family) == ("postgres16", "mariadb10.11")


def test_the_certificates_that_the_agent_brings_are_of_every_region_and_good_for_years() -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html: three roots for each region."""
    from agent.database import BUNDLED_CA

    text = BUNDLED_CA.read_text()
    names = [line[2:] for line in text.splitlines() if line.startswith("# ")]
    assert text.count("BEGIN CERTIFICATE") == len(names) == len(set(names)) >= 75
    for region in ("us-east-1", "eu-central-1", "ap-southeast-2", "sa-east-1"):
        assert {f"Amazon RDS {region} Root CA {kind} G1" for kind in ("RSA2048", "RSA4096", "ECC384")} <= set(names)
    openssl = shutil.which("openssl")
    if openssl is not None:
        said = subprocess.run([openssl, "x509", "-noout", "-checkend", str(20 * 365 * 86400)], input=text, text=True, capture_output=True)
        assert said.returncode == 0
