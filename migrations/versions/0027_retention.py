"""How long things are kept: holds, disposals, requests of persons.

What may be blanked or deleted at the end of its period is decided here as well as in the code: nothing under a hold,
nothing of a case that no approved list has, and nothing but blanking of what is append-only.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0027"
down_revision = "0026"

LOCK = 7027  # a hold is placed alone; disposals share it
HELD, GONE = "KH001", "KH002"  # SQLSTATEs of ours: under a hold; destroyed already
MARK = "-"  # stands where a constraint wants a text
MOMENT = sa.DateTime(timezone=True)
RECORD_STATES = "ck_records_state"
BEFORE = "state IN ('pending', 'ready', 'failed')"
AFTER = "state IN ('pending', 'ready', 'failed', 'disposed')"

FUNCTIONS = (
    # Volatile, so that each sees what was committed while its transaction waited for the lock.
    """
    CREATE FUNCTION case_is_held(wanted bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        RETURN EXISTS (
            SELECT 1 FROM cases AS c JOIN legal_holds AS h ON h.released_at IS NULL AND (
                h.case_id = c.id OR h.business_id = c.business_id OR h.user_id = c.applicant_id
                OR EXISTS (SELECT 1 FROM submissions AS s WHERE s.case_id = c.id AND s.submitted_by = h.user_id)
                OR EXISTS (SELECT 1 FROM case_events AS e WHERE e.case_id = c.id AND e.actor_id = h.user_id)
            ) WHERE c.id = wanted
        );
    END $$
    """,
    """
    CREATE FUNCTION person_is_held(wanted bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        RETURN EXISTS (
            SELECT 1 FROM legal_holds AS h WHERE h.released_at IS NULL AND (
                h.user_id = wanted
                OR EXISTS (SELECT 1 FROM memberships AS m WHERE m.user_id = wanted AND m.business_id = h.business_id)
                OR EXISTS (SELECT 1 FROM cases AS c WHERE c.applicant_id = wanted
                    AND (c.id = h.case_id OR c.business_id = h.business_id))
                OR EXISTS (SELECT 1 FROM submissions AS s WHERE s.submitted_by = wanted AND s.case_id = h.case_id)
            )
        );
    END $$
    """,
    """
    CREATE FUNCTION case_is_disposed(wanted bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        RETURN EXISTS (SELECT 1 FROM disposal_items AS i WHERE i.case_id = wanted AND i.state = 'done');
    END $$
    """,
    f"""
    CREATE FUNCTION only_blanked(old jsonb, new jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
        SELECT NOT EXISTS (
            SELECT 1 FROM jsonb_each(new) AS n WHERE n.value IS DISTINCT FROM old -> n.key
                AND (n.key LIKE '%sha256' OR n.value NOT IN (
                    '""'::jsonb, '"{MARK}"'::jsonb, '{{}}'::jsonb, '[]'::jsonb))
        )
    $$
    """,
    f"""
    CREATE FUNCTION legal_holds_alone() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP IN ('DELETE', 'TRUNCATE') THEN
            RAISE EXCEPTION 'a hold is released, never deleted' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF TG_OP = 'UPDATE' THEN
            IF OLD.released_at IS NOT NULL OR (OLD.number, OLD.case_id, OLD.business_id, OLD.user_id, OLD.placed_by,
                OLD.placed_at, OLD.reason, OLD.proceeding) IS DISTINCT FROM (NEW.number, NEW.case_id, NEW.business_id,
                NEW.user_id, NEW.placed_by, NEW.placed_at, NEW.reason, NEW.proceeding) THEN
                RAISE EXCEPTION 'hold % stays as it was placed', OLD.number
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END IF;
        PERFORM pg_advisory_xact_lock({LOCK});
        IF NEW.case_id IS NOT NULL AND EXISTS (SELECT 1 FROM cases WHERE id = NEW.case_id AND disposed_at IS NOT NULL)
        THEN
            RAISE EXCEPTION 'case % was disposed of', NEW.case_id USING ERRCODE = '{GONE}';
        END IF;
        RETURN NEW;
    END $$
    """,
    f"""
    CREATE FUNCTION disposal_items_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        the_case bigint;
    BEGIN
        IF TG_OP IN ('DELETE', 'TRUNCATE') THEN
            RAISE EXCEPTION 'what is on a list stays on it' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF TG_OP = 'INSERT' THEN
            IF NEW.state <> 'listed' OR NOT EXISTS (
                SELECT 1 FROM disposals AS d WHERE d.id = NEW.disposal_id AND d.state = 'found' FOR SHARE
            ) THEN
                RAISE EXCEPTION 'nothing is added to a list that is being decided on'
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF OLD.state <> 'listed' AND NEW IS DISTINCT FROM OLD
            OR (OLD.disposal_id, OLD.case_id, OLD.record_id, OLD.reference, OLD.ended_at)
                IS DISTINCT FROM (NEW.disposal_id, NEW.case_id, NEW.record_id, NEW.reference, NEW.ended_at) THEN
            RAISE EXCEPTION '% stays on its list as it is', OLD.reference
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.state = 'done' AND OLD.state = 'listed' THEN
            PERFORM pg_advisory_xact_lock_shared({LOCK});
            IF NOT EXISTS (
                SELECT 1 FROM disposals AS d WHERE d.id = NEW.disposal_id AND d.state = 'approved'
                    AND d.approved_by <> d.proposed_by
            ) THEN
                RAISE EXCEPTION 'nobody approved the disposal of %', OLD.reference
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            the_case := OLD.case_id;
            IF the_case IS NULL THEN
                SELECT r.case_id INTO the_case FROM records AS r WHERE r.id = OLD.record_id;
            END IF;
            IF case_is_held(the_case) OR EXISTS (
                SELECT 1 FROM records AS r JOIN legal_holds AS h ON h.business_id = r.business_id
                WHERE r.id = OLD.record_id AND h.released_at IS NULL
            ) THEN
                RAISE EXCEPTION '% is under a legal hold', OLD.reference USING ERRCODE = '{HELD}';
            END IF;
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION disposals_keep_what_was_approved() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP IN ('DELETE', 'TRUNCATE') THEN
            RAISE EXCEPTION 'lists are never removed' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF TG_OP = 'INSERT' THEN
            IF NEW.state <> 'found' THEN
                RAISE EXCEPTION 'a list begins undecided' USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END IF;
        IF OLD.state IN ('done', 'refused') AND NEW.state <> OLD.state
            OR OLD.approved_by IS NOT NULL AND (OLD.number, OLD.klass, OLD.agency, OLD.rule,
            OLD.proposed_by, OLD.proposed_at, OLD.proposal, OLD.approved_by, OLD.approved_at, OLD.approval,
            OLD.list_hash) IS DISTINCT FROM (NEW.number, NEW.klass, NEW.agency, NEW.rule, NEW.proposed_by,
            NEW.proposed_at, NEW.proposal, NEW.approved_by, NEW.approved_at, NEW.approval, NEW.list_hash)
        THEN
            RAISE EXCEPTION 'list % stays as it was approved', OLD.number
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.state = 'approved' AND OLD.state <> 'approved' AND (OLD.state <> 'proposed' OR NOT EXISTS (
            SELECT 1 FROM users AS u WHERE u.id = NEW.approved_by AND u.disabled_at IS NULL
                AND u.created_at < OLD.proposed_at AND CASE WHEN OLD.agency = '' THEN u.role = 'administrator'
                ELSE u.role = 'supervisor' AND EXISTS (
                    SELECT 1 FROM agency_members AS m WHERE m.user_id = u.id AND m.agency = OLD.agency) END
        )) THEN
            RAISE EXCEPTION 'list % has to be approved by somebody else, of the agency', OLD.number
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    f"""
    CREATE FUNCTION cases_disposal() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.disposed_at IS NOT NULL THEN
            IF NEW IS DISTINCT FROM OLD THEN
                RAISE EXCEPTION 'case % was disposed of', OLD.reference USING ERRCODE = 'integrity_constraint_violation';
            END IF;
        ELSIF NEW.disposed_at IS NOT NULL THEN
            PERFORM pg_advisory_xact_lock_shared({LOCK});
            IF case_is_held(OLD.id) THEN
                RAISE EXCEPTION '% is under a legal hold', OLD.reference USING ERRCODE = '{HELD}';
            END IF;
            IF NOT case_is_disposed(OLD.id)
                AND NOT (OLD.current_submission_id IS NULL AND OLD.state IN ('draft', 'withdrawn')) THEN
                RAISE EXCEPTION 'nobody approved the disposal of %', OLD.reference
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
        END IF;
        RETURN NEW;
    END $$
    """,
    f"""
    CREATE FUNCTION kept_while_held() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared({LOCK});
        IF OLD.case_id IS NOT NULL AND case_is_held(OLD.case_id) THEN
            RAISE EXCEPTION 'case % is under a legal hold', OLD.case_id USING ERRCODE = '{HELD}';
        END IF;
        RETURN OLD;
    END $$
    """,
    f"""
    CREATE FUNCTION kept_while_person_held() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared({LOCK});
        IF person_is_held((to_jsonb(OLD) ->> CASE TG_TABLE_NAME WHEN 'users' THEN 'id' ELSE 'user_id' END)::bigint)
        THEN
            RAISE EXCEPTION 'this person is under a legal hold' USING ERRCODE = '{HELD}';
        END IF;
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        RETURN NEW;
    END $$
    """,
    f"""
    CREATE FUNCTION audit_personal_held() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        entry record;
    BEGIN
        PERFORM pg_advisory_xact_lock_shared({LOCK});
        SELECT case_id, actor_kind, actor_id INTO entry FROM audit_entries WHERE id = OLD.entry_id;
        IF entry.case_id IS NOT NULL AND case_is_held(entry.case_id)
            OR entry.actor_kind = 'user' AND EXISTS (
                SELECT 1 FROM legal_holds AS h WHERE h.released_at IS NULL AND h.user_id = entry.actor_id)
        THEN
            RAISE EXCEPTION 'entry % is under a legal hold', OLD.entry_id USING ERRCODE = '{HELD}';
        END IF;
        RETURN NEW;
    END $$
    """,
)
APPEND_ONLY = """
    CREATE OR REPLACE FUNCTION cases_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF only_blanked(to_jsonb(OLD), to_jsonb(NEW)) AND case_is_disposed((to_jsonb(OLD) ->> 'case_id')::bigint) THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END $$
"""
APPEND_ONLY_BEFORE = """
    CREATE OR REPLACE FUNCTION cases_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END $$
"""
WHAT_GOES = (
    "ARRAY['state', 'data', 'sha256', 'size', 'signature_level', 'signed_by', 'signed_at', 'certificate_fingerprint']"
)
RECORDS = f"""
    CREATE OR REPLACE FUNCTION records_stay_as_issued() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'TRUNCATE' THEN
            RAISE EXCEPTION 'records cannot be removed' USING ERRCODE = 'restrict_violation';
        END IF;
        IF OLD.state = 'disposed' AND TG_OP = 'UPDATE' AND NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
        IF OLD.sha256 IS NULL AND OLD.state <> 'disposed' THEN
            IF TG_OP = 'DELETE' THEN
                RETURN OLD;
            END IF;
            RETURN NEW;
        END IF;
        IF TG_OP = 'UPDATE' AND OLD.state <> 'disposed' THEN
            IF NEW.state = 'disposed' AND NEW.data = '{{}}'::jsonb
                AND to_jsonb(OLD) - {WHAT_GOES} = to_jsonb(NEW) - {WHAT_GOES} AND (EXISTS (
                SELECT 1 FROM disposal_items AS i WHERE i.state = 'done' AND (i.record_id = OLD.id
                    OR i.case_id = OLD.case_id OR 'case:' || i.case_id = OLD.subject)
            ) OR EXISTS (
                SELECT 1 FROM records AS o WHERE OLD.kind = 'certified_copy' AND 'record:' || o.id = OLD.subject
                    AND o.state = 'disposed'
            )) THEN
                RETURN NEW;
            END IF;
        END IF;
        IF TG_OP = 'DELETE' OR NEW IS DISTINCT FROM OLD THEN
            RAISE EXCEPTION 'record % was issued and cannot be changed', OLD.id
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
"""
RECORDS_BEFORE = """
    CREATE OR REPLACE FUNCTION records_stay_as_issued() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'TRUNCATE' THEN
            RAISE EXCEPTION 'records cannot be removed' USING ERRCODE = 'restrict_violation';
        END IF;
        IF OLD.sha256 IS NULL THEN
            IF TG_OP = 'DELETE' THEN
                RETURN OLD;
            END IF;
            RETURN NEW;
        END IF;
        IF TG_OP = 'DELETE' OR NEW IS DISTINCT FROM OLD THEN
            RAISE EXCEPTION 'record % was issued and cannot be changed', OLD.id
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
"""
TRIGGERS = {
    "legal_holds_alone": ("legal_holds", "BEFORE INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION {}()"),
    "disposal_items_guard": (
        "disposal_items",
        "BEFORE INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION {}()",
    ),
    "disposals_keep_what_was_approved": (
        "disposals",
        "BEFORE INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION {}()",
    ),
    "cases_disposal": ("cases", "BEFORE UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION {}()"),
    "audit_personal_held": ("audit_personal", "BEFORE UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION {}()"),
}
# What is deleted, not blanked.
OF_CASES = ("uploads", "case_notes", "messages", "advice_requests", "inspections", "inspection_reports", "case_marks")
OF_PERSONS = ("sessions", "known_devices")
NEW_TABLES = ("privacy_requests", "disposal_items", "disposals", "legal_holds")


def _key(table: str) -> tuple[sa.Column[int], sa.PrimaryKeyConstraint]:
    column = sa.Column("id", sa.BigInteger, sa.Identity(always=False), nullable=False)
    return column, sa.PrimaryKeyConstraint("id", name=f"pk_{table}")


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def upgrade() -> None:
    op.add_column("cases", sa.Column("disposed_at", MOMENT))
    op.add_column("users", sa.Column("restricted_at", MOMENT))
    op.add_column("users", sa.Column("erased_at", MOMENT))
    _holds()
    _disposals()
    _requests()
    for statement in (*FUNCTIONS, APPEND_ONLY, RECORDS):
        op.execute(statement)
    for name, (table, text) in TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {text.format(table, name)}")
        if table in NEW_TABLES:
            op.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
            )
    op.execute("ALTER TABLE audit_personal ENABLE ALWAYS TRIGGER audit_personal_held")
    _appeals("BEFORE INSERT ON appeals FOR EACH ROW")
    op.execute(
        "CREATE TRIGGER appeals_guarded_change BEFORE UPDATE ON appeals FOR EACH ROW WHEN (NOT only_blanked("
        "to_jsonb(OLD), to_jsonb(NEW)) OR NOT case_is_disposed(OLD.case_id)) EXECUTE FUNCTION appeals_guard()"
    )
    for table in OF_CASES:
        op.execute(
            f"CREATE TRIGGER {table}_held BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION kept_while_held()"
        )
    for table in OF_PERSONS:
        op.execute(
            f"CREATE TRIGGER {table}_held BEFORE DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION kept_while_person_held()"
        )
    op.execute(
        "CREATE TRIGGER users_held BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION kept_while_person_held()"
    )
    op.execute(
        "CREATE TRIGGER users_erased BEFORE UPDATE OF erased_at ON users FOR EACH ROW"
        " WHEN (NEW.erased_at IS NOT NULL AND OLD.erased_at IS NULL) EXECUTE FUNCTION kept_while_person_held()"
    )
    op.execute(
        f"-- squawk-ignore ban-drop-constraint\nALTER TABLE records DROP CONSTRAINT {RECORD_STATES},"
        f" ADD CONSTRAINT {RECORD_STATES} CHECK ({AFTER}) NOT VALID"
    )
    with op.get_context().autocommit_block():
        op.execute(f"-- squawk-ignore prefer-robust-stmts\nALTER TABLE records VALIDATE CONSTRAINT {RECORD_STATES}")


def _appeals(when: str) -> None:
    op.execute("DROP TRIGGER appeals_guarded ON appeals")
    op.execute(f"CREATE TRIGGER appeals_guarded {when} EXECUTE FUNCTION appeals_guard()")


def _holds() -> None:
    op.create_table(
        "legal_holds",
        *_key("legal_holds"),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("case_id", sa.BigInteger),
        sa.Column("business_id", sa.BigInteger),
        sa.Column("user_id", sa.BigInteger),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("proceeding", sa.Text, nullable=False),
        sa.Column("review_on", sa.Date),
        sa.Column("reminded_at", MOMENT),
        sa.Column("placed_by", sa.BigInteger, nullable=False),
        sa.Column("placed_at", MOMENT, nullable=False),
        sa.Column("released_by", sa.BigInteger),
        sa.Column("released_at", MOMENT),
        sa.Column("release_reason", sa.Text, nullable=False, server_default=""),
        sa.UniqueConstraint("number", name="uq_legal_holds_number"),
        sa.CheckConstraint("num_nonnulls(case_id, business_id, user_id) = 1", name=op.f("ck_legal_holds_one_subject")),
        sa.CheckConstraint("reason <> '' AND proceeding <> ''", name=op.f("ck_legal_holds_reasoned")),
        sa.CheckConstraint(
            "(released_at IS NULL) = (released_by IS NULL) AND (released_at IS NULL) = (release_reason = '')",
            name=op.f("ck_legal_holds_released"),
        ),
        sa.CheckConstraint("released_by IS NULL OR released_by <> placed_by", name=op.f("ck_legal_holds_two_people")),
        _to("legal_holds", "case_id", "cases"),
        _to("legal_holds", "business_id", "businesses"),
        _to("legal_holds", "user_id", "users"),
        _to("legal_holds", "placed_by", "users"),
        _to("legal_holds", "released_by", "users"),
    )
    for column in ("case_id", "business_id", "user_id", "placed_by", "released_by"):
        op.create_index(f"ix_legal_holds_{column}", "legal_holds", [column])
    op.create_index(
        "ix_legal_holds_standing", "legal_holds", ["review_on", "id"], postgresql_where=sa.text("released_at IS NULL")
    )


def _disposals() -> None:
    op.create_table(
        "disposals",
        *_key("disposals"),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("klass", sa.Text, nullable=False),
        sa.Column("agency", sa.Text, nullable=False, server_default=""),
        sa.Column("rule", JSONB, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
        sa.Column("found_at", MOMENT, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("proposed_by", sa.BigInteger),
        sa.Column("proposed_at", MOMENT),
        sa.Column("proposal", sa.Text, nullable=False, server_default=""),
        sa.Column("approved_by", sa.BigInteger),
        sa.Column("approved_at", MOMENT),
        sa.Column("approval", sa.Text, nullable=False, server_default=""),
        sa.Column("refused_by", sa.BigInteger),
        sa.Column("refused_at", MOMENT),
        sa.Column("refusal", sa.Text, nullable=False, server_default=""),
        sa.Column("list_hash", sa.Text, nullable=False, server_default=""),
        sa.Column("finished_at", MOMENT),
        sa.Column("record_id", sa.BigInteger),
        sa.UniqueConstraint("number", name="uq_disposals_number"),
        sa.CheckConstraint(
            "state IN ('found', 'proposed', 'approved', 'done', 'refused')", name=op.f("ck_disposals_state_known")
        ),
        sa.CheckConstraint(
            "state NOT IN ('proposed', 'approved', 'done') OR (proposed_by IS NOT NULL AND proposal <> '')",
            name=op.f("ck_disposals_proposed"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('approved', 'done') OR (approved_by IS NOT NULL AND approval <> '' AND list_hash <> '')",
            name=op.f("ck_disposals_approved"),
        ),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> proposed_by", name=op.f("ck_disposals_two_people")),
        sa.CheckConstraint(
            "state <> 'refused' OR (refused_by IS NOT NULL AND refusal <> '')", name=op.f("ck_disposals_refused")
        ),
        _to("disposals", "proposed_by", "users"),
        _to("disposals", "approved_by", "users"),
        _to("disposals", "refused_by", "users"),
        _to("disposals", "record_id", "records"),
    )
    for column in ("proposed_by", "approved_by", "refused_by", "record_id"):
        op.create_index(f"ix_disposals_{column}", "disposals", [column])
    op.create_index(
        "uq_disposals_open", "disposals", ["klass", "agency"], unique=True,
        postgresql_where=sa.text("state IN ('found', 'proposed', 'approved')"),
    )  # fmt: skip
    op.create_table(
        "disposal_items",
        *_key("disposal_items"),
        sa.Column("disposal_id", sa.BigInteger, nullable=False),
        sa.Column("case_id", sa.BigInteger),
        sa.Column("record_id", sa.BigInteger),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=False),
        sa.Column("hashes", JSONB, nullable=False, server_default=sa.text("'[]'::jsonb")),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("done_at", MOMENT),
        sa.CheckConstraint("num_nonnulls(case_id, record_id) = 1", name=op.f("ck_disposal_items_one_subject")),
        sa.CheckConstraint(
            "state IN ('listed', 'kept', 'held', 'needed', 'done')", name=op.f("ck_disposal_items_state_known")
        ),
        sa.CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name=op.f("ck_disposal_items_done")),
        sa.CheckConstraint("done_at >= ended_at", name=op.f("ck_disposal_items_after_its_period")),
        sa.CheckConstraint("state <> 'kept' OR reason <> ''", name=op.f("ck_disposal_items_kept")),
        _to("disposal_items", "disposal_id", "disposals"),
        _to("disposal_items", "case_id", "cases"),
        _to("disposal_items", "record_id", "records"),
    )
    op.create_index("ix_disposal_items_order", "disposal_items", ["disposal_id", "id"])
    op.create_index("ix_disposal_items_case_id", "disposal_items", ["case_id"])
    op.create_index("ix_disposal_items_record_id", "disposal_items", ["record_id"])
    for column in ("case_id", "record_id"):
        op.create_index(
            f"uq_disposal_items_{column}_once", "disposal_items", [column], unique=True,
            postgresql_where=sa.text("state IN ('listed', 'done')"),
        )  # fmt: skip


def _requests() -> None:
    op.create_table(
        "privacy_requests",
        *_key("privacy_requests"),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("user_id", sa.BigInteger),
        sa.Column("name", sa.Text, nullable=False, server_default=""),
        sa.Column("email", sa.Text, nullable=False, server_default=""),
        sa.Column("message", sa.Text, nullable=False, server_default=""),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("execute_at", MOMENT),
        sa.Column("closed_at", MOMENT),
        sa.Column("closed_by", sa.BigInteger),
        sa.Column("answer", sa.Text, nullable=False, server_default=""),
        sa.Column("legal_basis", sa.Text, nullable=False, server_default=""),
        sa.Column("result", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("sha256", sa.Text),
        sa.Column("size", sa.BigInteger),
        sa.Column("expires_at", MOMENT),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
        sa.UniqueConstraint("number", name="uq_privacy_requests_number"),
        sa.CheckConstraint(
            "kind IN ('export', 'erase', 'access', 'rectify', 'remove', 'restrict', 'object')",
            name=op.f("ck_privacy_requests_kind_known"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'ready', 'done', 'refused', 'cancelled', 'failed', 'expired')",
            name=op.f("ck_privacy_requests_state_known"),
        ),
        sa.CheckConstraint(
            "state <> 'ready' OR (sha256 IS NOT NULL AND size IS NOT NULL AND expires_at IS NOT NULL)",
            name=op.f("ck_privacy_requests_ready"),
        ),
        sa.CheckConstraint(
            "state <> 'refused' OR (answer <> '' AND legal_basis <> '')", name=op.f("ck_privacy_requests_refused")
        ),
        sa.CheckConstraint(
            "kind NOT IN ('export', 'erase') OR user_id IS NOT NULL", name=op.f("ck_privacy_requests_whose")
        ),
        sa.CheckConstraint("kind <> 'erase' OR execute_at IS NOT NULL", name=op.f("ck_privacy_requests_when")),
        _to("privacy_requests", "user_id", "users"),
        _to("privacy_requests", "closed_by", "users"),
    )
    op.create_index("ix_privacy_requests_user", "privacy_requests", ["user_id", "id"])
    op.create_index("ix_privacy_requests_closed_by", "privacy_requests", ["closed_by"])
    op.create_index(
        "ix_privacy_requests_due", "privacy_requests", ["due_at", "id"], postgresql_where=sa.text("state = 'open'")
    )
    op.create_index(
        "uq_privacy_requests_open", "privacy_requests", ["user_id", "kind"], unique=True,
        postgresql_where=sa.text("state = 'open' AND kind IN ('export', 'erase')"),
    )  # fmt: skip


def downgrade() -> None:
    """What was disposed of does not come back; its records are then without a file, as ones that failed."""
    op.execute("ALTER TABLE records DISABLE TRIGGER records_stay_as_issued")
    op.execute("UPDATE records SET state = 'failed' WHERE state = 'disposed'")
    op.execute("ALTER TABLE records ENABLE TRIGGER records_stay_as_issued")
    op.execute(f"ALTER TABLE records DROP CONSTRAINT {RECORD_STATES}, ADD CONSTRAINT {RECORD_STATES} CHECK ({BEFORE})")
    op.execute("DROP TRIGGER appeals_guarded_change ON appeals")
    _appeals("BEFORE INSERT OR UPDATE ON appeals FOR EACH ROW")
    op.execute("DROP TRIGGER users_erased ON users")
    for table in (*OF_CASES, *OF_PERSONS, "users"):
        op.execute(f"DROP TRIGGER {table}_held ON {table}")
    for name, (table, _text) in TRIGGERS.items():
        op.execute(f"DROP TRIGGER {name} ON {table}")
    for statement in (RECORDS_BEFORE, APPEND_ONLY_BEFORE):
        op.execute(statement)
    for table in NEW_TABLES:
        op.drop_table(table)
    for name in (
        "legal_holds_alone()", "disposal_items_guard()", "disposals_keep_what_was_approved()", "cases_disposal()",
        "kept_while_held()", "kept_while_person_held()", "audit_personal_held()", "only_blanked(jsonb, jsonb)",
        "case_is_disposed(bigint)", "person_is_held(bigint)", "case_is_held(bigint)",
    ):  # fmt: skip
        op.execute(f"DROP FUNCTION {name}")
    for table, column in (("users", "erased_at"), ("users", "restricted_at"), ("cases", "disposed_at")):
        op.drop_column(table, column)
