"""An OpenAPI document as one HTML page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;
background:#fff}
h1{margin-bottom:0}h2{border-bottom:1px solid #d0d7de;margin-top:2.5rem}
details{border:1px solid #d0d7de;border-radius:6px;margin:.5rem 0;padding:.4rem .8rem}
summary{cursor:pointer}summary code{font-size:1rem}summary span{color:#57606a}
b.m{display:inline-block;min-width:4.2rem;font-family:ui-monospace,monospace}
b.get{color:#0969da}b.post{color:#1a7f37}b.put,b.patch{color:#9a6700}b.delete{color:#cf222e}
table{border-collapse:collapse;width:100%;margin:.4rem 0 1rem}
td,th{border-bottom:1px solid #eaeef2;padding:.25rem .5rem;text-align:left;vertical-align:top}
pre{background:#f6f8fa;padding:.7rem;overflow:auto;border-radius:6px}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}details,h2{border-color:#30363d}
td,th{border-color:#21262d}pre{background:#161b22}a{color:#58a6ff}}
"""
_REF = "#/components/schemas/"


def render_page(document: Mapping[str, Any]) -> str:
    """The whole page."""
    groups: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for tag in operation.get("tags", ["other"])[:1]:
                groups.setdefault(tag, []).append(_operation(path, method, operation))
    info = document["info"]
    contents = " · ".join(f'<a href="#{_anchor(tag)}">{escape(tag)}</a>' for tag in groups)
    sections = "".join(
        f'<h2 id="{_anchor(tag)}">{escape(tag)}</h2>{"".join(parts)}' for tag, parts in groups.items()
    )
    schemas = "".join(_schema(*item) for item in document["components"]["schemas"].items())
    title = f"{escape(info['title'])} {escape(info['version'])}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><p>{escape(info['description'])}</p>"
        '<p>The same as a file for programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI).</p>'
        f'<p>{contents} · <a href="#formats">formats</a></p>{sections}'
        f'<h2 id="formats">formats</h2>{schemas}</body></html>'
    )


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    summary = escape(operation.get("summary", ""))
    parts = [f"<p>{escape(operation.get('description', ''))}</p>"]
    if parameters := operation.get("parameters"):
        rows = [
            (item["name"], item["in"], _kind(item["schema"]), item.get("description", ""))
            for item in parameters
        ]
        parts.append(_table(("parameter", "in", "type", ""), rows))
    for media in operation.get("requestBody", {}).get("content", {}).values():
        parts.append("<p>Body</p>" + _members(media.get("schema", {})))
        parts += [_json(example) for example in _examples(media)]
    rows = []
    for status, answer in operation["responses"].items():
        kinds = ", ".join(
            f"{kind}: {_kind(media.get('schema', {}))}" for kind, media in answer.get("content", {}).items()
        )
        rows.append((status, answer.get("description", ""), kinds, ""))
    parts.append(_table(("answer", "when", "content", ""), rows))
    return (
        f'<details><summary><b class="m {method}">{method.upper()}</b> <code>{escape(path)}</code> '
        f"<span>{summary}</span></summary>{''.join(parts)}</details>"
    )


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    about = escape(schema.get("description", ""))
    return (
        f'<details id="{_anchor(name)}"><summary><code>{escape(name)}</code></summary>'
        f"<p>{about}</p>{_members(schema)}</details>"
    )


def _members(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [
        (name, "required" if name in required else "", _kind(member), member.get("description", ""))
        for name, member in schema.get("properties", {}).items()
    ]
    return _table(("member", "", "type", ""), rows) if rows else ""


def _examples(media: Mapping[str, Any]) -> Iterator[Any]:
    if "example" in media:
        yield media["example"]
    for example in media.get("examples", {}).values():
        yield example["value"]


def _kind(schema: Mapping[str, Any]) -> str:
    """A schema in one line of plain words."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_kind(choice) for choice in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', schema.get('prefixItems', [{}])))}"
    limits = [
        f"{word} {schema[key]}"
        for key, word in (
            ("minimum", "from"),
            ("maximum", "to"),
            ("minLength", "at least"),
            ("maxLength", "at most"),
        )
        if key in schema
    ]
    kind = schema.get("format") or schema.get("type") or "any"
    return " ".join([str(kind), *limits])


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _json(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return f"<pre>{escape(text)}</pre>"


def _anchor(text: str) -> str:
    return escape(text.replace(" ", "-"), quote=True)
