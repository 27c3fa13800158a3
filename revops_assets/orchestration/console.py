"""What runs print: warnings and errors. Everything else is among their events, where the UI shows it."""

import logging

import dagster as dg


@dg.logger(
    config_schema={
        "log_level": dg.Field(str, is_required=False, default_value="WARNING"),
        "name": dg.Field(str, is_required=False, default_value="dagster"),
    },
    description="Dagster's console logger, quiet by default: a process that runs for months would fill the disk.",
)
def quiet_console(context: dg.InitLoggerContext) -> logging.Logger:
    """Dagster's own console logger with another default."""
    made: logging.Logger = dg.colored_console_logger.logger_fn(context)
    return made
