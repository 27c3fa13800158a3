"""Runs sql/0_schema/source/migrations/0005_renamed_stages.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    run_migration_file("source", "0005_renamed_stages")
