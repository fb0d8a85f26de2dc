"""A shared database: what the file may say of it, who reaches it, and what is refused before any call to AWS."""

from __future__ import annotations

from pathlib import Path

import pytest

import spec
from core.database import Auth, Database, Engine
from spec import Problem

FILE = """\
deployable: ledger
{network}
database: {database}
assemblies:
  - name: {name}
    image: debian-12
    instances: [t4g.small]
    state: {{keep: none}}
    reaches: {reaches}
    applications: [{{name: app, run: {{exec: [/bin/app]}}}}]
"""
LEAST = 'engine: postgres, version: "16.13", instance: db.t4g.medium'
TOKENS = (("mariadb", "10.11.18"), ("mariadb", "11.8.3"), ("mysql", "8.4.9"))
GOOD = {"network": "", "database": f"{{{LEAST}}}", "name": "scheduler", "reaches": "[database]"}


def loaded(folder: Path, **changes: str) -> spec.Loaded:
    (folder / "ledger.yaml").write_text(FILE.format(**{**GOOD, **changes}))
    return spec.load_with_warnings(folder / "ledger.yaml")


def problems(folder: Path, **changes: str) -> tuple[Problem, ...]:
    with pytest.raises(spec.SpecError) as caught:
        loaded(folder, **changes)
    return caught.value.problems


def test_three_words_make_a_database_that_those_have_who_reach_it(tmp_path: Path) -> None:
    found = loaded(tmp_path).deployable

    made = Database(engine=Engine.POSTGRES, version="16.13", instance="db.t4g.medium")
    assert found.database == made
    assert (made.multi_az, made.auth, made.storage_gb, made.backups_days, made.name) == (False, Auth.SECRET, 20, 7, "app")
    assert (found.assemblies[0].database, found.assemblies[0].reaches) == (made, ())


def test_the_rest_has_its_words(tmp_path: Path) -> None:
    more = f"{{{LEAST}, storage: 100, backups: 35d, name: ledger_1, auth: secret, multi_az: true}}"
    found = loaded(tmp_path, database=more).deployable.database

    assert found is not None
    assert (found.storage_gb, found.backups_days, found.name, found.multi_az) == (100, 35, "ledger_1", True)


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"database": '{engine: oracle, version: "19.0", instance: db.t3.medium}'}, "database.engine", "postgres"),
        ({"database": '{engine: postgres, version: "16", instance: db.t4g.medium}'}, "database.version", "minor version"),
        ({"database": "{engine: postgres, version: 16.4, instance: db.t4g.medium}"}, "database.version", "in quotes"),
        ({"database": '{engine: postgres, version: "16.4", instance: t4g.medium}'}, "database.instance", "db.t4g.medium"),
        ({"database": f"{{{LEAST}, storage: 5}}"}, "database.storage", "20 to 65536"),
        ({"database": f"{{{LEAST}, backups: 36h}}"}, "database", "whole days"),
        ({"database": f"{{{LEAST}, backups: 0s}}"}, "database.backups", "from 1d to 35d"),
        ({"database": f"{{{LEAST}, name: my-app}}"}, "database.name", "underscores"),
        ({"database": f"{{{LEAST}, password: geheim}}"}, "database.password", "is no key"),
        ({"network": "network: {zones: 1}"}, "network.zones", "two zones"),
        ({"reaches": "[]"}, "database", "is reached by no assembly"),
        ({"name": "database"}, "assemblies[0].name", "means the database"),
        ({"database": '{engine: mariadb, version: "10.6.23", instance: db.t4g.medium, auth: iam}'}, "database.auth", "from 10.11 on"),
        ({"database": '{engine: mariadb, version: "10.11", instance: db.t4g.medium}'}, "database.version", 'such as "10.11.18"'),
        ({"database": '{engine: postgres, version: "16.4.1", instance: db.t4g.medium}'}, "database.version", "has 3 numbers"),
        ({"database": '{engine: mariadb, version: "10.4.34", instance: db.t4g.medium}'}, "database.version", "TLS alone"),
        ({"database": "null"}, "assemblies[0].reaches[0]", "the file has no database"),
    ],
)
def test_a_wrong_database_is_one_problem_at_its_key(changes: dict[str, str], key: str, words: str, tmp_path: Path) -> None:
    found = [problem for problem in problems(tmp_path, **changes) if problem.key == key]

    assert len(found) == 1
    assert words in f"{found[0].message}; {found[0].remedy}"


@pytest.mark.parametrize(
    ("engine", "version", "port", "family"),
    [("mariadb", "10.11.18", 3306, "mariadb10.11"), ("mariadb", "11.8.3", 3306, "mariadb11.8"), ("mysql", "8.4.9", 3306, "mysql8.4")],
)
def test_mariadb_and_mysql_have_their_port_and_their_parameters(engine: str, version: str, port: int, family: str, tmp_path: Path) -> None:
    found = loaded(tmp_path, database=f'{{engine: {engine}, version: "{version}", instance: db.t4g.medium}}').deployable.database

    assert found is not None
    assert (found.engine.port, found.family, found.user) == (port, family, "understudy")


@pytest.mark.parametrize("database", [LEAST, *(f'engine: {e}, version: "{v}", instance: db.t4g.medium' for e, v in TOKENS)])
def test_nodes_may_sign_tokens_for_themselves(database: str, tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.RDS_Fea_Regions_DB-eng.Feature.IamDatabaseAuthentication.html"""
    found = loaded(tmp_path, database=f"{{{database}, auth: iam}}").deployable.database

    assert found is not None
    assert (found.auth, found.user) == (Auth.IAM, "application")
