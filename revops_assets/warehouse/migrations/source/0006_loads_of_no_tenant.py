"""Runs sql/0_schema/source/migrations/0006_loads_of_no_tenant.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0006", "0005"


def upgrade() -> None:
    run_migration_file("source", "0006_loads_of_no_tenant")
