"""Runs sql/0_schema/warehouse/migrations/0005_core_analytics.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    run_migration_file("warehouse", "0005_core_analytics")
