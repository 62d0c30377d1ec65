"""As-of features for 1 M businesses and 10 M events against the same aggregation written by hand in DuckDB SQL. Goal: 1.5x, 3 GB."""

from __future__ import annotations

import datetime as dt
import tempfile

from benchmarks.measuring import apart, best

AS_OF = dt.date(2026, 6, 1)
N = 1_000_000


def make(folder: str) -> None:
    """Facts as a run stores them: sorted by business."""
    import duckdb

    c = duckdb.connect()
    c.execute("SET enable_progress_bar = false")
    c.execute("CREATE MACRO h(i, k, n) AS CAST(hash(i * 31 + k) % n AS INTEGER)")
    day = "DATE '2023-01-01' + h(i, {k}, 1300)"
    pick = "printf('9133%014d', h(i * 7, {k}, " + str(N) + "))"
    c.execute(f"""COPY (SELECT printf('9133%014d', i) AS business_id, printf('9133%014d', i) AS record_id, 'N' || i AS name, CASE h(i, 0, 3) WHEN 0 THEN '个体工商户' ELSE '有限责任公司' END AS entity_type,
      (['health_food', 'elder_care', 'other'])[h(i, 0, 3) + 1] AS sector, TRUE AS watch, '330201' AS district, 'scope' AS scope, CAST(NULL AS VARCHAR) AS legal_person_id_hash,
      CAST(NULL AS VARCHAR) AS phone_hash, CAST(NULL AS VARCHAR) AS address, CAST(NULL AS VARCHAR) AS op_address, DATE '2020-01-01' AS happened_on, 2000 AS age_days FROM range({N}) t(i)) TO '{folder}/register.parquet'""")
    c.execute(f"""COPY (SELECT {pick.format(k=1)} AS business_id, 'c' || i AS record_id, {day.format(k=1)} AS known_at, {day.format(k=1)} AS happened_on, 'p' || h(i, 0, 3000000) AS person_key,
      (['EF0', 'EF0', 'EF0', 'EF1', 'EF2', 'EF3', 'EFX'])[h(i, 5, 7) + 1] AS category, [(['T01', 'T04', 'T08', 'T16', 'T27'])[h(i, 9, 5) + 1]] AS tactics,
      (['收款中', '失联', '延期兑付', NULL])[h(i, 11, 4) + 1] AS stage, CAST(h(i, 0, 50000) AS DOUBLE) AS read_amount, CAST(h(i, 0, 50000) AS DOUBLE) AS amount_added, CAST(NULL AS DOUBLE) AS promised_return,
      '330201' AS division_code, CAST([] AS VARCHAR[]) AS conducts, CAST(NULL AS DATE) AS accepted_on, CAST(NULL AS VARCHAR) AS mediation_result, CAST(NULL AS DATE) AS filed_on, CAST(NULL AS DATE) AS closed_on,
      CAST(NULL AS VARCHAR) AS result_text, CAST(NULL AS DOUBLE) AS recovered_yuan, CAST(NULL AS VARCHAR) AS satisfaction FROM range(6000000) t(i) ORDER BY business_id) TO '{folder}/complaint.parquet'""")
    c.execute(f"""COPY (SELECT {pick.format(k=2)} AS business_id, 'i' || i AS record_id, {day.format(k=2)} AS known_at, {day.format(k=2)} AS happened_on, (['定向', '随机'])[h(i, 0, 2) + 1] AS selection_reason,
      (['未发现问题', '责令改正'])[h(i, 3, 2) + 1] AS result FROM range(3000000) t(i) ORDER BY business_id) TO '{folder}/inspection.parquet'""")
    c.execute(f"""COPY (SELECT {pick.format(k=3)} AS business_id, 'p' || i AS record_id, {day.format(k=3)} AS known_at, {day.format(k=3)} AS happened_on, '虚假宣传' AS violation_type, NULL::VARCHAR AS case_name,
      NULL::DATE AS repaired_on, NULL::DATE AS public_until, NULL::BOOLEAN AS transferred, NULL::DATE AS transferred_on FROM range(1000000) t(i) ORDER BY business_id) TO '{folder}/penalty.parquet'""")


def ours(folder: str) -> float:
    from pathlib import Path

    from fraudrisk.engines import Duck
    from fraudrisk.features import feature_sql
    from fraudrisk.packs import load_pack

    with Duck(memory="2GB", spill=Path(folder) / "spill") as duck:
        duck.view("register", [Path(folder) / "register.parquet"])
        for table in ("complaint", "inspection", "penalty"):
            duck.view(f"fact_{table}", [Path(folder) / f"{table}.parquet"])
        duck.write(feature_sql(load_pack(), AS_OF, ["complaint", "inspection", "penalty"]), Path(folder) / "ours.parquet")
        return float(
            duck.query(
                f"SELECT sum(victims_730) + sum(visits_365) + sum(penalties_in_force) AS s FROM read_parquet('{folder}/ours.parquet')"
            )
            .column("s")[0]
            .as_py()
        )


def by_hand(folder: str) -> float:
    """The same numbers as an analyst would write them for this one office, without the renderer."""
    import duckdb

    fraud = "category IN ('EF1','EF2','EF3','EF4','EF5','EF6','EFX')"

    def people(days: int, more: str = fraud) -> str:
        return f"count(DISTINCT person_key) FILTER (WHERE d <= {days} AND {more})"

    def tactic(*codes: str) -> str:
        return fraud + " AND (" + " OR ".join(f"list_contains(tactics, '{c}')" for c in codes) + ")"

    c = duckdb.connect(config={"memory_limit": "2GB", "temp_directory": f"{folder}/spill2"})
    c.execute("SET enable_progress_bar = false")
    fail = "regexp_matches(lower(coalesce(result, '')), '不合格|不符合|不达标|不通过|未通过|(^|[^未])发现(问题|违法)|存在问题|责令|责改|查无下落|失联|无法联系|拒绝|隐瞒|立案|fail|violation|^1([.]0)?$')"
    penalty = "regexp_matches(coalesce(violation_type, '') || coalesce(case_name, ''), '虚假|误导|广告|无证|未取得|未经许可|传销|直销|欺诈|价格|假药|劣药|非法集资') AND repaired_on IS NULL AND (public_until IS NULL OR public_until >= DATE '2026-06-01')"
    c.execute(f"""COPY (
WITH c AS (SELECT *, DATE '2026-06-01' - happened_on AS d FROM read_parquet('{folder}/complaint.parquet') WHERE known_at < DATE '2026-06-01'),
cs AS (SELECT business_id, {people(365, "TRUE")} AS complaints_365, {people(730, "TRUE")} AS complaints_730, {people(30)} AS victims_30, {people(90)} AS victims_90, {people(365)} AS victims_365, {people(730)} AS victims_730,
  {people(14)} / (1 + count(DISTINCT person_key) FILTER (WHERE d > 14 AND d <= 379 AND {fraud}) * 14 / 365.0) AS victims_burst, min(d) FILTER (WHERE {fraud}) AS days_since_victim, max(d) FILTER (WHERE {fraud}) AS days_since_first_victim,
  sum(amount_added) FILTER (WHERE d <= 730 AND {fraud}) AS amount_730, {people(365, fraud + " AND stage IN ('延期兑付','失联')")} AS bust_365, {people(90, fraud + " AND stage IN ('引流','收款中')")} AS collecting_90,
  {people(365, "stage IN ('已解决')")} AS settled_365, max(promised_return) FILTER (WHERE d <= 730 AND {fraud}) AS promised_return, {people(730, tactic("T10", "T16", "T17", "T19"))} AS guaranteed_730,
  {people(730, tactic("T18"))} AS layers_730, max(read_amount) FILTER (WHERE d <= 730 AND {tactic("T14", "T15")}) AS prepaid_730, {people(365, tactic("T01", "T02", "T03", "T05", "T09"))} AS luring_365,
  {people(365, fraud + " AND list_contains(tactics, 'T08') AND (list_contains(tactics, 'T04') OR list_contains(tactics, 'T02'))")} AS live_cure_365,
  count(DISTINCT division_code) FILTER (WHERE d <= 365 AND {tactic("T01")}) AS lecture_places_365, {people(730, tactic("T22"))} AS impersonation_730, {people(365, tactic("T02", "T04"))} AS cure_claims_365,
  {people(365, tactic("T06", "T07"))} AS overpriced_365, {people(730, tactic("T15"))} AS bed_payers_730 FROM c GROUP BY 1),
i AS (SELECT *, DATE '2026-06-01' - happened_on AS d FROM read_parquet('{folder}/inspection.parquet') WHERE known_at < DATE '2026-06-01'),
ins AS (SELECT business_id, count(*) FILTER (WHERE d <= 180 AND selection_reason = '定向' AND regexp_matches(result, '未发现问题')) AS clean_checks_180, count(*) FILTER (WHERE d <= 365) AS visits_365, min(d) AS visit_days,
  count(*) FILTER (WHERE d <= 1096) AS visits_1095, max(d) AS first_visit_days, count(*) FILTER (WHERE d <= 365 AND {fail}) AS fails_365, count(*) FILTER (WHERE d <= 1096 AND {fail}) AS fails_1095, min(d) FILTER (WHERE {fail}) AS fail_days FROM i GROUP BY 1),
p AS (SELECT *, DATE '2026-06-01' - happened_on AS d FROM read_parquet('{folder}/penalty.parquet') WHERE known_at < DATE '2026-06-01'),
pen AS (SELECT business_id, count(*) FILTER (WHERE d <= 1096 AND {penalty}) AS penalties_in_force, min(d) FILTER (WHERE d <= 1096 AND {penalty}) AS penalty_days, count(*) FILTER (WHERE d <= 1096 AND repaired_on IS NULL AND (public_until IS NULL OR public_until >= DATE '2026-06-01')) AS penalties_1095 FROM p GROUP BY 1),
b AS (SELECT business_id, sector, entity_type LIKE '%个体%' AS sole, cs.* EXCLUDE (business_id), ins.* EXCLUDE (business_id), pen.* EXCLUDE (business_id),
  CASE WHEN regexp_matches(coalesce(name, '') || ' ' || coalesce(scope, ''), '交易所|交易中心|理财|财富管理|股权众筹') THEN 1 ELSE 0 END AS barred_words
  FROM read_parquet('{folder}/register.parquet') LEFT JOIN cs USING (business_id) LEFT JOIN ins USING (business_id) LEFT JOIN pen USING (business_id)),
peers AS (SELECT sector, sole, sum(victims_365) / count(*) AS rate FROM b GROUP BY 1, 2)
SELECT b.*, (coalesce(victims_365, 0) + 1) / (rate + 1) AS victims_rate FROM b JOIN peers USING (sector, sole) ORDER BY business_id
) TO '{folder}/hand.parquet' (FORMAT parquet, COMPRESSION zstd)""")
    return float(
        c.execute(
            f"SELECT sum(victims_730) + sum(visits_365) + sum(penalties_in_force) FROM read_parquet('{folder}/hand.parquet')"
        ).fetchone()[0]
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        apart(make, folder)
        base, _, expected = best(by_hand, folder, rounds=2)
        seconds, memory, got = best(ours, folder, rounds=2)
        assert got == expected, (got, expected)
        print(
            f"as-of features, 1 M businesses, 10 M events: {seconds:.1f} s, {memory:.2f} GB; by hand {base:.1f} s; ratio {seconds / base:.2f} (goal 1.5, 3 GB)"
        )
