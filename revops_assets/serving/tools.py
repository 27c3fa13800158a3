"""The Model Context Protocol server: what programs that speak to a language model ask. `revops mcp` runs it."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import psycopg2
import sqlalchemy as sa
from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import AnyHttpUrl

from revops_assets.errors import RevopsError
from revops_assets.serving import tokens
from revops_assets.serving.answers import Answers
from revops_assets.settings import Settings
from revops_assets.warehouse import databases

INSTRUCTIONS = (
    "Revenue-operations metrics and datasets of a company's CRM, as they were at the end of any day. Look a metric up"
    " (list_metrics, get_metric) before you compute one, and never invent one. Quote the metric's id, its as-of day,"
    " and the freshness that every answer carries. Semi-additive metrics do not add up over time, ratios not at all."
)


class _Tokens(TokenVerifier):
    """The API's tokens."""

    def __init__(self, settings: Settings) -> None:
        self.engine = databases.engine(settings, "warehouse")

    async def verify_token(self, token: str) -> AccessToken | None:
        """Who holds a token; None where nobody does."""
        with self.engine.connect() as connection:
            found = tokens.holder(connection, token) if "\0" not in token else None
        if found is None:
            return None
        return AccessToken(token=token, client_id=str(found.token_id), scopes=[], claims={"tenant": found.tenant_id})


def tool_server(settings: Settings, tenant: str | None = None, url: str | None = None) -> MCPServer[Any]:
    """The server: over stdio bound to a tenant or to none; over HTTP (`url`) behind the API's tokens."""
    verifier, auth = None, None
    if url:
        verifier, auth = _Tokens(settings), AuthSettings(issuer_url=AnyHttpUrl(url), resource_server_url=None)
    server: MCPServer[Any] = MCPServer(
        "revops-assets", instructions=INSTRUCTIONS, log_level="WARNING", token_verifier=verifier, auth=auth
    )
    answers = Answers(settings)

    def company(asked: str | None) -> str:
        bound = tenant
        if url is not None:
            held = get_access_token()
            bound = (held.claims or {}).get("tenant") if held else None
        if bound is not None and asked not in (None, bound):
            raise ToolError("this connection reads another company's records")
        found = asked if bound is None else bound
        if not found:
            raise ToolError("say of which tenant")
        return str(found)

    @server.tool()
    def list_metrics(category: str | None = None) -> dict[str, Any]:
        """Every approved business metric: what it is, unit, grain, dimensions, synonyms, whether it adds up."""
        return _answer(lambda: answers.metrics(category))

    @server.tool()
    def get_metric(metric: str) -> dict[str, Any]:
        """One metric by id (category/name), name or synonym: its full definition with its SQL."""
        return _answer(lambda: answers.metric(metric))

    @server.tool()
    def get_dimensions(metric: str) -> dict[str, Any]:
        """The dimensions of a metric, and which of its variants gives each."""
        return _answer(lambda: answers.dimensions(metric))

    @server.tool()
    def get_dimension_values(
        metric: str, dimension: str, tenant: str | None = None, day: date | None = None
    ) -> dict[str, Any]:
        """The values of a metric's dimension, as of the end of a day (default: the newest load's)."""
        return _answer(lambda: answers.dimension_values(metric, dimension, company(tenant), day))

    @server.tool()
    def query_metric(
        metric: str,
        tenant: str | None = None,
        dimensions: list[str] | None = None,
        first_period: date | None = None,
        last_period: date | None = None,
        day: date | None = None,
        known_as_of: int | None = None,
    ) -> dict[str, Any]:
        """What a metric is, by period (and dimensions that a variant gives), as of the end of a day (default: the
        newest load's) and as known after a load's number (default: the newest)."""
        return _answer(
            lambda: answers.query_metric(
                metric, company(tenant), dimensions or (), first_period, last_period, day, known_as_of
            )
        )

    @server.tool()
    def get_lineage(name: str) -> dict[str, Any]:
        """What a metric or a dataset is made of, down to the CRM's tables, and what reads it."""
        return _answer(lambda: answers.lineage(name))

    @server.tool()
    def list_datasets() -> dict[str, Any]:
        """The datasets that may be asked: what a row is, what they say."""
        return _answer(lambda: answers.datasets())

    @server.tool()
    def describe_dataset(dataset: str) -> dict[str, Any]:
        """A dataset's columns and what they mean, its key, and the SQL that makes it."""
        return _answer(lambda: answers.dataset(dataset))

    @server.tool()
    def query_dataset(
        dataset: str,
        tenant: str | None = None,
        day: date | None = None,
        columns: list[str] | None = None,
        filters: dict[str, str | int | float | bool | None] | None = None,
        limit: int = 100,
    ) -> dict[str, Any]:
        """Rows of a dataset of one day (default: the newest): some columns, those equal to the filters, up to 1,000."""
        return _answer(lambda: answers.query_dataset(dataset, company(tenant), day, columns or (), filters, limit))

    @server.tool()
    def data_freshness(tenant: str | None = None) -> dict[str, Any]:
        """When the company's newest load was, and the newest day of each dataset."""
        return _answer(lambda: answers.freshness(company(tenant)))

    return server


def _answer(ask: Any) -> dict[str, Any]:
    """What was asked, or the reason why not, in a sentence."""
    try:
        found: dict[str, Any] = json.loads(json.dumps(ask(), default=str))
    except RevopsError as error:
        raise ToolError(str(error)) from None
    except (ValueError, psycopg2.Error, sa.exc.SQLAlchemyError):
        raise ToolError("it cannot be answered as it was asked: look at the values that were given") from None
    return found
