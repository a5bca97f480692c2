"""The OpenAPI document: what FastAPI finds out by itself, the errors of every operation, who may ask."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field

from tm20tui.api.errors import MEDIA_TYPE
from tm20tui.api.guard import OPEN_PATH

_PROBLEM = "#/components/schemas/Problem"
_MEANINGS = {
    400: "What was sent is wrong; `field` names what",
    401: "A token is needed, or the one given is wrong, expired or revoked",
    403: "The token's role does not include it, or a web page from elsewhere asked",
    404: "No such thing",
    405: "Not possible with this method",
    408: "The body did not arrive in time",
    409: "The state of the thing forbids it",
    413: "The body is too large",
    429: "Too many requests: come again after `Retry-After` seconds",
    500: "Unexpected failure: the server's log says more",
    503: "Not possible now: the same request may succeed later",
}


class Problem(BaseModel):
    """An error: RFC 9457's members, and `success`, `error` and `field` beside them."""

    success: bool = Field(json_schema_extra={"const": False})
    error: str = Field(description="a sentence for people", max_length=500)
    field: str | None = Field(description="the parameter or member that is wrong")
    type: str = Field(description="a name of the kind of problem that does not change")
    title: str
    status: int
    detail: str = Field(description="the same as `error`")
    instance: str = Field(description="names this request; also in the log and the audit")
    code: str = Field(description="the last part of `type`")


def install_openapi(app: FastAPI) -> None:
    """Have `app` serve the document of all its routes, made when first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    components["securitySchemes"] = {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of `tm20tui token create`. On a loopback address `api.anonymous_role` "
            "says what may be done without.",
        }
    }
    # An empty requirement: a token may be left out, where the configuration has it so.
    found["security"] = [{"token": []}, {}]
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            _complete(path, method, operation)
    return found


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query" and not parameter["required"]:
            _allow_empty(parameter)
    answers = operation["responses"]
    answers.pop("422", None)
    statuses = {403, 500}
    if path == OPEN_PATH:
        operation["security"] = []
    else:
        statuses |= {401, 429, 503}
    if operation.get("parameters"):
        statuses |= {400, 404}
    if "requestBody" in operation:
        statuses |= {400, 404, 408, 413}
    if method != "get":
        statuses |= {404, 409}
    for status in sorted(statuses):
        problem: dict[str, Any] = {"schema": {"$ref": _PROBLEM}}
        answer = answers.setdefault(str(status), {"description": _MEANINGS[status]})
        answer.setdefault("content", {})[MEDIA_TYPE] = problem
        if status in (429, 503):
            answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
        elif status == 401:
            answer["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}


def _allow_empty(parameter: dict[str, Any]) -> None:
    """A parameter without a value is as good as none."""
    schema = parameter["schema"]
    outer = {key: schema.pop(key) for key in ("title", "description", "default") if key in schema}
    choices = schema["anyOf"] if set(schema) == {"anyOf"} else [schema]
    choices = [choice for choice in choices if choice.get("type") != "null"]
    parameter["schema"] = outer | {"anyOf": [*choices, {"const": ""}]}
