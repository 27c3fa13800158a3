"""Runs sql/0_schema/warehouse/migrations/0013_flag_outcomes.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0013", "0012"


def upgrade() -> None:
    run_migration_file("warehouse", "0013_flag_outcomes")
