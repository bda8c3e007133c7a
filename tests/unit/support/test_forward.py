"""Recording the real Azure: ids are exchanged on the way there and on the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.arm import recording
from tests.support.arm.forward import Forward
from tests.support.arm.messages import Request, Response, error
from tests.support.arm.server import SUBSCRIPTION, TENANT, TOKEN, Server

REAL = "97181df2-909d-420b-ab93-1bff15acb6b7"


def test_there_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Request] = []

    def azure(request: Request) -> Response:
        asked.append(request)
        if request.method == "GET":
            return error(404, "ResourceNotFound", f"Not in {REAL}.")
        location = {"Location": f"{{origin}}/subscriptions/{REAL}/x", "x-ms-secret": "canary"}
        return Response(202, {"id": f"/subscriptions/{REAL}/y"}, location)

    server = Server(tmp_path, azure)
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca))
    scrubber = recording.Scrubber({REAL: SUBSCRIPTION, server.url: "{origin}"})
    try:
        forward = Forward(TOKEN, REAL, scrubber, server.url)
        body = f'{{"subnet": "/subscriptions/{SUBSCRIPTION}/s"}}'.encode()
        made = forward(Request("PUT", f"/subscriptions/{SUBSCRIPTION}/y?a=b", {}, body))
        missing = forward(Request("GET", f"/subscriptions/{SUBSCRIPTION}/z", {}))
    finally:
        server.close()
    assert asked[0].target == f"/subscriptions/{REAL}/y?a=b"
    assert asked[0].json == {"subnet": f"/subscriptions/{REAL}/s"}
    assert made == Response(
        202,
        {"id": f"/subscriptions/{SUBSCRIPTION}/y"},
        {"Location": f"{{origin}}/subscriptions/{SUBSCRIPTION}/x"},
    )
    assert missing.status == 404
    assert REAL not in str(missing.body)
    assert TENANT not in str(missing.body)
