"""Public zones that the account has before anything of ours is deployed, for fronts that name one."""

from __future__ import annotations

import re
from typing import Any

from moto.backends import get_backend

from lab.world import ACCOUNT

VARIABLE = "LAB_PUBLIC_ZONES"
_ENTRY = re.compile(r"(Z[A-Z0-9]{1,31})=([a-z0-9.-]+)")


def make_existing(text: str) -> None:
    """text: ID=DOMAIN,ID=DOMAIN. Raises ValueError for another."""
    for entry in filter(None, text.split(",")):
        found = _ENTRY.fullmatch(entry)
        if found is None:
            raise ValueError(f"{VARIABLE} has {entry!r}: expected ID=DOMAIN, such as Z0123456789ABCDEFGHIJ=example.com")
        backend: Any = get_backend("route53")[ACCOUNT]["aws"]
        id_, domain = found.groups()
        made = backend.create_hosted_zone(
            name=f"{domain}.", private_zone=False, caller_reference=id_, vpcid=None, vpcregion=None, comment=None, delegation_set_id=None
        )
        del backend.zones[made.resource_id]
        made.resource_id = id_
        backend.zones[id_] = made
