"""An HR service in the customer's format that can be told to fail, and that remembers everything.

`HrService` is the service without sockets: a request goes in, a `Reply` comes out that
also says how to misbehave on the wire. `hr.serve_hr` puts it on a port.
"""

from __future__ import annotations

import base64
import dataclasses
import email.utils
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tm20tui.simulate.hr_contract import ContractBroken, read_attendance
from tm20tui.simulate.hr_faults import Fault, draw
from tm20tui.simulate.people import Person, make_roster

KEY_HEADERS = ("webhook-id", "idempotency-key")
KEPT_VIOLATIONS = 100
HTML = b"<html><head><title>Welcome</title></head><body><h1>Please sign in to the network</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read to its end. Header names are lower case, `path` is without the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer, and how: `hang` first waits that long, `reset` cuts instead, `drip` answers slowly."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    hang_seconds: float = 0.0
    reset: bool = False
    drip: bool = False


class HrService:
    """State and behaviour of the service.

    `records`: what it holds, by log_id. `counts`: received (records in readable
    requests), replayed (records of a batch that came again under its key, byte for byte),
    delivered_twice (records that came again under another key), violations, unkeyed
    (batches without a key). `requests`: answers by status; ``hang`` and ``reset`` are
    those that got none. `fault`, `share`, the poison sets, `retry_after_seconds` and so
    on may be changed at any time.
    """

    def __init__(
        self,
        *,
        fault: Fault | str = Fault.NONE,
        share: float = 1.0,
        seed: int | None = None,
        users: int = 50,
        auth: str | None = None,
        auth_header: str = "authorization",
        poison_enrollids: Collection[int] = (),
        poison_log_ids: Collection[int] = (),
        retry_after_seconds: float = 1.0,
        retry_after_as_date: bool = False,
        hang_seconds: float = 3600.0,
        big_above: int = 10,
        redirect_to: str = "http://elsewhere.invalid/",
        attendance_paths: Collection[str] = ("/api/v1/attendance",),
        users_paths: Collection[str] = ("/api/v1/employees",),
        ledger: Path | str | None = None,
    ) -> None:
        self.fault = Fault(fault)
        self.share = share
        self.auth = auth
        self.auth_header = auth_header.lower()
        self.poison_enrollids = set(poison_enrollids)
        self.poison_log_ids = set(poison_log_ids)
        self.retry_after_seconds = retry_after_seconds
        self.retry_after_as_date = retry_after_as_date
        self.hang_seconds = hang_seconds
        self.big_above = big_above
        self.redirect_to = redirect_to
        self.attendance_paths = set(attendance_paths)
        self.users_paths = set(users_paths)
        self.people: list[Person] = list(make_roster(users, seed))
        self.records: dict[int, dict[str, Any]] = {}
        self.counts: Counter[str] = Counter(
            received=0, replayed=0, delivered_twice=0, violations=0, unkeyed=0
        )
        self.requests: Counter[str] = Counter()
        self.violations: list[str] = []
        self.delivered_twice: list[int] = []
        self._rng = random.Random(f"hr/{seed}") if seed is not None else random.Random()
        self._digests: dict[str, bytes] = {}
        self._answers: dict[str, Reply] = {}
        self._file: IO[str] | None = None
        if ledger is not None:
            self._file = open(ledger, "a", encoding="utf-8")  # noqa: SIM115 (closed by close())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def ledger(self) -> dict[str, Any]:
        """Body of ``GET /__ledger``."""
        return {
            **self.counts,
            "unique": len(self.records),
            "requests": dict(self.requests),
            "fail": str(self.fault),
            "share": self.share,
            "violation_examples": self.violations,
            "delivered_twice_examples": self.delivered_twice,
        }

    def handle(self, request: Request) -> Reply:
        """Judge one request; counts it by the status it gets."""
        if request.path in {"/__ledger", "/__control"}:
            return self._operate(request)
        reply = self._judge(request)
        if reply.reset:
            self.requests["reset"] += 1
        elif reply.hang_seconds:
            self.requests["hang"] += 1
        else:
            self.requests[str(reply.status)] += 1
        return reply

    # ------------------------------------------------------------ the operator's door

    def control(self, changes: Mapping[str, Any]) -> None:
        """Apply ``{"fail": "5xx", "share": 0.5, ...}``; a ValueError changes nothing."""
        checked: dict[str, Any] = {}
        for key, value in changes.items():
            if key == "fail":
                try:
                    checked["fault"] = Fault(value)
                except ValueError:
                    raise ValueError(f"fail must be one of {', '.join(Fault)}, not {value!r}") from None
            elif key == "share":
                if type(value) not in {int, float} or not 0 <= value <= 1:
                    raise ValueError(f"share must be a number from 0 to 1, not {value!r}")
                checked[key] = float(value)
            elif key in {"poison_enrollids", "poison_log_ids"}:
                if not isinstance(value, list) or not all(type(item) is int for item in value):
                    raise ValueError(f"{key} must be a list of integers, not {value!r}")
                checked[key] = set(value)
            elif key in {"retry_after_seconds", "hang_seconds"}:
                if type(value) not in {int, float} or value < 0:
                    raise ValueError(f"{key} must be a number of seconds, not {value!r}")
                checked[key] = float(value)
            elif key == "big_above":
                if type(value) is not int or value < 0:
                    raise ValueError(f"big_above must be a number of records, not {value!r}")
                checked[key] = value
            elif key == "retry_after_as_date":
                checked[key] = bool(value)
            else:
                raise ValueError(f"{key} is not something that can be changed")
        for key, value in checked.items():
            setattr(self, key, value)

    def _operate(self, request: Request) -> Reply:
        if request.path == "/__ledger" and request.method == "GET":
            return _json(200, self.ledger())
        if request.path == "/__control" and request.method == "POST":
            try:
                changes = json.loads(request.body or b"{}")
                if not isinstance(changes, dict):
                    raise ValueError("the body must be an object")
                self.control(changes)
            except ValueError as error:
                return _json(400, {"error": str(error)})
            return _json(200, self.ledger())
        return _json(405, {"error": "method not allowed"})

    # ------------------------------------------------------------ the service

    def _judge(self, request: Request) -> Reply:
        posting = request.path in self.attendance_paths
        if not posting and request.path not in self.users_paths:
            return _json(404, {"error": "no such path"})
        if request.method != ("POST" if posting else "GET"):
            return _json(405, {"error": "method not allowed"})
        if self.auth is not None and request.headers.get(self.auth_header) != self.auth:
            return _json(401, {"error": "unauthorized"})
        key = self._notice_key(request) if posting else None
        fault = draw(self.fault, self.share, self._rng)
        failure = self._fail_before(fault)
        if failure is not None:
            return failure
        reply = self._take_attendance(request, key, fault) if posting else self._list_people()
        if reply.status >= 400:
            return reply
        if fault is Fault.TIMEOUT:
            return dataclasses.replace(reply, hang_seconds=self.hang_seconds)
        return dataclasses.replace(reply, reset=fault is Fault.RESET_AFTER, drip=fault is Fault.SLOW)

    def _fail_before(self, fault: Fault) -> Reply | None:
        match fault:
            case Fault.SERVER_ERROR:
                status = self._rng.choice((500, 502, 503))
                if status == 502:
                    return Reply(
                        502, b"<html><h1>502 Bad Gateway</h1></html>", (("content-type", "text/html"),)
                    )
                return _json(status, {"error": "internal error" if status == 500 else "maintenance"})
            case Fault.THROTTLE:
                return _json(429, {"error": "too many requests"}, ("retry-after", self._retry_after()))
            case Fault.TIMEOUT_BEFORE:
                return dataclasses.replace(_json(504, {}), hang_seconds=self.hang_seconds)
            case Fault.GARBAGE:
                return Reply(200, HTML, (("content-type", "text/html"),))
            case Fault.RESET:
                return Reply(0, reset=True)
            case Fault.AUTH:
                return _json(401, {"error": "token expired"})
            case Fault.GONE:
                return _json(410, {"error": "this endpoint is gone"})
            case Fault.REDIRECT:
                return _json(302, {}, ("location", self.redirect_to))
        return None

    def _retry_after(self) -> str:
        if self.retry_after_as_date:
            return email.utils.formatdate(time.time() + self.retry_after_seconds, usegmt=True)
        return f"{self.retry_after_seconds:g}"

    def _list_people(self) -> Reply:
        users = [
            {
                "enrollid": person.enrollid,
                "name": person.name,
                "admin": person.admin,
                "is_enabled": True,
                "weekzone": 1,
                "group": 0,
            }
            for person in self.people
        ]
        return _json(200, {"users": users})

    def _notice_key(self, request: Request) -> str | None:
        """The batch's key. From its first arrival on, whatever became of it, a key means one body."""
        given = [request.headers[name] for name in KEY_HEADERS if request.headers.get(name)]
        if not given:
            self.counts["unkeyed"] += 1
            return None
        if len(set(given)) > 1:
            self._violation(f"webhook-id {given[0]!r} and Idempotency-Key {given[1]!r} differ")
        key = given[0]
        digest = hashlib.sha256(request.body).digest()
        if self._digests.setdefault(key, digest) != digest:
            self._violation(f"the key {key!r} came again with other bytes")
        return key

    def _take_attendance(self, request: Request, key: str | None, fault: Fault) -> Reply:
        try:
            rows = read_attendance(request.body, request.headers.get("content-type", ""))
        except ContractBroken as broken:
            for sentence in broken.faults:
                self._violation(sentence)
            return _json(422, {"error": "the body is not in the agreed format", "faults": broken.faults})
        self.counts["received"] += len(rows)
        if key is not None and key in self._answers:
            self.counts["replayed"] += len(rows)
            return self._answers[key]
        if fault is Fault.BIG and len(rows) > self.big_above:
            return _json(413, {"error": f"at most {self.big_above} records at once"})
        poisoned = [row for row in rows if self._is_poisoned(row)]
        if fault is Fault.PARTIAL:
            reply = self._take_some(rows, key)
        elif poisoned:
            return _json(422, {"error": f"log_id {poisoned[0]['log_id']}: this employee is unknown"})
        else:
            self._store(rows, key)
            reply = _json(200, {"received": len(rows)})
        if key is not None:
            self._answers[key] = reply
        return reply

    def _is_poisoned(self, row: Mapping[str, Any]) -> bool:
        return row["enrollid"] in self.poison_enrollids or row["log_id"] in self.poison_log_ids

    def _take_some(self, rows: list[dict[str, Any]], key: str | None) -> Reply:
        """A verdict per record. On 207 a few are left out of the list, and were not stored."""
        status = self._rng.choice((200, 207))
        results: list[dict[str, Any]] = []
        taken: list[dict[str, Any]] = []
        for row in rows:
            log_id, chance = row["log_id"], self._rng.random()
            if self._is_poisoned(row):
                verdict = {
                    "status": "rejected",
                    "code": "EMPLOYEE_UNKNOWN",
                    "message": "this employee is unknown",
                }
            elif log_id in self.records:
                taken.append(row)
                verdict = {"status": "duplicate"}
            elif chance < 0.2:
                verdict = {"status": "retry"}
            elif chance < 0.3 and status == 207:
                continue
            else:
                taken.append(row)
                verdict = {"status": "accepted"}
            results.append({"log_id": log_id} | verdict)
        self._store(taken, key)
        return _json(status, {"results": results})

    def _store(self, rows: list[dict[str, Any]], key: str | None) -> None:
        lines: list[str] = []
        for row in rows:
            log_id = row["log_id"]
            held = self.records.get(log_id)
            if held is None:
                self.records[log_id] = row
                if self._file is not None:
                    lines.append(json.dumps({"key": key} | row, ensure_ascii=False) + "\n")
                continue
            self.counts["delivered_twice"] += 1
            if len(self.delivered_twice) < KEPT_VIOLATIONS:
                self.delivered_twice.append(log_id)
            if held != row:
                self._violation(f"log_id {log_id} came again with other contents")
        if self._file is not None and lines:
            self._file.write("".join(lines))
            self._file.flush()

    def _violation(self, sentence: str) -> None:
        self.counts["violations"] += 1
        if len(self.violations) < KEPT_VIOLATIONS:
            self.violations.append(sentence)


def expected_auth(kind: str, token: str) -> str:
    """Value of the header for bearer, api_key (the token itself) or basic (``user:password``)."""
    match kind:
        case "bearer":
            return f"Bearer {token}"
        case "basic":
            return "Basic " + base64.b64encode(token.encode()).decode()
        case "api_key":
            return token
    raise ValueError(f"auth must be bearer, api_key or basic, not {kind!r}")


def _json(status: int, content: Any, *headers: tuple[str, str]) -> Reply:
    body = json.dumps(content, ensure_ascii=False).encode()
    return Reply(status, body, (("content-type", "application/json"), *headers))
