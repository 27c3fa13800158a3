"""Runs sql/0_schema/source/migrations/0003_pipedrive_raw.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    run_migration_file("source", "0003_pipedrive_raw")
