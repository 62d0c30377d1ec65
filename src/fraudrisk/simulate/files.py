"""Write a city as the files an office would hand over: many formats and encodings, a catalogue, and the truth apart."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pv

from fraudrisk.files import atomic_path, atomic_text, write_parquet
from fraudrisk.records import get_table
from fraudrisk.simulate.dirt import as_text, dirty, older_rows, planted_rejects
from fraudrisk.simulate.workbook import write_workbook
from fraudrisk.simulate.world import SIMULATOR_VERSION, City, district_codes, load_world

__all__ = ["CATALOGUE", "write_city"]

CATALOGUE = "目录.json"
_ENCODINGS = ("gbk", "gb18030", "utf-8-sig", "gbk", "gb18030", "utf-8", "gbk", "gb18030")
_CHUNK = 50_000
_SHEET_ROWS = 100_000  # a workbook beyond that is no kindness to anybody
_PLANT_FROM = 400  # a smaller table gets no rows to reject: two of them would be more than half a per cent
_ORDER = (
    "business",
    "abnormal_listing",
    "serious_violation",
    "penalty",
    "license",
    "annual_report",
    "inspection",
    "complaint",
    "ad_monitor",
    "registration_change",
)
_OTHER_HEADERS = {
    "uscc": "信用代码",
    "name": "主体名称",
    "entity_id": "PRIPID",
    "reg_capital_wan": "注册资本",
    "status": "经营状态",
    "est_date": "ESTDATE",
}
_CODES = {"个体工商户": "9500", "有限责任公司(自然人投资或控股)": "1130", "有限责任公司(自然人独资)": "1151"}


def write_city(city: City, folder: str | Path, *, dirty: bool = True) -> list[Path]:
    """Write the tables of a city under `folder`; equal cities give equal bytes.

    Parameters
    ----------
    city : City
    folder : path
        Made where it does not exist.
    dirty : bool
        Whether cells, headers and rows are spoiled as in real exports. The formats are mixed either way.

    Returns
    -------
    list of pathlib.Path
        The files of the tables in the order of import, then the catalogue ``目录.json``. The truth goes to
        ``folder/truth``, which the catalogue does not list.
    """
    root = Path(folder)
    writer = _Writer(city, root, dirty)
    listed = {name: writer.write(name, city.tables[name], part) for part, name in enumerate(_ORDER) if len(city.tables[name])}
    catalogue = root / CATALOGUE
    with atomic_text(catalogue) as stream:
        json.dump(_catalogue(city, listed, dirty), stream, ensure_ascii=False, indent=2)
        stream.write("\n")
    _write_csv(as_text(city.truth), root / "truth" / "business.csv", "utf-8")
    _write_csv(as_text(city.complaint_truth), root / "truth" / "complaint.csv", "utf-8")
    return [*(root / name for names in listed.values() for name in names), catalogue]


def _catalogue(city: City, listed: dict[str, list[str]], dirty: bool) -> dict[str, Any]:
    spec = {key: str(value) if not isinstance(value, int) else value for key, value in dataclasses.asdict(city.spec).items()}
    return {
        "simulator_version": SIMULATOR_VERSION,
        "seed": city.spec.seed,
        "spec": spec,
        "dirty": dirty,
        "synthetic": True,
        "tables": listed,
    }


@dataclasses.dataclass
class _Writer:
    city: City
    root: Path
    dirty: bool

    def write(self, name: str, frame: pd.DataFrame, part: int) -> list[str]:
        """Write one table and return its file names."""
        self.rng = np.random.default_rng([self.city.spec.seed, 99, part])
        method = getattr(self, f"_{name}", None)
        if method:
            names: list[str] = method(frame)
            return names
        return [self._csv(name, self._text(name, frame), get_table(name).zh, "gb18030")]

    def _text(self, name: str, frame: pd.DataFrame, *, plant: bool = True) -> pd.DataFrame:
        text = as_text(frame)
        if not self.dirty:
            return text
        text = dirty(name, text, self.rng)
        return planted_rejects(name, text, self.rng) if plant and len(text) >= _PLANT_FROM else text

    def _csv(
        self, table: str, text: pd.DataFrame, stem: str, encoding: str, headers: dict[str, str] | None = None, *, quoted: bool = True
    ) -> str:
        _write_csv(text.set_axis(_headers(table, text, headers), axis=1), self.root / f"{stem}.csv", encoding, quoted=quoted)
        return f"{stem}.csv"

    def _business(self, frame: pd.DataFrame) -> list[str]:
        """One file per district, each office with its own encoding and habits."""
        written = []
        district = frame["division_code"].astype(str).str[:6].to_numpy()
        codes = district_codes(self.city.spec, np.arange(len(load_world().districts))).to_pylist()
        for number, (place, code) in enumerate(zip(load_world().districts, codes, strict=True)):
            rows = frame[district == code]
            if not len(rows):
                continue
            text = self._district(rows, number)
            headers = _OTHER_HEADERS if self.dirty and number == 4 else None
            written.append(self._csv("business", text, f"市场主体登记_{place.name}", _ENCODINGS[number], headers))
        return written

    def _district(self, rows: pd.DataFrame, number: int) -> pd.DataFrame:
        if not self.dirty:
            return as_text(rows)
        text = as_text(rows)
        if number == 1:
            text = older_rows(text, self.city.spec.end, self.rng)
        if number == 3:
            text["entity_type"] = text["entity_type"].map(lambda t: _CODES.get(t, t))
        text = dirty("business", text, self.rng)
        return planted_rejects("business", text, self.rng) if number == 0 and len(text) >= _PLANT_FROM else text

    def _abnormal_listing(self, frame: pd.DataFrame) -> list[str]:
        text = self._text("abnormal_listing", frame)
        if self.dirty and len(text) >= _PLANT_FROM:
            text = (
                pd.concat([text, pd.DataFrame([{"entity_id": "合计", "listing_no": str(len(frame))}])], ignore_index=True)
                .astype(object)
                .where(lambda t: t.notna(), None)
            )
        return [self._csv("abnormal_listing", text, "经营异常名录", "gbk")]

    def _penalty(self, frame: pd.DataFrame) -> list[str]:
        """Write a workbook with a title, a totals row, and internal ids that Excel took for numbers."""
        text = self._text("penalty", frame)
        if len(text) > _SHEET_ROWS:
            return [self._csv("penalty", text, "行政处罚", "gb18030")]
        title = f"{load_world().city}市行政处罚信息公示表" if self.dirty else ""
        total = ["合计", *[""] * 7, f"{len(text)}件"] if self.dirty else None
        numbers = ("entity_id",) if self.dirty else ()
        write_workbook(
            self.root / "行政处罚.xlsx",
            _headers("penalty", text),
            text,
            title=title,
            total=total,
            numbers=numbers,
            serial_dates="decided_on" if self.dirty else "",
        )
        return ["行政处罚.xlsx"]

    def _license(self, frame: pd.DataFrame) -> list[str]:
        text = self._text("license", frame)
        if len(text) > _SHEET_ROWS:
            return [self._csv("license", text, "行政许可备案", "gb18030")]
        write_workbook(self.root / "行政许可备案.xlsx", _headers("license", text), text)
        return ["行政许可备案.xlsx"]

    def _annual_report(self, frame: pd.DataFrame) -> list[str]:
        """Parquet from a data warehouse: typed, and keyed by the internal id alone."""
        kept = frame.drop(columns=["uscc"]) if self.dirty else frame
        table = pa.Table.from_pandas(kept, preserve_index=False)
        write_parquet(table.rename_columns(_headers("annual_report", kept)), self.root / "年报.parquet")
        return ["年报.parquet"]

    def _inspection(self, frame: pd.DataFrame) -> list[str]:
        """Put a running number in front, and one column name twice."""
        text = self._text("inspection", frame)
        if self.dirty:
            text.insert(0, "序号", [str(i) for i in range(1, len(text) + 1)])
            text.insert(len(text.columns), "企业名称", [None] * len(text), allow_duplicates=True)
        return [self._csv("inspection", text, "监督检查", "utf-8")]

    def _complaint(self, frame: pd.DataFrame) -> list[str]:
        """Write the hotline's CSV, the platform's JSON Lines, and a small hand-kept list without quotation marks."""
        platform = (
            frame["channel"].astype(str).str.startswith("12315").to_numpy() & (frame["channel"].astype(str) != "12315电话").to_numpy()
        )
        by_hand = _splittable(frame, ~platform) if self.dirty else np.zeros(len(frame), dtype=bool)
        files = [self._csv("complaint", self._text("complaint", frame[~platform & ~by_hand]), "投诉举报_12345热线", "gb18030")]
        files.append(self._json("complaint", frame[platform], "投诉举报_12315平台"))
        if by_hand.any():
            text = as_text(frame.loc[by_hand, ["respondent_name", "ticket_id", "channel", "reported_at", "amount_yuan", "text"]])
            files.append(self._csv("complaint", text, "投诉举报_窗口补录", "utf-8", quoted=False))
        return files

    def _ad_monitor(self, frame: pd.DataFrame) -> list[str]:
        return [self._json("ad_monitor", frame, "广告监测")]

    def _json(self, table: str, frame: pd.DataFrame, stem: str) -> str:
        text = self._text(table, frame, plant=False)
        headers = _headers(table, text)
        with atomic_text(self.root / f"{stem}.jsonl") as stream:
            for row in text.itertuples(index=False, name=None):
                stream.write(json.dumps({h: v for h, v in zip(headers, row, strict=True) if v is not None}, ensure_ascii=False) + "\n")
        return f"{stem}.jsonl"


def _headers(table: str, frame: pd.DataFrame, other: dict[str, str] | None = None) -> list[str]:
    known = {c.name: c.zh for c in get_table(table).columns} | (other or {})
    return [known.get(c, c) for c in frame.columns]


def _splittable(frame: pd.DataFrame, allowed: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Choose a few tickets whose text can be put together again: commas, no quotes or line breaks, words after the last comma."""
    texts = frame["text"].astype(str).tolist()
    rows = [
        i
        for i in np.flatnonzero(allowed).tolist()
        if re.search(r",[^,\"\n]*[\u4e00-\u9fff]{2}[^,\"\n]*$", texts[i]) and '"' not in texts[i]
    ][:12]
    chosen = np.zeros(len(frame), dtype=bool)
    chosen[rows] = True
    return chosen


def _write_csv(text: pd.DataFrame, path: Path, encoding: str, *, quoted: bool = True) -> None:
    """Write text cells as CSV, some rows at a time; a GBK part with characters outside GBK becomes GB18030, which holds GBK."""
    header = ",".join(f'"{h}"' if "," in h else h for h in text.columns) + "\n"
    rest = encoding.removesuffix("-sig")  # the byte order mark stands once, before the header
    with atomic_path(path) as part, part.open("wb") as stream:
        stream.write(header.encode(encoding))
        for start in range(0, len(text), _CHUNK):
            body = _csv_body(text.iloc[start : start + _CHUNK], quoted)
            try:
                stream.write(body if rest == "utf-8" else body.decode("utf-8").encode(rest))
            except UnicodeEncodeError:
                stream.write(body.decode("utf-8").encode("gb18030"))


def _csv_body(text: pd.DataFrame, quoted: bool) -> bytes:
    if not quoted:
        rows = text.itertuples(index=False, name=None)
        return "".join(",".join("" if v is None else v for v in row) + "\n" for row in rows).encode("utf-8")
    columns = [pa.array(text.iloc[:, i].tolist(), pa.string(), from_pandas=True) for i in range(text.shape[1])]
    buffer = io.BytesIO()
    table = pa.table(columns, names=[f"c{i}" for i in range(len(columns))])
    pv.write_csv(table, buffer, pv.WriteOptions(include_header=False, quoting_style="needed"))
    return buffer.getvalue()
