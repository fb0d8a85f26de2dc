"""Where the physics of zones takes moto's place: changes have ids of their own and are PENDING at first."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.route53.exceptions import Route53ClientError
from moto.route53.responses import Route53

from lab.dns.zones import Zones
from lab.patching import take_over

MOTO_CHANGE = Route53.change_resource_record_sets


class NoSuchChange(Route53ClientError):
    """https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetChange.html#API_GetChange_Errors"""

    def __init__(self, change: str) -> None:
        super().__init__("NoSuchChange", f"A change with the specified change ID does not exist: {change}")


def patch(zones: Zones) -> None:
    """Replaces Route53.change_resource_record_sets and .get_change of moto."""

    def info(change: str, *, in_sync: bool) -> ActionResult:
        status = "INSYNC" if in_sync else "PENDING"
        return ActionResult({"ChangeInfo": {"Id": f"/change/{change}", "Status": status, "SubmittedAt": utcnow()}})

    def change_resource_record_sets(self: Any) -> ActionResult:
        MOTO_CHANGE(self)
        return info(zones.submitted(self._get_param("HostedZoneId")), in_sync=False)

    def get_change(self: Any) -> ActionResult:
        change = str(self._get_param("Id")).rsplit("/", 1)[-1]
        try:
            return info(change, in_sync=zones.is_in_sync(change))
        except LookupError as error:
            raise NoSuchChange(change) from error

    take_over(Route53, change_resource_record_sets=change_resource_record_sets, get_change=get_change)  # moto's own know no PENDING
