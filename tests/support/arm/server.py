"""The HTTPS server: certificates, sign-in, and handing every other request to a brain.

The sign-in is the part of Microsoft Entra ID that ``az login --service-principal`` needs. A
bearer token is asked of every ARM request, as ARM does.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support import certificates
from tests.support.arm.messages import Request, Response, error

Brain = Callable[[Request], Response]

TENANT = "11111111-1111-1111-1111-111111111111"
SUBSCRIPTION = "22222222-2222-2222-2222-222222222222"
CLIENT = "33333333-3333-3333-3333-333333333333"
SECRET = "canary-client-secret"
TOKEN = "canary-bearer-token"


class Server:
    """Runs until ``close``; its brain can be exchanged at any time."""

    def __init__(self, directory: Path, brain: Brain | None = None) -> None:
        files = certificates.make(directory)
        self.ca = files.ca
        self.brain: Brain = brain or _nobody
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, request: Request) -> Response:
        if request.path.startswith(f"/{TENANT}/"):
            return self._sign_in(request)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return error(401, "AuthenticationFailed", "The 'Authorization' header is missing.")
        fixed = _account(request)
        return fixed or self.brain(request)

    def _sign_in(self, request: Request) -> Response:
        authority = f"{self.url}/{TENANT}"
        if request.path.endswith("/.well-known/openid-configuration"):
            return Response(
                200,
                {
                    "issuer": f"{authority}/v2.0",
                    "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{authority}/oauth2/v2.0/token",
                    "device_authorization_endpoint": f"{authority}/oauth2/v2.0/devicecode",
                },
            )
        if f"client_secret={SECRET}".encode() not in request.body:
            return Response(
                401, {"error": "invalid_client", "error_description": "AADSTS7000215: wrong secret"}
            )
        return Response(200, {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length)
                response = server.answer(Request(self.command, self.path, headers, body))
                content = response.content
                self.send_response(response.status)
                for name, value in response.headers.items():
                    self.send_header(name, value.replace("{origin}", server.url))
                if content:
                    self.send_header("Content-Type", "application/json; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _serve

            def log_message(self, *_: Any) -> None:
                """Say nothing: the tests print what they need."""

        return Handler


def _account(request: Request) -> Response | None:
    """What ``az login`` reads about the account."""
    if request.path == "/tenants":
        return Response(200, {"value": [{"id": f"/tenants/{TENANT}", "tenantId": TENANT}]})
    if request.path == "/subscriptions":
        subscription = {
            "id": f"/subscriptions/{SUBSCRIPTION}",
            "subscriptionId": SUBSCRIPTION,
            "tenantId": TENANT,
            "displayName": "Stand-in",
            "state": "Enabled",
            "managedByTenants": [],
        }
        return Response(200, {"value": [subscription]})
    return None


def _nobody(request: Request) -> Response:
    return error(500, "NoBrain", json.dumps(request.path))
