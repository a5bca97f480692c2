"""One request for an operation: its arguments checked, its answer or its error as a message."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from tm20tui.control.describe import kinds_of, names_services, names_terminals
from tm20tui.control.kinds import coerce
from tm20tui.errors import InvalidInput, NotFound, OperationError, StoreUnavailable, Tm20Error
from tm20tui.operations.call import Call
from tm20tui.operations.registry import Operation, refuse_unreached
from tm20tui.store.services import find_service_by_name
from tm20tui.store.terminals import find_terminal, get_terminal

if TYPE_CHECKING:
    from sqlalchemy import Connection as DatabaseConnection

log = logging.getLogger(__name__)

_ID = re.compile(r"#?([0-9]{1,18})\Z")


async def run_operation(call: Call, operation: Operation, given: dict[str, Any]) -> Any:
    """Call an operation with arguments as they came.

    Raises:
        OperationError: an argument is wrong, or what the operation raises.
    """
    try:
        values = await _values(call, operation, given)
    except OperationError as error:
        raise await refuse_unreached(call, operation, error, given) from None
    return await operation.function(call, **values)


async def _values(call: Call, operation: Operation, given: dict[str, Any]) -> dict[str, Any]:
    kinds = kinds_of(operation)
    for name in given:
        if name not in kinds:
            known = ", ".join(kinds) or "none"
            raise InvalidInput(f"{operation.name} has no argument {name}: known are {known}", field=name)
    for argument in operation.arguments:
        if argument.required and argument.name not in given:
            raise InvalidInput(f"{argument.name} is required", field=argument.name)
    resolved = await _resolve_names(call, given)
    return {name: coerce(kinds[name], value, name) for name, value in resolved.items()}


def error_of(error: Exception, correlation_id: str = "") -> dict[str, Any]:
    """What to tell a client of an exception; one that nobody expected is logged with its traceback."""
    field = None
    if isinstance(error, OperationError):
        code, message, field = error.code, str(error), error.field
    elif isinstance(error, StoreUnavailable):
        code, message = "unavailable", str(error)
    elif isinstance(error, Tm20Error):
        code, message = "failed", str(error)
    else:
        log.exception("a request failed unexpectedly", exc_info=error, extra={"correlation": correlation_id})
        code, message = "internal", "the server failed in a way nobody expected; its log says how"
    return {"code": code, "message": message, "field": field}


async def _resolve_names(call: Call, given: dict[str, Any]) -> dict[str, Any]:
    """Serials and names instead of ids, wherever an argument or a field of a filter is such an id."""
    resolved = {}
    for name, value in given.items():
        if isinstance(value, dict):
            value = {inner: await _resolve(call, item, inner) for inner, item in value.items()}
        resolved[name] = await _resolve(call, value, name)
    return resolved


async def _resolve(call: Call, value: Any, name: str) -> Any:
    find = _find if names_terminals(name) else _find_service if names_services(name) else None
    if find is None:
        return value
    if isinstance(value, list):
        return [await _resolve(call, item, name) for item in value]
    if not isinstance(value, str):
        return value
    return await call.gateway.database.read(find, value, name)


def _find_service(connection: DatabaseConnection, text: str, name: str) -> int:
    """By id, else by name."""
    if number := _ID.match(text):
        return int(number[1])
    found = find_service_by_name(connection, text)
    if found is None:
        raise NotFound("third-party config", repr(text), field=name)
    return found.id


def _find(connection: DatabaseConnection, text: str, name: str) -> int:
    """By serial, else by id; `#7` is an id whatever serials there are."""
    number = _ID.match(text)
    by_id = int(number[1]) if number else None
    named = None if text.startswith("#") else find_terminal(connection, text)
    if named is None:
        if by_id is None:
            raise NotFound("terminal", text, field=name)
        return by_id
    if by_id is None or by_id == named.id:
        return named.id
    try:
        other = get_terminal(connection, by_id)
    except NotFound:
        return named.id
    raise InvalidInput(
        f"{text} is the serial of terminal {named.id} and the id of {other.sn}: give #{named.id} or #{by_id}",
        field=name,
    )
