"""Where database instances get their bodies: moto keeps the books of RDS, and nothing behind them."""

from __future__ import annotations

import secrets
import string
from typing import Any

from moto.core.responses import ActionResult
from moto.rds.exceptions import RDSClientError
from moto.rds.models import RDSBackend
from moto.rds.responses import RDSResponse

from lab.patching import take_over
from lab.rds.instances import AVAILABLE, Instances, NoStandby, status_of
from lab.rds.server import Failed, NoServer

# As in https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
_ID_CHARACTERS, _ID_LENGTH = string.ascii_uppercase + string.digits, 26
MOTO_CREATE, MOTO_DELETE, MOTO_REBOOT = RDSBackend.create_db_instance, RDSBackend.delete_db_instance, RDSResponse.reboot_db_instance


def patch(instances: Instances) -> None:
    """Replaces RDSBackend.create_db_instance and .delete_db_instance, and RDSResponse.reboot_db_instance, of moto."""

    def create_db_instance(self: RDSBackend, db_kwargs: dict[str, Any]) -> Any:
        made = MOTO_CREATE(self, db_kwargs)
        # moto gives every instance the same; policies name a database by it.
        made.dbi_resource_id = "db-" + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(_ID_LENGTH))
        try:
            instances.create(made)
        except (NoServer, Failed) as error:
            del self.databases[made.db_instance_identifier]
            raise RDSClientError("InvalidParameterCombination", f"the lab cannot play this database: {error}") from error
        return made

    def delete_db_instance(self: RDSBackend, db_instance_identifier: str, *args: Any, **kwargs: Any) -> Any:
        gone = MOTO_DELETE(self, db_instance_identifier, *args, **kwargs)
        instances.delete(db_instance_identifier)
        return gone

    def reboot_db_instance(self: RDSResponse) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RebootDBInstance.html"""
        identifier = str(self.params.get("DBInstanceIdentifier"))
        status = status_of(identifier)
        if status not in ("", AVAILABLE):
            raise RDSClientError("InvalidDBInstanceState", f"Instance {identifier} is not in available state: it is {status}")
        answer = MOTO_REBOOT(self)
        if str(self.params.get("ForceFailover", False)).lower() != "true":
            instances.reboot(identifier)
            return answer
        try:
            instances.fail_over(identifier)
        except NoStandby as error:
            said = "A failover was asked for, and the instance has no standby at the moment"
            raise RDSClientError("InvalidParameterCombination", f"{said}: {error}") from error
        return answer

    take_over(RDSBackend, create_db_instance=create_db_instance, delete_db_instance=delete_db_instance)
    take_over(RDSResponse, reboot_db_instance=reboot_db_instance)
