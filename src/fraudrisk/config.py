"""Settings: the workspace's ``fraudrisk.toml`` first, then the environment (``FRAUDRISK_…``), which wins.

Every limit the package keeps is here, with its reason, so that an office can change it without touching code.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

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
        default="A", pattern="^[ABCD]$", description="Businesses below it are not listed even where capacity is left."
    )
    minimum_score: float = Field(
        default=10.0,
        ge=0,
        le=100,
        description="The same for the score: ten points are about what one strong indicator gives; below, a visit is a draw by lot.",
    )
    exploration_share: float = Field(
        default=0.08,
        ge=0,
        lt=1,
        description="Part of a list drawn by lot from all who are not on it, so that what it misses can be estimated.",
    )
    department_capacity: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default={},
        description="Checks a week of each department, by the name it has in routing.yaml; one that is not named has no limit of its own.",
    )
    weeks: int = Field(default=4, gt=0, le=26, description="Weeks a list covers; its lines are spread over them, the most harmful first.")
    revisit_days: int = Field(
        default=90, ge=0, description="Nobody is visited again within so many days of a check, unless fraud complaints came after it."
    )
    visits_per_year: int = Field(
        default=4, gt=0, description="Checks of one business in a calendar year (国办发〔2024〕54号 has every department publish its cap)."
    )
    cards: int = Field(default=20, ge=0, le=200, description="Clues that get a one-page card.")
    old_ticket_days: int = Field(default=180, gt=0, description="Complaints closed longer ago than this are looked back at.")
    experience_prior: float = Field(
        default=1.0, gt=0, description="Pseudo-finds it takes for conclusions to change the chance that a kind of evidence is given."
    )
    silent_share: float = Field(
        default=0.1,
        ge=0,
        lt=0.5,
        description="Most of a list that goes to watched sectors without any clue: the first of each. Silence is not safety.",
    )
    reasons_shown: int = Field(default=3, gt=0, le=10)
    sheet_rows: int = Field(default=1000, gt=0, description="Clues per sheet; more go to CSV with a note (DOMAIN §6.1).")

    # -- early warning
    alarms_per_100_business_months: float = Field(
        default=1.0, gt=0, le=100, description="False alarms accepted per 100 businesses (or schemes, categories…) watched for a month."
    )
    burst_min_persons: int = Field(
        default=3, ge=2, description="Fewer persons within a week are never a burst: one household is no surge (DOMAIN §5: count alone)."
    )
    burst_history_days: int = Field(
        default=365, ge=91, le=1096, description="Past that a baseline is made of: a whole year holds every season once."
    )
    burst_guard_days: int = Field(
        default=14, ge=7, le=90, description="Last days left out of a baseline, so that a burst under way does not raise what is expected."
    )
    warning_days: int = Field(default=7, ge=1, le=31, description="Days a warning reports on: a weekly brief shows alarms of a week.")
    warning_licence_days: int = Field(
        default=60,
        ge=1,
        le=366,
        description="Licences that end within so many days: renewal is asked for 30 working days before (行政许可法 50).",
    )
    warning_expired_days: int = Field(default=30, ge=0, le=366, description="Licences that ended so many days ago, without a renewal seen.")
    warning_rows: int = Field(
        default=5,
        ge=1,
        le=20,
        description="Lines per section of the brief; with more than 5 it may need a second page. The rest is in the CSV.",
    )

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

    # -- the service
    store: SecretStr | None = Field(
        default=None,
        description="SQLAlchemy URL of the service's store, such as postgresql+psycopg://…; unset, the file store.db in the workspace.",
    )
    host: str = Field(default="127.0.0.1", description="Address the service listens on; loopback unless told otherwise.")
    port: int = Field(default=8321, gt=0, lt=65536, description="Port the service listens on.")
    workers: int = Field(
        default=1, gt=0, le=64, description="Processes that answer requests; they share the store, the search index and the audit log."
    )
    behind_tls: bool = Field(
        default=False, description="Say so where a proxy ends TLS in front: browsers are then told to use nothing else (HSTS)."
    )
    body_limit: int = Field(default=1_000_000, gt=0, description="Bytes of one request; a longer one is refused before it is read.")
    batch_texts: int = Field(default=64, gt=0, le=1024, description="Complaints of one reading request: about a tenth of a second of work.")
    batch_businesses: int = Field(default=1000, gt=0, le=10_000, description="Businesses of one scoring request.")
    page_rows: int = Field(default=50, gt=0, le=200, description="Most rows of a page.")
    depth_rows: int = Field(
        default=1000, gt=0, description="How deep inspectors may page: a list to work through, never a copy of the register."
    )
    rate_per_second: float = Field(default=20.0, gt=0, description="Requests a second of one key or person, per process, over time.")
    rate_burst: int = Field(default=60, gt=0, description="Requests at once before the rate counts.")
    anonymous_per_second: float = Field(
        default=50.0,
        gt=0,
        description="Refusals a second, per process, of callers nobody knows; beyond it they are told to wait, so that they cannot fill the audit log.",
    )
    keep_releases: int = Field(default=3, ge=2, le=50, description="Published runs kept in the store; rollback goes to one of them.")
    release_poll_seconds: float = Field(default=1.0, gt=0, le=60, description="How soon a process sees a newly published run.")
    key_days: int = Field(default=365, gt=0, le=3660, description="Days a new key is good for where nothing else is said.")
    key_cache_seconds: float = Field(
        default=10.0, ge=0, le=300, description="How long a checked key is trusted: a revoked one may work so long."
    )
    audit_queue: int = Field(
        default=10_000, gt=0, description="Look-ups waiting for the audit log; when it is full they are refused, never unaudited."
    )
    audit_segment_bytes: int = Field(default=256_000_000, gt=1000, description="Size at which the audit log goes on in a new file.")
    oidc_issuer: str | None = Field(default=None, description="Issuer of bearer tokens; unset, only keys are known.")
    oidc_audience: str | None = Field(default=None, description="Audience a token must be for.")
    oidc_jwks: str | None = Field(default=None, description="Address of the issuer's keys (JWKS): https, or http on loopback.")
    oidc_algorithms: list[str] = Field(
        default=["RS256", "ES256"], description="Signatures that are accepted; none and shared secrets never are."
    )
    oidc_leeway: int = Field(default=30, ge=0, le=120, description="Seconds by which clocks may differ.")
    oidc_role_claim: str = Field(default="roles", description="Claim that holds roles; dots lead inside, such as realm_access.roles.")
    oidc_roles: dict[str, str] = Field(
        default={"fraudrisk-inspector": "inspector", "fraudrisk-analyst": "analyst", "fraudrisk-auditor": "auditor"},
        description="The issuer's names of roles, and ours; a token with none of them is refused.",
    )
    oidc_division_claim: str = Field(
        default="divisions", description="Claim that holds an inspector's division codes, or their beginnings."
    )
    session_hours: float = Field(
        default=12.0, gt=0, le=72, description="How long a login of the pages lasts: one working day, then the key is asked again."
    )
    offline_hours: float = Field(
        default=12.0,
        gt=0,
        le=72,
        description="How long a phone keeps the pages an inspector opened, to show them without network: the day of the visit.",
    )
    offline_pages: int = Field(default=50, gt=0, le=200, description="Most pages a phone keeps so; the one opened longest ago goes first.")


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
        for secret in {"hash_key", "ledger", "store"} & set(values):
            raise ConfigError(
                "a secret stands in a file", where=f"{path}, {secret}", mend=f"set FRAUDRISK_{secret.upper()} in the environment instead"
            )
    try:
        from_environment = Settings().model_dump(exclude_unset=True)
        return Settings(**{**values, **from_environment, **{k: v for k, v in given.items() if v is not None}})
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"settings are wrong: {faults}", where=str(path or "environment"), mend="see docs/settings.md") from error
