"""Runs sql/0_schema/source/migrations/0002_crm_tables.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    run_migration_file("source", "0002_crm_tables")
