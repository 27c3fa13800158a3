"""Business metrics over HTTP: definitions, what they are, what they were when stored."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException

from revops_assets.registry import store
from revops_assets.registry.definition import Metric
from revops_assets.registry.run import as_data, run
from revops_assets.registry.validate import offline, validate
from revops_assets.registry.values import as_totals, stored_values
from revops_assets.serving.access import AUTH, UNKNOWN, Access, Number, Part, Word, company
from revops_assets.serving.reading import Reading
from revops_assets.serving.tokens import Token


def metric_routes(access: Access) -> APIRouter:
    """The routes of the registry."""
    routes = APIRouter(tags=["metrics"])
    reading = Reading(access.settings)
    Reader = Annotated[Token, Depends(access.reader)]
    Admin = Annotated[Token, Depends(access.admin)]

    def metric_of(category: str, name: str) -> Metric:
        with access.engine.connect() as connection:
            return store.get(connection, f"{category}/{name}").metric

    @routes.get("/api/metrics", responses=AUTH)
    def list_metrics(_: Reader, category: Word = None) -> dict[str, Any]:
        """Every definition, or those of a category."""
        with access.engine.connect() as connection:
            found = store.list_all(connection, category)
        return {"metrics": [stored.data for stored in found], "count": len(found)}

    @routes.get("/api/metrics/{category}/{name}", responses=AUTH | UNKNOWN)
    def get_metric(category: Part, name: Part, _: Reader) -> dict[str, Any]:
        """One definition."""
        with access.engine.connect() as connection:
            return store.get(connection, f"{category}/{name}").data

    @routes.get("/api/metrics/{category}/{name}/values", responses=AUTH | UNKNOWN)
    def get_values(
        category: Part,
        name: Part,
        token: Reader,
        tenant: Word = None,
        day: date | None = None,
        variant: Word = None,
        known_as_of: Number = None,
    ) -> dict[str, Any]:
        """What a metric is, as of the end of a day (default: the newest load's) and as known after a load (default: the
        newest), with the SQL that gave it."""
        metric = metric_of(category, name)
        return as_data(run(access.settings, metric, company(token, tenant), day, variant, known_as_of))

    @routes.get("/api/metrics/{category}/{name}/stored", responses=AUTH | UNKNOWN)
    def get_stored(
        category: Part,
        name: Part,
        token: Reader,
        tenant: Word = None,
        day: date | None = None,
        variant: Word = None,
        first: date | None = None,
        last: date | None = None,
        total: Word = None,
    ) -> dict[str, Any]:
        """What a metric was as of the end of a day (default: the newest built), as stored, of the periods from first to
        last; `total` adds up over period or a dimension, where that means something."""
        metric, asked = metric_of(category, name), company(token, tenant)
        with reading.of(asked) as connection:
            found = stored_values(connection, metric, asked, day, variant, first, last)
        return as_totals(found, total) if total else found.data

    @routes.post("/api/admin/metrics", status_code=201, responses=AUTH)
    def put_metric(metric: Metric, _: Admin) -> dict[str, Any]:
        """Create or replace a definition, which is proposed until it is approved."""
        refuse_faults(metric)
        with access.engine.begin() as connection:
            store.put(connection, metric)
            return store.get(connection, metric.id).data

    @routes.put("/api/admin/metrics/{category}/{name}", responses=AUTH | UNKNOWN)
    def update_metric(category: Part, name: Part, metric: Metric, _: Admin) -> dict[str, Any]:
        """Replace a definition that there is."""
        if metric.id != f"{category}/{name}":
            raise HTTPException(422, f"the definition is of {metric.id}")
        refuse_faults(metric)
        with access.engine.begin() as connection:
            store.update(connection, metric)
            return store.get(connection, metric.id).data

    @routes.post("/api/admin/metrics/{category}/{name}/approve", responses=AUTH | UNKNOWN)
    def approve_metric(category: Part, name: Part, token: Admin) -> dict[str, Any]:
        """Let a definition be the one that is computed every day; 422 where it does not hold."""
        metric = metric_of(category, name)
        with access.engine.connect() as connection:
            others = store.approved(connection)
        if faults := validate(access.settings, [metric], among=others):
            raise HTTPException(422, "; ".join(map(str, faults)))
        with access.engine.begin() as connection:
            return store.approve(connection, f"{category}/{name}", f"token {token.token_id}").data

    @routes.delete("/api/admin/metrics/{category}/{name}", responses=AUTH | UNKNOWN)
    def delete_metric(category: Part, name: Part, _: Admin) -> dict[str, Any]:
        """Delete a definition."""
        with access.engine.begin() as connection:
            store.delete(connection, f"{category}/{name}")
        return {"status": "deleted", "id": f"{category}/{name}"}

    return routes


def refuse_faults(metric: Metric) -> None:
    """422 with what is wrong with a definition, as far as that can be said without running it."""
    if faults := list(offline(metric)):
        raise HTTPException(422, "; ".join(map(str, faults)))
