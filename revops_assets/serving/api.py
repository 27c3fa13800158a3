"""The HTTP API, put together. `revops serve` runs it."""

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from revops_assets.errors import NotFound, RevopsError, Unreachable
from revops_assets.serving.access import Access
from revops_assets.serving.columns import column_routes
from revops_assets.serving.metrics import metric_routes
from revops_assets.settings import Settings


def application(settings: Settings) -> FastAPI:
    """The API on a warehouse."""
    app = FastAPI(
        title="revops-assets",
        description="Business metrics: one definition each, and what they are as of the end of any day.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    access = Access(settings)
    app.include_router(metric_routes(access))
    app.include_router(column_routes(access))

    def answering(status: int) -> Callable[[Request, Exception], JSONResponse]:
        return lambda _, error: JSONResponse({"detail": str(error)}, status)

    app.add_exception_handler(NotFound, answering(404))
    app.add_exception_handler(Unreachable, answering(503))
    app.add_exception_handler(RevopsError, answering(422))
    return app
