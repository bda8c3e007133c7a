"""Following the change stream of one database: what the conductor sees of it.

Owns fences and the order of events; ``pipeline.py`` does the work. Knows no conductor.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from azext_dms_pg.engine.faults import ApplyError, BinaryImpossibleError
from azext_dms_pg.engine.stream.pipeline import Course, Pipeline
from azext_dms_pg.engine.values import Applied, Fence, FencePassed, Position

if TYPE_CHECKING:
    from collections.abc import Iterator


_POSITION_EVERY = 0.4
# A batch the target refuses is tried again in so many pieces, and so on down to one transaction.
_FEWER = 16


class Follower:
    """Applies the changes of one database until it is closed."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._fences: list[Fence] = []
        self._changes_at_fence = 0
        self._closed = threading.Event()
        self._pipeline: Pipeline | None = None
        self._next_position = 0.0

    def events(self) -> Iterator[Applied | Position | FencePassed]:
        """What happens, as it happens; a ``Position`` at least twice a second.

        :raises LineReachedError: everything before the position to stop at is applied.
        :raises SlotLostError: changes are missing for good.
        :raises SchemaDriftError: the source's schema changed; everything before is applied.
        :raises MigrationError: the target refuses a change, or the stream makes no sense.
        :raises ServerError: a connection was lost; make another follower.
        """
        while not self._closed.is_set():
            try:
                yield from self._follow()
            except BinaryImpossibleError:
                # Everything before is applied; from here on values come as text.
                plan = replace(self._course.plan, binary_stream=False)
                self._course = replace(self._course, plan=plan)
            except ApplyError as error:
                # It was one of several that went together: those before it shall be applied.
                if error.transactions < 2:  # noqa: PLR2004
                    raise
                fewer = max(1, error.transactions // _FEWER)
                self._course = replace(self._course, together=(fewer, error.lsn))

    def watch(self, fence: Fence) -> None:
        """Have ``FencePassed`` come out of ``events`` once this fence has passed."""
        self._fences.append(fence)

    def close(self) -> None:
        """Stop at once; what is not committed on the target is rolled back there."""
        self._closed.set()
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            pipeline.close()

    @property
    def ignored(self) -> frozenset[str]:
        """Tables the stream speaks of that are not part of the migration."""
        if self._pipeline is None:
            return frozenset()
        return frozenset(str(name) for name in self._pipeline.feed.ignored)

    def _follow(self) -> Iterator[Applied | Position | FencePassed]:
        pipeline = self._pipeline = Pipeline(self._course, self._closed.is_set)
        self._changes_at_fence = 0
        pipeline.start()
        try:
            while not self._closed.is_set():
                event = pipeline.next(self._next_position - time.monotonic())
                if event is not None:
                    yield event
                yield from self._passed(pipeline)
                if time.monotonic() >= self._next_position:
                    self._next_position = time.monotonic() + _POSITION_EVERY
                    yield pipeline.position()
        finally:
            if self._pipeline is pipeline:
                self._pipeline = None
                pipeline.close()

    def _passed(self, pipeline: Pipeline) -> Iterator[FencePassed]:
        """Fences whose own transaction came out of the stream and is durable (hazard 9).

        One that had been applied before we looked for it is known by its position alone.
        """
        assembler, progress = pipeline.receiver.assembler, pipeline.applier.progress
        for fence in list(self._fences):
            mark = assembler.marks.get(fence.nonce) or assembler.marks.get(fence.xid)
            if mark is not None and mark.lsn <= progress:
                changes = mark.changes
            elif fence.lsn <= progress:
                changes = assembler.received_changes
            else:
                continue
            self._fences.remove(fence)
            since, self._changes_at_fence = changes - self._changes_at_fence, changes
            yield FencePassed(fence, max(0, since))
