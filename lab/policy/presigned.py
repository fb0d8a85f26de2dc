"""A presigned address, verified as AWS would: who signed it, for what, and for how long it is good.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html: the parts of the signature stand in the query.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from lab.policy.signature import SKEW_S, Authorization, BadSignature, canonical_query, is_signed
from lab.principals import Credentials, Principals

_SCOPE = re.compile(r"(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request")
_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Presigned:
    """who: whose keys signed it. host: with its port, where the address has one. asks: the query without the signature's parts."""

    who: Credentials
    service: str
    region: str
    host: str
    path: str
    asks: Mapping[str, str]


def verify_presigned(url: str, principals: Principals, *, now: float, expires_max_s: int) -> Presigned:
    """A GET without a body, signed by credentials that the lab issued. Raises BadSignature. now: seconds since the Unix epoch."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    found = dict(pairs)
    if len(found) != len(pairs) or found.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256":
        raise BadSignature("IncompleteSignature", "not an address with an AWS4-HMAC-SHA256 signature")
    scope = _SCOPE.fullmatch(found.get("X-Amz-Credential", ""))
    try:
        at = datetime.strptime(found.get("X-Amz-Date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        lasts_s = int(found.get("X-Amz-Expires", ""))
    except ValueError as error:
        raise BadSignature("IncompleteSignature", "X-Amz-Date or X-Amz-Expires is missing or malformed") from error
    if scope is None or found.get("X-Amz-SignedHeaders") != "host":
        raise BadSignature("IncompleteSignature", "X-Amz-Credential is malformed, or another header than the host is signed")
    if not 1 <= lasts_s <= expires_max_s or now > at + lasts_s or now < at - SKEW_S:
        raise BadSignature("ExpiredToken", f"signed {now - at:.0f} s ago for {lasts_s} s")
    who = principals.find(scope["key"])
    if who is None or found.get("X-Amz-Security-Token") != who.token:
        raise BadSignature("InvalidClientTokenId", "the credentials that signed it are unknown")
    if now >= who.expires_at:
        raise BadSignature("ExpiredToken", "the credentials that signed it have expired")
    auth = Authorization(scope["key"], scope["day"], scope["region"], scope["service"], ("host",), found.pop("X-Amz-Signature", ""))
    unsigned = "&".join(part for part in parts.query.split("&") if not part.startswith("X-Amz-Signature="))
    canonical = "\n".join(("GET", parts.path or "/", canonical_query(unsigned), f"host:{parts.netloc}\n", "host", _EMPTY))
    if not is_signed(auth, who.secret_key, canonical, found["X-Amz-Date"]):
        raise BadSignature("SignatureDoesNotMatch", "the signature is not that of its keys")
    asks = {key: value for key, value in found.items() if not key.startswith("X-Amz-")}
    return Presigned(who, auth.service, auth.region, parts.netloc, parts.path or "/", asks)
