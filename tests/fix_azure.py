"""The stand-in for Azure, once a session, and an az that is signed in to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.arm.providers import Providers
from tests.support.arm.server import Server
from tests.support.arm.standin import StandIn
from tests.support.azcli import Az


@pytest.fixture(scope="session")
def arm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An HTTPS server without a brain yet."""
    server = Server(tmp_path_factory.mktemp("arm"))
    yield server
    server.close()


@pytest.fixture
def arm(arm_server: Server) -> StandIn:
    """A fresh Azure: nothing in it but two resource groups and a virtual network."""
    brain = StandIn(Providers())
    arm_server.brain = brain
    return brain


@pytest.fixture(scope="session")
def signed_in(arm_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Az:
    """az with the extension, signed in to the stand-in."""
    az = Az(tmp_path_factory.mktemp("az"))
    az.login(arm_server)
    return az


@pytest.fixture
def azure(arm: StandIn, signed_in: Az) -> Az:
    """``signed_in`` with a fresh Azure behind it."""
    assert arm is not None
    return signed_in


@pytest.fixture
def signed_out(tmp_path: Path) -> Az:
    """az with the extension, its own empty local store, and nobody signed in."""
    return Az(tmp_path / "az")
