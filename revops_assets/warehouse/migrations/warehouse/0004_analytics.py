"""Runs sql/0_schema/warehouse/migrations/0004_analytics.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    run_migration_file("warehouse", "0004_analytics")
