"""Every sentence with values that the server can say to an operator, found in its source.

Errors, alarms, reasons of deliveries and commands, what happens next: whatever is put
together at a place of `SAID` is written out, with `SAMPLE`s where values go.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "tm20tui"
SAMPLE = "X1"
SAID = {
    "AlreadyRunning": 0,
    "BackOff": 0,
    "ConfigError": 2,
    "Conflict": 0,
    "Failure": 1,
    "Finding": 2,
    "Forbidden": 0,
    "Garbage": 0,
    "InvalidInput": 0,
    "Lost": 0,
    "Outcome": 1,
    "Outlook": 1,
    "Pause": 0,
    "Refuse": 0,
    "Refused": 1,
    "SchemaTooNew": 0,
    "SecretUnreadable": 0,
    "Settlement": 2,
    "Step": 3,
    "StoreError": 0,
    "StoreUnavailable": 0,
    "Tm20Error": 0,
    "Unavailable": 0,
    "Verdict": 1,
    "alarms.set": 1,
}
"""Which positional argument of what is a sentence."""
WORDED = ("reason", "note", "error", "frame_note")
"""Keyword arguments that are sentences."""
ELSEWHERE = ("simulate", "protocol", "cli", "locale")
"""Folders whose texts no operator is told as they are."""
_MOST = 200


@dataclass(frozen=True)
class Said:
    """One sentence, and where it is put together."""

    text: str
    where: str


def all_sentences() -> list[Said]:
    """Each sentence once."""
    found: dict[str, Said] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        if relative.parts[0] in ELSEWHERE:
            continue
        for said in _Source(ast.parse(path.read_text()), str(relative)).sentences():
            if _is_one(said.text):
                found.setdefault(said.text, said)
    return list(found.values())


def _is_one(text: str) -> bool:
    """Whether it has words, and no hole at an end that was only an empty text at first."""
    return any(letter.isalpha() for letter in text.replace(SAMPLE, "")) and text == text.strip(" :")


class _Source:
    """One module, read rather than run."""

    def __init__(self, tree: ast.Module, name: str) -> None:
        self._tree = tree
        self._name = name
        self._functions = {
            node.name: node
            for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        }
        self._owners: dict[ast.AST, list[ast.AST]] = {}
        for function in self._functions.values():
            for node in ast.walk(function):
                self._owners.setdefault(node, []).insert(0, function)

    def sentences(self) -> Iterator[Said]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                for text in self._said(node):
                    yield Said(text, f"{self._name}:{node.lineno}")
            elif self._name.endswith("doctor.py"):
                for told in _steps_told(node):
                    for text in self._texts(told, told):
                        yield Said(text, f"{self._name}:{told.lineno}")

    def _said(self, call: ast.Call) -> Iterator[str]:
        name = ast.unparse(call.func)
        short = "alarms.set" if name.endswith("alarms.set") else name.rpartition(".")[2]
        if short == "NotFound" and len(call.args) > 1:
            yield from (f"no {what} with id {SAMPLE}" for what in self._texts(call.args[0], call))
        elif name == "super().__init__" and self._is_error(call):
            yield from self._texts(call.args[0], call) if call.args else ()
        elif (index := SAID.get(short)) is not None and index < len(call.args):
            yield from self._texts(call.args[index], call)
        if short in SAID or short in ("settle", "replace", "Reread", "values"):
            for keyword in call.keywords:
                if keyword.arg in WORDED:
                    yield from self._texts(keyword.value, call)

    def _is_error(self, call: ast.Call) -> bool:
        """Whether it is the constructor of an exception that is told: its texts are sentences."""
        classes = [node for node in ast.walk(self._tree) if isinstance(node, ast.ClassDef)]
        mine = next((one for one in classes if call in list(ast.walk(one))), None)
        return mine is not None and any(ast.unparse(base).endswith("Exception") for base in mine.bases)

    def _texts(self, node: ast.AST, at: ast.AST, depth: int = 12) -> list[str]:
        """What a text can be; a `SAMPLE` where the source does not say."""
        if depth == 0:
            return [SAMPLE]

        def inner(other: ast.AST) -> list[str]:
            return self._texts(other, at, depth - 1)

        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=parts):
                written = [inner(part) for part in parts]
                return ["".join(chosen) for chosen in list(product(*written))[:_MOST]]
            case ast.FormattedValue(value=value, conversion=conversion):
                return [f"'{text}'" if conversion == ord("r") else text for text in inner(value)]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return ["".join(chosen) for chosen in product(inner(left), inner(right))]
            case ast.IfExp(body=body, orelse=other):
                return inner(body) + inner(other)
            case ast.BoolOp(values=values):
                return [text for value in values for text in inner(value)]
            case ast.Subscript(value=ast.Name(id=name)):
                return self._members(name) or [SAMPLE]
            case ast.Subscript(value=value):
                return inner(value)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="get"), args=[_, *default]):
                return self._members(name) + [text for value in default for text in inner(value)] or [SAMPLE]
            case ast.Call(func=ast.Name(id=name)) if name in self._functions:
                return self._returned(name, depth) or [SAMPLE]
            case ast.Name(id=name):
                return self._assigned(name, at, depth) or [SAMPLE]
        return [SAMPLE]

    def _members(self, name: str) -> list[str]:
        for node in self._tree.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=found)], value=ast.Dict(values=values)):
                    pass
                case ast.AnnAssign(target=ast.Name(id=found), value=ast.Dict(values=values)):
                    pass
                case _:
                    continue
            if found == name:
                return [value.value for value in values if _is_text(value)]  # type: ignore[attr-defined]
        return []

    def _returned(self, name: str, depth: int) -> list[str]:
        function = self._functions[name]
        return [
            text
            for node in ast.walk(function)
            if isinstance(node, ast.Return) and node.value is not None
            for text in self._texts(node.value, node.value, depth - 1)
        ]

    def _assigned(self, name: str, at: ast.AST, depth: int) -> list[str]:
        for place in (*self._owners.get(at, ()), self._tree):
            nodes = self._tree.body if place is self._tree else ast.walk(place)
            found = [value for node in nodes if (value := _value_for(node, name)) is not None]
            found = [value for value in found if not _names(value, name)]
            if found:
                return [text for value in found for text in self._texts(value, value, depth - 1)]
        return _imported(self._tree, name)


def _imported(tree: ast.Module, name: str) -> list[str]:
    """A text that another module of the package has under this name."""
    for node in tree.body:
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("tm20tui."):
            continue
        if name not in {alias.asname or alias.name for alias in node.names}:
            continue
        path = PACKAGE.parent / f"{(node.module or '').replace('.', '/')}.py"
        values = [_value_for(one, name) for one in ast.parse(path.read_text()).body] if path.exists() else []
        return [value.value for value in values if _is_text(value)]  # type: ignore[union-attr]
    return []


def _steps_told(node: ast.AST) -> list[ast.expr]:
    """What a step of the connection doctor found, and what to do about it; its tables of both."""
    match node:
        case ast.Tuple(elts=[ast.Constant(value="ok" | "warning" | "failed" | "skipped"), found, hint]):
            return [found, hint]
        case ast.Assign(targets=[ast.Tuple(elts=[_, *names])], value=ast.Tuple(elts=[_, *told])) if any(
            isinstance(name, ast.Name) and name.id in ("reason", "hint") for name in names
        ):
            return told
        case ast.AnnAssign(target=ast.Name(id="_HINTS" | "_REFUSALS"), value=ast.Dict(values=values)):
            return [one for value in values for one in getattr(value, "elts", [value])]
        case ast.Assign(targets=[ast.Name(id="hint" | "reason")], value=value):
            return [value]
    return []


def _value_for(node: ast.AST, name: str) -> ast.expr | None:
    match node:
        case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
            return value
        case ast.AnnAssign(target=ast.Name(id=found), value=value) if found == name:
            return value
        case ast.AugAssign(target=ast.Name(id=found), value=value) if found == name:
            return value
    return None


def _names(node: ast.AST, name: str) -> bool:
    """What is made of itself says nothing new."""
    return any(isinstance(inner, ast.Name) and inner.id == name for inner in ast.walk(node))


def _is_text(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


if __name__ == "__main__":
    for said in all_sentences():
        print(f"{said.where}\t{said.text}")
