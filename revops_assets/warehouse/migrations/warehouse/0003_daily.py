"""Runs sql/0_schema/warehouse/migrations/0003_daily.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    run_migration_file("warehouse", "0003_daily")
