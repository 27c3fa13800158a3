"""Runs sql/0_schema/source/migrations/0004_history_values.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    run_migration_file("source", "0004_history_values")
