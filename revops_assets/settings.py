"""Every setting of the project, read here and nowhere else (environment variables, `.env` in development)."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from revops_assets.errors import RevopsError, in_words

PROJECT_ROOT = Path(__file__).resolve().parents[1]
SQL_DIR = PROJECT_ROOT / "sql"

Env = Literal["dev", "prod"]


def is_time_zone(name: str) -> bool:
    """Whether a time zone has this name, which need not even be one that a file may have."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


class Settings(BaseSettings):
    """Settings of one installation; each field is the environment variable REVOPS_<NAME>, or as its alias says."""

    model_config = SettingsConfigDict(
        env_prefix="REVOPS_", env_file=PROJECT_ROOT / ".env", extra="ignore", protected_namespaces=()
    )

    home: Path = Field(
        default=PROJECT_ROOT / ".revops", description="State directory: embedded PostgreSQL, landing zone"
    )
    database_url: SecretStr | None = Field(
        default=None, description="A PostgreSQL >= 15 server; absent: the embedded one"
    )
    database_password: SecretStr | None = Field(
        default=None, description="That URL's password, as it is, if not in the URL"
    )
    reader_password: SecretStr | None = Field(
        default=None, description="Of the role by which the warehouse reads the source; default: derived from that one"
    )
    roles_secret: SecretStr | None = Field(
        default=None, description="What the passwords of roles that log in are derived from; default: that password"
    )
    database_prefix: str = Field(
        default="", pattern=r"^[a-z0-9_]*$", description="Before the names of databases and roles"
    )
    fdw_address: str | None = Field(
        default=None, description="host:port where the server reaches itself, if not the URL's own (port forwards)"
    )
    env: Env = Field(default="dev", description="Which warehouse is written: dev or prod")
    timezone: str = Field(default="UTC", description="Business time zone: where a day and a month begin")
    landing_dir: Path | None = Field(default=None, description="Landing zone of CRM exports; default <home>/landing")
    mappings_dir: Path | None = Field(
        default=None, description="Mappings of your own that manifests may name, NAME.yaml; absent: the shipped ones"
    )
    unpack_ratio: int = Field(
        default=200, ge=1, description="A gzipped file that unpacks to more than so many times its size is refused"
    )
    metrics_dir: Path = Field(
        default=SQL_DIR / "semantic", description="Business metrics' definitions, category/metric.yml"
    )
    scenario: bool = Field(default=True, description="Whether the graph begins with generated companies (on | off)")
    first_day: date = Field(
        default=date(2024, 1, 1), ge=date(1954, 1, 1), description="First day of the daily datasets"
    )
    automation: bool = Field(default=False, description="Whether schedules and sensors run from the start (on | off)")
    daily_cron: str = Field(default="0 6 * * *", description="When the daily run starts, in the business time zone")
    sensor_seconds: int = Field(default=5, ge=1, description="How often sensors look")
    alert_urls: SecretStr | None = Field(
        default=None, description="Where alerts go besides ops.alerts: Apprise addresses, with spaces between"
    )
    event_days: int = Field(default=30, ge=1, description="How long Dagster keeps the events of a run")
    fiscal_year_month: int = Field(default=1, ge=1, le=12, description="Month in which the fiscal year begins")
    max_age_days: float = Field(default=2.0, gt=0, description="A newest load older than this is reported as stale")

    dagster_url: str = Field(
        default="http://127.0.0.1:3000", pattern=r"^https?://", description="Dagster's UI, where the pages' links lead"
    )

    pages_url: str = Field(
        default="http://127.0.0.1:8321", pattern=r"^https?://", description="The dashboards, where Dagster's links lead"
    )

    model_base_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/@?#]+(/[^?#]*)?$",  # no user, no key: it is no secret, and messages may name it
        description="OpenAI-compatible endpoint for coaching texts, as https://host/v1; absent: templates",
    )
    model_name: str = Field(default="gpt-4o-mini", min_length=1, description="Which of its models")
    model_api_key: SecretStr | None = Field(default=None, description="Its key, if it takes one")
    model_timeout_seconds: float = Field(default=30.0, gt=0, description="How long to wait for an answer")
    model_concurrency: int = Field(default=4, ge=1, le=64, description="How many answers to wait for at once")

    pg_host: str | None = Field(
        default=None,
        validation_alias="PG_HOST",
        description="Server of `revops daily-metrics`, if not the installation's",
    )
    pg_port: int = Field(default=5432, validation_alias="PG_PORT", description="Its port")
    pg_database: str = Field(
        default="revops_metrics", validation_alias="PG_DATABASE", description="The warehouse there"
    )
    pg_user: str | None = Field(default=None, validation_alias="PG_USER", description="User there")
    pg_password: SecretStr | None = Field(
        default=None, validation_alias="PG_PASSWORD", description="That user's password"
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if not is_time_zone(value):
            raise ValueError(f"{value!r} is not a time zone name such as 'UTC' or 'Europe/Berlin'")
        return value

    @property
    def landing(self) -> Path:
        """The landing zone."""
        return self.landing_dir or self.home / "landing"

    def for_env(self, env: Env | None) -> Settings:
        """The same settings with another warehouse chosen."""
        return self if env is None else self.model_copy(update={"env": env})


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once."""
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        name = name if name.startswith("PG_") else f"REVOPS_{name}"
        raise RevopsError(f"{name}: {in_words(first['msg'])}") from None
    return settings.model_copy(update={"home": settings.home.expanduser().resolve()})
