"""Scrubbing: nothing of an account, and no password, gets into a recording."""

from __future__ import annotations

from pathlib import Path

from tests.support.arm import recording
from tests.support.arm.messages import Request, Response
from tests.support.arm.recording import Player, Recorder
from tests.support.arm.server import SUBSCRIPTION, TENANT

REAL_SUBSCRIPTION = "97181DF2-909d-420b-ab93-1bff15acb6b7"
REAL_TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
SCRUBBER = recording.real_account(REAL_SUBSCRIPTION.lower(), REAL_TENANT, {"MyVnet": "CorpVnet"})


def _answer(request: Request) -> Response:
    return Response(
        201,
        {
            "id": request.path,
            "tenant": REAL_TENANT,
            "properties": {
                "input": {"password": "canary", "encryptedKeyForSecureFields": "canary"},
                "publicKey": "canary",
                "vnet": "/x/myvnet",
            },
        },
        {
            "Location": f"https://management.azure.com/subscriptions/{REAL_SUBSCRIPTION}/x",
            "x-ms-request-id": "canary",
            "Set-Cookie": "canary",
        },
    )


def _request(password: str = "canary") -> Request:
    return Request(
        "PUT",
        f"/subscriptions/{REAL_SUBSCRIPTION}/providers/Microsoft.DataMigration/x?api-version=1",
        {"authorization": "Bearer canary"},
        b'{"input": {"password": "' + password.encode() + b'", "userName": "u"}}',
    )


def test_nothing_secret_is_written(tmp_path: Path) -> None:
    recorder = Recorder(_answer, SCRUBBER)
    recorder(_request())
    path = tmp_path / "recording.yaml"
    recording.save(path, recorder.interactions, "Azure on 2026-01-01")
    text = path.read_text()
    assert "Made against Azure on 2026-01-01" in text
    for secret in ("canary", REAL_SUBSCRIPTION, REAL_TENANT, "myvnet", "Bearer", "Cookie"):
        assert secret.lower() not in text.lower()
    for kept in (SUBSCRIPTION, TENANT, "CorpVnet", "{origin}/subscriptions"):
        assert kept in text


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    recorder = Recorder(_answer, SCRUBBER)
    recorder(_request())
    recorder(Request("GET", "/a?b=c", {}))
    path = tmp_path / "recording.yaml"
    recording.save(path, recorder.interactions)
    assert recording.load(path) == recorder.interactions


def test_playback_compares_bodies() -> None:
    recorder = Recorder(_answer)
    recorder(_request())
    player = Player(recorder.interactions)
    other = Request("PUT", _request().target, {}, b'{"input": {"userName": "other"}}')
    assert player(other).status == 403
    assert len(player.missed) == 1
    assert player(_request("another password")).status == 201
    assert player.unused == []
    assert player(_request()).status == 403
