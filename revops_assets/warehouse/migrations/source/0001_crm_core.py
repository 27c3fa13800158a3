"""Runs sql/0_schema/source/migrations/0001_crm_core.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0001", None


def upgrade() -> None:
    run_migration_file("source", "0001_crm_core")
