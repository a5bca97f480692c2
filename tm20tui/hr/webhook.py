"""Tells a webhook: one small JSON body goes out, by the rules that services are reached by."""

from __future__ import annotations

import ssl

import httpcore
import httpx
import trio

from tm20tui import __version__
from tm20tui.hr.transport import Refused, Transport

TIMEOUT_SECONDS = 10.0


async def post_json(
    url: str, body: bytes, *, key: str, allow_private_hosts: bool, tls: ssl.SSLContext | None = None
) -> str:
    """POST `body` once; return why it failed, "" when it did not. The URL is in no reason: it may be secret.

    `key` is the same for the same body sent again. Redirects are not followed.
    """
    client = httpx.AsyncClient(
        transport=Transport(allow_private=allow_private_hosts, tls=tls),
        trust_env=False,
        follow_redirects=False,
        timeout=None,
        headers={
            "User-Agent": f"tm20tui/{__version__}",
            "Content-Type": "application/json",
            "webhook-id": key,
        },
    )
    try:
        with trio.fail_after(TIMEOUT_SECONDS):
            async with client.stream("POST", url, content=body) as response:
                return "" if response.is_success else f"it answered {response.status_code}"
    except trio.TooSlowError:
        return f"no answer within {TIMEOUT_SECONDS:g} s"
    except Refused as refused:
        return refused.reason
    except (httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError, httpx.InvalidURL) as error:
        return f"no answer ({type(error).__name__})"
    finally:
        with trio.CancelScope(shield=True), trio.move_on_after(1):
            await client.aclose()
