"""Runs sql/0_schema/warehouse/migrations/0006_dashboard.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0006", "0005"


def upgrade() -> None:
    run_migration_file("warehouse", "0006_dashboard")
