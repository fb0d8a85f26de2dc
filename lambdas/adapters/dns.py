"""Fronts that are a name: one A record of a private or a public zone, written by nobody else.

A client that looked the name up just before a move goes to the old address until the record's TTL is over.
"""

from __future__ import annotations

from typing import Any

from lambdas.adapters import clock, instances
from lambdas.adapters.clients import calling, client
from lambdas.adapters.environment import FrontName
from lambdas.adapters.instances import NotYet
from lambdas.adapters.trying import answering

# Route 53 takes five requests a second from one account (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html).
ASK_EVERY_S = 1.0
# Changes that had not reached every name server when last asked, by name. Only this copy of the function knows of them:
# another one that is asked again reads the record back, which is right already, and can say no more.
_on_their_way: dict[str, str] = {}


class DnsFront:
    """A private zone is looked up inside the network alone, where this function is not: it can read back, but not try.

    The record of a public one holds a public address, which is tried as a client's machine would.
    """

    def __init__(self, of: tuple[str, str], told: FrontName) -> None:
        """of: the deployable and the assembly whose nodes may hold it."""
        self._of, self._told = of, told

    def __str__(self) -> str:
        return self._told.name

    def who_holds(self) -> str | None:
        """The assembly's instance at the record's address; None also for a record of another shape than ours, to be written anew."""
        record = self._record()
        values = [value["Value"] for value in record.get("ResourceRecords", [])]
        if len(values) != 1 or record.get("TTL") != self._told.ttl_s:
            return None
        return instances.at_address(*self._of, values[0], public=self._told.public)

    def _record(self) -> dict[str, Any]:
        """As it was last written, on its way or not (API_ListResourceRecordSets); empty when there is none."""
        told = self._told
        with calling(f"read the record {self}"):
            answer = client("route53").list_resource_record_sets(
                HostedZoneId=told.zone, StartRecordName=told.name, StartRecordType="A", MaxItems="1"
            )
        # The list begins at the name, or at what follows it when it is not there. Names come back with their last dot.
        found = (r for r in answer["ResourceRecordSets"] if (r["Name"].rstrip("."), r["Type"]) == (told.name, "A"))
        return next(found, {})

    def attach(self, instance: str) -> None:
        """By the permission's own words (stacks.permissions.write_one_record): this name, type A, UPSERT."""
        public = self._told.public
        address = instances.address_of(instance, public=public)
        if not address:
            raise NotYet(f"point {self} at {instance}", "NoAddress", f"EC2 knows no {'public' if public else 'private'} address of it")
        records = [{"Value": address}]
        change = {"Name": self._told.name, "Type": "A", "TTL": self._told.ttl_s, "ResourceRecords": records}
        with calling(f"point {self} at {address}"):
            answer = client("route53").change_resource_record_sets(
                HostedZoneId=self._told.zone, ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": change}]}
            )
        _on_their_way[self._told.name] = answer["ChangeInfo"]["Id"]

    def verify(self, for_s: float) -> bool | None:
        """False while a change is still on its way to the zone's name servers (API_GetChange), or a public address does not answer."""
        until_ms = clock.now_ms() + int(for_s * 1000)
        while (change := _on_their_way.get(self._told.name)) is not None:
            with calling(f"ask whether {self} has changed everywhere"):
                status = client("route53").get_change(Id=change)["ChangeInfo"]["Status"]
            if status == "INSYNC":
                del _on_their_way[self._told.name]
            elif clock.now_ms() >= until_ms:
                return False
            else:
                clock.sleep(ASK_EVERY_S)
        if not self._told.public or not self._told.ports:
            return None
        values = [value["Value"] for value in self._record().get("ResourceRecords", [])]
        return bool(values) and answering(values[0], self._told.ports, until_ms)
