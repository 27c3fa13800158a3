"""Runs sql/0_schema/warehouse/migrations/0014_standard_words.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0014", "0013"


def upgrade() -> None:
    run_migration_file("warehouse", "0014_standard_words")
