"""One request and one response, as every part of the stand-in sees them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A request; ``body`` is what was sent, byte for byte."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    @property
    def segments(self) -> list[str]:
        """The path's parts, decoded one by one (``a%2Fb`` stays one part)."""
        return [unquote(part) for part in self.path.strip("/").split("/")]


@dataclass(frozen=True)
class Response:
    """A response; None as body means that there is none."""

    status: int
    body: Json | list[Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return b"" if self.body is None else json.dumps(self.body).encode()


def error(status: int, code: str, message: str) -> Response:
    """An error as ARM words them."""
    return Response(status, {"error": {"code": code, "message": message, "details": []}})
