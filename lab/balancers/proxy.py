"""python -m lab.balancers.proxy: one load balancer, in a network namespace of its own.

Each line on stdin is all that it is to be: {"listeners": [...], "groups": {arn: {"check": {...}, "targets": [...]}}}. Each line on stdout
tells a target's new health: {"group", "target", "state", "reason"}. It ends when stdin does.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import Mapping
from typing import Any

from lab.balancers.checks import ask
from lab.balancers.forward import HEAD_BYTES, Rule
from lab.balancers.targets import Check, Pool, Target

_LINE_BYTES = 1 << 20


class Proxy:
    """Keeps listeners, targets and checks as the last line said."""

    def __init__(self) -> None:
        self._pools: dict[str, Pool] = {}
        self._listeners: dict[int, tuple[Mapping[str, Any], Rule, asyncio.Server]] = {}
        self._checks: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def become(self, wanted: Mapping[str, Any]) -> None:
        for arn, group in wanted["groups"].items():
            pool = self._pools.setdefault(arn, Pool(Check(**group["check"])))
            for gone in pool.update(group["targets"]):
                self._forget(arn, gone)
            for target in pool.targets.values():
                if (arn, target.id) not in self._checks:
                    self._checks[arn, target.id] = asyncio.create_task(self._keep_asking(arn, pool, target))
        for arn in set(self._pools) - set(wanted["groups"]):
            for gone in self._pools.pop(arn).targets.values():
                self._forget(arn, gone)
        await self._listen({int(listener["port"]): listener for listener in wanted["listeners"]})

    def _forget(self, arn: str, target: Target) -> None:
        self._checks.pop((arn, target.id)).cancel()
        for listener, rule, _ in self._listeners.values():
            if listener.get("group") == arn:
                rule.cut(target.id)

    async def _keep_asking(self, arn: str, pool: Pool, target: Target) -> None:
        """Each question by itself: an answer that is slow does not put the next one off (the page in targets.Target.checked)."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if target.checked(pool.check, await ask(pool.check, target)):
                print(json.dumps({"group": arn, "target": target.id, "state": target.state, "reason": target.reason}), flush=True)
            due = max(due + pool.check.every_s, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _listen(self, wanted: Mapping[int, Mapping[str, Any]]) -> None:
        for port, (before, _, server) in list(self._listeners.items()):
            if wanted.get(port) != before:
                server.close()
                del self._listeners[port]
        for port, listener in wanted.items():
            if port not in self._listeners:
                self._listeners[port] = await self._open(port, listener)

    async def _open(self, port: int, listener: Mapping[str, Any]) -> tuple[Mapping[str, Any], Rule, asyncio.Server]:
        status, protocol, to = listener.get("redirect") or (0, "", "")
        redirect = (int(status), str(protocol), str(to)) if status else None
        rule = Rule(listener["protocol"], port, lambda: self._pools.get(str(listener.get("group"))), redirect)
        tls = None
        if listener.get("certificate"):
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(listener["certificate"])
        server = await asyncio.start_server(rule.serve, "0.0.0.0", port, ssl=tls, limit=HEAD_BYTES, backlog=256, reuse_address=True)  # noqa: S104 - a namespace of its own
        return listener, rule, server


async def main() -> None:
    proxy, loop = Proxy(), asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LINE_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        await proxy.become(json.loads(line))


if __name__ == "__main__":
    asyncio.run(main())
