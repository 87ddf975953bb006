"""The one settings object: environment `LEARNING_PIPELINE_*`, then `learning_pipeline.toml`, then defaults."""

import socket
from datetime import date
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from learning_pipeline.errors import UsageError

CONFIG_NAME = "learning_pipeline.toml"


class SourceSpec(BaseModel):
    """One input: a source kind and where it is read from."""

    kind: str
    path: Path


class HomeSetting(BaseSettings):
    """Where the home directory is, when the command line does not say."""

    model_config = SettingsConfigDict(env_prefix="LEARNING_PIPELINE_", extra="ignore")

    home: Path = Path("data")


class Settings(BaseSettings):
    """Everything that can be configured, read once at the start of a command."""

    model_config = SettingsConfigDict(env_prefix="LEARNING_PIPELINE_", extra="forbid")

    home: Path
    sources: list[SourceSpec] = Field(default_factory=list, description="Inputs, when no --source is given")
    host: str = Field(default_factory=socket.gethostname, description="Name of this machine in the lake")
    task_text: Literal["full", "redacted", "hash"] = "redacted"
    naive_timezone: str | None = Field(default=None, description="Zone of log times that name none")
    retention_days: int = Field(default=90, ge=1, description="Days that fact rows stay in the marts")
    price_file: Path | None = Field(default=None, description="Own prices, read before the public ones")
    workers: int | None = Field(default=None, ge=1, description="Processes that parse; default one a core, 4 at most")
    postgres_url: SecretStr | None = Field(default=None, description="PostgreSQL; the embedded server when absent")
    publish: bool = True
    seed: int = 20260101
    router_min_evidence: int = Field(
        default=20, ge=1, description="Labelled executions below which the router abstains"
    )
    schedule_cron: str = "0 2 * * *"
    schedule_timezone: str = "UTC"
    first_day: date = Field(default=date(2025, 1, 1), description="First daily partition in Dagster")

    @field_validator("naive_timezone", "schedule_timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise ValueError(f"{name!r} is not a time zone name such as Europe/Berlin") from error
        return name

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        home = Path(init_settings()["home"])
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, home / CONFIG_NAME)

    @property
    def lake_dir(self) -> Path:
        return self.home / "lake"

    @property
    def staging_dir(self) -> Path:
        """Per-day Parquet of facts and daily marts, from which marts.duckdb is put together."""
        return self.home / "marts"

    @property
    def marts_path(self) -> Path:
        return self.home / "marts.duckdb"

    @property
    def models_dir(self) -> Path:
        return self.home / "models"

    @property
    def postgres_dir(self) -> Path:
        return self.home / "postgres"

    @property
    def dagster_dir(self) -> Path:
        return self.home / "dagster"

    @property
    def state_path(self) -> Path:
        return self.home / "state.sqlite"


def load_settings(home: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings for a home directory.

    Raises:
        UsageError: a setting is unknown or has a value that it cannot have; the message names it.
    """
    home = (home if home is not None else HomeSetting().home).expanduser().absolute()
    try:
        return Settings(home=home, **{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"setting {name}: {first['msg']} (see the environment and {home / CONFIG_NAME})") from error
    except ValueError as error:  # tomllib.TOMLDecodeError
        raise UsageError(f"{home / CONFIG_NAME} is not valid TOML: {error}") from error
