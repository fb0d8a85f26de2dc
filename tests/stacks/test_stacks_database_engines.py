"""MariaDB and MySQL in the template: their port, their parameters, their logs, and who makes the user that comes by IAM."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.stacks.conftest import ROOT, Synth, Template

FILE = """\
deployable: shop
database: {{engine: {engine}, version: "{version}", instance: db.t4g.medium, multi_az: true, auth: iam}}
assemblies:
  - name: writer
    image: debian-12
    instances: [t4g.small]
    state: {{keep: none}}
    reaches: [database]
    applications: [{{name: app, run: {{exec: [/usr/bin/env]}}}}]
"""
pytestmark = pytest.mark.heavy  # a synth for each


def driven(template: Template, module: str, out: Path) -> bool:
    """Whether that function's archive has the driver."""
    key = template.resources[template.function(module)]["Properties"]["Code"]["S3Key"]
    with zipfile.ZipFile(out / f"asset.{key}") as archive:
        return {"pymysql/__init__.py", "pymysql/connections.py"} <= set(archive.namelist())


@pytest.mark.parametrize(
    ("engine", "version", "family", "forced"),
    [("mariadb", "10.11.18", "mariadb10.11", "1"), ("mysql", "8.4.9", "mysql8.4", "ON")],
)
def test_it_speaks_tls_alone_at_its_own_port_and_its_log_is_kept(
    synth: Synth, tmp_path: Path, engine: str, version: str, family: str, forced: str
) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/mariadb-ssl-connections.require-ssl.html and

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/mysql-ssl-connections.require-ssl.html
    """
    (tmp_path / "shop.yaml").write_text(FILE.format(engine=engine, version=version))
    done = synth(tmp_path / "out", tmp_path / "shop.yaml")
    assert done.returncode == 0, done.stderr
    path = tmp_path / "out" / "understudy-shop.template.json"
    template = Template(json.loads(path.read_text()))

    group, made = template.only("AWS::RDS::DBParameterGroup"), template.only("AWS::RDS::DBInstance")
    assert (group["Family"], group["Parameters"]) == (family, {"require_secure_transport": forced})
    assert (made["Engine"], made["EngineVersion"], made["Port"], made["MultiAZ"]) == (engine, version, "3306", True)
    assert made["EnableCloudwatchLogsExports"] == ["error"]
    assert made["EnableIAMDatabaseAuthentication"] is True
    assert template.only("AWS::CloudFormation::CustomResource")["engine"] == engine
    assert driven(template, "make_user", tmp_path / "out")
    ways = [rule for rule in template.of("AWS::EC2::SecurityGroupIngress") if rule["Description"] == "nodes of writer"]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in ways] == [(3306, 3306)]
    lint = [sys.executable, "-c", "from cfnlint import runner; runner.main()", str(path)]
    linted = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert (linted.returncode, re.sub(r"\s+$", "", linted.stdout)) == (0, "")
