"""Runs sql/0_schema/warehouse/migrations/0008_metrics.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0008", "0007"


def upgrade() -> None:
    run_migration_file("warehouse", "0008_metrics")
