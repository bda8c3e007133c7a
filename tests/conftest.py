"""The plugins every test may use, and the server versions in the header."""

from __future__ import annotations

from tests.support.packages import PACKAGES

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
