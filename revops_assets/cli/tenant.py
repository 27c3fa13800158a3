"""`revops tenant`: the companies of this installation, and who reads their rows."""

from __future__ import annotations

from typing import Annotated

import typer

from revops_assets.cli import app
from revops_assets.settings import get_settings

tenant = typer.Typer(
    no_args_is_help=True, help="Companies: which there are, who reads their rows, taking one out again."
)
app.add_typer(tenant, name="tenant")


@tenant.command("list")
def list_command(json: Annotated[bool, typer.Option("--json", help="Print data instead of a table")] = False) -> None:
    """Companies that anything was loaded for."""
    from dataclasses import asdict

    from revops_assets.cli.show import print_json, print_table
    from revops_assets.loading.tenants import list_tenants

    found = list_tenants(get_settings())
    if json:
        print_json([asdict(one) for one in found])
    else:
        print_table(["tenant", "loads>", "newest load"], [(one.tenant_id, one.loads, one.newest) for one in found])


@tenant.command("remove")
def remove_command(
    slug: Annotated[str, typer.Argument(help="The company, as in `revops tenant list`")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this only what would go is told")] = False,
) -> None:
    """Take a company out of source and warehouses, with everything that was built of it. It cannot be undone."""
    from revops_assets.errors import RevopsError
    from revops_assets.loading.tenants import remove_tenant
    from revops_assets.orchestration.runs import dagster_instance
    from revops_assets.orchestration.sensors import UNDER_WAY

    settings = get_settings()
    if yes:
        import dagster as dg

        with dagster_instance(settings) as instance:
            if running := instance.get_run_records(dg.RunsFilter(statuses=UNDER_WAY), limit=1):
                raise RevopsError(f"run {running[0].dagster_run.run_id} is under way: wait for its end, or stop it")
    for database, rows in remove_tenant(settings, slug, dry_run=not yes).items():
        print(f"{database}: {rows:,} rows {'of ' + slug + ' are gone' if yes else 'of ' + slug + ' would go'}")
    if not yes:
        print("Nothing was done: --yes does it")
        raise typer.Exit(1)


@tenant.command("grant")
def grant_command(
    role: Annotated[str, typer.Argument(help="A login, or a role that logins are members of")],
    slugs: Annotated[list[str], typer.Argument(help="Companies, as in `revops tenant list`; '*' is every one")],
) -> None:
    """Let a login read companies' rows, of the tables that its roles may read. Without a grant it sees none."""
    from revops_assets.warehouse.tenant_grants import give

    give(get_settings(), role, slugs)
    print(f"{role} reads {', '.join(slugs)}")


@tenant.command("revoke")
def revoke_command(
    role: Annotated[str, typer.Argument(help="The login or role, as in `revops tenant grants`")],
    slugs: Annotated[list[str] | None, typer.Argument(help="Companies; default: all that it was granted")] = None,
) -> None:
    """Let a login read companies' rows no longer."""
    from revops_assets.warehouse.tenant_grants import take

    take(get_settings(), role, slugs or [])
    print(f"{role} no longer reads {', '.join(slugs or ['any company'])}")


@tenant.command("grants")
def grants_command(json: Annotated[bool, typer.Option("--json", help="Print data instead of a table")] = False) -> None:
    """Who reads which companies' rows, and who said so."""
    from dataclasses import asdict

    from revops_assets.cli.show import print_json, print_table
    from revops_assets.warehouse.tenant_grants import granted

    found = granted(get_settings())
    if json:
        print_json([asdict(one) for one in found])
    else:
        print_table(
            ["role", "tenant", "granted by", "at"],
            [(one.role, one.tenant_id, one.granted_by, one.granted_at) for one in found],
        )
