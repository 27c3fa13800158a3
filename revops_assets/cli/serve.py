"""`revops serve` and `revops token`: the HTTP API, and who may ask it."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from typing import Annotated

import typer

from revops_assets.cli import app
from revops_assets.errors import Interrupted
from revops_assets.settings import get_settings

token = typer.Typer(no_args_is_help=True, help="Tokens of the HTTP API.")
app.add_typer(token, name="token")


class RoleName(StrEnum):
    """What a token may do."""

    reader = "reader"
    admin = "admin"


@app.command("serve")
def serve_command(
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port", min=0, max=65535)] = 8321,
) -> None:
    """Serve the dashboards and the HTTP API until Ctrl-C. In dev on loopback reading needs no token."""
    import uvicorn

    from revops_assets.serving.api import application

    settings = get_settings()
    is_open = settings.env == "dev" and host in ("127.0.0.1", "localhost", "::1")
    says = "reading needs no token here" if is_open else "tokens: `revops token create`"
    print(f"Dashboards: http://{host}:{port}  API: /api/openapi.json  (Ctrl-C stops it); {says}", flush=True)
    with suppress(Interrupted):  # Ctrl-C is its ordinary end
        uvicorn.run(application(settings, is_open), host=host, port=port, log_level="warning")


@token.command("create")
def create_command(
    name: Annotated[str, typer.Argument(help="Who holds it")],
    role: Annotated[RoleName, typer.Option(help="What it may do")] = RoleName.reader,
    tenant: Annotated[str | None, typer.Option(help="The only company that it may read; default: every one")] = None,
) -> None:
    """Make a token and show it, this once."""
    from revops_assets.serving import tokens
    from revops_assets.warehouse import databases

    with databases.engine(get_settings(), "warehouse").begin() as connection:
        print(tokens.create(connection, name, role.value, tenant))


@token.command("list")
def list_command(json: Annotated[bool, typer.Option("--json", help="Print data instead of a table")] = False) -> None:
    """Who holds tokens, and which are revoked."""
    from dataclasses import asdict

    from revops_assets.cli.show import print_json, print_table
    from revops_assets.serving import tokens
    from revops_assets.warehouse import databases

    with databases.engine(get_settings(), "warehouse").connect() as connection:
        found = tokens.list_all(connection)
    if json:
        print_json([asdict(one) for one in found])
        return
    print_table(
        ["id>", "name", "role", "tenant", "created", "revoked"],
        [(one.token_id, one.name, one.role, one.tenant_id, one.created_at, one.revoked_at) for one in found],
    )


@token.command("revoke")
def revoke_command(token_id: Annotated[int, typer.Argument(help="Its id, as in `revops token list`")]) -> None:
    """Let nobody use a token any longer."""
    from revops_assets.serving import tokens
    from revops_assets.warehouse import databases

    with databases.engine(get_settings(), "warehouse").begin() as connection:
        tokens.revoke(connection, token_id)
    print(f"token {token_id} is revoked")


@app.command("mcp")
def mcp_command(
    tenant: Annotated[str | None, typer.Option(help="The only company that may be asked about (stdio)")] = None,
    http: Annotated[bool, typer.Option("--http", help="Serve HTTP behind the API's tokens instead of stdio")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on, with --http")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port, with --http", min=0, max=65535)] = 8322,
) -> None:
    """Answer programs over the Model Context Protocol: metrics, datasets, lineage, freshness. docs/metrics.md"""
    from revops_assets.errors import RevopsError
    from revops_assets.serving.tools import tool_server

    settings = get_settings()
    if tenant is not None:
        from revops_assets.datasets.window import all_tenants
        from revops_assets.warehouse import databases

        with databases.engine(settings, "warehouse").connect() as connection:
            if tenant not in all_tenants(connection):
                raise RevopsError(f"nothing was loaded for a tenant {tenant!r}")
    if not http:
        tool_server(settings, tenant).run("stdio")
        return
    if tenant is not None:
        raise RevopsError("over HTTP the token says which company: `revops token create --tenant`")
    url = f"http://{host}:{port}"
    print(f"{url}/mcp  (Ctrl-C stops it); tokens: `revops token create`", flush=True)
    tool_server(settings, url=url).run("streamable-http", host=host, port=port)
