"""Errors in one shape: the customer's `success`, `error` and `field`, and RFC 9457's members beside them."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tm20tui.api.wording import words_of
from tm20tui.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    OperationError,
    StoreError,
    Unavailable,
)
from tm20tui.operations.registry import note_refusal

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
UNEXPECTED = "unexpected failure: the server's log says more"

_LONGEST = 500
_STATUS: dict[type[OperationError], int] = {
    Forbidden: 403,
    NotFound: 404,
    InvalidInput: 400,
    Conflict: 409,
    Unavailable: 503,
}
CODES = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    409: "conflict",
    413: "too_large",
    429: "too_many_requests",
    500: "unexpected",
    503: "unavailable",
}
"""The stable word for each status that the API answers with."""


def error_response(
    status: int,
    error: str,
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    code: str | None = None,
    request_id: str = "",
) -> Response:
    """An error for people and programs; text from outside is cut and cannot break the answer."""
    code = code or CODES.get(status, "refused")
    error = error[:_LONGEST]
    content = {
        "success": False,
        "error": error,
        "field": None if field is None else field[:100],
        "type": f"urn:tm20tui:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error,
        "instance": f"urn:tm20tui:request:{request_id}",
        "code": code,
    }
    return Response(json.dumps(content), status, headers, media_type=MEDIA_TYPE)


def too_many(seconds: float, what: str, request_id: str) -> Response:
    """429, and when to come again."""
    headers = {"retry-after": str(max(1, math.ceil(seconds)))}
    return error_response(429, what, headers=headers, request_id=request_id)


def install_error_handlers(app: FastAPI) -> None:
    """Answer every failure of an endpoint in the one shape."""
    app.add_exception_handler(OperationError, _operation)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def request_id(request: Request) -> str:
    """The correlation id of a request."""
    return str(getattr(request.state, "request_id", ""))


async def _operation(request: Request, error: Exception) -> Response:
    assert isinstance(error, OperationError)
    if isinstance(error, InvalidInput) and (refusal := await _viewer_refusal(request)):
        return refusal
    status = _STATUS.get(type(error), 400)
    headers = {"retry-after": "5"} if status == 503 else None
    return error_response(
        status, str(error), error.field, headers, code=error.code, request_id=request_id(request)
    )


async def _store(request: Request, error: Exception) -> Response:
    return error_response(503, str(error), headers={"retry-after": "5"}, request_id=request_id(request))


async def _validation(request: Request, error: Exception) -> Response:
    """The first thing that is wrong; an id that cannot exist is an unknown one."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    field = where[1] if len(where) > 1 else None
    ident = request_id(request)
    if refusal := await _viewer_refusal(request):
        return refusal
    if where[0] == "path" and request.method not in _methods(request):
        # A word, where this method has only ids: the URL is another one's, with other methods.
        return await _http(request, HTTPException(405))
    if where[0] == "path":
        return error_response(404, f"no such {field}: {first['input']}", field, request_id=ident)
    if first["type"] == "extra_forbidden":
        return error_response(400, f"unknown parameter {field}", field, request_id=ident)
    return error_response(400, f"{field} {words_of(first)}", field, request_id=ident)


async def _viewer_refusal(request: Request) -> Response | None:
    """Who may only look learns nothing of what a write would need, and the try is written down."""
    operator = getattr(request.state, "operator", None)
    if operator is None or operator.role != "viewer" or request.method in ("GET", "HEAD"):
        return None
    reason = f"{request.method} needs the role operator; {operator.name} is viewer"
    await note_refusal(
        request.app.state.gateway,
        "api.request",
        f"{reason}: {request.url.path[:200]}",
        operator=operator.name,
        role=operator.role,
        origin=operator.origin,
        address=operator.address,
    )
    return error_response(403, reason, code=Forbidden.code, request_id=request_id(request))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = str(error.detail)
    headers = error.headers
    if error.status_code == 404:
        message = f"no such URL: {request.url.path}"
    elif error.status_code == 405:
        allowed = ", ".join(_methods(request))
        message = f"{request.method} is not possible here: use {allowed}"
        headers = {"allow": allowed}
    return error_response(error.status_code, message, headers=headers, request_id=request_id(request))


def _methods(request: Request) -> list[str]:
    """What the URL can be asked with: of the routes that it matches, those with the fewest ids in them."""
    app: FastAPI = request.app
    paths = app.openapi()["paths"]
    matching = [path for path in paths if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), request.url.path)]
    fewest = min((path.count("{") for path in matching), default=0)
    found = {method for path in matching if path.count("{") == fewest for method in paths[path]}
    return sorted(method.upper() for method in found)


async def _unexpected(request: Request, error: Exception) -> Response:
    return error_response(500, UNEXPECTED, request_id=request_id(request))
