"""The HTTP API: business metrics by their definitions, and what they are. `revops serve` runs it."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from revops_assets.errors import RevopsError, Unreachable
from revops_assets.registry import store
from revops_assets.registry.definition import Metric
from revops_assets.registry.run import as_data, run
from revops_assets.registry.validate import offline
from revops_assets.serving import tokens
from revops_assets.serving.tokens import Token
from revops_assets.settings import Settings
from revops_assets.warehouse import databases

bearer = HTTPBearer(auto_error=False, description="A token of `revops token create`")
NO_NUL = r"^[^\x00]*$"  # PostgreSQL has no such text
Part = Annotated[str, Path(max_length=100, pattern=NO_NUL)]
UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such metric"}}
AUTH: dict[int | str, dict[str, Any]] = {
    401: {"description": "No token, or one that is not in use"},
    403: {"description": "A token that may not do this"},
}


def application(settings: Settings) -> FastAPI:
    """The API on a warehouse."""
    app = FastAPI(
        title="revops-assets",
        description="Business metrics: one definition each, and what they are as of the end of any day.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    engine = databases.engine(settings, "warehouse")

    def who(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> Token:
        found = None
        if given is not None:
            with engine.connect() as connection:
                found = tokens.holder(connection, given.credentials)
        if found is None:
            raise HTTPException(401, "a token in use is needed", {"WWW-Authenticate": "Bearer"})
        return found

    def admin(token: Annotated[Token, Depends(who)]) -> Token:
        if token.role != "admin":
            raise HTTPException(403, "an admin's token is needed")
        return token

    @app.get("/api/metrics", responses=AUTH)
    def list_metrics(
        _: Annotated[Token, Depends(who)], category: Annotated[str | None, Query(max_length=100, pattern=NO_NUL)] = None
    ) -> dict[str, Any]:
        """Every definition, or those of a category."""
        with engine.connect() as connection:
            found = store.list_all(connection, category)
        return {"metrics": [stored.data for stored in found], "count": len(found)}

    @app.get("/api/metrics/{category}/{name}", responses=AUTH | UNKNOWN)
    def get_metric(category: Part, name: Part, _: Annotated[Token, Depends(who)]) -> dict[str, Any]:
        """One definition."""
        with engine.connect() as connection:
            return store.get(connection, f"{category}/{name}").data

    @app.get("/api/metrics/{category}/{name}/values", responses=AUTH | UNKNOWN)
    def get_values(
        category: Part,
        name: Part,
        token: Annotated[Token, Depends(who)],
        tenant: Annotated[str | None, Query(max_length=63, pattern=NO_NUL)] = None,
        day: date | None = None,
        variant: Annotated[str | None, Query(max_length=100, pattern=NO_NUL)] = None,
    ) -> dict[str, Any]:
        """What a metric is, as of the end of a day (default: the newest load's), with the SQL that gave it."""
        if token.tenant_id and tenant not in (None, token.tenant_id):
            raise HTTPException(403, "the token is another company's")
        company = token.tenant_id or tenant
        if company is None:
            raise HTTPException(422, "the token is of no one company: say which tenant")
        with engine.connect() as connection:
            metric = store.get(connection, f"{category}/{name}").metric
        return as_data(run(settings, metric, company, day, variant))

    @app.post("/api/admin/metrics", status_code=201, responses=AUTH)
    def put_metric(metric: Metric, _: Annotated[Token, Depends(admin)]) -> dict[str, Any]:
        """Create or replace a definition."""
        if faults := list(offline(metric)):
            raise HTTPException(422, "; ".join(map(str, faults)))
        with engine.begin() as connection:
            store.put(connection, metric)
            return store.get(connection, metric.id).data

    @app.delete("/api/metrics/{category}/{name}", responses=AUTH | UNKNOWN)
    def delete_metric(category: Part, name: Part, _: Annotated[Token, Depends(admin)]) -> dict[str, Any]:
        """Delete a definition."""
        with engine.begin() as connection:
            store.delete(connection, f"{category}/{name}")
        return {"status": "deleted", "id": f"{category}/{name}"}

    def answering(status: int) -> Callable[[Request, Exception], JSONResponse]:
        return lambda _, error: JSONResponse({"detail": str(error)}, status)

    app.add_exception_handler(store.NotFound, answering(404))
    app.add_exception_handler(Unreachable, answering(503))
    app.add_exception_handler(RevopsError, answering(422))
    return app
