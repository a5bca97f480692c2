"""Every operation by name, with its role, arguments and help: what front ends are made from.

`@operation` puts a function into the registry and guards it: the operator's role is
checked here and nowhere else, and what changes something, or was refused, is written
to the audit here and nowhere else.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, get_type_hints

import trio

from tm20tui.errors import Forbidden, OperationError, StoreUnavailable, Tm20Error
from tm20tui.logs import redact
from tm20tui.model import utc_now
from tm20tui.operations.call import Call, Role
from tm20tui.store.audit import AuditEntry, AuditOutcome, add_entry
from tm20tui.store.text import storable

if TYPE_CHECKING:
    from tm20tui.gateway import Gateway

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger(__name__)

_LONGEST_ARGUMENTS = 4000
_HIDDEN = "***"
_NO_SUCH_FIELD = "<no such field>"
_SECRET_NAME = re.compile(r"(?i)pass|pwd|secret|tok|api_?key|credential|cookie|authorization")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of an operation. `annotation` is its evaluated type; `default` only if not `required`."""

    name: str
    annotation: Any
    required: bool
    default: object = None
    is_keyword: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """Something an operator can do (`writes`) or ask.

    `summary` is one line, `help` the whole docstring. `function` takes a `Call` and then
    the arguments. `hide` names what is secret in them; `fields` are the names that an argument
    which is a map may have, each with one line about it. `choices` are the words that a field may
    hold: any other is not written down, since a secret may have been typed into the wrong field.
    """

    name: str
    role: Role
    writes: bool
    summary: str
    help: str
    arguments: tuple[Argument, ...]
    function: Callable[..., Awaitable[Any]]
    hide: frozenset[str] = frozenset()
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)


REGISTRY: dict[str, Operation] = {}


def operation(
    name: str,
    role: Role,
    *,
    writes: bool = True,
    hide: tuple[str, ...] = (),
    fields: Mapping[str, str] | None = None,
    choices: Mapping[str, tuple[str, ...]] | None = None,
) -> Callable[[Callable[Concatenate[Call, P], Awaitable[T]]], Callable[Concatenate[Call, P], Awaitable[T]]]:
    """Register `async def function(call, ...)` under `name` (`terminals.approve`).

    `role` is the least that may; `writes` whether it changes anything, and so is audited
    when it is done too; `hide` names arguments, or members of them, that are secret;
    `fields` says what an argument which is a map may hold, `choices` which words its members may.
    """

    def register(
        function: Callable[Concatenate[Call, P], Awaitable[T]],
    ) -> Callable[Concatenate[Call, P], Awaitable[T]]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        async def guarded(call: Call, /, *args: P.args, **kwargs: P.kwargs) -> T:
            started = trio.current_time()
            outcome: AuditOutcome = "done"
            reason = ""
            forbidden = not call.operator.may_act_as(role)
            try:
                if forbidden:
                    raise _forbidden(call, name, role)
                return await function(call, *args, **kwargs)
            except OperationError as error:
                outcome, reason = "refused", str(error)
                raise
            except Tm20Error as error:
                outcome, reason = "failed", str(error)
                raise
            except Exception as error:
                outcome, reason = "failed", f"unexpected {type(error).__name__}"
                raise
            finally:
                if writes or forbidden:
                    arguments = _arguments(signature, call, args, kwargs, REGISTRY[name])
                    seconds = trio.current_time() - started
                    with trio.CancelScope(shield=True):
                        await write_audit(call, name, arguments, outcome, reason, seconds)

        assert name not in REGISTRY, f"two operations are called {name}"
        help_text = inspect.getdoc(function) or ""
        REGISTRY[name] = Operation(
            name=name,
            role=role,
            writes=writes,
            summary=help_text.partition("\n")[0],
            help=help_text,
            arguments=_describe(function),
            function=guarded,
            hide=frozenset(hide),
            fields=fields or {},
            choices=choices or {},
        )
        return guarded

    return register


def to_json(value: Any) -> Any:
    """A result as JSON values: records become objects, times ISO 8601 in UTC."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_json(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


def _describe(function: Callable[..., Any]) -> tuple[Argument, ...]:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    try:
        hints = get_type_hints(function)
    except NameError:  # names that only a type checker imports; the text is kept
        hints = {}
    return tuple(
        Argument(
            name=parameter.name,
            annotation=hints.get(parameter.name, parameter.annotation),
            required=parameter.default is parameter.empty,
            default=None if parameter.default is parameter.empty else parameter.default,
            is_keyword=parameter.kind is parameter.KEYWORD_ONLY,
        )
        for parameter in parameters
    )


def shown_arguments(operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as JSON values that anybody may see: without secrets, wherever those were typed."""
    told: dict[str, Any] = {}
    for name, value in to_json(given).items():
        if operation.fields and isinstance(value, dict):
            value = {
                key: item if key in operation.fields or _is_secret(key, operation.hide) else _NO_SUCH_FIELD
                for key, item in value.items()
            }
        told[name] = value
    hidden: dict[str, Any] = _without(told, operation)
    return hidden


def _arguments(
    signature: inspect.Signature, call: Call, args: Any, kwargs: Any, operation: Operation
) -> dict[str, Any]:
    try:
        bound = signature.bind(call, *args, **kwargs).arguments
    except TypeError:
        return {}
    return shown_arguments(operation, dict(list(bound.items())[1:]))


def _without(value: Any, operation: Operation) -> Any:
    if isinstance(value, dict):
        return {storable(name): _member(name, item, operation) for name, item in value.items()}
    if isinstance(value, str):
        # A secret may have been typed where none belongs: into a URL, or a text.
        return redact(storable(value))
    return [_without(item, operation) for item in value] if isinstance(value, list) else value


def _member(name: str, value: Any, operation: Operation) -> Any:
    if _is_secret(name, operation.hide) and value not in (None, ""):
        return _HIDDEN
    choices = operation.choices.get(name)
    if choices is not None and value is not None and value not in choices:
        return f"<not one of {', '.join(choices)}>"
    return _without(value, operation)


def _is_secret(name: str, hide: frozenset[str]) -> bool:
    """By its name, or by one that was misspelled."""
    return name in hide or (_SECRET_NAME.search(name) is not None and not name.endswith(("_id", "_ids")))


async def refuse_unreached(
    call: Call, operation: Operation, error: OperationError, given: Mapping[str, Any]
) -> OperationError:
    """What to tell somebody whose arguments did not even reach an operation; written down like a refusal.

    Who may not call it learns that, and nothing of what it would have needed.
    """
    if not call.operator.may_act_as(operation.role):
        error = _forbidden(call, operation.name, operation.role)
    elif not operation.writes:
        return error
    arguments = shown_arguments(operation, given)
    await write_audit(call, operation.name, arguments, "refused", str(error), 0.0)
    return error


def _forbidden(call: Call, name: str, role: Role) -> Forbidden:
    return Forbidden(f"{name} needs the role {role}; {call.operator.name} is {call.operator.role}")


async def note_refusal(
    gateway: Gateway, name: str, reason: str, *, operator: str, role: str, origin: str, address: str = ""
) -> None:
    """Write down that somebody was turned away before any operation was reached."""
    entry = AuditEntry(
        at=utc_now(),
        operator=operator,
        role=role,
        origin=origin,
        address=address,
        operation=name[:64],
        targets="{}",
        arguments="{}",
        outcome="refused",
        reason=reason,
        duration_seconds=0.0,
        correlation_id="",
    )
    try:
        await gateway.database.write_together(add_entry, entry)
    except StoreUnavailable as error:
        log.error("a refusal could not be written to the audit: %s", error, extra={"operator": operator})


async def write_audit(
    call: Call, name: str, arguments: dict[str, Any], outcome: AuditOutcome, reason: str, seconds: float
) -> None:
    """Write down what came of something an operator did: to the log, the events and the audit."""
    targets = {key: value for key, value in arguments.items() if key.endswith(("_id", "_ids", "_sn"))}
    rest = {key: value for key, value in arguments.items() if key not in targets}
    reason = storable(reason)
    entry = AuditEntry(
        at=utc_now(),
        operator=call.operator.name,
        role=call.operator.role,
        origin=call.operator.origin,
        address=call.operator.address,
        operation=name,
        targets=_bounded(targets),
        arguments=_bounded(rest),
        outcome=outcome,
        reason=reason,
        duration_seconds=seconds,
        correlation_id=call.correlation_id,
    )
    facts = {
        "operator": call.operator.name,
        "origin": call.operator.origin,
        "correlation": call.correlation_id,
    }
    log.info("%s %s %s", name, entry.targets, outcome if not reason else f"{outcome}: {reason}", extra=facts)
    call.gateway.events.publish(
        "operation", operation=name, outcome=outcome, reason=reason, targets=targets, **facts
    )
    try:
        await call.gateway.database.write_together(add_entry, entry)
    except Exception:
        # What was done is done: failing now would tell the operator the opposite.
        log.exception("the audit could not be written: %s %s %s", name, entry.targets, outcome, extra=facts)


def _bounded(value: dict[str, Any]) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= _LONGEST_ARGUMENTS else json.dumps({"cut": text[:_LONGEST_ARGUMENTS]})
