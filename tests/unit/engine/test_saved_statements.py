"""Statements saved before a table was renamed say its new name, and change in nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azext_dms_pg.engine.deferral.renaming import with_columns, with_names
from azext_dms_pg.postgres.lexer import tokens
from azext_dms_pg.postgres.quoting import literal
from azext_dms_pg.postgres.relations import Name

EVIL = "a'; ALTER ROLE mallory SUPERUSER; --"
NAMES = {
    Name("public", "t"): Name("public", EVIL),
    Name("public", "T u"): Name("my schema", 'a"b'),
    Name("public", "p"): Name("public", "\u00fcber"),
}
SAID = """'"public"."t", on public.t'"""
CHANGED = [
    (
        'ALTER TABLE ONLY "public"."t" ENABLE TRIGGER "x"',
        f'ALTER TABLE ONLY "public"."{EVIL}" ENABLE TRIGGER "x"',
    ),
    (
        'ALTER TABLE "public"."T u" ADD FOREIGN KEY (t) REFERENCES public.p(t)',
        'ALTER TABLE "my schema"."a""b" ADD FOREIGN KEY (t) REFERENCES "public"."\u00fcber"(t)',
    ),
    (
        "CREATE INDEX t ON public.t USING btree (v) WHERE (v = 'on public.t'::text)",
        f'CREATE INDEX t ON "public"."{EVIL}" USING btree (v) WHERE (v = \'on public.t\'::text)',
    ),
    (
        """COMMENT ON CONSTRAINT "on public.t" ON "public"."t" IS '"public"."t", on public.t'""",
        f"""COMMENT ON CONSTRAINT "on public.t" ON "public"."{EVIL}" IS {SAID}""",
    ),
    (
        "CREATE INDEX i ON public.x USING btree ((((v)::public.t).a))",
        f'CREATE INDEX i ON public.x USING btree ((((v)::"public"."{EVIL}").a))',
    ),
]
KEPT = [
    'COMMENT ON INDEX "public"."i" IS  E\'\\\\ on public.t \\\' on public.t\'',
    "DO LANGUAGE plpgsql $x$ ALTER TABLE public.t $x$",
    "SELECT 1 -- on public.t",
    "/* /* */ on public.t */ SELECT 1",
    'ALTER TABLE "public.t" ENABLE TRIGGER "table public.t"',
    'ALTER TABLE "other"."t" ENABLE TRIGGER "x"',
    "CREATE INDEX i ON public.tt USING btree (v COLLATE public.t)",
    'CREATE INDEX i ON public."T" USING btree ("on", public.t)',
    'SELECT "on" public.t',
]


@pytest.mark.parametrize(("before", "after"), CHANGED)
def test_tables_have_their_new_names(before: str, after: str) -> None:
    assert with_names(before, NAMES) == after


@pytest.mark.parametrize("statement", KEPT)
def test_what_only_reads_like_a_table_stays(statement: str) -> None:
    assert with_names(statement, NAMES) == statement


@given(st.text(), st.sampled_from(["public.t", '"public"."t"', "ON public.t "]), st.text())
def test_a_constant_is_never_touched(before: str, name: str, after: str) -> None:
    said = literal(f"{before}{name}{after}")
    statement = f'COMMENT ON CONSTRAINT f ON "public"."p" IS {said}'
    assert with_names(statement, NAMES).endswith(f' ON "public"."\u00fcber" IS {said}')


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_any_name_is_one_name(new: str) -> None:
    names = {Name("public", "t"): Name("public", new)}
    pieces = list(tokens(with_names("ALTER TABLE public.t VALIDATE CONSTRAINT f", names)))
    assert len(pieces) == 13
    assert pieces[6].name == new


KEY = 'ALTER TABLE "s"."b" ADD CONSTRAINT "a" FOREIGN KEY '


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(a, b) REFERENCES s.a(a, b)", '("b", "a") REFERENCES s.a("x y", b)'),
        (
            "(b) REFERENCES a(id) ON DELETE SET NULL (b) NOT VALID",
            '("a") REFERENCES a(id) ON DELETE SET NULL ("a") NOT VALID',
        ),
        (
            "(b) REFERENCES a(a) ON DELETE SET DEFAULT (b) ON UPDATE SET NULL DEFERRABLE",
            '("a") REFERENCES a("x y") ON DELETE SET DEFAULT ("a") ON UPDATE SET NULL DEFERRABLE',
        ),
        (
            "(c, PERIOD a) REFERENCES a(period, PERIOD a)",
            '(c, PERIOD "b") REFERENCES a("when", PERIOD "x y")',
        ),
        ('("A", "a""b") REFERENCES "a"("A")', '("A", "a""b") REFERENCES "a"("A")'),
    ],
)
def test_columns_have_their_new_names(before: str, after: str) -> None:
    own = {"a": "b", "b": "a"}
    assert with_columns(KEY + before, own, {"a": "x y", "period": "when"}) == KEY + after
