"""Recordings: what was exchanged with ARM, scrubbed, in VCR's YAML layout; and playing it back.

A recording says itself what it was made against. Scrubbing happens before anything is written:
subscription and tenant become fixed ids, passwords and keys ``***``, headers but a few go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from tests.support.arm.messages import Request, Response, error
from tests.support.arm.server import SUBSCRIPTION, TENANT, Brain

ORIGIN = "https://management.azure.com"
STAND_IN = "the stand-in of tests/support/arm; not against Azure"
_LABEL = """\
# What az and Azure Resource Manager say to each other in this story.
# Made against {made_against}.
# To make it again: see scenarios/README.md. Passwords and ids are scrubbed.
"""
_KEPT_HEADERS = {"azure-asyncoperation", "location", "retry-after", "content-type"}
_SECRET_KEYS = re.compile(r"password|secret|encryptedkey|token|publickey", re.IGNORECASE)
HIDDEN = "***"


@dataclass(frozen=True)
class Scrubber:
    """Removes what must not be kept; ``replaced`` maps real texts to the ones to write."""

    replaced: Mapping[str, str] = field(default_factory=dict)

    def text(self, value: str) -> str:
        for real, written in self.replaced.items():
            if real:
                # Case differs between what was typed and what Azure answers.
                pattern = re.compile(re.escape(real), re.IGNORECASE)
                value = written.join(pattern.split(value))
        return value

    def value(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self.value(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, key) for item in value]
        if isinstance(value, str):
            return HIDDEN if value and _SECRET_KEYS.search(key) else self.text(value)
        return value


@dataclass(frozen=True)
class Interaction:
    """One request with its response, scrubbed."""

    method: str
    uri: str
    body: Any
    status: int
    answer: Any
    headers: dict[str, str]

    @property
    def key(self) -> tuple[str, ...]:
        return _key(self.method, self.uri, self.body)


class Recorder:
    """A brain that asks another and remembers."""

    def __init__(self, inner: Brain, scrubber: Scrubber | None = None) -> None:
        self._inner = inner
        self._scrubber = scrubber or Scrubber()
        self.interactions: list[Interaction] = []

    def __call__(self, request: Request) -> Response:
        response = self._inner(request)
        headers = {
            name: self._scrubber.text(value)
            for name, value in response.headers.items()
            if name.lower() in _KEPT_HEADERS
        }
        self.interactions.append(
            Interaction(
                request.method,
                ORIGIN + self._scrubber.text(request.target),
                self._scrubber.value(request.json),
                response.status,
                self._scrubber.value(response.body),
                headers,
            )
        )
        return response


class Player:
    """A brain that answers from a recording, each interaction once.

    :ivar missed: requests that were not in it, as ``METHOD uri body``.
    """

    def __init__(self, interactions: list[Interaction]) -> None:
        self._left = list(interactions)
        self.missed: list[str] = []

    def __call__(self, request: Request) -> Response:
        body = Scrubber().value(request.json)
        key = _key(request.method, ORIGIN + request.target, body)
        for index, interaction in enumerate(self._left):
            if interaction.key == key:
                del self._left[index]
                return Response(interaction.status, interaction.answer, interaction.headers)
        self.missed.append(f"{request.method} {request.target} {json.dumps(body)}")
        return error(403, "NotRecorded", f"Not in the recording: {self.missed[-1]}")

    @property
    def unused(self) -> list[str]:
        return [f"{item.method} {item.uri} {json.dumps(item.body)}" for item in self._left]


def save(path: Path, interactions: list[Interaction], made_against: str = STAND_IN) -> None:
    document = {
        "version": 1,
        "made_against": made_against,
        "interactions": [
            {
                "request": {
                    "method": item.method,
                    "uri": item.uri,
                    "body": None if item.body is None else json.dumps(item.body),
                },
                "response": {
                    "status": {"code": item.status},
                    "headers": {name: [value] for name, value in item.headers.items()},
                    "body": {"string": "" if item.answer is None else json.dumps(item.answer)},
                },
            }
            for item in interactions
        ],
    }
    text = yaml.safe_dump(document, sort_keys=False, width=4096, allow_unicode=True)
    path.write_text(_LABEL.format(made_against=made_against) + text, encoding="utf-8")


def load(path: Path) -> list[Interaction]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [
        Interaction(
            method=item["request"]["method"],
            uri=item["request"]["uri"],
            body=json.loads(item["request"]["body"]) if item["request"]["body"] else None,
            status=item["response"]["status"]["code"],
            answer=json.loads(item["response"]["body"]["string"])
            if item["response"]["body"]["string"]
            else None,
            headers={name: values[0] for name, values in item["response"]["headers"].items()},
        )
        for item in document["interactions"]
    ]


def real_account(subscription: str, tenant: str, more: Mapping[str, str]) -> Scrubber:
    """For recording the real Azure: its ids become the stand-in's."""
    return Scrubber({subscription: SUBSCRIPTION, tenant: TENANT, ORIGIN: "{origin}", **more})


def _key(method: str, uri: str, body: Any) -> tuple[str, ...]:
    split = urlsplit(uri)
    query = sorted(parse_qsl(split.query, keep_blank_values=True))
    # Versions of SDKs that are not ours to choose differ from installation to installation.
    if "/providers/microsoft.datamigration" not in split.path.lower():
        query = [pair for pair in query if pair[0] != "api-version"]
    return method, split.path.lower(), json.dumps(query), json.dumps(body, sort_keys=True)
