"""Settings: the workspace's ``fraudrisk.toml`` first, then the environment (``FRAUDRISK_…``), which wins.

Every limit the package keeps is here, with its reason, so that an office can change it without touching code.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from fraudrisk.errors import ConfigError

__all__ = ["Settings", "load_settings"]


class Settings(BaseSettings):
    """What an office may set.

    Examples
    --------
    >>> Settings(division="330299").pack
    'elder_fraud'
    """

    model_config = SettingsConfigDict(env_prefix="FRAUDRISK_", extra="forbid")

    # -- the jurisdiction
    division: str = Field(default="000000", pattern=r"^\d{6}$", description="GB/T 2260 code; the middle part of every clue number.")
    pack: str = Field(default="elder_fraud", description="Name of a shipped pack, or a folder that holds one.")
    purpose: str = Field(
        default="养老诈骗线索研判", description="Stored in every run's manifest (personal information law: stated purpose)."
    )

    # -- secrets come from the environment only; unset, the workspace keeps a random key in a file only its owner can read
    hash_key: SecretStr | None = Field(default=None, description="Key of the HMAC that joins persons and phones without storing them.")

    ledger: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL of the ledger, such as postgresql+psycopg://…; unset, a file in the workspace."
    )

    # -- reading
    max_cell_chars: int = Field(default=200_000, gt=0, description="A longer cell is cut and reported: one ticket never holds a book.")
    batch_rows: int = Field(default=65_536, gt=0, description="Rows cleaned at a time; bounds memory on large files.")

    # -- the engine
    engine_memory: str = Field(default="2GB", pattern=r"^\d+(?:\.\d+)?\s?(?:MB|GB)$", description="DuckDB spills to disk beyond it.")

    # -- the list
    district_share: float = Field(
        default=0.4, gt=0, le=1, description="No district takes more of a list than this, while others have clues."
    )
    sector_share: float = Field(default=0.5, gt=0, le=1, description="No sector takes more of a list than this, while others have clues.")
    minimum_grade: str = Field(
        default="B", pattern="^[ABCD]$", description="Businesses below it are not listed even where capacity is left."
    )
    exploration_share: float = Field(
        default=0.08,
        ge=0,
        lt=1,
        description="Part of a list drawn by lot from all who are not on it, so that what it misses can be estimated.",
    )
    reasons_shown: int = Field(default=3, gt=0, le=10)
    sheet_rows: int = Field(default=1000, gt=0, description="Clues per sheet; more go to CSV with a note (DOMAIN §6.1).")

    # -- campaign
    district_digits: int = Field(
        default=6,
        ge=2,
        le=12,
        description="Leading digits of a division code that make one line of a table by district; more are taken, up to nine (a street), "
        "where these tell no two apart, as in an office of one county.",
    )
    district_names: dict[str, str] = Field(
        default={}, description="What a district is called in tables and tips; unset, what its registration authority is called."
    )
    authority_ending: str = Field(
        default="(?:市场监督管理|市场监管|工商行政管理|行政审批).*$",
        description="Regular expression cut off a registration authority's name to leave the district's.",
    )
    tip_days: int = Field(
        default=90, gt=0, description="Complaints of so many days decide which tips a district gets: a season of a campaign."
    )
    tips_per_page: int = Field(
        default=3, gt=0, le=3, description="Tips per district: more than three do not fit an A4 page in print of 20 points."
    )


def load_settings(folder: Path | None = None, **given: Any) -> Settings:
    """Read ``fraudrisk.toml`` in `folder`, then the environment, then `given`.

    Raises
    ------
    ConfigError
        Names every setting that is wrong, and where it stands.
    """
    values: dict[str, Any] = {}
    path = folder / "fraudrisk.toml" if folder else None
    if path and path.is_file():
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"settings cannot be read: {error}", where=str(path), mend="mend the file or delete it") from error
        for secret in {"hash_key", "ledger"} & set(values):
            raise ConfigError(
                "a secret stands in a file", where=f"{path}, {secret}", mend=f"set FRAUDRISK_{secret.upper()} in the environment instead"
            )
    try:
        from_environment = Settings().model_dump(exclude_unset=True)
        return Settings(**{**values, **from_environment, **{k: v for k, v in given.items() if v is not None}})
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"settings are wrong: {faults}", where=str(path or "environment"), mend="see docs/settings.md") from error
