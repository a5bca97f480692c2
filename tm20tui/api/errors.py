"""Errors in one shape: `{"success": false, "error": "...", "field": "..." or null}`."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tm20tui.errors import Conflict, InvalidInput, NotFound, OperationError, StoreError, Unavailable

log = logging.getLogger(__name__)

_LONGEST = 500
_STATUS: dict[type[OperationError], int] = {NotFound: 404, InvalidInput: 400, Conflict: 409, Unavailable: 503}


def error_response(
    status: int, error: str, field: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An error for people and programs; text from outside is cut and cannot break the answer."""
    content = {
        "success": False,
        "error": error[:_LONGEST],
        "field": None if field is None else field[:100],
    }
    return Response(json.dumps(content), status, headers, media_type="application/json")


def install_error_handlers(app: FastAPI) -> None:
    """Answer every failure of an endpoint in the one shape."""
    app.add_exception_handler(OperationError, _operation)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _operation(request: Request, error: Exception) -> Response:
    assert isinstance(error, OperationError)
    return error_response(_STATUS.get(type(error), 400), str(error), error.field)


async def _store(request: Request, error: Exception) -> Response:
    return error_response(503, str(error), headers={"retry-after": "5"})


async def _validation(request: Request, error: Exception) -> Response:
    """The first thing that is wrong; an id that cannot exist is an unknown one."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    field = where[1] if len(where) > 1 else None
    if where[0] == "path":
        return error_response(404, f"no such {field}: {first['input']}", field)
    if first["type"] == "extra_forbidden":
        return error_response(400, f"unknown parameter {field}", field)
    message = str(first["msg"]).removeprefix("Value error, ")
    message = message.replace("Input should be", "must be")
    return error_response(400, f"{field} {message}", field)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = str(error.detail)
    if error.status_code == 404:
        message = f"no such URL: {request.url.path}"
    elif error.status_code == 405:
        allowed = ", ".join(_methods(request))
        message = f"{request.method} is not possible here: use {allowed}"
        return error_response(405, message, headers={"allow": allowed})
    return error_response(error.status_code, message, headers=error.headers)


def _methods(request: Request) -> list[str]:
    """What the URL can be asked with, over all routes that it matches."""
    app: FastAPI = request.app
    found: set[str] = set()
    for path, operations in app.openapi()["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", path)
        if re.fullmatch(pattern, request.url.path):
            found.update(operations)
    return sorted(method.upper() for method in found)


async def _unexpected(request: Request, error: Exception) -> Response:
    return error_response(500, "unexpected failure: the server's log says more")
