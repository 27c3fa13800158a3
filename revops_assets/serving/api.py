"""Pages and HTTP API, put together. `revops serve` runs them."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware

from revops_assets.errors import NotFound, RevopsError, Unreachable
from revops_assets.serving.access import Access
from revops_assets.serving.columns import column_routes
from revops_assets.serving.datasets import dataset_routes
from revops_assets.serving.metrics import metric_routes
from revops_assets.serving.pages.routes import page_routes
from revops_assets.settings import Settings

logger = logging.getLogger(__name__)
STATIC = Path(__file__).parent / "pages" / "static"
# Nothing is loaded from elsewhere, framed by others or sent to them.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LOOPBACK = ["127.0.0.1", "localhost", "[::1]"]


def application(settings: Settings, is_open: bool = False) -> FastAPI:
    """Pages and API on a warehouse. `is_open`: on loopback in dev reading needs no token."""
    app = FastAPI(
        title="revops-assets",
        description="Business metrics, what columns mean, and the dashboards' datasets, as of the end of any day.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    access = Access(settings, is_open)
    if is_open:  # a name of somebody else's that resolves to this machine is not answered
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK)

    @app.middleware("http")
    async def with_headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
        answer = await call_next(request)
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(page_routes(access))
    app.include_router(metric_routes(access))
    app.include_router(column_routes(access))
    app.include_router(dataset_routes(access))

    def answering(status: int) -> Callable[[Request, Exception], JSONResponse]:
        return lambda _, error: JSONResponse({"detail": str(error)}, status)

    async def unreachable(_: Request, error: Exception) -> Response:
        """The log says which server and why, whoever asks does not learn it."""
        logger.error("%s", error)
        return JSONResponse({"detail": "the warehouse does not answer: ask again later"}, 503)

    async def invalid(_: Request, error: Exception) -> Response:
        """What is wrong with a request, without repeating it: it may hold what JSON cannot."""
        faults = error.errors() if isinstance(error, RequestValidationError) else []
        told = [{"type": one["type"], "loc": list(map(str, one["loc"])), "msg": one["msg"]} for one in faults]
        return Response(json.dumps({"detail": told}).encode(), 422, media_type="application/json")

    async def broken(_: Request, __: Exception) -> Response:
        """A fault of ours: the server's log has it; this answer passes no middleware."""
        return JSONResponse({"detail": "that went wrong here: the server's log says why"}, 500, HEADERS)

    app.add_exception_handler(Exception, broken)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(NotFound, answering(404))
    app.add_exception_handler(Unreachable, unreachable)
    app.add_exception_handler(RevopsError, answering(422))
    return app
