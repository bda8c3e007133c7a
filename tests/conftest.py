"""The plugins every test may use, and the server versions in the header."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.support.packages import PACKAGES

# A loaded machine is not a failure.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

pytest_plugins = [
    "tests.fix_postgres",
    "tests.fix_migrate",
    "tests.fix_proxy",
    "tests.fix_cli",
    "tests.fix_azure",
]


def pytest_report_header() -> str:
    offers = ", ".join(f"{package.major} ({package.source})" for package in PACKAGES)
    return f"PostgreSQL on offer: {offers}"
