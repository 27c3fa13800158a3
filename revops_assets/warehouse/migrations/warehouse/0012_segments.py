"""Runs sql/0_schema/warehouse/migrations/0012_segments.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0012", "0011"


def upgrade() -> None:
    run_migration_file("warehouse", "0012_segments")
