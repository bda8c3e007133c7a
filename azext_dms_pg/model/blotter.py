"""Secrets taken out of texts of unknown make before they are kept.

Our own texts never hold one; what a server answers may repeat the password it was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_BLOT = "***"


def no_secrets() -> tuple[str, ...]:
    return ()


class Blotter:
    """Called with a text, it gives it back without the secrets.

    :param secrets: those known from the start, such as passwords.
    :param later: those of the moment, such as tokens: asked for with every text.
    """

    def __init__(
        self, secrets: Iterable[str] = (), later: Callable[[], Iterable[str]] = no_secrets
    ) -> None:
        self._secrets = frozenset(secrets)
        self._later = later

    def __call__(self, text: str) -> str:
        # The longest first: one password may be part of another.
        for secret in sorted(self._secrets.union(self._later()), key=len, reverse=True):
            if secret:
                text = text.replace(secret, _BLOT)
        return text
