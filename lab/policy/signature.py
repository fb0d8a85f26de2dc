"""Signature Version 4, verified as AWS would: a program that signs wrongly must fail in the lab too.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
SKEW_S = 300.0  # AWS refuses a request whose stamp is more than five minutes off (S3: fifteen)


class BadSignature(Exception):
    """code: AWS's error code for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Authorization:
    access_key: str
    day: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


def parse(header: str) -> Authorization | None:
    """The parts of an Authorization header; None when it is not Signature Version 4."""
    match = _AUTHORIZATION.match(header)
    if match is None:
        return None
    return Authorization(
        match["key"], match["day"], match["region"], match["service"], tuple(match["headers"].split(";")), match["signature"]
    )


def canonical_query(query: str) -> str:
    pairs = [(quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in parse_qsl(query, keep_blank_values=True)]
    return "&".join(f"{k}={v}" for k, v in sorted(pairs))


def _canonical_path(raw_path: str, service: str) -> str:
    path = raw_path or "/"
    if service == "s3":  # S3 does not encode twice
        return quote(unquote(path), safe="/-_.~")
    return quote(path, safe="/-_.~")


def verify(
    auth: Authorization, secret: str, *, method: str, raw_path: str, query: str, headers: Mapping[str, str], body: bytes, now: float
) -> None:
    """Raises BadSignature. headers: lower-case names. now: seconds since the Unix epoch."""
    stamp = headers.get("x-amz-date", "")
    try:
        at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise BadSignature("IncompleteSignature", f"x-amz-date is {stamp!r}, expected YYYYMMDDTHHMMSSZ") from error
    if abs(now - at) > SKEW_S:
        raise BadSignature("RequestTimeTooSkewed", f"the request was signed at {stamp}, {abs(now - at):.0f} s away from the server's clock")
    if "host" not in auth.signed_headers:
        raise BadSignature("IncompleteSignature", "the host header must be signed")
    for name in headers:
        if name.startswith("x-amz-") and name not in auth.signed_headers and name != "x-amz-content-sha256":
            raise BadSignature("AccessDenied", f"there is a header {name} in the request that was not signed")
    payload = headers.get("x-amz-content-sha256")
    actual = hashlib.sha256(body).hexdigest()
    if payload is None:
        payload = actual
    elif re.fullmatch(r"[0-9a-f]{64}", payload) and payload != actual:
        raise BadSignature("XAmzContentSHA256Mismatch", "x-amz-content-sha256 is not the hash of the body")
    canonical = "\n".join(
        (
            method,
            _canonical_path(raw_path, auth.service),
            canonical_query(query),
            "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in auth.signed_headers),
            ";".join(auth.signed_headers),
            payload,
        )
    )
    if not is_signed(auth, secret, canonical, stamp):
        raise BadSignature("SignatureDoesNotMatch", "the request signature we calculated does not match the signature you provided")


def is_signed(auth: Authorization, secret: str, canonical: str, stamp: str) -> bool:
    """Whether the signature is that of a canonical request, made at `stamp` with this secret key."""
    scope = f"{auth.day}/{auth.region}/{auth.service}/aws4_request"
    to_sign = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = b"AWS4" + secret.encode()
    for part in (auth.day, auth.region, auth.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    expected = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, auth.signature)
