"""What came of one request: an answer of the service, or why there was none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class FailureKind(StrEnum):
    """Why a request got no usable answer."""

    CONNECT = "connect"
    DNS = "dns"
    CERTIFICATE = "certificate"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    PROTOCOL = "protocol"
    TOO_LARGE = "too-large"
    PRIVATE_HOST = "private-host"
    SECRET = "secret"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer.

    `retry_after` is the header as sent, empty when absent. `body` is as it came, cut at the
    read limit, `truncated` then says so. What of either is shown or kept goes through `hide`,
    which takes our secrets out. `excerpt`, one line, and `location` are without them.
    `resent` says that the request had gone out just before, on a connection that was closed.
    """

    status: int
    content_type: str = ""
    retry_after: str = ""
    location: str = ""
    body: bytes = field(default=b"", repr=False)
    truncated: bool = False
    excerpt: str = field(default="", repr=False)
    resent: bool = False
    hide: Callable[[str], str] = field(default=str, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer: `reason` is a sentence for people; `sent` says that the service may have the request."""

    kind: FailureKind
    reason: str
    sent: bool = False


Outcome = Answer | Failure
