"""The one moto this lab fits: its inside is leant on, so any other version is refused at once."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version

MOTO = "5.2.5"


class WrongMoto(Exception):
    """Another moto than the pinned one is installed, or none."""


def prepare_environment(port: int) -> None:
    """What moto reads from the environment while it is imported; so call this first."""
    os.environ["S3_IGNORE_SUBDOMAIN_BUCKETNAME"] = "true"  # path style for any host name
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"  # else AWS's own policies cannot be attached
    os.environ["MOTO_PORT"] = str(port)
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")


def check_pin() -> None:
    """Raise WrongMoto unless the installed moto is exactly the one our patches were written for."""
    try:
        found = version("moto")
    except PackageNotFoundError as error:
        raise WrongMoto(f"moto is not installed: the lab needs moto=={MOTO} (make setup)") from error
    if found != MOTO:
        raise WrongMoto(f"moto {found} is installed: the lab's patches fit moto=={MOTO} only (make setup)")
