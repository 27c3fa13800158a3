"""Runs sql/0_schema/warehouse/migrations/0001_warehouse.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0001", None


def upgrade() -> None:
    run_migration_file("warehouse", "0001_warehouse")
