"""What preflight found: a value, never an exception."""

from __future__ import annotations

from dataclasses import dataclass

from azext_dms_pg.model.states import Severity


@dataclass(frozen=True)
class Finding:
    """One thing the user should know before (or while) a migration runs.

    :param code: stable CamelCase identifier (``WalLevelNotLogical``).
    :param severity: a blocker stops the task before anything is created.
    :param subject: the object concerned: ``source``, ``target``, ``public.actor``, …
    :param message: what was expected and what was found, and why it matters.
    :param remedy: the exact statement or setting that mends it, or an empty string.
    """

    code: str
    severity: Severity
    subject: str
    message: str
    remedy: str = ""

    def to_wire(self) -> dict[str, str]:
        return {
            "code": self.code,
            "severity": self.severity.value,
            "subject": self.subject,
            "message": self.message,
            "remedy": self.remedy,
        }

    @classmethod
    def from_wire(cls, wire: dict[str, str]) -> Finding:
        return cls(
            code=wire["code"],
            severity=Severity(wire["severity"]),
            subject=wire["subject"],
            message=wire["message"],
            remedy=wire.get("remedy", ""),
        )
