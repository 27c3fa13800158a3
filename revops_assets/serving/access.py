"""Who asks: the token of a request, what it may do, and whose records it may read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Depends, HTTPException, Path, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from revops_assets.serving import tokens
from revops_assets.serving.tokens import Token
from revops_assets.settings import Settings
from revops_assets.warehouse import databases

bearer = HTTPBearer(auto_error=False, description="A token of `revops token create`")
NO_NUL = r"^[^\x00]*$"  # PostgreSQL has no such text
Part = Annotated[str, Path(max_length=100, pattern=NO_NUL)]
Word = Annotated[str | None, Query(max_length=100, pattern=NO_NUL)]
Number = Annotated[int | None, Query(ge=0, le=2**62)]
AUTH: dict[int | str, dict[str, Any]] = {
    401: {"description": "No token, or one that is not in use"},
    403: {"description": "A token that may not do this"},
}
UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such thing"}}


# Reading on one's own machine, where no token was given.
ANYBODY = Token(0, "anybody", "reader", None, datetime.min, None)


class Access:
    """A warehouse and the tokens that open it. `is_open`: whoever reaches this machine reads (dev, loopback only)."""

    COOKIE = "revops_token"

    def __init__(self, settings: Settings, is_open: bool = False) -> None:
        self.settings = settings
        self.is_open = is_open
        self.engine: sa.Engine = databases.engine(settings, "warehouse")

    def reader(self, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> Token:
        """The token of a request; 401 without one in use, unless reading is open."""
        found = self.holder(given.credentials) if given is not None else ANYBODY if self.is_open else None
        if found is None:
            raise HTTPException(401, "a token in use is needed", {"WWW-Authenticate": "Bearer"})
        return found

    def visitor(self, request: Request) -> Token | None:
        """Who looks at a page: the token of the cookie; None where there is none in use and reading is not open."""
        given = request.cookies.get(self.COOKIE)
        return (self.holder(given) if given else None) or (ANYBODY if self.is_open else None)

    def holder(self, token: str) -> Token | None:
        """Whose token it is."""
        with self.engine.connect() as connection:
            return tokens.holder(connection, token) if "\0" not in token else None

    def admin(self, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> Token:
        """The same, of an admin; 403 of a reader."""
        token = self.reader(given)
        if token.role != "admin" or token.tenant_id is not None:  # definitions are every company's
            raise HTTPException(403, "an admin's token, of every company, is needed")
        return token


def company(token: Token, tenant: str | None) -> str:
    """Whose records a request reads: the token's company, else the one that it names; 403 and 422."""
    if token.tenant_id is not None and tenant not in (None, token.tenant_id):
        raise HTTPException(403, "the token is another company's")
    found = tenant if token.tenant_id is None else token.tenant_id
    if not found:
        raise HTTPException(422, "the token is of no one company: say which tenant")
    return found
