"""Runs sql/0_schema/warehouse/migrations/0010_unwritten.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0010", "0009"


def upgrade() -> None:
    run_migration_file("warehouse", "0010_unwritten")
