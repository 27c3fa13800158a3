"""Dagster's own storage on the project's PostgreSQL, so that a bare `dagster dev` works in a fresh clone too.

dagster.yaml names the class below; the address comes from the settings, like that of every other database.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagster_postgres import DagsterPostgresStorage

from revops_assets.settings import PROJECT_ROOT, Settings, get_settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.upgrade import upgrade


class RevopsPostgresStorage(DagsterPostgresStorage):
    """dagster-postgres storage whose URL is the installation's database `dagster`, built if it is not there."""

    @classmethod
    def config_type(cls) -> Any:
        """No configuration of its own."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> RevopsPostgresStorage:
        """Called by Dagster in each of its processes."""
        settings = get_settings()
        if not databases.exists(settings, "dagster"):
            upgrade(settings)
        url = databases.url_of(settings, "dagster").render_as_string(hide_password=False)
        return cls(postgres_url=url, should_autocreate_tables=True, inst_data=inst_data)


# The instance as commands run it: what their runs print is the command's, and no processes copy it to files. They would
# get Ctrl-C, too, and say so.
COMMANDS = "commands.yaml"
PRINTS_ARE_OURS = """
compute_logs:
  module: dagster.core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def dagster_home(settings: Settings) -> Path:
    """The instance's folder under REVOPS_HOME (step logs), with the project's dagster.yaml in it."""
    home = settings.home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    given = (PROJECT_ROOT / "dagster.yaml").read_text()
    for name, text in (("dagster.yaml", given), (COMMANDS, given + PRINTS_ARE_OURS)):
        if not (home / name).exists() or (home / name).read_text() != text:
            (home / name).write_text(text)
    return home
