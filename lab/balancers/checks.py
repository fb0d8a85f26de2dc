"""A health check as a load balancer makes it: over the network, on a connection of its own."""

from __future__ import annotations

import asyncio
import ssl

from lab.balancers.targets import Check, Target

TIMED_OUT, MISMATCH, FAILED = "Target.Timeout", "Target.ResponseCodeMismatch", "Target.FailedHealthChecks"
_LINE_BYTES = 4096


async def ask(check: Check, target: Target) -> str:
    """ "" for a good answer, else AWS's reason code (https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html)."""
    port = check.port or target.port
    try:
        async with asyncio.timeout(check.timeout_s):
            if check.protocol == "TCP":
                _, writer = await asyncio.open_connection(target.address, port)
                writer.close()
                return ""
            return await _ask_http(check, target.address, port)
    except TimeoutError:
        return TIMED_OUT
    except (OSError, ValueError, EOFError):
        return FAILED


async def _ask_http(check: Check, address: str, port: int) -> str:
    tls = _any_certificate() if check.protocol == "HTTPS" else None
    reader, writer = await asyncio.open_connection(address, port, ssl=tls, limit=_LINE_BYTES)
    try:
        head = f"GET {check.path} HTTP/1.1\r\nHost: {address}:{port}\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()
        words = (await reader.readline()).split()
        if len(words) < 2 or not words[0].startswith(b"HTTP/"):
            return FAILED
        return "" if check.accepts(int(words[1])) else MISMATCH
    finally:
        writer.transport.abort()


def _any_certificate() -> ssl.SSLContext:
    """A load balancer does not check its targets' certificates.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html ("Routing configuration")
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
