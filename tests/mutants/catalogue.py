"""For every hazard: what its handling comes down to, and what the code would be without it.

A mutant is one piece of text in one file. ``docs/hazards.md`` names the tests that must notice.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """:param hazard: its number in docs/hazards.md.

    :param file: below ``azext_dms_pg/``.
    :param handling: text that stands there once.
    :param without: what stands there instead.
    :param test: ``file.py::name`` of the test that fails then.
    """

    hazard: int
    file: str
    handling: str
    without: str
    test: str


MUTANTS = (
    Mutant(
        1,
        "engine/changes/interpret.py",
        "old[at] if field == UNCHANGED and at in known else field",
        'b"\\xff\\xff\\xff\\xff" if field == UNCHANGED else field',
        "test_stream_rows.py::test_hazard_1_unchanged_toast",
    ),
    Mutant(
        2,
        "engine/changes/interpret.py",
        "if before != key:",
        "if False:",
        "test_stream_rows.py::test_hazard_2_keys_change",
    ),
    Mutant(
        3,
        "engine/apply/account.py",
        "if done == expected or",
        "if True or",
        "test_stream_rows.py::test_hazard_3_a_row_that_is_not_there_is_an_error",
    ),
    Mutant(
        3,
        "engine/changes/layouts.py",
        "if relation.identity in (None, ReplicaIdentity.FULL):",
        "if True:",
        "test_stream_rows.py::test_hazard_3_replica_identity_changes",
    ),
    Mutant(
        4,
        "postgres/snapshot.py",
        'sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot))',
        'sql.SQL("SELECT {}").format(sql.Literal(snapshot))',
        "test_stream_faults.py::test_hazards_4_5_6_an_open_transaction_across_slot_and_publication",
    ),
    Mutant(
        5,
        "postgres/replication.py",
        "        if found:\n            self._tell(",
        "        if False:\n            self._tell(",
        "test_stream_faults.py::test_hazards_4_5_6_an_open_transaction_across_slot_and_publication",
    ),
    Mutant(
        7,
        "engine/apply/applier.py",
        "                self.session.advance(self.progress, batch.lsn)\n",
        "                self.session.commit()\n"
        "                self.session.begin()\n"
        "                self.session.advance(self.progress, batch.lsn)\n",
        "test_stream_faults.py::test_hazards_7_16_commits_whose_answer_is_lost",
    ),
    Mutant(
        8,
        "engine/stream/receiver.py",
        "self._stream.report(self.received_lsn, self._applied(), answer=answer)",
        "self._stream.report(self.received_lsn, self.received_lsn, answer=answer)",
        "test_stream_faults.py::test_hazards_8_10_a_table_locked_for_longer_than_the_source_waits",
    ),
    Mutant(
        9,
        "engine/stream/follower.py",
        "if mark is not None and mark.lsn <= progress:",
        "if mark is not None:",
        "test_stream_faults.py::"
        "test_hazard_9_the_cutover_waits_for_what_was_received_but_not_applied",
    ),
    Mutant(
        10,
        "engine/stream/receiver.py",
        "        while not self._handoff.put(batch, _ROOM_PAUSE):\n            self._report()\n",
        "        while not self._handoff.put(batch, _ROOM_PAUSE):\n            pass\n",
        "test_stream_faults.py::test_hazards_8_10_a_table_locked_for_longer_than_the_source_waits",
    ),
    Mutant(
        11,
        "engine/stream/receiver.py",
        "elif now - self._idle_since >= _IDLE_PROGRESS and",
        "elif False and",
        "test_load_shapes.py::test_an_idle_source_lets_wal_go",
    ),
    Mutant(
        12,
        "postgres/replication.py",
        "    if found is None:\n        raise SlotLostError(",
        "    if found is None:\n        raise LookupError(",
        "test_stream_faults.py::test_hazard_12_the_slot_is_lost",
    ),
    Mutant(
        13,
        "engine/stream/assembler.py",
        "        self._size = 0\n        self._hand_over(self.take())",
        "        self._size, batch.lsn = 0, self.received_lsn + 1\n"
        "        self._hand_over(self.take())",
        "test_whole_transactions.py::test_hazard_13_books_always_balance",
    ),
    Mutant(
        16,
        "engine/load/lane.py",
        "        if any(part.id not in parts for part in unit.parts):\n",
        "        if True:\n",
        "test_load_faults.py::test_commits_whose_answer_is_lost",
    ),
    Mutant(
        17,
        "engine/apply/whole.py",
        "WHERE found.number OPERATOR(pg_catalog.<=) found.count",
        "WHERE true",
        "test_stream_rows.py::test_hazard_17_equal_rows",
    ),
    Mutant(
        17,
        "engine/apply/whole.py",
        "    for at in layout.recent:\n",
        "    for at in ():\n",
        "test_recent_columns.py::test_deleted_before_it_came",
    ),
    Mutant(
        17,
        "engine/stream/feeds.py",
        "            if layout is not None and layout.recent:\n",
        "            if False:\n",
        "test_recent_columns.py::test_one_of_equal_rows",
    ),
    Mutant(
        17,
        "engine/apply/write.py",
        "    if equality.collation:\n",
        "    if False:\n",
        "test_key_equality.py::test_hazard_17_an_index_that_tells_apart_what_the_column_does_not",
    ),
    Mutant(
        17,
        "engine/apply/write.py",
        "    if equality.printed:\n",
        "    if False:\n",
        "test_key_equality.py::test_an_operator_class_that_tells_apart_what_the_column_does_not",
    ),
    Mutant(
        18,
        "engine/cutover/finishing.py",
        "    copy_sequences(source, target, plan, job.settings.sequence_margin)\n",
        "",
        "test_tables.py::test_identity_generated_serial_and_dropped_columns",
    ),
    Mutant(
        18,
        "engine/drift/counting.py",
        "text = alter_sequence(here, there)",
        'text = ""',
        "test_drift.py::test_names_the_statement_that_mends_it",
    ),
    Mutant(
        18,
        "engine/planning/sequences.py",
        "goal = numbered.get(sequence.oid, _UNKNOWN).goal\n",
        "goal = 0\n",
        "test_renamed_sequences.py::test_names_that_change_places_while_nobody_works",
    ),
    Mutant(
        19,
        "engine/stream/assembler.py",
        "if changes and (changes >= limits.changes or",
        "if False and (changes >= limits.changes or",
        "test_load_shapes.py::test_a_huge_transaction",
    ),
    Mutant(
        20,
        "postgres/relations.py",
        "tuple(column for column in self.columns if not column.generated)",
        "self.columns",
        "test_tables.py::test_identity_generated_serial_and_dropped_columns",
    ),
    Mutant(
        20,
        "engine/drift/columns.py",
        "if match.generated and column.generated:",
        "if False:",
        "test_generated_columns.py::test_the_statement",
    ),
    Mutant(
        21,
        "engine/deferral/ledger.py",
        "now = present.get((table, number), name)",
        "now = name",
        "test_renamed_columns.py::test_keys_come_back_to_the_columns_they_were_on",
    ),
    Mutant(
        21,
        "engine/apply/applier.py",
        "self._writer.write(segment, self.progress, careful=True)",
        "self._writer.write(segment, self.progress, careful=False)",
        "test_stream_rows.py::test_hazard_21_unique_values_change_places",
    ),
    Mutant(
        21,
        "postgres/lexer.py",
        "(?P<constant> '(?:[^']|'')*(?:'|\\Z)\n",
        "(?P<constant> '\n",
        "test_renamed_tables.py::test_words_about_a_table_stay_and_its_name_is_only_a_name",
    ),
    Mutant(
        22,
        "engine/apply/truncate.py",
        "if sharing <= gone:",
        "if True:",
        "test_stream_tables.py::test_hazard_22_truncate",
    ),
    Mutant(
        22,
        "engine/apply/bounds.py",
        '"C"\' if bytewise else',
        '"C"\' if False else',
        "test_leaf_collations.py::test_exactly_its_rows_go",
    ),
    Mutant(
        22,
        "engine/apply/leaves.py",
        "            if not all(order and order.deterministic for order in orders):\n",
        "            if False:\n",
        "test_leaf_collations.py::test_what_cannot_be_told_is_not_deleted",
    ),
    Mutant(
        23,
        "engine/following.py",
        "            if not self._mending.wait(error, source, target):\n",
        "            if True:\n",
        "test_ddl.py::test_pauses_with_the_statement_and_goes_on",
    ),
    Mutant(
        23,
        "engine/drift/looking.py",
        "found += missing_partitions(both.source, both.target, memory, refused=unplaced)",
        "pass",
        "test_new_partitions.py::test_a_partition_without_rows_is_missed_too",
    ),
    Mutant(
        23,
        "engine/drift/retyping.py",
        "        and old.name not in here.type_by_name\n",
        "        and False\n",
        "test_ddl.py::test_a_type_of_another_name",
    ),
    Mutant(
        28,
        "engine/drift/proof.py",
        'why = "its file was written anew" if files[oid] != loaded.file else ""',
        'why = ""',
        "test_silent_changes.py::test_a_rewrite_with_other_values",
    ),
    Mutant(
        30,
        "engine/apply/account.py",
        "(done < expected and progress < layout.sparse_until)",
        "False",
        "test_truncated_early.py::test_changed_then_truncated",
    ),
    Mutant(
        31,
        "engine/drift/partitions.py",
        "        if self._has_come(part):\n",
        "        if False:\n",
        "test_attached.py::test_missed_at_the_cutover",
    ),
    Mutant(
        31,
        "engine/drift/membership.py",
        "            if root is None:\n",
        "            if True:\n",
        "test_attached.py::test_moved_to_another_table",
    ),
    Mutant(
        34,
        "engine/migration.py",
        "if self._completing.is_over():",
        "if False:",
        "test_last_steps.py::test_killed_before_complete_was_written",
    ),
    Mutant(
        34,
        "engine/migration.py",
        "if self._journal.has_passed(MigrationState.RUNNING):",
        "if False:",
        "test_last_steps.py::test_cut_over_from_another_machine",
    ),
    Mutant(
        35,
        "engine/preflight/tables.py",
        "    taken,\n",
        "",
        "test_claims.py::test_partitions_of_one_table",
    ),
    Mutant(
        35,
        "engine/planning/claims.py",
        "    if others:\n        raise",
        "    if False:\n        raise",
        "test_claims.py::test_of_two_at_once_one_begins",
    ),
    Mutant(
        36,
        "engine/migration.py",
        "            if found.phase == checkpoint.CUTOVER:\n",
        "            if False:\n",
        "test_late_changes.py::test_between_a_cutover_that_failed_and_its_restart",
    ),
    Mutant(
        36,
        "engine/completing.py",
        "        if not rested:\n",
        "        if True:\n",
        "test_late_changes.py::test_while_a_key_waits_for_a_lock",
    ),
    Mutant(
        37,
        "postgres/trust.py",
        "    for doubt in doubts(connection):\n",
        "    for doubt in ():\n",
        "test_own_schema.py::test_hazard_37_what_others_keep_there_is_not_run",
    ),
)
