"""Adapter: the database's password in Secrets Manager, as RDS keeps it there."""

from __future__ import annotations

from typing import Any

import boto3

from agent.aws import CONFIG, Service
from core.database import Credentials, parse_secret


class ManagedSecret:
    """agent.ports.Passwords on one secret. Credentials are the instance's role."""

    def __init__(self, arn: str, region: str) -> None:
        self._arn = arn
        self._service: Service[Any] = Service(lambda: boto3.session.Session().client("secretsmanager", region_name=region, config=CONFIG))

    def credentials(self) -> Credentials:
        with self._service.use("read the database's secret") as secrets:
            text = secrets.get_secret_value(SecretId=self._arn)["SecretString"]
        return parse_secret(text)
