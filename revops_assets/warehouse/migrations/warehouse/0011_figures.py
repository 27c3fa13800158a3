"""Runs sql/0_schema/warehouse/migrations/0011_figures.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0011", "0010"


def upgrade() -> None:
    run_migration_file("warehouse", "0011_figures")
