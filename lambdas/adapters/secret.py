"""What Secrets Manager keeps; never logged."""

from __future__ import annotations

from lambdas.adapters.clients import calling, client


def read(arn: str) -> str:
    """The text of a secret as it is now. Raises WorldFailed."""
    with calling("read the database's secret"):
        return str(client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
