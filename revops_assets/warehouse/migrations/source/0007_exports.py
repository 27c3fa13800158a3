"""Runs sql/0_schema/source/migrations/0007_exports.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0007", "0006"


def upgrade() -> None:
    run_migration_file("source", "0007_exports")
