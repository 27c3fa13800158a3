"""Tokens of the API: made once, stored as a hash, revoked for good."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from revops_assets.errors import RevopsError

Role = Literal["reader", "admin"]
COLUMNS = "token_id, name, role, tenant_id, created_at, revoked_at"


@dataclass(frozen=True)
class Token:
    """A token as it is stored: never the token itself."""

    token_id: int
    name: str
    role: Role
    tenant_id: str | None
    created_at: datetime
    revoked_at: datetime | None


def create(connection: sa.Connection, name: str, role: Role, tenant: str | None) -> str:
    """A new token; the caller shows it once. RevopsError where the tenant is not known."""
    if not name.strip():
        raise RevopsError("a token needs a name: who holds it?")
    if tenant is not None:
        known = connection.scalar(
            sa.text("select exists (select from semantic.tenants where tenant_id = :tenant)"), {"tenant": tenant}
        )
        if not known:
            raise RevopsError(f"there is no tenant {tenant!r}")
    token = f"revops_{secrets.token_urlsafe(32)}"
    connection.execute(
        sa.text("insert into ops.api_tokens (name, sha256, role, tenant_id) values (:name, :sha256, :role, :tenant)"),
        {"name": name, "sha256": _hash(token), "role": role, "tenant": tenant},
    )
    return token


def list_all(connection: sa.Connection) -> list[Token]:
    """Every token, the revoked ones too."""
    rows = connection.execute(sa.text(f"select {COLUMNS} from ops.api_tokens order by token_id"))
    return [Token(*row) for row in rows]


def revoke(connection: sa.Connection, token_id: int) -> None:
    """Let nobody use it any longer; RevopsError where there is no such token in use."""
    done = connection.execute(
        sa.text("update ops.api_tokens set revoked_at = clock_timestamp() where token_id = :id and revoked_at is null"),
        {"id": token_id},
    )
    if done.rowcount == 0:
        raise RevopsError(f"there is no token {token_id} in use: `revops token list` shows them")


def holder(connection: sa.Connection, token: str) -> Token | None:
    """Whose token it is; None for one that is unknown or revoked."""
    row = connection.execute(
        sa.text(f"select {COLUMNS} from ops.api_tokens where sha256 = :sha256 and revoked_at is null"),
        {"sha256": _hash(token)},
    ).one_or_none()
    return Token(*row) if row else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
