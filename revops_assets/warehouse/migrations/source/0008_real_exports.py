"""Runs sql/0_schema/source/migrations/0008_real_exports.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0008", "0007"


def upgrade() -> None:
    run_migration_file("source", "0008_real_exports")
