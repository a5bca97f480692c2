"""`docs/`: the OpenAPI document as a page for people, whole in itself: no script, nothing from elsewhere."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from tm20tui.api.docs_page import render_page

_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def docs_routes() -> APIRouter:
    """Read."""
    router = APIRouter(prefix="/docs", tags=["documentation"])

    @router.get("/", response_class=HTMLResponse)
    async def read_docs(request: Request) -> HTMLResponse:
        """This page."""
        return HTMLResponse(render_page(request.app.openapi()), headers=_HEADERS)

    return router
