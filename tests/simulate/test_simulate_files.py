"""The files of a city: the same bytes each time, dirty but importable, and never with the truth in them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fraudrisk.records import read_table
from fraudrisk.simulate import SIMULATOR_VERSION, City, CitySpec, simulate_city, write_city
from fraudrisk.simulate.dirt import as_text, dirty

PLANTED = {"a date in the future", "the row has no key", "a totals row"}
KEY = b"k" * 32


@pytest.fixture(scope="module")
def city() -> City:
    return simulate_city(CitySpec())


@pytest.fixture(scope="module")
def folder(city: City, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("city")
    write_city(city, root)
    return root


@pytest.fixture(scope="module")
def imported(city: City, folder: Path) -> dict[str, list[tuple[str, pd.DataFrame]]]:
    listed: dict[str, list[str]] = json.loads((folder / "目录.json").read_text(encoding="utf-8"))["tables"]
    return {t: [(f, read_table(folder / f, t, hash_key=KEY, today=city.spec.end)) for f in files] for t, files in listed.items()}


def _digests(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*")) if p.is_file()}


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    spec = CitySpec(businesses=600)
    for name in ("one", "two"):
        write_city(simulate_city(spec), tmp_path / name)
    assert _digests(tmp_path / "one") == _digests(tmp_path / "two")
    write_city(simulate_city(dataclasses.replace(spec, seed=8)), tmp_path / "other")
    assert _digests(tmp_path / "one") != _digests(tmp_path / "other")


def test_every_file_imports_and_balances(imported: dict[str, list[tuple[str, pd.DataFrame]]]) -> None:
    rows = rejected = 0
    for files in imported.values():
        for _, frame in files:
            report = frame.attrs["report"]
            assert report.balanced
            assert set(report.reasons("row")) <= PLANTED
            rows, rejected = rows + report.rows_in, rejected + report.rows_rejected
    assert 0 < rejected < 0.005 * rows


def test_what_is_planted_is_found(imported: dict[str, list[tuple[str, pd.DataFrame]]]) -> None:
    reasons: Counter[str] = Counter()
    repairs: Counter[str] = Counter()
    for files in imported.values():
        for _, frame in files:
            reasons.update(frame.attrs["report"].reasons("row"))
            repairs.update({k.split(":")[0][:12]: v for k, v in frame.attrs["report"].reasons("repair").items()})
    assert set(reasons) == PLANTED
    assert any(r.startswith("code mended") for r in repairs)


def test_every_business_and_ticket_arrives(city: City, imported: dict[str, list[tuple[str, pd.DataFrame]]]) -> None:
    businesses = pd.concat([f for _, f in imported["business"]])
    assert set(businesses["business_id"]) == set(city.truth["latent_business_id"])
    tickets = pd.concat([f for _, f in imported["complaint"]])
    assert sorted(tickets["ticket_id"]) == sorted(city.tables["complaint"]["ticket_id"])


def test_dates_and_fines_survive_their_spellings(city: City, imported: dict[str, list[tuple[str, pd.DataFrame]]]) -> None:
    penalty = pd.concat([f for _, f in imported["penalty"]]).set_index("doc_no").loc[city.tables["penalty"]["doc_no"]]
    assert (pd.to_datetime(penalty["decided_on"]).to_numpy() == city.tables["penalty"]["decided_on"].to_numpy()).all()
    np.testing.assert_allclose(penalty["fine_yuan"].to_numpy(dtype=float), city.tables["penalty"]["fine_yuan"].to_numpy(dtype=float))
    business = pd.concat([f for _, f in imported["business"]]).drop_duplicates("entity_id").set_index("entity_id")
    clean = city.tables["business"].set_index("entity_id")
    got = pd.to_datetime(business.loc[clean.index, "est_date"])
    assert (got.to_numpy() == clean["est_date"].to_numpy()).all()


def test_unquoted_commas_are_put_together_again(city: City, imported: dict[str, list[tuple[str, pd.DataFrame]]]) -> None:
    by_name = dict(imported["complaint"])
    mended = by_name["投诉举报_窗口补录.csv"].set_index("ticket_id")
    clean = city.tables["complaint"].set_index("ticket_id")["text"]
    assert len(mended) >= 5
    for ticket, text in mended["text"].items():
        shape = re.sub(r"[\s*\d０-９]", "", clean[ticket])
        assert re.sub(r"[\s*\d]", "", text) == shape


def test_truth_is_never_loadable(city: City, folder: Path, imported: dict[str, list[tuple[str, pd.DataFrame]]]) -> None:
    catalogue = json.loads((folder / "目录.json").read_text(encoding="utf-8"))
    listed = [f for files in catalogue["tables"].values() for f in files]
    assert not any("truth" in f for f in listed)
    assert "outcome" not in catalogue["tables"]
    assert not any("latent_" in c for table in city.tables.values() for c in table)
    for name in listed:
        assert b"latent_" not in (folder / name).read_bytes(), name
    assert not any(c.startswith("latent_") for files in imported.values() for _, f in files for c in f)
    assert (folder / "truth" / "business.csv").exists()


def test_catalogue_names_version_seed_and_spec(folder: Path) -> None:
    catalogue = json.loads((folder / "目录.json").read_text(encoding="utf-8"))
    assert catalogue["simulator_version"] == SIMULATOR_VERSION == "2"
    assert catalogue["seed"] == 7
    assert catalogue["spec"]["businesses"] == 20_000
    assert catalogue["synthetic"] is True


def test_encodings_are_mixed(folder: Path) -> None:
    files = sorted(folder.glob("市场主体登记_*.csv"))
    heads = [p.read_bytes()[:3] for p in files]
    assert sum(h == b"\xef\xbb\xbf" for h in heads) == 1
    undecodable = 0
    for path in files:
        try:
            path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            undecodable += 1
    assert undecodable >= 4


def test_no_personal_number_survives_the_import(imported: dict[str, list[tuple[str, pd.DataFrame]]]) -> None:
    phone = re.compile(r"(?<![0-9A-Za-z])1[3-9]\d{9}(?!\d)")
    for _, frame in imported["complaint"]:
        assert not [t for t in frame["text"].dropna() if phone.search(t)]


def test_dirt_keeps_rows_and_columns(city: City) -> None:
    text = as_text(city.tables["inspection"])
    made = dirty("inspection", text, np.random.default_rng(3))
    assert made.shape == text.shape
    assert list(made.columns) == list(text.columns)
    assert (made["inspection_no"] == text["inspection_no"]).all()


def test_a_clean_city_needs_no_mending(tmp_path: Path) -> None:
    city = simulate_city(CitySpec(businesses=600))
    write_city(city, tmp_path, dirty=False)
    listed = json.loads((tmp_path / "目录.json").read_text(encoding="utf-8"))["tables"]
    for table, files in listed.items():
        frames = [read_table(tmp_path / f, table, hash_key=KEY, today=city.spec.end) for f in files]
        assert sum(len(f) for f in frames) == len(city.tables[table])
        assert not any(f.attrs["report"].rows_rejected for f in frames)
