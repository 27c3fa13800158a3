"""Runs sql/0_schema/warehouse/migrations/0002_stage_velocity.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    run_migration_file("warehouse", "0002_stage_velocity")
