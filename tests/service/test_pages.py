"""The pages without a browser: who may come in, what is refused, that nothing of a name becomes markup."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from fraudrisk.outcomes.states import CONCLUSIONS, MOVES, STATES
from fraudrisk.service.auth import Principal
from fraudrisk.service.forms import FIELDS, Filled, fill_in
from fraudrisk.service.keys import add_key, revoke_key
from fraudrisk.service.schemas import BusinessHit, BusinessPage, ClueAnswer, ClueRow
from fraudrisk.service.sessions import Session
from fraudrisk.service.shell import page, shell
from fraudrisk.taking_back import ledger_of
from tests.service.conftest import Served
from tests.service.test_access import Issuer

SESSION = Session("n", 0.0, Principal("key:a", "inspector", ("330299",)), "t" * 40, "u" * 16)
COMMON: dict[str, Any] = {"notice": "提示", "session": SESSION, "who": "检查人员", "as_of": "2026-11-01", "hours": "12"}


class Browser:
    """A browser's manners: one jar of cookies, forms as pages give them."""

    def __init__(self, served: Served, **headers: str) -> None:
        self.served = served
        self.client = TestClient(served.app, raise_server_exceptions=False, follow_redirects=False, headers=headers)

    def login(self, role: str) -> Browser:
        answer = self.client.post("/login", data={"key": self.served.keys.get(role, role)})
        assert answer.status_code == 303, answer.text
        return self

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def form(self, path: str) -> dict[str, str]:
        """Hidden fields of the form of a clue."""
        text = self.get(path).text
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text[text.index('class="form outcome"') :]))

    def file(self, clue: str, **typed: str) -> Any:
        return self.client.post(f"/clues/{clue}", data=self.form(f"/clues/{clue}") | typed)


@pytest.fixture
def inspector(served: Served) -> Browser:
    return Browser(served).login("inspector")


def ready_clue(served: Served, state: str = "核查中") -> str:
    """A clue in a state."""
    clue = served.some_clue
    ledger = ledger_of(served.workspace)
    for to in ("已转办", "核查中"):
        ledger.move(clue, to, who="desk")
        if to == state:
            break
    ledger.close()
    return clue


# -- coming in ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/?q=健康", "/clues", "/b/91330299334701878K", "/clues/YL-330299-202611-0001"])
def test_strangers_are_led_to_the_login_and_back(served: Served, path: str) -> None:
    browser = Browser(served)
    answer = browser.get(path)
    assert answer.status_code == 303
    where = urlsplit(answer.headers["location"])
    assert (where.scheme, where.netloc, where.path) == ("", "", "/login")
    back = browser.client.post(answer.headers["location"], data={"key": served.keys["analyst"]}).headers["location"]
    assert urlsplit(back).path == urlsplit(path).path
    assert parse_qs(urlsplit(back).query) == parse_qs(urlsplit(path).query)
    for post in ("/logout", "/clues/YL-330299-202611-0001"):
        assert Browser(served).client.post(post, data={}).headers["location"] == "/login"


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.test/",
        "//evil.test/b/x",
        "/\\evil.test",
        "/v1/model",
        "/login",
        "/logout",
        "javascript:alert(1)",
        "/b/x\r\nset-cookie: a=b",
        "b/x",
        "",
    ],
)
def test_the_login_leads_nowhere_else(served: Served, path: str) -> None:
    answer = Browser(served).client.post("/login", params={"next": path}, data={"key": served.keys["analyst"]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("key", ["", "fk_abcdefgh_" + "x" * 43, "x y", "\x00", "某个密文", "a.b.c", "k" * 20_000])
def test_a_wrong_key_opens_nothing(served: Served, key: str) -> None:
    browser = Browser(served)
    answer = browser.client.post("/login", data={"key": key})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert 'autofocus role="alert"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert not key.strip("\x00") or key not in answer.text


def test_a_login_too_long_is_refused(serve: Callable[..., Served]) -> None:
    served = serve(body_limit=1000)
    answer = Browser(served).client.post("/login", data={"key": "k" * 2000})
    assert (answer.status_code, "内容太长" in answer.text) == (413, True)


def test_the_cookie(served: Served, serve: Callable[..., Served]) -> None:
    said = Browser(served).client.post("/login", data={"key": served.keys["inspector"]}).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(said.split("; "))
    assert served.keys["inspector"].rsplit("_", 1)[1] not in said
    tls = serve(behind_tls=True, session_hours=1)
    said = Browser(tls).client.post("/login", data={"key": tls.keys["inspector"]}).headers["set-cookie"]
    assert said.startswith("__Host-fraudrisk=")
    assert "Secure" in said.split("; ")
    assert 3590 <= int(re.search(r"Max-Age=(\d+)", said)[1]) <= 3600  # type: ignore[index]


def test_a_changed_cookie_is_nobodys(inspector: Browser) -> None:
    good = inspector.client.cookies["fraudrisk"]
    for place in range(0, len(good), 7):
        other = good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :]
        answer = TestClient(inspector.served.app, follow_redirects=False, cookies={"fraudrisk": other}).get("/")
        assert answer.status_code == 303
    assert inspector.get("/").status_code == 200


def test_a_session_ends_by_itself_with_its_key_and_at_logout(served: Served, inspector: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr("fraudrisk.service.sessions.time", SimpleNamespace(time=lambda: time.time() + 13 * 3600))
        assert inspector.get("/").headers["location"] == "/login?next=%2F"
    info, key = add_key(served.workspace, label="desk", role="analyst")
    time.sleep(0.2)
    other = Browser(served).login(key)
    assert other.get("/").status_code == 200
    revoke_key(served.workspace, info.key_id)
    time.sleep(0.2)
    assert other.get("/").status_code == 303
    told = other.get("/login")
    assert "登录已失效" in told.text
    assert (told.headers["x-fraudrisk-forget"], "Max-Age=0" in told.headers["set-cookie"]) == ("1", True)
    assert "x-fraudrisk-forget" not in other.get("/login").headers
    copied = inspector.client.cookies["fraudrisk"]
    token = re.search(r'name="token" value="(\w+)"', inspector.get("/").text)
    assert inspector.client.post("/logout", data={"token": "x"}).status_code == 403
    answer = inspector.client.post("/logout", data={"token": token[1]})  # type: ignore[index]
    assert (answer.headers["location"], answer.headers["clear-site-data"]) == ("/login?left=1", '"storage"')
    assert "Max-Age=0" in answer.headers["set-cookie"]
    time.sleep(0.2)
    assert TestClient(served.app, follow_redirects=False, cookies={"fraudrisk": copied}).get("/").status_code == 303


def test_the_interface_knows_no_cookie_and_pages_no_key(served: Served, inspector: Browser) -> None:
    assert inspector.get("/v1/clues").status_code == 401
    assert (
        served.client.get("/clues", headers={"Authorization": f"Bearer {served.keys['inspector']}"}, follow_redirects=False).status_code
        == 303
    )


def test_a_token_of_the_issuer_opens_a_session_no_longer_than_itself(serve: Callable[..., Served]) -> None:
    issuer = Issuer()
    try:
        served = serve(oidc_issuer="https://issuer.test", oidc_audience="fraudrisk", oidc_jwks=issuer.url)
        assert "统一身份认证" in Browser(served).get("/login").text
        answer = Browser(served).client.post(
            "/login", data={"key": issuer.token(roles=["fraudrisk-inspector"], divisions=["330299"], exp=int(time.time()) + 300)}
        )
        assert answer.status_code == 303
        assert 280 <= int(re.search(r"Max-Age=(\d+)", answer.headers["set-cookie"])[1]) <= 300  # type: ignore[index]
        assert Browser(served).client.post("/login", data={"key": issuer.token(roles=["chief"])}).status_code == 401
    finally:
        issuer.server.shutdown()


def test_rates_are_the_interfaces(serve: Callable[..., Served]) -> None:
    served = serve(rate_per_second=0.5, rate_burst=3)
    browser = Browser(served).login("inspector")
    answers = [browser.get("/") for _ in range(5)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
    assert "请求太频繁" in answers[-1].text
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert served.get("inspector", "/v1/clues").status_code == 429


# -- who sees what ----------------------------------------------------------------------------------------------------------------


def test_roles_and_divisions(served: Served) -> None:
    code, clue = served.some_code, served.some_clue
    name = served.get("analyst", f"/v1/businesses/{code}").json()["card"]["name"]
    pages = ["/", f"/?q={name[:6]}", f"/b/{code}", "/clues", f"/clues/{clue}"]
    wanted = {"inspector": [200] * 5, "analyst": [200] * 5, "auditor": [403] * 5, "stranger": [200, 200, 403, 200, 404]}
    for role, statuses in wanted.items():
        browser = Browser(served).login(role)
        answers = [browser.get(p) for p in pages]
        assert [a.status_code for a in answers] == statuses, role
        if role in ("auditor", "stranger"):
            assert all(name not in a.text.replace(f"查询“{name[:6]}”", "") for a in answers)
    analyst = Browser(served).login("analyst")
    assert "不能填报" in analyst.get(f"/clues/{clue}").text
    token = re.search(r'name="token" value="(\w+)"', analyst.get("/").text)
    assert analyst.client.post(f"/clues/{clue}", data={"token": token[1], "key": "k" * 12, "to": "已转办"}).status_code == 403  # type: ignore[index]
    stranger = Browser(served).login("stranger")
    token = re.search(r'name="token" value="(\w+)"', stranger.get("/").text)
    assert stranger.client.post(f"/clues/{clue}", data={"token": token[1], "key": "k" * 12, "to": "已转办"}).status_code == 404  # type: ignore[index]
    assert served.get("analyst", f"/v1/clues/{clue}").json()["clue"]["status"] == "待分办"


def test_search_and_list(served: Served, inspector: Browser) -> None:
    code = served.some_code
    name = served.get("analyst", f"/v1/businesses/{code}").json()["card"]["name"]
    assert f'href="/b/{code}"' in inspector.get(f"/?q={name}").text
    assert "请输入2到64个字" in inspector.get("/?q=x").text
    assert "请输入2到64个字" in inspector.get("/?q=" + "长" * 65).text
    first = inspector.get("/?q=有限公司").text
    more = re.search(r'href="(/\?q=[^"]+)" rel="next"', first)
    second = inspector.get(more[1].replace("&amp;", "&")).text  # type: ignore[index]
    codes = [set(re.findall(r'href="/b/(\w+)"', text)) for text in (first, second)]
    assert len(codes[0]) == 20
    assert not codes[0] & codes[1]
    assert inspector.get("/?q=有限公司&cursor=forged").status_code == 422
    listed = re.findall(r'href="/clues/([\w-]+)"', inspector.get("/clues").text)
    assert listed[0] == served.some_clue
    assert re.findall(r'href="/clues/([\w-]+)"', inspector.get("/clues?status=已办结").text) == []
    area = served.get("analyst", "/v1/clues?limit=1").json()["clues"][0]["division"]
    rows = served.get("inspector", f"/v1/clues?division={area}&listed=true&limit=20").json()["clues"]
    assert {r["division"] for r in rows} == {area}
    assert re.findall(r'href="/clues/([\w-]+)"', inspector.get(f"/clues?division={area}").text) == [r["clue_id"] for r in rows]


# -- the form -----------------------------------------------------------------------------------------------------------------------


def test_an_outcome_is_filed_once(served: Served, inspector: Browser) -> None:
    clue = ready_clue(served)
    typed = {
        "to": "已反馈",
        "conclusion": "属实",
        "why": "现场核查，会议营销属实",
        "measures": "责令改正",
        "involved_yuan": "36,000",
        "recovered_yuan": "",
        "on": "",
    }
    sent = inspector.form(f"/clues/{clue}") | typed
    answers = [inspector.client.post(f"/clues/{clue}", data=sent) for _ in range(3)]
    assert {(a.status_code, urlsplit(a.headers["location"]).path) for a in answers} == {(303, f"/clues/{clue}")}
    shown = inspector.get(answers[0].headers["location"]).text
    assert "已提交：线索现为“已反馈”" in shown
    assert "data-filed" in shown
    said = served.get("analyst", f"/v1/clues/{clue}").json()
    assert [m["after"] for m in said["moves"]].count("已反馈") == 1
    assert said["clue"]["conclusion"] == "属实"
    again = inspector.client.post(f"/clues/{clue}", data=sent | {"why": "别的内容"})
    assert again.status_code == 409
    assert "刚被他人更新" in again.text


def test_the_same_form_twice_at_once(served: Served, inspector: Browser) -> None:
    clue = ready_clue(served)
    sent = inspector.form(f"/clues/{clue}") | {"to": "已反馈", "conclusion": "不属实", "why": "查无此事"}
    cookie = inspector.client.cookies["fraudrisk"]
    statuses: list[int] = []

    def send() -> None:
        answer = served.client.post(f"/clues/{clue}", data=sent, headers={"cookie": f"fraudrisk={cookie}"}, follow_redirects=False)
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(statuses) == {303}
    moves = served.get("analyst", f"/v1/clues/{clue}").json()["moves"]
    assert [m["after"] for m in moves].count("已反馈") == 1


@pytest.mark.parametrize(
    ("typed", "faults"),
    [
        ({}, ["to"]),
        ({"to": "已反馈"}, ["conclusion"]),
        ({"to": "已反馈", "conclusion": "无法核实"}, ["why"]),
        ({"to": "已反馈", "conclusion": "移送", "why": "  "}, ["why"]),
        ({"to": "已反馈", "conclusion": "处罚"}, ["conclusion"]),
        (
            {"to": "已反馈", "conclusion": "属实", "involved_yuan": "三万", "recovered_yuan": "-1", "on": "2999-01-01"},
            ["involved_yuan", "recovered_yuan", "on"],
        ),
        ({"to": "飞走"}, ["to"]),
        ({"to": "回头看"}, ["to"]),
        ({"to": "延期", "why": "字" * 2001}, ["why"]),
    ],
)
def test_faults_are_said_beside_the_field_and_above(served: Served, inspector: Browser, typed: dict[str, str], faults: list[str]) -> None:
    clue = ready_clue(served)
    answer = inspector.file(clue, **typed)
    assert answer.status_code == 422
    assert f"<h2>没有提交，请更正{len(faults)}处</h2>" in answer.text
    assert 'id="faults" tabindex="-1" autofocus role="alert"' in answer.text
    assert "<title>错误：" in answer.text
    for name in faults:
        assert f'<a href="#{name}">' in answer.text
        assert f'id="{name}-fault"' in answer.text
        assert re.search(rf' id="{name}"[ >]', answer.text), name
    if len(typed.get("why", "")) < 100 and typed.get("involved_yuan"):
        assert f'value="{typed["involved_yuan"]}"' in answer.text
    assert served.get("analyst", f"/v1/clues/{clue}").json()["clue"]["status"] == "核查中"


@pytest.mark.parametrize(
    "spoil", [{"token": ""}, {"token": "0" * 40}, {"token": "é"}, {"token": "other"}, {"key": ""}, {"key": "a b c d e f"}]
)
def test_foreign_forms_are_refused(served: Served, inspector: Browser, spoil: dict[str, str]) -> None:
    clue = ready_clue(served)
    if spoil.get("token") == "other":
        spoil = {"token": Browser(served).login("inspector").form(f"/clues/{clue}")["token"]}
    answer = inspector.file(clue, to="延期", why="等检测报告", **spoil)
    assert answer.status_code == (403 if "token" in spoil else 422)
    assert served.get("analyst", f"/v1/clues/{clue}").json()["clue"]["status"] == "核查中"


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.test"}])
def test_forms_from_elsewhere_are_refused(served: Served, headers: dict[str, str]) -> None:
    clue = ready_clue(served)
    cookie = dict(Browser(served).login("inspector").client.cookies)
    browser = Browser(served, **headers)
    assert browser.client.post("/login", data={"key": served.keys["inspector"]}).status_code == 403
    browser.client.cookies.update(cookie)
    assert browser.file(clue, to="延期", why="等检测报告").status_code == 403
    assert served.get("analyst", f"/v1/clues/{clue}").json()["clue"]["status"] == "核查中"


def test_a_form_that_is_none(served: Served, inspector: Browser) -> None:
    clue = ready_clue(served)
    for body in (b"\xff\xfe", b"&".join(b"a%d=1" % n for n in range(50)), b"to=%FF", b""):
        answer = inspector.client.post(f"/clues/{clue}", content=body, headers={"content-type": "application/x-www-form-urlencoded"})
        assert answer.status_code in (403, 422)
        assert "text/html" in answer.headers["content-type"]


@given(
    st.dictionaries(
        st.sampled_from(FIELDS), st.one_of(st.text(max_size=60), st.sampled_from([*STATES, *CONCLUSIONS, "1e400", "nan", "2026-11-01"]))
    )
)
@settings(max_examples=200)
def test_whatever_is_typed_is_taken_or_explained(sent: dict[str, str]) -> None:
    filled = fill_in(sent)
    assert (filled.outcome is None) == bool(filled.errors)
    assert set(filled.errors) <= set(FIELDS)
    assert all(re.search("[\u4e00-\u9fff]", e) for e in filled.errors.values())


# -- what pages hold -----------------------------------------------------------------------------------------------------------------


def test_headers_and_nothing_inline(served: Served, inspector: Browser) -> None:
    code, clue = served.some_code, ready_clue(served)
    for path in ("/", f"/?q={code}", "/?q=x", f"/b/{code}", "/b/none", "/clues", f"/clues/{clue}", "/offline", "/login"):
        browser = Browser(served) if path == "/login" else inspector
        answer = browser.get(path)
        said = answer.headers
        csp = dict(d.strip().split(" ", 1) for d in said["content-security-policy"].split(";"))
        assert csp == {
            "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:", "manifest-src": "'self'", "worker-src": "'self'",
            "form-action": "'self'", "base-uri": "'none'", "frame-ancestors": "'none'",
        }  # fmt: skip
        assert (said["cache-control"], said["referrer-policy"], said["x-content-type-options"]) == ("no-store", "no-referrer", "nosniff")
        assert ("x-fraudrisk-keep" in said) == (answer.status_code == 200 and path not in ("/offline", "/login"))
        assert served.app.state.service.notice in answer.text
        assert '<html lang="zh-CN">' in answer.text
        assert not re.search(r"<style|\sstyle=|<script(?! src=)|\son\w+=|https?://", answer.text)


def test_files_carry_their_hash(served: Served) -> None:
    client = Browser(served).client
    for name, path in shell().names.items():
        answer = client.get(path)
        assert answer.status_code == 200
        assert hashlib.sha256(answer.content).hexdigest()[:12] in path
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert not re.search(rb"https?://(?!www\.w3\.org)", answer.content), name
    for path in ("/static/page.css", "/static/..%2fpages.py", "/static/x"):
        assert client.get(path).status_code == 404
    worker = client.get("/sw.js")
    assert (worker.headers["cache-control"], worker.headers["content-security-policy"]) == (
        "no-cache",
        "default-src 'none'; connect-src 'self'",
    )
    kept = json.loads(re.search(r"const FILES = (\[.*?\]);", worker.text)[1])  # type: ignore[index]
    assert {*shell().names.values(), "/offline"} == set(kept)
    assert client.get("/manifest.webmanifest").json()["start_url"] == "/"


def test_pages_are_audited_as_what_they_show(served: Served, inspector: Browser) -> None:
    code = served.some_code
    inspector.get(f"/b/{code}")
    Browser(served).client.post("/login", data={"key": "wrong"})
    time.sleep(0.2)
    entries = served.get("auditor", "/v1/audit?limit=50").json()["entries"]
    assert ("get_business", code, 200) in {(e["action"], e["object"], e["status"]) for e in entries}
    assert {("login", 303), ("login", 401)} <= {(e["action"], e["status"]) for e in entries}
    assert not any("/static" in json.dumps(e) for e in entries)


class Skeleton(HTMLParser):
    """Elements and the names of their attributes, without what is in them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(
            (tag, sorted(name for name, _ in attrs), [v for n, v in attrs if n == "href" and not (v or "").startswith(("/", "#"))])
        )

    def handle_endtag(self, tag: str) -> None:
        self.seen.append(tag)

    def handle_comment(self, data: str) -> None:
        self.seen.append(("comment", data))


def skeleton(text: str) -> list[Any]:
    parser = Skeleton()
    parser.feed(text)
    parser.close()
    return parser.seen


def rendered(word: str) -> list[str]:
    """Every page that shows words of others, with one word in all its places."""
    quote = {"record": word, "day": None, "words": word}
    card = {
        "business_id": word, "clue": word, "name": word, "uscc": word, "status": word, "place": word, "grade": "D", "score": 1.0, "low": 0.0, "high": 2.0, "change": None,
        "as_of": word, "notice": word, "title": word, "category": word, "tactics": [word], "why": [{"sentence": word, "points": 1.0, "quotes": [quote], "counter": word}],
        "against": [], "checks": [{"look_at": word, "take": word, "clause": word}], "gaps": [word], "related": [{"how": word, "name": word, "grade": "D"}],
        "history": [{"day": None, "kind": word, "words": word}], "months": [0] * 12, "spark": "", "owner": word, "together": [{"department": word, "reason": word}],
        "conduct": [word], "visits": None, "cap": 4, "last_visit": None,
    }  # fmt: skip
    hit = BusinessHit(code=word, name=word, former_names=[word], state=word, grade="A", score=0, division=word, match=1)
    found = BusinessPage(notice="", release=1, as_of="", businesses=[hit], next=None)
    row = ClueRow(
        clue_id=word,
        code=word,
        name=word,
        grade="A",
        score=0,
        category=word,
        division=word,
        owner=word,
        place=1,
        status=word,
        since=word,
        due_on=None,
        conclusion=word,
    )
    said = ClueAnswer(notice="", release=1, as_of="", clue=row, line=None, moves=[], allowed=list(MOVES["核查中"]))
    filled = Filled(dict.fromkeys(FIELDS, word), dict.fromkeys(FIELDS, "错"))
    versions = {"pack": word, "pack_digest": word, "model": word, "run": word}
    answers = [
        page("business.html.j2", c=card, versions=versions, **COMMON),
        page("search.html.j2", q=word, found=found, fault="", more="", later=False, names={word: word}, **COMMON),
        page(
            "clue.html.j2",
            said=said,
            filled=filled,
            key="k",
            filed="",
            may_file=True,
            today="",
            left=(word, True),
            conclusions=CONCLUSIONS,
            reported="已反馈",
            **COMMON,
        ),
    ]
    return [bytes(a.body).decode() for a in answers]


HOSTILE = st.one_of(
    st.text(min_size=1, max_size=30).filter(lambda s: s.isprintable()),
    st.sampled_from(
        [
            '"><script>alert(1)</script>',
            "'onfocus=alert(1) autofocus='",
            "<!--offline-->",
            "--><img src=x>",
            "</textarea><b>",
            "{{7*7}}",
            "</title><svg/onload=1>",
            "javascript:alert(1)",
            "&lt;b&gt;",
        ]
    ),
)
PLAIN = [skeleton(text) for text in rendered("某店")]


@given(HOSTILE)
@settings(max_examples=120)
def test_no_name_becomes_markup(word: str) -> None:
    for text, plain in zip(rendered(word), PLAIN, strict=True):
        assert skeleton(text) == plain
        assert text.count("<!--offline-->") == 1


def test_the_session_is_no_secret_holder() -> None:
    assert {f.name for f in dataclasses.fields(Session)} == {"number", "until", "principal", "token", "user"}
