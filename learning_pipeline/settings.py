"""The one settings object: environment `LEARNING_PIPELINE_*`, then `learning_pipeline.toml`, then defaults."""

import os
import re
import socket
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from learning_pipeline.errors import UsageError

CONFIG_NAME = "learning_pipeline.toml"
AUDIT_NAME = "audit.jsonl"
PREFIX = "LEARNING_PIPELINE_"
DEFAULT_HOME = Path("data")
# Of a cron expression: the lowest and highest number of each field, and the names that stand for numbers.
_CRON_FIELDS: tuple[tuple[str, int, int, str], ...] = (
    ("minute", 0, 59, ""),
    ("hour", 0, 23, ""),
    ("day of the month", 1, 31, ""),
    ("month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    ("day of the week", 0, 7, "sun mon tue wed thu fri sat"),
)
_CRON_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[1-9][0-9]*))?")


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:  # ~name of nobody
        raise ValueError(f"{path}: {error}") from error


UserPath = Annotated[Path, AfterValidator(_expanded)]


class SourceSpec(BaseModel):
    """One input: a source kind and where it is read from."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    path: UserPath


class TableMapping(BaseModel):
    """How the columns of exported tables become fields of an in-house log (see `sources.table_map`)."""

    model_config = ConfigDict(extra="forbid")

    file: str = Field(default="*", description="Pattern of the file's name")
    table: str = Field(default="*", description="Pattern of the table's name, in a database")
    kind: Literal["execution_log", "routing_log", "transformation_log", "interaction_log", "feedback", "health_log"] = (
        Field(default="execution_log", description="Kind of log whose lines the rows are")
    )
    columns: dict[str, str] = Field(default_factory=dict, description="Column -> field; to an empty name: left out")
    values: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Field -> its value in every row that has none"
    )


class Budget(BaseModel):
    """What may be spent in a day, a week (from Monday) or a month, UTC: on all, or on one source kind or model."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    limit_usd: Decimal = Field(gt=0, max_digits=15, decimal_places=6)
    period: Literal["day", "week", "month"] = "month"
    source: str | None = None
    model: str | None = None


class Settings(BaseSettings):
    """Everything that can be configured, read once at the start of a command."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid")

    home: Path
    sources: list[SourceSpec] = Field(default_factory=list, description="Inputs, when no --source is given")
    host: str = Field(default_factory=socket.gethostname, description="Name of this machine in the lake")
    task_text: Literal["full", "redacted", "hash"] = "redacted"
    naive_timezone: str | None = Field(default=None, description="Zone of log times that name none")
    scales: dict[str, dict[str, tuple[float, float]]] = Field(
        default_factory=dict, description="Scales of a source kind's fields, as in feedback.rating = [1, 10]"
    )
    tables: list[TableMapping] = Field(
        default_factory=list, description="How columns of exported tables are named; the first that fits decides"
    )
    stuck_after_minutes: int = Field(
        default=1440, ge=1, description="Open executions are stuck when this much older than the newest event"
    )
    retention_days: int = Field(default=90, ge=1, description="Days that fact rows stay in the marts")
    price_file: UserPath | None = Field(default=None, description="Own prices, read before the public ones")
    budgets: list[Budget] = Field(default_factory=list, description="What may be spent, by names of your own")
    workers: int | None = Field(default=None, ge=1, description="Processes that parse; default one a core, 4 at most")
    postgres_url: SecretStr | None = Field(default=None, description="PostgreSQL; the embedded server when absent")
    publish: bool = True
    seed: int = 20260101
    router_min_evidence: int = Field(
        default=20, ge=1, description="Labelled executions below which the router abstains"
    )
    router_max_executions: int = Field(
        default=100_000, ge=100, description="Executions that the router learns from at most: the newest"
    )
    notify_urls: list[SecretStr] = Field(
        default_factory=list, description="Where failures and alerts are told, as Apprise URLs; they may hold passwords"
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

    @field_validator("schedule_cron")
    @classmethod
    def _cron(cls, text: str) -> str:
        fields = text.split()
        if len(fields) != len(_CRON_FIELDS):
            raise ValueError(f"{text!r} is not a cron expression of five fields, such as 0 2 * * *")
        for field, (name, low, high, names) in zip(fields, _CRON_FIELDS, strict=True):
            if not all(_is_cron_part(part, low, high, names.split()) for part in field.split(",")):
                raise ValueError(f"{text!r} is not a cron expression such as 0 2 * * *: {field!r} is no {name}")
        return text

    @field_validator("budgets")
    @classmethod
    def _told_apart(cls, budgets: list[Budget]) -> list[Budget]:
        names = [budget.name for budget in budgets]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two budgets are named {name!r}: give each a name of its own")
        return budgets

    @field_validator("scales")
    @classmethod
    def _rising(cls, scales: dict[str, dict[str, tuple[float, float]]]) -> dict[str, dict[str, tuple[float, float]]]:
        for kind, fields in scales.items():
            for name, (least, most) in fields.items():
                if not least < most:
                    raise ValueError(f"{kind}.{name} has to be the least and the most of its scale, such as [1, 10]")
        return scales

    @field_validator("price_file")
    @classmethod
    def _there(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"there is no file {path}")
        return path

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


def _is_cron_part(part: str, low: int, high: int, names: list[str]) -> bool:
    found = _CRON_PART.fullmatch(part)
    if found is None:
        return False
    values = [value.lower() for value in (found["first"], found["last"]) if value is not None]
    return all(value in names or (value.isdecimal() and low <= int(value) <= high) for value in values)


def home_is_named(home: Path | None) -> bool:
    """Say whether the command line (`home`) or the environment names the home directory."""
    return home is not None or f"{PREFIX}HOME" in os.environ


def _home(home: Path | None) -> Path:
    if home is None:
        named = os.environ.get(f"{PREFIX}HOME")
        if named is not None and not named.strip():
            raise UsageError(f"{PREFIX}HOME is empty: let it name a directory, or unset it")
        home = DEFAULT_HOME if named is None else Path(named)
    try:
        return home.expanduser().absolute()
    except RuntimeError as error:
        raise UsageError(f"home directory {home}: {error}") from error


def load_settings(home: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings for a home directory.

    Raises:
        UsageError: a setting is unknown or has a value that it cannot have; the message names it.
    """
    home = _home(home)
    given = {name: value for name, value in overrides.items() if value is not None}
    path = home / CONFIG_NAME
    written = _written(path)
    try:
        return Settings(home=home, **given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        where = _where(str(first["loc"][0]) if first["loc"] else "", set(given), path if written else None)
        said = first["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"no such setting: {name}{where}"
            if first["type"] == "extra_forbidden"
            else f"setting {name}: {said}{where}"
        ) from error
    except SettingsError as error:  # a list in the environment that is no JSON
        field = next((name for name in Settings.model_fields if f'"{name}"' in str(error)), "")
        variable = f"{PREFIX}{field.upper()}"
        raise UsageError(f"{variable} in the environment cannot be read: it has to be JSON") from error


def _written(path: Path) -> dict[str, Any]:
    """Return what the configuration file holds, after looking for names that are no settings."""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error
    for name in found:
        if name == "home":
            raise UsageError(f"{path}: home cannot be set here; give --home DIR or {PREFIX}HOME")
        if name not in Settings.model_fields:
            raise UsageError(f"{path}: no such setting: {name}")
    return found


def _where(name: str, given: set[str], path: Path | None) -> str:
    """Return where a value came from, for a message."""
    if name in given:
        return ""
    variables = [variable for variable in os.environ if variable.upper() == f"{PREFIX}{name}".upper()]
    if variables:
        return f" ({variables[0]} in the environment)"
    return f" (in {path})" if path else ""
