"""How each service's wire protocol says no."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

_CODES = {"ec2": "UnauthorizedOperation", "s3": "AccessDenied"}


def _cbor_text(text: str) -> bytes:
    data = text.encode()
    size = len(data)
    head = bytes([0x60 | size]) if size < 24 else (b"\x78" + bytes([size]) if size < 256 else b"\x79" + size.to_bytes(2, "big"))
    return head + data


def refuse(service: str, headers: dict[str, str], message: str, *, code: str | None = None, status: int = 403) -> Response:
    """A refusal in the protocol that the caller spoke. code: AWS's, when it is not the usual AccessDenied."""
    target = headers.get("x-amz-target", "")
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        name = code or "AccessDeniedException"
        pairs = (("__type", name), ("message", message[:60000]))
        body = bytes([0xA0 | len(pairs)]) + b"".join(_cbor_text(k) + _cbor_text(v) for k, v in pairs)
        return Response(body, status=status, headers={"smithy-protocol": "rpc-v2-cbor"}, content_type="application/cbor")
    if target or headers.get("content-type", "").startswith("application/x-amz-json"):
        name = code or "AccessDeniedException"
        body_text = json.dumps({"__type": name, "message": message})
        return Response(body_text, status=400 if status == 403 else status, content_type="application/x-amz-json-1.0")
    if service in ("lambda", "scheduler"):
        name = code or "AccessDeniedException"
        body_text = json.dumps({"Message": message})
        return Response(body_text, status=status, headers={"x-amzn-ErrorType": name}, content_type="application/json")
    name = code or _CODES.get(service, "AccessDenied")
    text = escape(message)
    error = f"<Code>{name}</Code><Message>{text}</Message>"
    if service == "ec2":
        xml = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>lab</RequestID></Response>"
    elif service == "s3":
        xml = f"<Error>{error}<RequestId>lab</RequestId></Error>"
    else:
        xml = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>lab</RequestId></ErrorResponse>"
    return Response(xml, status=status, content_type="text/xml")
