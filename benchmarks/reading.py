"""Reading complaints against jieba + TfidfVectorizer + LogisticRegression on the same texts, in one process.

Goals: category 10x, the whole reading 4x, one text under 3 ms. The texts are the office's messages where the folder of real data
is there (FRAUDRISK_REAL_DATA), else the project's own.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path


def _seconds(work: object, texts: list[str]) -> float:
    begin = time.perf_counter()
    work(texts)  # type: ignore[operator]
    return time.perf_counter() - begin


def main() -> None:
    import jieba
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.pipeline import make_pipeline

    from fraudrisk.complaints import ComplaintReader
    from fraudrisk.complaints.training import load_corpus, prepare

    rows = load_corpus(Path("data/samples/complaints"))
    views = prepare([r["text"] for r in rows], [r["title"] or "" for r in rows])
    train = [i for i, r in enumerate(rows) if not r["writer"].startswith("test")]
    test = [i for i, r in enumerate(rows) if r["writer"].startswith("test")]
    jieba.lcut("热身")
    baseline = make_pipeline(TfidfVectorizer(tokenizer=jieba.lcut, token_pattern=None), LogisticRegression(max_iter=300, C=10))
    baseline.fit([views[i] for i in train], [rows[i]["label"] for i in train])
    reader = ComplaintReader.load()
    folder = os.environ.get("FRAUDRISK_REAL_DATA")
    path = Path(folder or ".") / "complaints" / "messages_unlabelled.jsonl"
    texts = (
        [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]
        if path.is_file()
        else [r["text"] for r in rows]
    )
    texts = texts[:4000]
    reader.read(texts[:64])
    baseline.predict(texts[:64])
    base = min(_seconds(baseline.predict, texts) for _ in range(3))
    category = min(_seconds(reader.classifier.predict, texts) for _ in range(3))
    whole = min(_seconds(reader.read, texts) for _ in range(3))
    singles = []
    for text in texts[:300]:
        singles.append(_seconds(reader.read, [text]))
    gold = [rows[i]["label"] for i in test]
    ours = f1_score(
        gold, reader.read([rows[i]["text"] for i in test], titles=[rows[i]["title"] for i in test])["category"], average="macro"
    )
    theirs = f1_score(gold, baseline.predict([views[i] for i in test]), average="macro")
    n = len(texts)
    print(
        f"{n} texts of {sum(map(len, texts)) / n:.0f} characters; jieba + TF-IDF + LR {base / n * 1e6:.0f} µs each (macro-F1 {theirs:.3f} on the held-out hand)"
    )
    print(
        f"category {category / n * 1e6:.0f} µs, {base / category:.1f}x (goal 10x; macro-F1 {ours:.3f}); whole reading {whole / n * 1e6:.0f} µs, {base / whole:.1f}x (goal 4x)"
    )
    print(
        f"one text: median {sorted(singles)[len(singles) // 2] * 1e3:.2f} ms, 99th {sorted(singles)[int(len(singles) * 0.99)] * 1e3:.2f} ms (goal 3 ms)"
    )
