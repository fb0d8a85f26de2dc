"""STS: who a caller becomes by AssumeRole."""

from __future__ import annotations

from typing import Any

from moto.sts.models import AssumedRole, STSBackend

from lab.emulator.pipeline import identify
from lab.principals import ADMIN_KEY, ADMIN_SECRET
from lab.world import World


def install(world: World) -> None:
    """Only the deployer assumes roles here: CDK's own, whose rights are not what the lab judges.

    The credentials it gets are its own under another name, so that lab.policy knows them; any
    other caller gets credentials of the role as lab.principals issues them.
    """
    moto_assume_role = STSBackend.assume_role
    moto_get_param = identify

    def assume_role(self: STSBackend, **given: Any) -> AssumedRole:
        from flask import request

        role = moto_assume_role(self, **given)
        if moto_get_param(request.environ).access_key == ADMIN_KEY:
            role.access_key_id, role.secret_access_key = ADMIN_KEY, ADMIN_SECRET
            return role
        issued = world.principals.issue(role.role_arn, role.session_name, now=world.clock.now())
        role.access_key_id, role.secret_access_key, role.session_token = issued.access_key, issued.secret_key, issued.token
        return role

    STSBackend.assume_role = assume_role  # type: ignore[assignment]  # of another kind in moto
