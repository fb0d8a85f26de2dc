"""The shared database: what the file asks for, what a node is told of it, and what it tells its applications."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from core.application import PORT_MAX, check_bounds

REACHED = "database"  # the word of `reaches` that means it
MASTER_USER = "understudy"  # no word that an engine reserves; RDS keeps its password
IAM_USER = "application"
TOKEN_LIFE_S = 900.0  # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
VERSION = re.compile(r"\d{1,2}\.\d{1,2}(\.\d{1,3})?")


class Engine(StrEnum):
    POSTGRES = "postgres"
    MARIADB = "mariadb"
    MYSQL = "mysql"

    @property
    def port(self) -> int:
        return 5432 if self is Engine.POSTGRES else 3306

    @property
    def version_parts(self) -> int:
        """Of a version with its minor one: 16.13, but 10.11.18 and 8.4.9."""
        return 2 if self is Engine.POSTGRES else 3

    @property
    def tls_since(self) -> tuple[int, int]:
        """The first version that can be told to speak TLS alone.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html,
        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/mariadb-ssl-connections.require-ssl.html,
        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/mysql-ssl-connections.require-ssl.html
        """
        return {Engine.POSTGRES: (9, 4), Engine.MARIADB: (10, 5), Engine.MYSQL: (5, 7)}[self]

    @property
    def iam_since(self) -> tuple[int, int]:
        """The first version that takes tokens of IAM, of those that are to be had.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.RDS_Fea_Regions_DB-eng.Feature.IamDatabaseAuthentication.html
        """
        return {Engine.POSTGRES: (11, 0), Engine.MARIADB: (10, 11), Engine.MYSQL: (5, 7)}[self]


class Auth(StrEnum):
    """How an application proves who it is."""

    SECRET = "secret"  # noqa: S105 - the word of the file; by a password that RDS makes, keeps in Secrets Manager and changes
    IAM = "iam"  # by a token that the node signs for itself


def version_trouble(engine: Engine, version: str) -> tuple[str, str] | None:
    """What is wrong with a version of that engine, and what to write; version: as VERSION has it."""
    such = {Engine.POSTGRES: "16.13", Engine.MARIADB: "10.11.18", Engine.MYSQL: "8.4.9"}[engine]
    parts = [int(part) for part in version.split(".")]
    if len(parts) != engine.version_parts:
        return f"has {len(parts)} numbers, and {engine.value}'s versions have {engine.version_parts}", f'write them all, such as "{such}"'
    if tuple(parts[:2]) < engine.tls_since:
        return (
            f"is too old: before {'.'.join(map(str, engine.tls_since))} {engine.value} cannot be told to speak TLS alone",
            f"such as {such}",
        )
    return None


def auth_trouble(engine: Engine, version: str, auth: Auth) -> tuple[str, str] | None:
    """What is wrong with a way to prove who one is, of that engine in that version, and what to write; version: as VERSION has it."""
    if auth is Auth.IAM and tuple(int(part) for part in version.split(".")[:2]) < engine.iam_since:
        least = ".".join(map(str, engine.iam_since))
        return f"is not known to {engine.value} before {least}", f"write a version from {least} on, or auth: secret"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """instance: its class. storage_gb: of gp3. name: of the database in it. backups_days: how far back it can be restored.

    busy_budget_s: how long it may give no answer before an application's failure counts as the application's.
    """

    engine: Engine
    version: str
    instance: str
    multi_az: bool = False
    auth: Auth = Auth.SECRET
    storage_gb: int = 20
    backups_days: int = 7
    name: str = "app"
    busy_budget_s: float = 600.0

    def __post_init__(self) -> None:
        if not VERSION.fullmatch(self.version):
            raise ValueError(f"database.version is {self.version!r}: write the minor one too, such as 16.4")
        trouble = version_trouble(self.engine, self.version)
        if trouble is not None:
            raise ValueError(f"database.version {self.version} {trouble[0]}; {trouble[1]}")
        trouble = auth_trouble(self.engine, self.version, self.auth)
        if trouble is not None:
            raise ValueError(f"database.auth {self.auth} {trouble[0]}; {trouble[1]}")
        check_bounds(20, 65536, storage_gb=self.storage_gb)
        check_bounds(1, 35, backups_days=self.backups_days)
        check_bounds(0, busy_budget_s=self.busy_budget_s)

    @property
    def user(self) -> str:
        """Whom applications connect as."""
        return MASTER_USER if self.auth is Auth.SECRET else IAM_USER

    @property
    def family(self) -> str:
        """Of its parameters: postgres16, mariadb10.11, mysql8.0.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithParamGroups.html
        """
        major, minor, *_ = self.version.split(".")
        return f"postgres{major}" if self.engine is Engine.POSTGRES else f"{self.engine.value}{major}.{minor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """What is known only once it is deployed. secret: the ARN of the managed secret, where the password is read from it."""

    host: str
    port: int
    secret: str | None = None


def whereabouts_to_text(*, host: str, port: str, secret: str | None = None) -> str:
    """One line for a node's environment; the arguments may hold tokens. None of the three can hold a comma."""
    return ",".join([f"host={host}", f"port={port}", *([f"secret={secret}"] if secret else [])])


def parse_whereabouts(text: str) -> Whereabouts:
    """Raises ValueError naming what is missing or wrong."""
    found = dict(part.partition("=")[::2] for part in text.split(","))
    unknown = sorted(set(found) - {"host", "port", "secret"})
    if unknown or not found.get("host"):
        raise ValueError(f"{text!r}: expected host=NAME,port=NUMBER and secret=ARN where a password is read")
    port = found.get("port", "")
    if not (port.isascii() and port.isdigit() and 1 <= int(port[:9]) <= PORT_MAX):
        raise ValueError(f"{text!r}: port is {port!r}, expected 1 to {PORT_MAX}")
    return Whereabouts(host=found["host"], port=int(port), secret=found.get("secret") or None)


# --- what an application is told --------------------------------------------------------------------------------------

SETTINGS_FILE, PASS_FILE, OPTIONS_FILE = "database.json", "pgpass", "client.cnf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """expires_at: seconds since the epoch at which the password is good for no new connection; None: nobody can tell."""

    user: str
    password: str
    expires_at: float | None = None


class BadSecret(ValueError):
    """A managed secret that cannot be read; its value is not told."""


def parse_secret(text: str) -> Credentials:
    """What RDS keeps in a managed secret: username and password. Raises BadSecret.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html
    """
    try:
        value = json.loads(text)
        user, password = value["username"], value["password"]
    except (ValueError, TypeError, LookupError) as error:
        raise BadSecret(f"the secret is no object with username and password ({type(error).__name__})") from None
    if not (isinstance(user, str) and isinstance(password, str) and user and password):
        raise BadSecret("the secret's username or password is no text")
    return Credentials(user=user, password=password)


def environment(database: Database, at: Whereabouts, *, folder: str, ca: str) -> dict[str, str]:
    """What may stand in a program's environment: everything but the password, which changes while the program runs.

    folder: where its files are. ca: the certificates to trust. PostgreSQL's own client library reads the PG* names and the pass file at
    each connect (https://www.postgresql.org/docs/current/libpq-envars.html); others read UNDERSTUDY_DATABASE_FILE.
    """
    told = {
        "UNDERSTUDY_DATABASE_FILE": f"{folder}/{SETTINGS_FILE}",
        "UNDERSTUDY_DATABASE_ENGINE": database.engine.value,
        "UNDERSTUDY_DATABASE_HOST": at.host,
        "UNDERSTUDY_DATABASE_PORT": str(at.port),
        "UNDERSTUDY_DATABASE_NAME": database.name,
        "UNDERSTUDY_DATABASE_USER": database.user,
        "UNDERSTUDY_DATABASE_CA": ca,
    }
    if database.engine is not Engine.POSTGRES:
        return told | {"UNDERSTUDY_DATABASE_OPTIONS": f"{folder}/{OPTIONS_FILE}"}
    return told | {
        "PGHOST": at.host,
        "PGPORT": str(at.port),
        "PGDATABASE": database.name,
        "PGUSER": database.user,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": ca,
        "PGPASSFILE": f"{folder}/{PASS_FILE}",
    }


def files(database: Database, at: Whereabouts, credentials: Credentials, *, ca: str) -> Mapping[str, str]:
    """What an application reads at each connect, by file name; each is for its user alone."""
    settings = {
        "engine": database.engine.value,
        "host": at.host,
        "port": at.port,
        "name": database.name,
        "user": credentials.user,
        "password": credentials.password,
        "expires_at": credentials.expires_at,
        "tls": "verify-full",
        "ca": ca,
    }
    made = {SETTINGS_FILE: json.dumps(settings, indent=1) + "\n"}
    if database.engine is Engine.POSTGRES:
        return made | {PASS_FILE: _pass_line(at, database.name, credentials)}
    return made | {OPTIONS_FILE: _options(database, at, credentials, ca)}


def _pass_line(at: Whereabouts, name: str, credentials: Credentials) -> str:
    """https://www.postgresql.org/docs/current/libpq-pgpass.html: a colon or a backslash in a field has a backslash before it."""
    fields = (at.host, str(at.port), name, credentials.user, credentials.password)
    return ":".join(field.replace("\\", "\\\\").replace(":", "\\:") for field in fields) + "\n"


def _options(database: Database, at: Whereabouts, credentials: Credentials, ca: str) -> str:
    r"""For `--defaults-extra-file`. In quotes # begins no comment, and \\ is a backslash.

    https://dev.mysql.com/doc/refman/8.4/en/option-files.html; RDS makes no password with a quote in it:
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.MasterPassword.html. MySQL's own clients send a token, which
    goes as it is, only where they are told to; MariaDB's need no word:
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.AWSCLI.html
    """
    password = credentials.password.replace("\\", "\\\\")
    lines = ("[client]", f"host={at.host}", f"port={at.port}", f"user={credentials.user}", f'password="{password}"', f"ssl-ca={ca}")
    as_it_is = ("enable-cleartext-plugin",) if (database.engine, database.auth) == (Engine.MYSQL, Auth.IAM) else ()
    return "\n".join((*lines, "ssl-verify-server-cert", *as_it_is, ""))
