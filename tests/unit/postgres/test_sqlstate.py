"""What psycopg says about a connection that failed becomes one readable sentence, and a code."""

from __future__ import annotations

import psycopg
import pytest

from azext_dms_pg.postgres.sqlstate import translate_connect

AT = 'connection to server at "10.0.0.4", port 5432 failed: '


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        (
            f'connection failed: {AT}FATAL:  password authentication failed for user "postgres"',
            "ConnectionRefused",
            'refused the connection: password authentication failed for user "postgres".',
        ),
        (
            (
                f'connection failed: {AT}FATAL:  no pg_hba.conf entry for host "192.0.2.2", SSL\n'
                f'{AT}FATAL:  no pg_hba.conf entry for host "192.0.2.2", no encryption'
            ),
            "ConnectionRefused",
            'refused the connection: no pg_hba.conf entry for host "192.0.2.2", SSL.',
        ),
        (
            f'connection failed: {AT}致命错误:  用户 "postgres" Password 认证失败',
            "ConnectionRefused",
            'refused the connection: 用户 "postgres" Password 认证失败.',
        ),
        (
            f"connection failed: {AT}FATAL:  no such database: shop",
            "ConnectionRefused",
            "refused the connection: no such database: shop.",
        ),
        (
            f"connection failed: {AT}Connection refused\n\tIs the server running on that host?",
            "ServerUnreachable",
            "cannot be reached: Connection refused.",
        ),
        (
            (
                "Multiple connection attempts failed. All failures were:\n"
                f'- host: "db", port: 5432, hostaddr: "::1": connection failed: {AT}Host is down'
            ),
            "ServerUnreachable",
            "cannot be reached: Host is down.",
        ),
        (
            f"connection failed: {AT}SSL error: certificate verify failed",
            "TlsNotTrusted",
            "SSL error: certificate verify failed.",
        ),
        (
            f"connection failed: {AT}SSL error: unexpected eof while reading",
            "ServerUnreachable",
            "cannot be reached: SSL error: unexpected eof while reading.",
        ),
        (
            'failed to resolve host "ssl-tls-db": Name or service not known',
            "ServerUnreachable",
            'cannot be reached: failed to resolve host "ssl-tls-db": Name or service not known.',
        ),
        ("connection timeout expired", "ServerUnreachable", "reached: connection timeout expired."),
        ("", "ServerUnreachable", "cannot be reached: OperationalError."),
    ],
)
def test_a_failed_connection_is_told_in_one_sentence(said: str, code: str, reason: str) -> None:
    error = translate_connect(psycopg.OperationalError(said), "source", "10.0.0.4:5432")
    assert error.code == code
    assert error.message.startswith(("The source server 10.0.0.4:5432 ", "No trusted TLS "))
    assert error.message.endswith(reason)
    assert error.action
