"""Record a story against the real Azure: ``python -m tests.support.arm.forward scenarios/NAME``.

Needs a login of your own (``az login``) and resources that may cost money; scenarios/README.md
says which. Requests of the story's az go to this machine first, where the stand-in's ids are
exchanged for yours, are sent to Azure with your token, and come back with the ids exchanged
again, so that nothing of your account is in the recording.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.support import stories
from tests.support.arm import recording
from tests.support.arm.messages import Request, Response
from tests.support.arm.recording import ORIGIN, Recorder, Scrubber
from tests.support.arm.server import SUBSCRIPTION, Server
from tests.support.azcli import Az


class Forward:
    """A brain that asks Azure itself."""

    def __init__(
        self, token: str, subscription: str, scrubber: Scrubber, origin: str = ORIGIN
    ) -> None:
        self._origin = origin
        self._token = token
        self._subscription = subscription
        self._scrubber = scrubber

    def __call__(self, request: Request) -> Response:
        real = request.target.replace(SUBSCRIPTION, self._subscription)
        body = request.body.replace(SUBSCRIPTION.encode(), self._subscription.encode())
        asked = urllib.request.Request(  # noqa: S310 - always https
            self._origin + real,
            data=body or None,
            method=request.method,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(asked) as answer:  # noqa: S310 - always https
                return self._response(answer.status, answer.read(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            return self._response(error.code, error.read(), dict(error.headers))

    def _response(self, status: int, body: bytes, headers: dict[str, str]) -> Response:
        kept = {
            name: self._scrubber.text(value)
            for name, value in headers.items()
            if name.lower() in {"azure-asyncoperation", "location", "retry-after"}
        }
        text = self._scrubber.text(body.decode()) if body else ""
        return Response(status, json.loads(text) if text else None, kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("story", type=Path)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--scrub", nargs="*", default=[], metavar="REAL=WRITTEN")
    options = parser.parse_args()
    account = _az("account", "show")
    token = _az("account", "get-access-token")["accessToken"]
    more = dict(pair.split("=", 1) for pair in options.scrub)
    scrubber = recording.real_account(account["id"], account["tenantId"], more)
    story = stories.load(options.story)
    with tempfile.TemporaryDirectory() as directory:
        recorder = Recorder(Forward(token, account["id"], scrubber), scrubber)
        server = Server(Path(directory), recorder)
        az = Az(Path(directory) / "az", with_extension=not story.by_core)
        az.login(server)
        values = {**story.values, **dict(pair.split("=", 1) for pair in options.set)}
        stories.run(story, az, values, Path(directory), patience=1800)
        server.close()
    today = dt.datetime.now(tz=dt.timezone.utc).date()
    recording.save(story.recording, recorder.interactions, f"Azure on {today}")


def _az(*arguments: str) -> Any:
    done = subprocess.run(["az", *arguments, "-o", "json"], capture_output=True, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
