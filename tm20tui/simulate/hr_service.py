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
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import IO, Any

from tm20tui.simulate.hr_contract import ContractBroken, read_attendance
from tm20tui.simulate.hr_faults import Fault, draw, fail_before
from tm20tui.simulate.hr_messages import Reply as Reply
from tm20tui.simulate.hr_messages import Request as Request
from tm20tui.simulate.hr_messages import as_json
from tm20tui.simulate.hr_signatures import read_secret, signature_problem
from tm20tui.simulate.people import Person, make_roster

KEY_HEADERS = ("webhook-id", "idempotency-key")
KEPT_VIOLATIONS = 100


class HrService:
    """State and behaviour of the service.

    `records`: what it holds, by log_id. `counts`: received (records in readable
    requests), replayed (records of a batch that came again under its key, byte for byte),
    delivered_twice (records that came again under another key), violations, unkeyed
    (batches without a key). `requests`: answers by status; ``hang`` and ``reset`` are
    those that got none. With `signing_secrets` a batch must be signed with one of them,
    within five minutes of `now` (Unix seconds). `fault`, `share`, the poison sets,
    `retry_after_seconds` and so on may be changed at any time.
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
        signing_secrets: Collection[str] = (),
        now: Callable[[], float] = time.time,
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
        self.require_signatures(*signing_secrets)
        self.now = now
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

    def require_signatures(self, *secrets: str) -> None:
        """Refuse from now on what is not signed with one of these; a ValueError changes nothing."""
        self._keys = [read_secret(secret) for secret in secrets]

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
            return as_json(200, self.ledger())
        if request.path == "/__control" and request.method == "POST":
            try:
                changes = json.loads(request.body or b"{}")
                if not isinstance(changes, dict):
                    raise ValueError("the body must be an object")
                self.control(changes)
            except ValueError as error:
                return as_json(400, {"error": str(error)})
            return as_json(200, self.ledger())
        return as_json(405, {"error": "method not allowed"})

    # ------------------------------------------------------------ the service

    def _judge(self, request: Request) -> Reply:
        posting = request.path in self.attendance_paths
        if not posting and request.path not in self.users_paths:
            return as_json(404, {"error": "no such path"})
        if request.method != ("POST" if posting else "GET"):
            return as_json(405, {"error": "method not allowed"})
        if self.auth is not None and request.headers.get(self.auth_header) != self.auth:
            return as_json(401, {"error": "unauthorized"})
        if posting and self._keys and (problem := signature_problem(request, self._keys, self.now())):
            return as_json(401, {"error": f"the signature is refused: {problem}"})
        key = self._notice_key(request) if posting else None
        fault = draw(self.fault, self.share, self._rng)
        failure = fail_before(
            fault,
            self._rng,
            retry_after=self._retry_after() if fault is Fault.THROTTLE else "",
            hang_seconds=self.hang_seconds,
            redirect_to=self.redirect_to,
        )
        if failure is not None:
            return failure
        reply = self._take_attendance(request, key, fault) if posting else self._list_people()
        if reply.status >= 400:
            return reply
        if fault is Fault.EMPTY:
            return Reply(204, b"", ())
        if fault in (Fault.TIMEOUT, Fault.FORGET):
            return dataclasses.replace(reply, hang_seconds=self.hang_seconds)
        return dataclasses.replace(reply, reset=fault is Fault.RESET_AFTER, drip=fault is Fault.SLOW)

    def _retry_after(self) -> str:
        if self.retry_after_as_date:
            return email.utils.formatdate(self.now() + self.retry_after_seconds, usegmt=True)
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
        return as_json(200, {"users": users})

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
            return as_json(422, {"error": "the body is not in the agreed format", "faults": broken.faults})
        self.counts["received"] += len(rows)
        if key is not None and key in self._answers:
            if fault is Fault.FORGET:
                return as_json(422, {"error": "this batch cannot be read"})
            self.counts["replayed"] += len(rows)
            return self._answers[key]
        # But for `forget`, who knows a batch by its key never refuses it afterwards.
        if fault is Fault.BAD_REQUEST:
            return as_json(400, {"error": "bad request"})
        if fault is Fault.BIG and len(rows) > self.big_above:
            return as_json(413, {"error": f"at most {self.big_above} records at once"})
        poisoned = [row for row in rows if self._is_poisoned(row)]
        if fault is Fault.PARTIAL:
            reply = self._take_some(rows, key)
        elif poisoned:
            return as_json(422, {"error": f"log_id {poisoned[0]['log_id']}: this employee is unknown"})
        else:
            self._store(rows, key)
            reply = as_json(200, {"received": len(rows)})
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
        return as_json(status, {"results": results})

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
