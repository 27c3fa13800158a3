"""What PostgreSQL's errors mean for the person at the keyboard, and what to do next."""

from __future__ import annotations

import psycopg2
import sqlalchemy as sa

# By SQLSTATE, or its class: what to do.
NEXT = {
    "42P01": "the databases are of another release: run `revops db upgrade`",
    "42703": "the databases are of another release: run `revops db upgrade`",
    "42883": "the databases are of another release: run `revops db upgrade`",
    "3F000": "the databases are of another release: run `revops db upgrade`",
    "42501": "the database user lacks that right: docs/operations.md says which it needs",
    "25006": "the server takes no writes: REVOPS_DATABASE_URL must name one that does",
    "53100": "nothing of this step was kept; make room on the server's disk and run it again",
    "53": "nothing of this step was kept; the server is short of that: run it again when it has more",
    "55P03": "another command holds it: run it again when that has ended",
    "40": "another command was in the way: run it again",
    "57014": "it took too long, or was cancelled: run it again, or ask for less",
    "57": "the server was stopped: run it again when it answers",
}


def in_one_sentence(error: BaseException) -> str | None:
    """The error as a sentence with the next step; None where it is none of PostgreSQL's, or nobody's fault but ours."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if not isinstance(cause, psycopg2.Error):
        return None
    code = cause.pgcode or ""
    told = (cause.diag.message_primary or str(cause)).strip().splitlines()
    what = told[0] if told else type(cause).__name__
    if not code and isinstance(cause, psycopg2.OperationalError | psycopg2.InterfaceError):
        return f"the connection to PostgreSQL was lost ({what}): run it again when the server answers"
    step = NEXT.get(code) or NEXT.get(code[:2])
    return f"PostgreSQL: {what}; {step}" if step else None
