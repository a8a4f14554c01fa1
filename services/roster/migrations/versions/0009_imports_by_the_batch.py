"""Imports in batches: rows wait as texts of many, foreign keys are checked once a statement, counts are kept."""

from alembic import op

from shared.runtime.migrations import RowLevelSecurity, irreversible

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_NO_LONGER_FOREIGN = (
    ("students", "fk_students_schools"),
    ("parents", "fk_parents_schools"),
    ("contacts", "fk_contacts_parents"),
    ("student_parents", "fk_student_parents_students"),
    ("student_parents", "fk_student_parents_parents"),
)
# What an import under way has staged is read again from its file, which is kept until it is applied.
_STAGING = (
    """
    CREATE TABLE import_batches (
        school_id uuid NOT NULL,
        import_id uuid NOT NULL,
        position integer NOT NULL,
        rows integer[] NOT NULL,
        skipped integer[] NOT NULL DEFAULT '{}',
        numbers text[] COLLATE "C",
        name_keys text[] COLLATE "C",
        entries text NOT NULL,
        CONSTRAINT pk_import_batches PRIMARY KEY (school_id, import_id, position),
        CONSTRAINT fk_import_batches_imports FOREIGN KEY (school_id, import_id) REFERENCES imports ON DELETE CASCADE
    )
    """,
    "DROP TABLE import_rows",
)
_COUNTS = (
    """
    CREATE TABLE school_counts (
        school_id uuid CONSTRAINT pk_school_counts PRIMARY KEY,
        students bigint NOT NULL DEFAULT 0,
        parents bigint NOT NULL DEFAULT 0
    )
    """,
    """
    INSERT INTO school_counts (school_id, students, parents)
    SELECT school_id, (SELECT count(*) FROM students s WHERE s.school_id = schools.school_id),
           (SELECT count(*) FROM parents p WHERE p.school_id = schools.school_id)
      FROM schools
    """,
)
# Whoever adds or removes people of a school holds the school's row until the transaction ends, so that nobody removes
# what somebody else is just referring to. Every use case holds it already; then this costs next to nothing.
_HOLD = """
    PERFORM FROM schools WHERE school_id IN (SELECT DISTINCT school_id FROM {touched})
      ORDER BY school_id FOR NO KEY UPDATE;
    GET DIAGNOSTICS held = ROW_COUNT;
    IF held < (SELECT count(DISTINCT school_id) FROM {touched}) THEN
        RAISE foreign_key_violation USING MESSAGE = format('%s of a school that does not exist', TG_TABLE_NAME);
    END IF;
"""
_REFER = """
    IF EXISTS (SELECT FROM written w WHERE NOT EXISTS (
        SELECT FROM {people} p WHERE p.school_id = w.school_id AND p.{column} = w.{column})) THEN
        RAISE foreign_key_violation USING MESSAGE = format('%s of {people} that do not exist', TG_TABLE_NAME);
    END IF;
"""
_COUNT = """
    INSERT INTO school_counts AS kept (school_id, {people})
    SELECT school_id, {sign}count(*) FROM {touched} GROUP BY school_id
    ON CONFLICT (school_id) DO UPDATE SET {people} = kept.{people} + excluded.{people};
"""
_CASCADE = """
    DELETE FROM {table} t USING gone WHERE t.school_id = gone.school_id AND t.{column} = gone.{column};
"""


def _on_statement(table: str, event: str, *steps: str) -> None:
    """Do these steps, once a statement, after rows were written (`written`) or removed (`gone`)."""
    rows, touched = ("NEW", "written") if event == "INSERT" else ("OLD", "gone")
    name = f"on_{event.lower()}_{table}"
    body = "".join(steps).replace("{touched}", touched)
    op.execute(
        f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = roster, pg_temp
        SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
        AS $steps$ DECLARE held bigint; BEGIN {body} RETURN NULL; END $steps$
        """
    )
    op.execute(
        f"CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {rows} TABLE AS {touched} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
    )


def _keep_in_place(table: str, *columns: str) -> None:
    """A row never gets another key, nor another owner."""
    moved = " OR ".join(f"old.{column} <> new.{column}" for column in columns)
    op.execute(
        f"CREATE TRIGGER stays BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({moved}) EXECUTE FUNCTION refuse_moving()"
    )


def _check_once_a_statement() -> None:
    for table, name in _NO_LONGER_FOREIGN:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    op.execute(
        """
        CREATE FUNCTION refuse_moving() RETURNS trigger LANGUAGE plpgsql AS $refuse$ BEGIN
            RAISE foreign_key_violation USING MESSAGE = format('a row of %s keeps its key', TG_TABLE_NAME);
        END $refuse$
        """
    )
    parents = _REFER.format(people="parents", column="parent_id")
    students = _REFER.format(people="students", column="student_id")
    _on_statement("contacts", "INSERT", _HOLD, parents)
    _on_statement("student_parents", "INSERT", _HOLD, parents, students)
    for people, column, dependent in (
        ("parents", "parent_id", ("contacts", "student_parents")),
        ("students", "student_id", ("student_parents",)),
    ):
        added = _COUNT.replace("{people}", people).replace("{sign}", "")
        removed = _COUNT.replace("{people}", people).replace("{sign}", "-")
        cascade = "".join(_CASCADE.format(table=table, column=column) for table in dependent)
        _on_statement(people, "INSERT", _HOLD, added)
        _on_statement(people, "DELETE", _HOLD, cascade, removed)
        _keep_in_place(people, "school_id", column)
    _keep_in_place("contacts", "school_id", "parent_id")
    _keep_in_place("student_parents", "school_id", "student_id", "parent_id")
    # A school with people in it stays, as their foreign keys would have it.
    op.execute(
        """
        CREATE FUNCTION on_delete_schools() RETURNS trigger LANGUAGE plpgsql SET search_path = roster, pg_temp
        AS $steps$ BEGIN
            IF EXISTS (SELECT FROM school_counts JOIN gone USING (school_id) WHERE students > 0 OR parents > 0) THEN
                RAISE foreign_key_violation USING MESSAGE = 'a school with people in it stays';
            END IF;
            DELETE FROM school_counts USING gone WHERE school_counts.school_id = gone.school_id;
            RETURN NULL;
        END $steps$
        """
    )
    op.execute(
        "CREATE TRIGGER on_delete_schools AFTER DELETE ON schools REFERENCING OLD TABLE AS gone "
        "FOR EACH STATEMENT EXECUTE FUNCTION on_delete_schools()"
    )


def _fewer_indexes() -> None:
    """A contact is found by its parent, and by what it says; nobody looks for a parent without naming the school."""
    op.execute("ALTER TABLE contacts DROP CONSTRAINT pk_contacts")
    op.execute(
        "ALTER TABLE contacts ADD CONSTRAINT pk_contacts PRIMARY KEY (school_id, parent_id, contact_id)"
    )
    op.execute("DROP INDEX ix_contacts_parent_id")
    op.execute("DROP INDEX ix_parents_parent_id")


def upgrade() -> None:
    for statement in (*_STAGING, *_COUNTS):
        op.execute(statement)
    tenancy = RowLevelSecurity(op, "roster")
    tenancy.protect("import_batches", api="SELECT")
    tenancy.protect("school_counts", api="SELECT, INSERT, UPDATE")
    _check_once_a_statement()
    _fewer_indexes()


downgrade = irreversible
