"""Bad input at the door: one line that names file, row, column and the mend."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudrisk.errors import InputError, NotFoundError
from fraudrisk.records import read_table

TODAY = dt.date(2026, 11, 24)


def write(folder: Path, raw: bytes, name: str = "坏.csv") -> Path:
    path = folder / name
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("raw", "name", "word"),
    [
        (b"", "a.csv", "empty"),
        (b"\x00\x01\x02PK binary \x00", "a.csv", "binary"),
        (b"PK\x03\x04rest", "a.csv", "workbook"),
        ("企业名称\n甲\n".encode("gbk") + b"\xff\xff\n", "a.csv", "neither"),
        (b"PAR1 truncated", "a.parquet", "truncated"),
        (b"PK\x03\x04 truncated", "a.xlsx", "xlsx"),
        (b'{"text": "a"', "a.jsonl", "record"),
        (b"hello", "a.docx", "kind"),
        ("企业名称\n".encode(), "a.csv", "no row"),
        ("天气,温度\n晴,20\n".encode(), "a.csv", "column"),
    ],
)
def test_unreadable_files_are_named_with_the_mend(tmp_path: Path, raw: bytes, name: str, word: str) -> None:
    with pytest.raises(InputError) as error:
        read_table(write(tmp_path, raw, name), "business", today=TODAY)
    message = str(error.value)
    assert word in message
    assert name in message or str(tmp_path) in message
    assert error.value.exit_code == 2
    assert "\n" not in message


def test_missing_file_and_unknown_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "nothing.csv", "business")
    with pytest.raises(NotFoundError, match="penalty"):
        read_table(pd.DataFrame({"a": [1]}), "penalties")


def test_future_event_is_rejected_with_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, "工单编号,登记时间,诉求内容\nT1,2062-01-01,路灯不亮\nT2,2026-11-01,井盖响\n".encode())
    report = read_table(path, "complaint", today=TODAY).attrs["report"]
    fault = next(f for f in report.faults if f.level == "row")
    assert (fault.row, fault.column, fault.value) == (2, "登记时间", "2062-01-01")
    assert "future" in fault.reason


def test_a_table_with_no_usable_key_is_an_error_that_names_the_columns(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="企业名称"):
        read_table(write(tmp_path, "住所,经营范围\n海东区,零售\n".encode()), "business", today=TODAY)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, lambda d: pl.DataFrame(d).lazy().collect()])
def test_frames_of_every_kind(make: object) -> None:
    frame = read_table(make({"企业名称": ["甲馆", "乙馆"], "成立日期": ["2024-01-01", "2024-02-01"]}), "business", today=TODAY)  # type: ignore[operator]
    assert frame["est_date"].tolist() == [dt.date(2024, 1, 1), dt.date(2024, 2, 1)]


def test_duckdb_relation_and_database(tmp_path: Path) -> None:
    import duckdb

    relation = duckdb.sql("SELECT '甲馆' AS 企业名称, DATE '2024-01-01' AS 成立日期")
    assert read_table(relation, "business", today=TODAY)["name"].tolist() == ["甲馆"]
    url = f"sqlite:///{tmp_path / 'a.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE reg (企业名称 TEXT, 成立日期 TEXT)"))
        connection.execute(sa.text("INSERT INTO reg VALUES ('乙馆', '2024-03-01')"))
    engine.dispose()
    assert read_table(url, "business", query="reg", today=TODAY)["name"].tolist() == ["乙馆"]


cell = st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=30)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(cell, cell, cell, cell), min_size=1, max_size=12))
def test_rows_balance_whatever_strangers_send(rows: list[tuple[str, str, str, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["统一社会信用代码", "企业名称", "成立日期", "注册资本(万元)"])
    try:
        kept = read_table(frame, "business", today=TODAY)
    except InputError as error:
        assert "no row" in str(error)  # noqa: PT017
        return
    report = kept.attrs["report"]
    assert report.rows_in == len(rows) == report.rows_kept + report.rows_rejected
    assert len(kept) == report.rows_kept
    assert all(f.reason and f.row for f in report.faults)


@settings(max_examples=80, deadline=None)
@given(raw=st.binary(max_size=300), suffix=st.sampled_from([".csv", ".jsonl", ".xlsx", ".parquet"]))
def test_random_bytes_never_crash(tmp_path_factory: pytest.TempPathFactory, raw: bytes, suffix: str) -> None:
    path = tmp_path_factory.mktemp("f") / f"a{suffix}"
    path.write_bytes(raw)
    try:
        report = read_table(path, "business", today=TODAY).attrs["report"]
    except InputError:
        return
    assert report.balanced


@pytest.mark.postgres
@pytest.mark.skipif("FRAUDRISK_TEST_POSTGRES" not in os.environ, reason="set FRAUDRISK_TEST_POSTGRES to a server's URL")
def test_postgresql() -> None:
    url = os.environ["FRAUDRISK_TEST_POSTGRES"]
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS fr_penalty"))
        connection.execute(sa.text("CREATE TABLE fr_penalty (决定书文号 TEXT, 当事人 TEXT, 罚款 NUMERIC, 决定日期 DATE)"))
        connection.execute(
            sa.text("INSERT INTO fr_penalty VALUES ('甬罚1', '甲馆', 2000.5, '2026-01-02'), ('甬罚2', '乙馆', NULL, '2026-02-03')")
        )
    frame = read_table(url, "penalty", query="SELECT * FROM fr_penalty ORDER BY 1", today=TODAY)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE fr_penalty"))
    engine.dispose()
    assert frame["fine_yuan"].tolist()[0] == 2000.5
    assert frame["decided_on"].tolist() == [dt.date(2026, 1, 2), dt.date(2026, 2, 3)]
    assert frame.attrs["report"].balanced
