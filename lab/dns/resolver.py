"""The resolver that each VPC has at its base address plus two: it answers from the private zones of that VPC, over UDP.

https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html. Beside those zones it knows AWS's own names, such as those of
load balancers and databases, and of others nothing: nothing here reaches the internet. What AWS's own keeps of its answers, good
and bad ones, is left out: its clients' caches are imitated instead.
"""

from __future__ import annotations

import logging
import socket
import threading

from lab import dns_wire as wire
from lab.dns.zones import Zones
from lab.world import World

PORT = 53
OWN_TTL_S = 60  # https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html
DATABASE_TTL_S = 5  # https://awsi.click/en/articles/rds-multi-az-failover-mechanism/
log = logging.getLogger("lab.dns")


class Resolvers:
    """One socket and one thread for each VPC of the lab's network."""

    def __init__(self, world: World, zones: Zones) -> None:
        self._world, self._zones = world, zones

    def start(self) -> None:
        if self._world.network is not None:
            self._world.network.on_vpc(self._serve)

    def _serve(self, vpc_cidr: str, address: str) -> None:
        here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            here.bind((address, PORT))
        except OSError as error:
            here.close()
            log.error("no resolver at %s: %s", address, error)
            return
        threading.Thread(target=self._answer_all, args=(here, vpc_cidr), name=f"resolver {vpc_cidr}", daemon=True).start()

    def _answer_all(self, here: socket.socket, vpc_cidr: str) -> None:
        while True:
            message, asker = here.recvfrom(wire.MESSAGE_BYTES)
            try:
                here.sendto(self.reply(message, vpc_cidr), asker)
            except ValueError:
                continue  # garbage gets no answer
            except OSError as error:
                log.warning("the resolver of %s could not answer %s: %s", vpc_cidr, asker[0], error)

    def reply(self, message: bytes, vpc_cidr: str) -> bytes:
        """Raises ValueError for what is no question."""
        question = wire.read_question(message)
        own = self._world.names.get(question.name)
        if own is not None:
            ttl_s = DATABASE_TTL_S if question.name.endswith(".rds.amazonaws.com") else OWN_TTL_S
            return wire.answer(question, ttl_s=ttl_s, addresses=own if question.asks_for_address else ())
        found = self._zones.look_up(question.name, vpc_cidr=vpc_cidr)
        if found is None:
            return wire.answer(question, code=wire.NXDOMAIN)
        if not question.asks_for_address:
            return wire.answer(question)
        return wire.answer(question, ttl_s=found.ttl_s, addresses=found.addresses)
