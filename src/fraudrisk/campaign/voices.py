"""What complaints say of a campaign, in SQL over a run's files: how often a tactic is named where, and words that name nobody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from fraudrisk.engines.dialect import date_literal, text_literal
from fraudrisk.errors import IntegrityError
from fraudrisk.records.tables import TABLES

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.engines import Duck
    from fraudrisk.packs import Pack
    from fraudrisk.run import RunResult
    from fraudrisk.workspace import Workspace

__all__ = ["exposure", "nameless", "open_run", "quotes", "voiced"]

_GRAM = 3
"""Names are told by their runs of three characters: the shortest form of a name the linker knows."""
_SHORTEST, _LONGEST = 4, 24
"""Characters of a quote worth printing."""
_NO_COMPLAINTS = """CREATE VIEW complaint_rows AS SELECT * FROM (SELECT NULL::VARCHAR AS record_id, NULL::DATE AS known_at, NULL::VARCHAR AS complainant_hash,
  NULL::VARCHAR AS division_code, NULL::VARCHAR AS respondent_name, 0 AS import_no, 0 AS source_row, {dates}) WHERE false;
CREATE VIEW readings AS SELECT * FROM (SELECT NULL::VARCHAR AS record_id, NULL::VARCHAR AS category, []::VARCHAR[] AS tactics, NULL::VARCHAR AS text_key,
  []::STRUCT(tactic VARCHAR, quote VARCHAR)[] AS evidence) WHERE false;
CREATE VIEW link_complaint AS SELECT NULL::VARCHAR AS record_id, NULL::VARCHAR AS business_id WHERE false"""


def open_run(duck: Duck, workspace: Workspace, result: RunResult, listed: Sequence[str]) -> None:
    """Make a run's register and complaints readable by name, and the businesses ever listed as ``listed``.

    Raises
    ------
    IntegrityError
        The run's work folder is gone.
    """
    work = result.folder / "work" / result.manifest["digest"]
    if not (work / "register.parquet").is_file():
        raise IntegrityError("the run's work folder is gone", where=str(work), mend="run that date again")
    duck.view("register", [work / "register.parquet"])
    duck.view("listed", pa.table({"business_id": pa.array(listed, pa.string())}))
    inputs = result.manifest["inputs"].get("complaint", [])
    if not inputs:
        duck.execute(_NO_COMPLAINTS.format(dates=", ".join(f"NULL::DATE AS {d}" for d in TABLES["complaint"].known_from)))
        return
    files = [workspace.path / "tables" / "complaint" / f"{i}.parquet" for i in inputs]
    for number, file in enumerate(files):
        duck.view(f"rows_{number}", [file])
    parts = " UNION ALL BY NAME ".join(f"SELECT *, {n} AS import_no FROM rows_{n}" for n in range(len(files)))  # noqa: S608
    duck.execute(f"CREATE VIEW complaint_rows AS {parts}")
    duck.view("all_readings", [workspace.reading_path(result.manifest["model"], f) for f in files])
    duck.execute(
        "CREATE VIEW readings AS SELECT * FROM all_readings QUALIFY row_number() OVER (PARTITION BY record_id ORDER BY text_key) = 1"
    )
    duck.view("link_complaint", [work / "link_complaint.parquet"])


def _fraud(pack: Pack, as_of: dt.date) -> str:
    """Fraud complaints as last known, whether or not their business was found, with it where it was."""
    codes = ", ".join(map(text_literal, pack.fraud_categories))
    return f"""rows AS (SELECT * FROM complaint_rows WHERE known_at < {date_literal(as_of)}
  QUALIFY row_number() OVER (PARTITION BY record_id ORDER BY known_at DESC, import_no DESC, source_row DESC) = 1
), fraud AS (SELECT r.*, q.* EXCLUDE (record_id), l.business_id FROM rows r JOIN readings q USING (record_id)
  LEFT JOIN link_complaint l USING (record_id) WHERE q.category IN ({codes}))"""  # noqa: S608


def voiced(duck: Duck, pack: Pack, as_of: dt.date, days: int, digits: int) -> pd.DataFrame:
    """Persons who named a tactic within `days` before `as_of`, by district and tactic.

    A complaint without a division code counts where its business is registered; one whose business was not found counts too.
    The same text about the same respondent belongs to whoever sent it first.

    Returns
    -------
    DataFrame
        ``district, tactic, people``; an empty district is one that is not known.
    """
    dates = ", ".join(f"CAST({d} AS DATE)" for d in TABLES["complaint"].known_from)
    found: pd.DataFrame = duck.query(
        f"""WITH {_fraud(pack, as_of)}, folded AS (
  SELECT coalesce(nullif(f.division_code, ''), g.division_code, '') AS place, f.tactics, coalesce({dates}, f.known_at) AS happened_on,
    first_value(coalesce(complainant_hash, 't' || text_key, f.record_id)) OVER (
      PARTITION BY coalesce(f.business_id, f.respondent_name, ''), text_key ORDER BY f.known_at, f.record_id) AS person
  FROM fraud f LEFT JOIN (SELECT business_id, division_code FROM register) g USING (business_id)
), named AS (SELECT substr(place, 1, {digits}) AS district, unnest(tactics) AS tactic, person FROM folded
  WHERE happened_on < {date_literal(as_of)} AND happened_on >= {date_literal(as_of)} - INTERVAL {days} DAY)
SELECT district, tactic, count(DISTINCT person) AS people FROM named GROUP BY ALL ORDER BY ALL"""  # noqa: S608
    ).to_pandas()
    return found


def quotes(duck: Duck, pack: Pack, as_of: dt.date) -> pd.DataFrame:
    """Words by which tactics were found in complaints about the listed, where enough others use them too.

    Returns
    -------
    DataFrame
        ``business_id, tactic, quote, times``; `times` among the complaints about the business.
    """
    found: pd.DataFrame = duck.query(
        f"""WITH {_fraud(pack, as_of)}, spans AS (SELECT business_id, coalesce(business_id, respondent_name, record_id) AS whom, text_key,
  coalesce(complainant_hash, 't' || text_key, record_id) AS person, unnest(evidence) AS e FROM fraud
), common AS (SELECT e.tactic AS tactic, e.quote AS quote FROM spans WHERE length(e.quote) BETWEEN {_SHORTEST} AND {_LONGEST} GROUP BY ALL
  HAVING least(count(DISTINCT person), count(DISTINCT text_key)) >= {pack.campaign.cases.quote_people} AND count(DISTINCT whom) > 1)
SELECT s.business_id, c.tactic, c.quote, count(*) AS times FROM (SELECT * FROM spans SEMI JOIN listed USING (business_id)) s
JOIN common c ON s.e.tactic = c.tactic AND s.e.quote = c.quote GROUP BY ALL ORDER BY ALL"""  # noqa: S608
    ).to_pandas()
    return found


def exposure(duck: Duck, digits: int) -> pd.DataFrame:
    """Registered businesses by sector and district."""
    found: pd.DataFrame = duck.query(
        f"SELECT sector, substr(coalesce(division_code, ''), 1, {digits}) AS district, count(*) AS businesses FROM register GROUP BY ALL ORDER BY ALL"  # noqa: S608
    ).to_pandas()
    return found


def nameless(duck: Duck, texts: Iterable[str]) -> set[str]:
    """Those of `texts` that share no three characters in a row with any name of the register.

    Stricter than looking for names: a form of a name, or half of one, is found too; ordinary words that stand in some name are
    lost, which costs a quote and nothing else.
    """
    wanted = sorted(set(texts))
    grams = {t: {t[i : i + _GRAM] for i in range(len(t) - _GRAM + 1)} for t in wanted}
    duck.view("wanted_grams", pa.table({"gram": pa.array(sorted(set().union(*grams.values())), pa.string())}))
    found = duck.query(
        f"""SELECT DISTINCT gram FROM (SELECT unnest([substr(name, i, {_GRAM}) FOR i IN range(1, length(name) - {_GRAM - 2})]) AS gram FROM register)
SEMI JOIN wanted_grams USING (gram)"""  # noqa: S608
    )
    named = set(found.column("gram").to_pylist())
    return {t for t in wanted if not grams[t] & named}
