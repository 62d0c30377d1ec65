"""The pages in a real browser: found with a keyboard, read on a small screen, filed, printed, and looked at without network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fraudrisk.service.keys import add_key, revoke_key
from fraudrisk.taking_back import ledger_of
from fraudrisk.workspace import Workspace
from tests.service.test_server import RUN, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("FRAUDRISK_TEST_CHROMIUM") or shutil.which("chromium")
PHONE = {"width": 360, "height": 740}


class Office:
    """A published office served by a process of its own, which can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.workspace, self.port = Workspace(folder), free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.keys = {
            name: add_key(self.workspace, label=name, role="inspector", divisions=divisions)[1]
            for name, divisions in (("city", ["3302"]), ("other", ["3302"]), ("away", ["1101"]))
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = os.environ | {
            "FRAUDRISK_RATE_PER_SECOND": "1000000",
            "FRAUDRISK_RATE_BURST": "1000000",
            "FRAUDRISK_RELEASE_POLL_SECONDS": "0.1",
        }
        environment.pop("FRAUDRISK_WORKSPACE", None)
        command = [sys.executable, "-c", RUN, str(self.workspace.path), str(self.port), "1"]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        for _ in range(300):
            try:
                if httpx.get(f"{self.address}/readyz", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            assert self.process.poll() is None
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM or not Path(CHROMIUM).exists():
        pytest.skip("no Chromium: install it, or set FRAUDRISK_TEST_CHROMIUM to its path")
    with sync.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def desk(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("browser") / "office"
    shutil.copytree(published, folder)
    made = Office(folder)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def page(chromium: Browser, desk: Office) -> Iterator[Page]:
    with visitor(chromium, desk) as made:
        yield made


@contextmanager
def visitor(chromium: Browser, desk: Office, **more: Any) -> Iterator[Page]:
    """A phone of its own; whatever its pages complain of in the console fails the test, but for answers of 4xx that are meant."""
    context = chromium.new_context(**({"viewport": PHONE, "locale": "zh-CN", "base_url": desk.address} | more))
    made = context.new_page()
    faults: list[str] = []
    made.on("pageerror", lambda e: faults.append(str(e)))
    made.on("console", lambda m: faults.append(m.text) if m.type == "error" and "Failed to load resource" not in m.text else None)
    yield made
    context.close()
    assert faults == []


def login(page: Page, key: str, path: str = "/") -> None:
    page.goto(path)
    page.get_by_label(re.compile("^密钥")).fill(key)
    page.get_by_role("button", name="登录").click()
    page.get_by_role("button", name="退出").wait_for()
    until(page, "navigator.serviceWorker.controller !== null")


def until(page: Page, expression: str) -> None:
    """Wait for something to be so. Playwright's own way evaluates text, which the pages' policy forbids."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        time.sleep(0.05)
    raise AssertionError(expression)


def clue_in(desk: Office, place: int, *states: str) -> tuple[str, str]:
    """Number and code of a clue of the list, brought into a state."""
    rows = httpx.get(f"{desk.address}/v1/clues?limit=20", headers={"Authorization": f"Bearer {desk.keys['city']}"}).json()["clues"]
    ledger = ledger_of(desk.workspace)
    for state in states:
        ledger.move(rows[place]["clue_id"], state, who="desk")
    ledger.close()
    return rows[place]["clue_id"], rows[place]["code"]


def no_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def sound(page: Page) -> None:
    """axe has nothing to say, nothing scrolls sideways, whatever is touched is large enough."""
    from axe_playwright_python.sync_playwright import Axe

    stricter = {name: {"enabled": True} for name in ("color-contrast-enhanced", "target-size")}  # 7:1, and 24 pixels
    found = Axe().run(page, options={"rules": stricter})
    assert found.violations_count == 0, found.generate_report()
    assert no_sideways(page), page.url
    small = page.evaluate(
        """[...document.querySelectorAll("a, button, select, input:not([type=hidden]), textarea")]
        .filter((e) => e.checkVisibility() && !e.classList.contains("skip"))
        .map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()]).filter(([, r]) => r.width < 24 || r.height < 24).map(([h]) => h)"""
    )
    assert small == []


def kept(page: Page) -> list[str]:
    """Addresses the phone keeps for this person."""
    found: list[str] = page.evaluate(
        """async () => { const out = []; for (const n of await caches.keys()) if (n.startsWith("seen-"))
        for (const r of await (await caches.open(n)).keys()) { const u = new URL(r.url); out.push(u.pathname + u.search); } return out; }"""
    )
    return found


@contextmanager
def cut(context: BrowserContext) -> Iterator[None]:
    context.set_offline(True)
    try:
        yield
    finally:
        context.set_offline(False)


# -- the day of an inspector -------------------------------------------------------------------------------------------------------


def test_search_open_file_and_look_again_without_network(page: Page, desk: Office) -> None:
    clue, code = clue_in(desk, 0, "已转办", "核查中")
    login(page, desk.keys["city"])
    page.get_by_label("名称或代码").fill(code)
    page.get_by_role("button", name="查询").click()
    page.get_by_role("link", name=re.compile(r"风险等级\s*[A-D]")).first.click()
    page.wait_for_url(f"**/b/{code}")
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_role("img", name="近十二个月涉诈反映人数").is_visible()
    page.get_by_role("link", name="填报核查结果").click()

    page.get_by_role("radio", name="已反馈").check()
    page.get_by_role("radio", name="无法核实").check()
    page.get_by_role("button", name="提交").click()
    summary = page.get_by_role("alert")
    summary.get_by_text("没有提交，请更正1处").wait_for()
    assert page.evaluate("document.activeElement.id") == "faults"
    summary.get_by_role("link", name="请写明原因").click()
    assert page.evaluate("document.activeElement.id") == "why"
    assert page.get_by_label("情况说明").get_attribute("aria-invalid") == "true"
    page.get_by_label("情况说明").fill("现场无人，物业称两月前搬离")
    page.get_by_label("涉案金额（元）").fill("36000")
    page.get_by_role("button", name="提交").dblclick()
    page.get_by_text("已提交：线索现为“已反馈”").wait_for()
    assert page.get_by_text("核查中→已反馈：无法核实").count() == 1
    assert page.evaluate("Object.keys(localStorage).filter((n) => n.startsWith('draft:'))") == []

    with cut(page.context):
        page.goto(f"/b/{code}")
        assert "离线：数据截至2026-11-01" in page.locator("p.offline[data-kept]").inner_text()
        assert page.get_by_role("heading", name="为什么上榜").is_visible()
        sound(page)
        page.goto("/clues/YL-000000-000000-0000")
        assert page.get_by_role("heading", level=1).inner_text() == "离线：这一页没有在本机打开过"
        sound(page)
        page.locator(f'.kept a[href="/clues/{clue}"]').click()
        assert page.get_by_text("无法核实").first.is_visible()

    page.goto("/clues")
    assert kept(page)
    page.get_by_role("button", name="退出").click()
    page.get_by_text("已退出，本机保留的页面和草稿已清除").wait_for()
    assert kept(page) == []
    until(page, "navigator.serviceWorker.controller !== null")
    with cut(page.context):
        page.goto(f"/b/{code}")
        assert page.locator(".card").count() == 0


def test_a_server_that_is_gone_counts_as_no_network(page: Page, desk: Office) -> None:
    _, code = clue_in(desk, 2)
    login(page, desk.keys["city"])
    page.goto(f"/b/{code}")
    desk.stop()
    try:
        page.goto(f"/b/{code}")
        assert page.locator("p.offline[data-kept]").is_visible()
        assert page.locator(".card").count() == 1
    finally:
        desk.start()
    page.goto(f"/b/{code}")
    assert page.locator("p.offline[data-kept]").count() == 0


def test_nothing_is_sent_behind_ones_back(page: Page, desk: Office) -> None:
    clue, _ = clue_in(desk, 1, "已转办", "核查中")
    login(page, desk.keys["city"], f"/clues/{clue}")
    page.get_by_role("radio", name="延期").check()
    page.get_by_label("情况说明").fill("等检测报告")
    with cut(page.context):
        page.get_by_role("button", name="提交").click()
        page.get_by_text("离线，没有提交。").wait_for()
        assert page.url.endswith(f"/clues/{clue}")
        page.goto(f"/clues/{clue}")
        assert page.get_by_label("情况说明").input_value() == "等检测报告"
        page.evaluate("document.querySelector('form.outcome').submit()")  # past the script, as where it believes in a network that is gone
        page.get_by_text("没有提交。填写的内容已保留在本机").wait_for()
    time.sleep(0.5)
    state = httpx.get(f"{desk.address}/v1/clues/{clue}", headers={"Authorization": f"Bearer {desk.keys['city']}"}).json()
    assert state["clue"]["status"] == "核查中"
    page.goto(f"/clues/{clue}")
    page.get_by_text("已恢复本机保留的").wait_for()
    assert page.get_by_role("radio", name="延期").is_checked()
    page.get_by_role("button", name="提交").click()
    page.get_by_text("已提交：线索现为“延期”").wait_for()
    assert page.evaluate("Object.keys(localStorage)") == []


def test_the_next_person_finds_nothing_of_the_one_before(page: Page, desk: Office) -> None:
    clue, code = clue_in(desk, 3)
    login(page, desk.keys["city"], f"/b/{code}")
    page.goto(f"/clues/{clue}")
    page.get_by_label("情况说明").fill("草稿")
    until(page, "Object.keys(localStorage).length === 1")
    assert f"/b/{code}" in kept(page)
    page.context.clear_cookies()  # the session ended without a logout
    login(page, desk.keys["other"])
    assert kept(page) == ["/"]
    assert page.evaluate("Object.keys(localStorage)") == []
    with cut(page.context):
        page.goto(f"/b/{code}")
        assert page.locator(".card").count() == 0


def test_a_session_that_was_ended_takes_what_was_kept_along(page: Page, desk: Office) -> None:
    info, key = add_key(desk.workspace, label="lent", role="inspector", divisions=["3302"])
    time.sleep(0.3)
    _, code = clue_in(desk, 8)
    login(page, key, f"/b/{code}")
    page.goto(f"/b/{code}")
    assert f"/b/{code}" in kept(page)
    page.goto("/login")  # somebody who is in is led on, and loses nothing
    page.goto("/offline")
    assert f"/b/{code}" in kept(page)
    revoke_key(desk.workspace, info.key_id)
    time.sleep(0.3)
    page.goto("/clues")
    page.get_by_text("登录已失效").wait_for()
    assert kept(page) == []


def test_what_is_kept_is_bounded_and_expires(page: Page, desk: Office) -> None:
    _, code = clue_in(desk, 4)
    login(page, desk.keys["city"])
    for n in range(55):
        page.goto(f"/clues?status=已转办&division=33{n:02d}")
    page.goto(f"/b/{code}")
    addresses = kept(page)
    assert len(addresses) == 50
    assert addresses[-1] == f"/b/{code}"
    page.evaluate(
        """async (path) => { const name = (await caches.keys()).find((n) => n.startsWith("seen-")), cache = await caches.open(name), old = await cache.match(path);
        const headers = new Headers(old.headers); headers.set("x-kept-until", String(Date.now() - 1)); await cache.put(path, new Response(await old.text(), { headers })); }""",
        f"/b/{code}",
    )
    with cut(page.context):
        page.goto(f"/b/{code}")
        assert page.locator(".card").count() == 0
    assert f"/b/{code}" not in kept(page)


# -- reading, printing, keyboard ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_every_page_is_sound(chromium: Browser, desk: Office, width: int) -> None:
    clue, code = clue_in(desk, 5)
    with visitor(chromium, desk, viewport={"width": width, "height": 740}) as page:
        page.goto("/login?next=/clues")
        sound(page)
        page.get_by_label(re.compile("^密钥")).fill("wrong")
        page.get_by_role("button", name="登录").click()
        page.get_by_text("没有登录").wait_for()
        sound(page)
        login(page, desk.keys["city"])
        for path in ("/", "/?q=健康", "/?q=x", f"/b/{code}", "/b/none", "/clues", "/clues?whole=1", f"/clues/{clue}", "/offline"):
            page.goto(path)
            sound(page)
        page.goto(f"/clues/{clue}")
        page.evaluate("for (const r of document.querySelectorAll('input[type=radio]')) r.checked = false")
        page.get_by_role("button", name="提交").click()
        page.get_by_text("没有提交，请更正1处").wait_for()
        sound(page)


def test_a_card_prints_on_one_page(page: Page, desk: Office) -> None:
    _, code = clue_in(desk, 0)
    login(page, desk.keys["city"], f"/b/{code}")
    for size in ("A4", "A5"):
        paper = page.pdf(format=size, prefer_css_page_size=size == "A4")
        pages = len(re.findall(rb"/Type\s*/Page\b", paper))
        assert pages == 1 if size == "A4" else pages <= 2


def test_with_the_keyboard_alone(page: Page, desk: Office) -> None:
    clue, code = clue_in(desk, 6)
    keys = page.keyboard
    page.goto("/")

    def tab_to(what: str) -> None:
        for _ in range(60):
            keys.press("Tab")
            if page.evaluate("(s) => document.activeElement.matches(s)", what):
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", what
                return
        raise AssertionError(f"the keyboard does not reach {what}")

    tab_to("#key")
    keys.type(desk.keys["city"])
    keys.press("Enter")
    page.get_by_role("button", name="退出").wait_for()
    tab_to(".skip")
    keys.press("Enter")
    tab_to("#q")
    keys.type(code)
    keys.press("Enter")
    page.get_by_role("heading", name="查询结果").wait_for()
    tab_to(f'a[href="/b/{code}"]')
    keys.press("Enter")
    page.get_by_role("link", name="填报核查结果").wait_for()
    tab_to(f'a[href="/clues/{clue}"]')
    keys.press("Enter")
    page.get_by_role("heading", name="填报办理结果").wait_for()
    tab_to("input[name=to]")
    keys.press("Space")
    tab_to("#why")
    keys.type("分办")
    tab_to("button.main")
    keys.press("Enter")
    page.get_by_text("已提交：线索现为“已转办”").wait_for()


def test_without_script(chromium: Browser, desk: Office) -> None:
    """Search, card and form work where scripts do not run."""
    clue, code = clue_in(desk, 7)
    with visitor(chromium, desk, java_script_enabled=False) as page:
        page.goto(f"/clues/{clue}")
        page.get_by_label(re.compile("^密钥")).fill(desk.keys["city"])
        page.get_by_role("button", name="登录").click()
        page.get_by_label("情况说明").fill("分办")
        page.get_by_role("button", name="提交").click()
        page.get_by_text("已提交：线索现为“已转办”").wait_for()
        page.goto(f"/b/{code}")
        assert page.locator(".card").count() == 1
