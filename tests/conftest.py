"""The plugins every test may use, and the server versions in the header."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.packages import PACKAGES

# A loaded machine is not a failure.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

_PATIENCE = 20.0  # seconds in which what a test started has to come to its end

pytest_plugins = [
    "tests.fix_postgres",
    "tests.fix_migrate",
    "tests.fix_proxy",
    "tests.fix_cli",
    "tests.fix_azure",
]


@pytest.fixture(autouse=True)
def no_thread_outlives_its_test() -> Iterator[None]:
    """Else one test disturbs another, or hides that something of ours never ends."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + _PATIENCE
    while left := set(threading.enumerate()) - before:
        if time.monotonic() > deadline:
            pytest.fail("\n".join(map(_told, left)))
        time.sleep(0.02)


def _told(thread: threading.Thread) -> str:
    """Where it is."""
    frame = sys._current_frames().get(thread.ident or 0)
    where = "".join(traceback.format_stack(frame)) if frame is not None else "it has just ended"
    return f"{thread} outlives the test:\n{where}"


def pytest_report_header() -> str:
    offers = ", ".join(f"{package.major} ({package.source})" for package in PACKAGES)
    return f"PostgreSQL on offer: {offers}"
