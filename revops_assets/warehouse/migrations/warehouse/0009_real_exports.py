"""Runs sql/0_schema/warehouse/migrations/0009_real_exports.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0009", "0008"


def upgrade() -> None:
    run_migration_file("warehouse", "0009_real_exports")
