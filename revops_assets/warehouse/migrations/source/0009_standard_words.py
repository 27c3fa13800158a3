"""Runs sql/0_schema/source/migrations/0009_standard_words.sql."""

from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = "0009", "0008"


def upgrade() -> None:
    run_migration_file("source", "0009_standard_words")
