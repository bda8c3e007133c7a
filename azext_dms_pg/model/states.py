"""The state words of Azure DMS, spelled exactly as the service spells them.

Source: azure-mgmt-datamigration 10.0.0 ``models/_data_migration_management_client_enums.py``.
``INITIALIAZING`` is the service's own spelling. ``Canceling`` is not in the SDK's enum but is
what the live service answers after a cancel.
"""

from __future__ import annotations

from enum import Enum


class Wire(str, Enum):
    """An enum whose members are their wire spelling, also when formatted."""

    def __str__(self) -> str:
        return str(self.value)


class TaskState(Wire):
    """``state`` of a task (TaskState, and the live service's ``Canceling``)."""

    UNKNOWN = "Unknown"
    QUEUED = "Queued"
    RUNNING = "Running"
    CANCELING = "Canceling"
    CANCELED = "Canceled"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    FAILED_INPUT_VALIDATION = "FailedInputValidation"
    FAULTED = "Faulted"

    @property
    def is_final(self) -> bool:
        """No worker will touch the task again unless the user asks for it."""
        return self in {
            TaskState.CANCELED,
            TaskState.SUCCEEDED,
            TaskState.FAILED,
            TaskState.FAILED_INPUT_VALIDATION,
        }


class MigrationState(Wire):
    """``migrationState`` of a database (SyncDatabaseMigrationReportingState)."""

    UNDEFINED = "UNDEFINED"
    CONFIGURING = "CONFIGURING"
    INITIALIZING = "INITIALIAZING"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    READY_TO_COMPLETE = "READY_TO_COMPLETE"
    COMPLETING = "COMPLETING"
    COMPLETE = "COMPLETE"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    VALIDATING = "VALIDATING"
    VALIDATION_COMPLETE = "VALIDATION_COMPLETE"
    VALIDATION_FAILED = "VALIDATION_FAILED"

    @property
    def is_final(self) -> bool:
        return self in {
            MigrationState.COMPLETE,
            MigrationState.CANCELLED,
            MigrationState.FAILED,
            MigrationState.VALIDATION_FAILED,
        }

    @property
    def is_at_rest(self) -> bool:
        """It needs no worker any more, for now."""
        return self.is_final or self is MigrationState.VALIDATION_COMPLETE


class TableState(Wire):
    """``state`` of a table (SyncTableMigrationState)."""

    BEFORE_LOAD = "BEFORE_LOAD"
    FULL_LOAD = "FULL_LOAD"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"
    ERROR = "ERROR"
    FAILED = "FAILED"


class ReplicateState(Wire):
    """``state`` of the migration as a whole (ReplicateMigrationState)."""

    UNDEFINED = "UNDEFINED"
    VALIDATING = "VALIDATING"
    PENDING = "PENDING"
    COMPLETE = "COMPLETE"
    ACTION_REQUIRED = "ACTION_REQUIRED"
    FAILED = "FAILED"


class CommandState(Wire):
    """``state`` of a command such as the cutover (CommandState)."""

    UNKNOWN = "Unknown"
    ACCEPTED = "Accepted"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class ServiceState(Wire):
    """``provisioningState`` of a service; only those a local service can be in."""

    SUCCEEDED = "Succeeded"
    STOPPED = "Stopped"
    STOPPING = "Stopping"
    STARTING = "Starting"
    DELETING = "Deleting"


class Severity(Wire):
    """How much a preflight finding weighs."""

    BLOCKER = "blocker"
    WARNING = "warning"
    INFO = "info"
