"""The receiver's side of Standard Webhooks 1.0: whether a request was signed with one of the secrets."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Collection

from tm20tui.simulate.hr_messages import Request

TOLERANCE_SECONDS = 300


def read_secret(text: str) -> bytes:
    """The key of a ``whsec_`` secret; ValueError, which does not quote it, when it is none."""
    given = text.removeprefix("whsec_")
    try:
        key = base64.b64decode(given + "=" * (-len(given) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if given == text or not 24 <= len(key) <= 64:
        raise ValueError("a signing secret is whsec_ and the base64 of 24 to 64 bytes")
    return key


def signature_problem(request: Request, keys: Collection[bytes], now: float) -> str:
    """Why the request is not to be believed, empty when it is. `now` in Unix seconds."""
    try:
        ident, sent_at = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        given = request.headers["webhook-signature"].split()
    except KeyError as missing:
        return f"the header {missing.args[0]} is missing"
    if not sent_at.isdecimal() or abs(now - int(sent_at)) > TOLERANCE_SECONDS:
        return "webhook-timestamp is not within five minutes of now"
    signed = f"{ident}.{sent_at}.".encode() + request.body
    for key in keys:
        wanted = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        if any(hmac.compare_digest(wanted.encode(), one.encode()) for one in given):
            return ""
    return "no signature fits"
