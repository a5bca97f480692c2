"""Standard Webhooks signatures: proof for a service that a body is ours and was not changed.

What is signed is `{webhook-id}.{webhook-timestamp}.{body}`, byte for byte as it is sent.
While a secret is replaced both the new and the old one sign.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

PREFIX: Final = "whsec_"
_SHORTEST, _LONGEST = 24, 64
_GENERATED_BYTES = 32


def new_signing_secret() -> str:
    """A random secret, as receivers take it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_GENERATED_BYTES)).decode()


def read_signing_secret(text: str) -> bytes:
    """The key in a secret; ValueError, which does not quote it, says what one looks like."""
    encoded = text.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        key = b""
    if not text.startswith(PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(f"must be {PREFIX} and the base64 of {_SHORTEST} to {_LONGEST} bytes, or env:NAME")
    return key


def signatures(keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: one `v1` signature for each key, in their order."""
    content = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.new(key, content, hashlib.sha256).digest() for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
