"""Signatures: the vectors of Standard Webhooks and our own, and what is no secret."""

from __future__ import annotations

import base64

import pytest

from tm20tui.hr.signing import new_signing_secret, read_signing_secret, signatures

OURS = "whsec_dG0yMHR1aS10ZXN0LXNlY3JldC0wMDAwMDE="
LOG = (
    b'{"terminal_sn":"TM20-001","enrollid":123,"user_name":"John Doe","time":"%s","mode":0,"inout":0,'
    b'"event":0,"temperature":%s,"access_granted":true,"log_id":456}'
)
BODY = b'{"attendance":[' + LOG % (b"2025-12-30T10:30:00Z", b"36.5") + b"]}"
ENVELOPE = (
    b'{"type":"attendance.batch","timestamp":"2025-06-02T07:00:05Z","data":{"attendance":['
    + LOG % (b"2025-06-02T07:00:00Z", b"null")
    + b"]}}"
)


@pytest.mark.parametrize(
    ("secret", "message_id", "timestamp", "body", "signature"),
    [
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            OURS,
            "msg_01JWQ0TM20B00002",
            1767090605,
            BODY,
            "v1,c5f6DZvJN2n4cWHZ47iDQd+T5dmkHyVZhGVzse3mDv8=",
        ),
        (
            OURS,
            "msg_01JWQ0TM20B00001",
            1748847605,
            ENVELOPE,
            "v1,KOqI4HCTCd5dvE+yCA0kAtRImMCFbEVfrim6Zfxo5+Q=",
        ),
    ],
    ids=["upstream", "the customer's body", "an envelope"],
)
def test_signatures_are_those_of_the_vectors(
    secret: str, message_id: str, timestamp: int, body: bytes, signature: str
) -> None:
    assert signatures([read_signing_secret(secret)], message_id, timestamp, body) == signature


def test_two_keys_sign_one_after_the_other() -> None:
    new, old = read_signing_secret(new_signing_secret()), read_signing_secret(OURS)
    both = signatures([new, old], "msg_1", 1, b"{}").split(" ")
    assert both == [signatures([key], "msg_1", 1, b"{}") for key in (new, old)]


def test_a_secret_that_is_made_is_one_and_never_the_same() -> None:
    made = {new_signing_secret() for _ in range(5)}
    assert len(made) == 5
    assert all(len(read_signing_secret(secret)) == 32 for secret in made)


@pytest.mark.parametrize("length", [24, 25, 64])
def test_base64_may_lack_its_padding(length: int) -> None:
    encoded = base64.b64encode(bytes(length)).decode()
    assert read_signing_secret(f"whsec_{encoded.rstrip('=')}") == bytes(length)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "dG0yMHR1aS10ZXN0LXNlY3JldC0wMDAwMDE=",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whsec_dG0yMHR1aS10ZXN0LXNlY3JldC0wMDAwM*E=",
        "whsec_dG0yMHR1aS10ZXN0 LXNlY3JldC0wMDAwMDE=",
    ],
)
def test_what_is_no_secret_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="must be whsec_ and the base64 of 24 to 64 bytes") as caught:
        read_signing_secret(text)
    assert not text[6:] or text[6:] not in str(caught.value)
