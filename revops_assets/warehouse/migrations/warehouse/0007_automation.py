"""Runs sql/0_schema/warehouse/migrations/0007_automation.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0007", "0006"


def upgrade() -> None:
    run_migration_file("warehouse", "0007_automation")
