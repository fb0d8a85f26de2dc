"""Who holds which access key: role credentials as STS would issue them, and the deployer's own."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass

ADMIN_KEY, ADMIN_SECRET = "testing", "testing"  # the deployer (CDK) and the lab itself: not a role


@dataclass(frozen=True, slots=True)
class Credentials:
    """expires_at: seconds since the Unix epoch."""

    access_key: str
    secret_key: str
    token: str
    expires_at: float
    role_arn: str
    session: str


class Principals:
    """Issues and knows credentials. session: an instance id or a function name, as on AWS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_key: dict[str, Credentials] = {}

    def issue(self, role_arn: str, session: str, *, now: float, lifetime_s: float = 6 * 3600) -> Credentials:
        credentials = Credentials(
            access_key="ASIA" + secrets.token_hex(8).upper(),
            secret_key=secrets.token_urlsafe(30),
            token=secrets.token_urlsafe(48),
            expires_at=now + lifetime_s,
            role_arn=role_arn,
            session=session,
        )
        with self._lock:
            self._by_key[credentials.access_key] = credentials
        return credentials

    def find(self, access_key: str) -> Credentials | None:
        with self._lock:
            return self._by_key.get(access_key)
