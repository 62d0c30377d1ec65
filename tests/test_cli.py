"""The command line as people use it: outputs, exit codes, one-line errors, earlier results untouched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from fraudrisk.run import RunResult
from fraudrisk.workspace import Workspace
from tests.conftest import TINY


def fraudrisk(*words: object, check: int | None = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "fraudrisk.cli", *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=300,
    )
    if check is not None:
        assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
    return done


def fails(*words: object, saying: str, **environment: str) -> None:
    done = fraudrisk(*words, check=2, **environment)
    assert done.stderr.startswith("error: "), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert saying in done.stderr, done.stderr


@pytest.fixture
def register(tmp_path: Path) -> Path:
    path = tmp_path / "名录.csv"
    path.write_text(
        "企业名称,统一社会信用代码,成立日期\n甬城康寿健康咨询有限公司,91330299MA0000001X,2024-01-01\n甬城福满楼餐厅,92330299MA0000002X,2024-01-01\n",
        encoding="gbk",
    )
    return path


TEXTS = [
    {"id": "a", "title": "无", "text": "来电人称其父亲每天早上去康寿健康咨询听课领鸡蛋,花了三万六买磷虾肽,降压药都停了,电话13812345678"},
    {"id": "b", "title": "路灯", "text": "小区路灯坏了三天"},
    {"id": "c", "title": "", "text": ""},
    {"id": "d", "title": "", "text": "😡😡😡"},
]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "诉求.jsonl"
    path.write_text("".join(json.dumps(t, ensure_ascii=False) + "\n" for t in TEXTS), encoding="utf-8")
    return path


def test_help_is_quick() -> None:
    best = 9.0
    for _ in range(5):
        begin = time.perf_counter()
        fraudrisk("--help")
        best = min(best, time.perf_counter() - begin)
    assert best < 1.0  # the figure itself (under 0.3 s) is measured in benchmarks; a loaded machine must not fail this


def test_help_loads_nothing_heavy() -> None:
    code = "import sys\nsys.argv=['fraudrisk','--help']\nfrom fraudrisk.cli import main\ntry:\n main()\nexcept SystemExit: pass\nprint([m for m in ('pandas','sklearn','lightgbm','duckdb','pyarrow','numpy','jieba','sqlalchemy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip().endswith("[]"), done.stdout[-300:]


def test_from_files_to_list(tmp_path: Path, register: Path, texts: Path) -> None:
    ws = tmp_path / "office"
    assert "ready" in fraudrisk("init", ws, "--division", "330299").stdout
    out = fraudrisk("import", ws, "business", register).stdout
    assert "2 rows in = 2 kept + 0 rejected" in out
    assert "already imported" in fraudrisk("import", ws, "市场主体登记", register).stdout
    assert "4 rows in" in fraudrisk("import", ws, "complaint", texts, "--known-at", "2026-10-01").stdout
    out = fraudrisk("run", ws, "--as-of", "2026-11-01", "--capacity", "5").stdout
    assert "workbook" in out
    assert "须经执法人员依法核查" in out
    book = ws / "runs" / "2026-11-01" / "线索清单.xlsx"
    assert book.stat().st_size > 5000
    out = fraudrisk("explain", ws, "甬城康寿健康咨询有限公司").stdout
    assert "康寿" in out
    assert "13812345678" not in out


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".xlsx", ".parquet"])
def test_classify_writes_one_row_per_row_in_order(tmp_path: Path, texts: Path, suffix: str) -> None:
    out = tmp_path / f"读数{suffix}"
    fraudrisk("classify", texts, "--out", out, "--keep-text")
    reader = {
        ".csv": pd.read_csv,
        ".xlsx": lambda p: pd.read_excel(p, engine="openpyxl"),
        ".parquet": pd.read_parquet,
        ".jsonl": lambda p: pd.read_json(p, lines=True),
    }[suffix]
    frame = reader(out)
    assert frame.columns.tolist() == [
        "id",
        "category",
        "confidence",
        "secondary",
        "tactics",
        "stage",
        "elderly",
        "amount_yuan",
        "respondent",
        "evidence",
        "text",
    ]
    assert frame["id"].tolist() == ["a", "b", "c", "d"]
    assert frame["category"].tolist()[1:] == ["EF0", "EF0", "EF0"]
    assert frame["amount_yuan"].iloc[0] == 36000
    assert "13812345678" not in out.read_bytes().decode("utf-8", "replace")
    if suffix == ".jsonl":
        first = json.loads(out.read_text(encoding="utf-8").splitlines()[0])
        for span in first["evidence"]:
            assert first["text"][span["start"] : span["end"]] == span["quote"]


def test_train_then_classify_with_own_labels(tmp_path: Path) -> None:
    data = tmp_path / "训练.csv"
    rows = [
        ("路灯不亮", "市政"),
        ("井盖响", "市政"),
        ("道路坑洼", "市政"),
        ("学校收费", "教育"),
        ("老师补课", "教育"),
        ("幼儿园招生", "教育"),
    ] * 3
    pd.DataFrame(rows, columns=["正文", "科室"]).to_csv(data, index=False)
    out = fraudrisk("train-classifier", data, "--text", "正文", "--label", "科室", "--out", tmp_path / "模型").stdout
    assert "macro-F1" in out
    todo = tmp_path / "待分.csv"
    todo.write_text("id,text\n1,路灯坏了\n2,老师收费\n", encoding="utf-8")
    fraudrisk("classify", todo, "--model", tmp_path / "模型", "--out", tmp_path / "分.jsonl")
    assert pd.read_json(tmp_path / "分.jsonl", lines=True)["category"].tolist() == ["市政", "教育"]


def test_link(tmp_path: Path, texts: Path, register: Path) -> None:
    plain = tmp_path / "名.csv"
    plain.write_text("name,uscc\n甬城康寿健康咨询有限公司,91330299MA0000001X\n甬城福满楼餐厅,92330299MA0000002X\n", encoding="utf-8")
    for book in (plain, register):
        out = fraudrisk("link", texts, "--register", book, "--out", tmp_path / "链.jsonl").stdout
        assert "4 rows: 1 linked" in out
        rows = [json.loads(line) for line in (tmp_path / "链.jsonl").read_text(encoding="utf-8").splitlines()]
        assert [r["business"] for r in rows] == ["91330299MA0000001X", "", "", ""]
        assert set(rows[0]) == {"id", "mention", "business", "score", "candidates"}


def test_a_second_field_of_fraud_is_a_folder_of_data(tmp_path: Path) -> None:
    ws = tmp_path / "cards"
    fraudrisk("init", ws, "--division", "330299", "--pack", TINY)
    reg = tmp_path / "a.csv"
    reg.write_text(
        "企业名称,统一社会信用代码,成立日期,行业代码\n甬城猛牛健身有限公司,91330299MA0000001X,2024-01-01,8930\n", encoding="utf-8"
    )
    fines = tmp_path / "b.csv"
    fines.write_text("决定书文号,当事人,罚款,决定日期\n甬罚1,甬城猛牛健身有限公司,200万元,2026-01-01\n", encoding="utf-8")
    fraudrisk("import", ws, "business", reg)
    fraudrisk("import", ws, "penalty", fines)
    out = fraudrisk("run", ws, "--as-of", "2026-11-01", "--capacity", "3").stdout
    assert "prepaid_cards 1" in out
    assert "罚款2000000元" in fraudrisk("explain", ws, "甬城猛牛健身有限公司").stdout


# -- bad input ---------------------------------------------------------------------------------------------------------


def test_bad_words_on_the_command_line(tmp_path: Path, register: Path) -> None:
    ws = tmp_path / "office"
    fails("init", ws, "--division", "33", saying="six digits")
    fails("init", ws, "--pack", "no_such_pack", saying="elder_fraud")
    assert not ws.exists()
    fraudrisk("init", ws, "--division", "330299")
    fails("run", ws, "--as-of", "2026-11-01", "--capacity", "5", saying="register")
    fraudrisk("import", ws, "business", register)
    fails("run", ws, "--as-of", "2026-11-01", "--capacity", "0", saying="at least 1")
    fails("run", ws, "--as-of", "2199-01-01", "--capacity", "5", saying="future")
    fails("run", ws, "--as-of", "1.11.2026", "--capacity", "5", saying="2026-11-24")
    fails("run", ws, "--as-of", "2000-01-01", "--capacity", "5", saying="2024-01-01")
    fails("run", ws, "--capacity", "many", saying="--capacity")
    fails("run", tmp_path / "nowhere", "--capacity", "5", saying="no workspace")
    fails("import", ws, "penalties", register, saying="penalty")
    fails("import", ws, "business", tmp_path / "missing.csv", saying="missing.csv")
    fails("explain", ws, "谁也不是", saying="no finished run")
    fails("nonsense", saying="nonsense")


def test_bad_files(tmp_path: Path) -> None:
    empty, binary, no_text = tmp_path / "空.csv", tmp_path / "乱.csv", tmp_path / "无.csv"
    empty.write_bytes(b"")
    binary.write_bytes(b"\x00\x01\x02")
    no_text.write_text("a,b\n1,2\n", encoding="utf-8")
    fails("classify", empty, "--out", tmp_path / "o.csv", saying="empty")
    fails("classify", binary, "--out", tmp_path / "o.csv", saying="binary")
    fails("classify", no_text, "--out", tmp_path / "o.csv", saying="'text'")
    fails("classify", no_text, "--out", tmp_path / "o.doc", saying=".csv")
    fails("train-classifier", no_text, "--text", "c", "--label", "b", "--out", tmp_path / "m", saying="'c'")
    fails("train-classifier", no_text, "--text", "a", "--label", "b", "--out", tmp_path / "m", saying="only one class")
    assert not list(tmp_path.glob("o.*"))


def test_a_pack_with_mistakes_lists_all_of_them(tmp_path: Path) -> None:
    pack = tmp_path / "bad"
    shutil.copytree(TINY, pack)
    text = (pack / "indicators.yaml").read_text(encoding="utf-8")
    text = (
        text.replace("feature: people", "feature: peple")
        .replace("column: fine_yuan", "column: hash(fine_yuan)")
        .replace("index: 合规", "index: 守法")
    )
    (pack / "indicators.yaml").write_text(text, encoding="utf-8")
    (pack / "routing.yaml").write_text(
        (pack / "routing.yaml").read_text(encoding="utf-8").replace("owner: 体育", "owner: 体委"), encoding="utf-8"
    )
    (pack / "lexicon.yaml").write_text(
        (pack / "lexicon.yaml").read_text(encoding="utf-8").replace('"跑路"]\n', '"跑路("]\n', 1), encoding="utf-8"
    )
    done = fraudrisk("init", tmp_path / "ws", "--pack", pack, check=2)
    for word in ("peple", "HASH", "守法", "体委", "跑路("):
        assert word in done.stderr, (word, done.stderr)
    assert "5 mistake" in done.stderr
    (pack / "taxonomy.yaml").write_text("version: [", encoding="utf-8")
    (pack / "checklists.yaml").unlink()
    done = fraudrisk("init", tmp_path / "ws", "--pack", pack, check=2)
    assert "taxonomy.yaml is not YAML" in done.stderr
    assert "checklists.yaml is missing" in done.stderr


def test_a_half_written_workspace_is_named(tmp_path: Path, register: Path) -> None:
    ws = tmp_path / "office"
    fraudrisk("init", ws)
    fraudrisk("import", ws, "business", register)
    data = next((ws / "tables" / "business").glob("*.parquet"))
    raw = data.read_bytes()
    data.write_bytes(raw[:-10])
    fails("run", ws, "--as-of", "2026-11-01", "--capacity", "5", saying="damaged")
    data.unlink()
    fails("run", ws, "--as-of", "2026-11-01", "--capacity", "5", saying="half written")
    (ws / "workspace.json").write_text("{", encoding="utf-8")
    fails("run", ws, "--capacity", "5", saying="half written")


def test_a_failed_import_leaves_earlier_results_alone(tmp_path: Path, register: Path) -> None:
    ws = tmp_path / "office"
    fraudrisk("init", ws)
    fraudrisk("import", ws, "business", register)
    before = sorted(p.name for p in ws.rglob("*"))
    bad = tmp_path / "坏.csv"
    bad.write_text("企业名称,成立日期\n,2024-01-01\n", encoding="utf-8")
    fails("import", ws, "business", bad, saying="key")
    assert sorted(p.name for p in ws.rglob("*")) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said(tmp_path: Path, texts: Path) -> None:
    full = tmp_path / "full.jsonl"
    code = (
        "import sys, errno, fraudrisk.files as f, contextlib\n"
        "original = f.atomic_path\n"
        "@contextlib.contextmanager\n"
        "def full(path):\n"
        "    with original(path) as part:\n"
        "        part.symlink_to('/dev/full') if not part.exists() else None\n"
        "        yield part\n"
        "f.atomic_path = full\n"
        f"sys.argv = ['fraudrisk', 'classify', {str(texts)!r}, '--out', {str(full)!r}]\n"
        "from fraudrisk.cli import main\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr[-500:]
    assert "disk is full" in done.stderr
    assert not full.exists()


def test_secrets_do_not_stand_in_files(tmp_path: Path) -> None:
    ws = tmp_path / "office"
    fraudrisk("init", ws)
    assert (ws / ".hash_key").stat().st_mode & 0o077 == 0
    (ws / "fraudrisk.toml").write_text('hash_key = "geheim"\n', encoding="utf-8")
    done = fraudrisk("run", ws, "--capacity", "5", check=2)
    assert "environment" in done.stderr
    assert "geheim" not in done.stderr


def test_settings_are_named_when_wrong(tmp_path: Path) -> None:
    ws = tmp_path / "office"
    fraudrisk("init", ws)
    (ws / "fraudrisk.toml").write_text("sector_share = 7\ncolour = 'red'\n", encoding="utf-8")
    done = fraudrisk("run", ws, "--capacity", "5", check=2)
    assert "sector_share" in done.stderr
    assert "colour" in done.stderr


def test_workspace_is_the_notebooks_way_in(office: Workspace, finished: RunResult) -> None:
    assert set(office.table("business").columns) >= {"business_id", "uscc", "known_at"}
    assert finished.folder.name == "2026-11-01"
    assert office.runs() == [pd.Timestamp("2026-11-01").date()]
