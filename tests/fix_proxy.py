"""Proxies that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.proxy import Proxy
from tests.support.servers import Server

MakeProxy = Callable[[Server], Proxy]


@pytest.fixture
def make_proxy() -> Iterator[MakeProxy]:
    """``make_proxy(server)``: a proxy in front of that server."""
    made: list[Proxy] = []

    def make(server: Server) -> Proxy:
        made.append(Proxy(server.host, server.port))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()
