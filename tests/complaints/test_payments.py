"""What was paid: learned, refused where nothing can be learned, the same from many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from scipy import sparse

from fraudrisk.complaints import ComplaintReader
from fraudrisk.complaints.grams import GramHasher
from fraudrisk.complaints.payments import PaymentModel
from fraudrisk.errors import InputError


def features(texts: list[str]) -> sparse.csr_matrix:
    return GramHasher(chars=(1, 2), words=0, bits=14).transform(texts)


@pytest.mark.parametrize(
    ("texts", "totals"),
    [
        (["交了三千元", "交了五千元", "交了八千元"], [None, None, None]),
        (["交了三千元", "交了五千元", "交了八千元"], [3000, 5000, 8000]),
        (["老师没有来上课", "门口天天很吵", "没有人管这件事"], [None, 3000, None]),
    ],
)
def test_a_corpus_that_teaches_nothing_about_payments_is_refused(texts: list[str], totals: list[float | None]) -> None:
    with pytest.raises(InputError, match="nothing is to be learned about payments"):
        PaymentModel.fit(texts, totals, features(texts))


def test_a_fresh_reader_gives_every_thread_the_same_answers() -> None:
    texts = [f"我妈被拉去听课,买了{n}000元的床垫,店关门了,要求退款" for n in range(2, 10)] * 8
    alone = ComplaintReader.load().read(texts)
    reader = ComplaintReader.load()
    with ThreadPoolExecutor(8) as pool:
        for frame in pool.map(lambda _: reader.read(texts), range(16)):
            assert frame["amount_yuan"].tolist() == alone["amount_yuan"].tolist() == [n * 1000.0 for n in range(2, 10)] * 8
            assert frame["elderly"].tolist() == alone["elderly"].tolist()
