"""The WSGI application: three pages, and who may ask for them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from prometheus_client.exposition import choose_encoder
from werkzeug import Request, Response

from target_bronze_postgres.ops.serve import metrics
from target_bronze_postgres.ops.serve.page import STYLE_HASH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from target_bronze_postgres.ops.serve.snapshot import Snapshot

HEADERS: Final = {
    # Nothing may be loaded but this page's own style sheet, and nobody may frame it.
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
METHODS: Final = ("GET", "HEAD")
HOST: Final = re.compile(r"(\[[\da-f:.]+\]|[^\[\]:]+)(?::\d+)?")
"""A name or an address, and a port; werkzeug's own list of trusted hosts knows no IPv6."""


class App:
    """Answers from snapshots."""

    def __init__(self, get: Callable[[], Snapshot], hosts: Sequence[str]) -> None:
        """Answer to these host names alone: a page elsewhere could name this machine its own."""
        self._get, self._hosts = get, {host.lower() for host in hosts}
        self._pages = {"/": self._page, "/health": self._health, "/metrics": self._metrics}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        response = self._answer(Request(environ))
        response.headers.update(HEADERS)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        host = HOST.fullmatch(request.headers.get("Host", "").lower())
        if host is None or host[1] not in self._hosts:
            return _plain("this host name is not served: start with --allow-host NAME", 421)
        if request.method not in METHODS:
            refusal = _plain("GET and HEAD only", 405)
            refusal.headers["Allow"] = ", ".join(METHODS)
            return refusal
        page = self._pages.get(request.path)
        return page(request) if page else _plain("there are /, /health and /metrics", 404)

    def _page(self, _: Request) -> Response:
        return Response(self._get().page, mimetype="text/html")

    def _health(self, _: Request) -> Response:
        ok, body = self._get().health
        return Response(body, status=200 if ok else 503, mimetype="application/json")

    def _metrics(self, request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = encode(metrics.registry(self._get().samples))
        return Response(body, content_type=content_type)


def _plain(text: str, status: int) -> Response:
    return Response(f"{text}\n", status=status, mimetype="text/plain")
