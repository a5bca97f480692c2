"""JSON bodies: read with a limit and a deadline, parsed as people paste them.

The customer's printed examples carry `# comments`; they are taken away when the text
is not JSON as it stands. The Content-Type is not looked at, so that `curl -d` works.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn, TypeVar

import trio
from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from tm20tui.api.wording import place_of, words_of
from tm20tui.errors import InvalidInput

B = TypeVar("B", bound=BaseModel)

READ_SECONDS = 20.0
"""How long a client may take to send a body."""
_DRAINED_BYTES = 8 * 1024 * 1024
_DRAIN_SECONDS = 2.0

# A string that does not end is taken as far as it goes and never looked at again: what is not
# matched at once would be tried from each of its quotes.
_STRING_OR_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*+"?|#[^\n]*')


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty object."""
    return parse_object(await _read(request))


JsonObject = Annotated[dict[str, Any], Depends(read_object)]


def parse_object(raw: bytes) -> dict[str, Any]:
    """A JSON object, with or without comments; `InvalidInput` says what is wrong and where."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the body is not UTF-8 text (byte {error.start + 1})") from None
    if not text.strip():
        return {}
    try:
        found = _parse(text)
    except json.JSONDecodeError as first:
        bare = _STRING_OR_COMMENT.sub(lambda match: match[0] if match[0][0] == '"' else "", text)
        if bare == text:
            _refuse(first)
        try:
            found = _parse(bare)
        except json.JSONDecodeError as second:
            _refuse(second)
    if not isinstance(found, dict):
        raise InvalidInput('the body must be a JSON object, such as {"name": "value"}')
    return found


class Body(BaseModel):
    """Base of bodies: nothing unknown, no text where a number belongs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def checked(model: type[B], given: Mapping[str, Any]) -> B:
    """A body as its model; `InvalidInput` says what is wrong first."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else None
        if first["type"] == "extra_forbidden":
            only(tuple(model.model_fields), given)
        raise InvalidInput(f"{field}{place_of(first)} {words_of(first)}", field=field) from None


def documented_body(
    model: type[BaseModel], *, partial: bool = False, example: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The OpenAPI description of a body that the endpoint reads itself."""
    schema = model.model_json_schema()
    if partial:
        schema.pop("required", None)
    content: dict[str, Any] = {"schema": schema}
    if example is not None:
        content["example"] = dict(example)
    required = bool(schema.get("required"))
    return {"requestBody": {"required": required, "content": {"application/json": content}}}


def only(known: tuple[str, ...], given: Mapping[str, Any]) -> None:
    """Refuse fields that are not known."""
    for name in given:
        if name not in known:
            raise InvalidInput(f"unknown field {name!r}: known are {', '.join(known)}", field=name)


def optional_id(given: Mapping[str, Any], name: str) -> int | None:
    """A positive 64-bit id, or None when absent or null."""
    value = given.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 < value < 2**63:
        raise InvalidInput(f"{name} must be a positive whole number or null", field=name)
    return value


def optional_text(given: Mapping[str, Any], name: str) -> str | None:
    """A text, or None when absent."""
    if name not in given:
        return None
    value = given[name]
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be a text", field=name)
    return value


async def _read(request: Request) -> bytes:
    limit: int = request.app.state.max_body_bytes
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0
    body = bytearray()
    try:
        with trio.fail_after(READ_SECONDS):
            if announced <= limit:
                async for part in request.stream():
                    body += part
                    if len(body) > limit:
                        break
                else:
                    return bytes(body)
    except trio.TooSlowError:
        raise HTTPException(408, f"the body did not arrive within {READ_SECONDS:g} seconds") from None
    except ClientDisconnect:
        raise HTTPException(400, "the client went away") from None
    await _drain(request)
    raise HTTPException(413, f"the body is larger than {limit} bytes (api.max_body_bytes)")


async def _drain(request: Request) -> None:
    """Take a little more, so that the client reads the answer rather than a reset."""
    taken = 0
    try:
        with trio.move_on_after(_DRAIN_SECONDS):
            while taken < _DRAINED_BYTES:
                message = await request.receive()
                taken += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except ClientDisconnect:
        return


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except RecursionError:
        raise InvalidInput("the body is nested too deeply") from None
    except json.JSONDecodeError:
        raise
    except ValueError:
        raise InvalidInput("the body holds a number with too many digits") from None


def _no_constant(word: str) -> NoReturn:
    raise InvalidInput(f"{word} is not JSON")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"{twice!r} is given twice", field=twice)
    return found


def _refuse(error: json.JSONDecodeError) -> NoReturn:
    raise InvalidInput(f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})")
