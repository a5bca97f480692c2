"""Sends alarms to a webhook, a few at a time, and tries a few times."""

from __future__ import annotations

import json
import logging
import secrets
from typing import TYPE_CHECKING

import trio

from tm20tui.events import Event
from tm20tui.hr.webhook import post_json

if TYPE_CHECKING:
    from tm20tui.gateway import Gateway

log = logging.getLogger(__name__)

ALARM_EVENTS = ("alarm.raised", "alarm.cleared", "alarm.acknowledged")
GATHER_SECONDS = 2.0
RETRY_SECONDS = (5.0, 30.0, 120.0)
MOST_AT_ONCE = 50


async def send_alarms(gateway: Gateway) -> None:
    """Tell `alarms.webhook_url` of alarms that are raised, cleared or acknowledged, until cancelled.

    What happens within two seconds goes in one request. One that fails is repeated with the
    same bytes under the same `webhook-id`; in the end it is given up.
    """
    settings = gateway.settings
    url = settings.alarms.webhook_url
    if not url:
        return
    allow_private = settings.delivery.allow_private_hosts
    async with gateway.events.subscribe(ALARM_EVENTS) as events:
        async for first in events:
            gathered = [first]
            with trio.move_on_after(GATHER_SECONDS):
                while len(gathered) < MOST_AT_ONCE:
                    gathered.append(await anext(events))
            await _send(url, body_of(gathered, settings.node), allow_private=allow_private)


def body_of(events: list[Event], node: str) -> bytes:
    """The request's body."""
    alarms = [{"event": event.kind, "at": event.at.isoformat(), **event.facts} for event in events]
    return json.dumps({"node": node, "alarms": alarms}, ensure_ascii=False, separators=(",", ":")).encode()


async def _send(url: str, body: bytes, *, allow_private: bool) -> None:
    key = f"alarm_{secrets.token_hex(16)}"
    reason = ""
    for pause in (*RETRY_SECONDS, None):
        reason = await post_json(url, body, key=key, allow_private_hosts=allow_private)
        if not reason:
            return
        log.warning("the alarm webhook was not told: %s", reason)
        if pause is not None:
            await trio.sleep(pause)
    log.error("alarms were not sent to the webhook, given up: %s", reason)
