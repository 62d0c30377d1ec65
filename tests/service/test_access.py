"""Who may see what: roles, divisions, keys, tokens of an issuer, limits; and some sixty hostile requests."""

from __future__ import annotations

import base64
import datetime as dt
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fastapi import APIRouter
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from fraudrisk.config import Settings
from fraudrisk.errors import ConfigError, InputError, NotFoundError
from fraudrisk.service.auth import ACCESS, GuardedRoute
from fraudrisk.service.keys import add_key, list_keys, revoke_key
from fraudrisk.service.oidc import OidcVerifier
from tests.service.conftest import ROLES, Served, wait_for

READ = {"complaints": {"a": {"text": "老人交了钱"}}}
SCORE = {"businesses": {"a": {"lost_contact": 1}}}
MATRIX = [
    ("get_business", "GET", "/v1/businesses/{code}", None),
    ("search_businesses", "GET", "/v1/businesses?q=91330299", None),
    ("get_business_history", "GET", "/v1/businesses/{code}/history", None),
    ("list_clues", "GET", "/v1/clues", None),
    ("get_clue", "GET", "/v1/clues/{clue}", None),
    ("post_outcome", "POST", "/v1/clues/{clue}/outcome", {"to": "已转办"}),
    ("read_complaints", "POST", "/v1/complaints:read", READ),
    ("score_businesses", "POST", "/v1/businesses:score", SCORE),
    ("get_model", "GET", "/v1/model", None),
    ("list_audit", "GET", "/v1/audit", None),
    ("metrics", "GET", "/metrics", None),
    ("openapi", "GET", "/openapi.json", None),
]


def test_roles(served: Served) -> None:
    """Every operation against every role, and against nobody; the table of the code is the expectation, and the matrix names all of it."""
    assert {m[0] for m in MATRIX} == set(ACCESS)
    place = {"code": served.some_code, "clue": served.some_clue}
    for operation, method, path, body in MATRIX:
        for role in ROLES:
            answer = served.ask(role, method, path.format(**place), json=body, headers={"Idempotency-Key": f"key-{role}-1"})
            wanted = 200 if role in ACCESS[operation] else 403
            assert answer.status_code == wanted, (operation, role, answer.text)
        assert served.ask(None, method, path.format(**place), json=body).status_code == 401


def test_an_operation_nobody_listed_cannot_be_built() -> None:
    router = APIRouter(route_class=GuardedRoute)
    with pytest.raises(RuntimeError, match="no entry in ACCESS"):
        router.get("/x", operation_id="not_listed")(lambda: None)


def test_other_divisions(served: Served) -> None:
    code, clue = served.some_code, served.some_clue
    assert served.get("stranger", f"/v1/businesses/{code}").status_code == 403
    assert served.get("stranger", f"/v1/businesses/{code}/history").status_code == 403
    assert served.get("stranger", f"/v1/clues/{clue}").status_code == 404
    assert served.get("stranger", "/v1/clues").json()["clues"] == []
    assert served.get("stranger", "/v1/businesses?q=91330299").json()["businesses"] == []
    answer = served.ask("stranger", "POST", f"/v1/clues/{clue}/outcome", json={"to": "已转办"}, headers={"Idempotency-Key": "key-00001"})
    assert answer.status_code == 404
    assert served.get("analyst", f"/v1/clues/{clue}").json()["clue"]["status"] == "待分办"


def test_revoked_and_expired_keys(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    info, key = add_key(served.workspace, label="desk", role="analyst", days=1)
    time.sleep(0.2)
    assert served.get(key, "/v1/model").status_code == 200
    revoke_key(served.workspace, info.key_id)
    time.sleep(0.2)
    assert served.get(key, "/v1/model").status_code == 401
    with pytest.raises(NotFoundError):
        revoke_key(served.workspace, info.key_id)
    _, late = add_key(served.workspace, label="late", role="analyst", days=1)
    time.sleep(0.2)
    tomorrow = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1, minutes=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    monkeypatch.setattr("fraudrisk.service.auth.now_text", lambda: tomorrow)
    assert served.get(late, "/v1/model").json()["detail"] == "this key has expired"


def test_the_store_holds_no_secret(served: Served) -> None:
    raw = b"".join(p.read_bytes() for p in served.workspace.path.glob("store.db*"))
    for key in served.keys.values():
        assert key.split("_", 2)[2][:20].encode() not in raw
    assert {k.label for k in list_keys(served.workspace)} == {*ROLES, "stranger"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "chief"},
        {"role": "inspector"},
        {"role": "inspector", "divisions": ["33;--"]},
        {"role": "analyst", "label": " "},
        {"role": "analyst", "days": 0},
    ],
)
def test_wrong_keys_are_not_made(served: Served, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        add_key(served.workspace, **({"label": "desk"} | wrong))


def test_too_many_requests(serve: Callable[..., Served]) -> None:
    served = serve(rate_per_second=0.5, rate_burst=3)
    answers = [served.get("analyst", "/v1/model") for _ in range(5)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert served.get("auditor", "/v1/model").status_code == 200
    assert served.get(None, "/healthz").status_code == 200


def test_strangers_cannot_fill_the_log(serve: Callable[..., Served]) -> None:
    served = serve(anonymous_per_second=0.5)
    statuses = [served.get(None, "/v1/model").status_code for _ in range(15)]
    assert statuses[:10] == [401] * 10
    assert set(statuses[11:]) == {429}


# -- tokens ----------------------------------------------------------------------------------------------------------------


class Issuer:
    """A key server on loopback, and tokens signed with its keys."""

    def __init__(self) -> None:
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.keys = {"one": ("RS256", self.rsa), "two": ("ES256", self.ec)}
        self.fetched = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetched += 1
                body = json.dumps({"keys": [issuer.public(kid) for kid in issuer.keys]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/jwks"

    def public(self, kid: str) -> dict[str, Any]:
        algorithm, key = self.keys[kid]
        kind = RSAAlgorithm if algorithm == "RS256" else ECAlgorithm
        return json.loads(kind.to_jwk(key.public_key())) | {"kid": kid, "use": "sig", "alg": algorithm}

    def token(self, kid: str = "one", *, key: Any = None, algorithm: str | None = None, **claims: Any) -> str:
        now = int(time.time())
        said = {
            "iss": "https://issuer.test",
            "aud": "fraudrisk",
            "sub": "u1",
            "iat": now,
            "exp": now + 300,
            "roles": ["fraudrisk-inspector"],
            "divisions": ["3302"],
        }
        said = {k: v for k, v in (said | claims).items() if v is not None}
        return jwt.encode(said, key if key is not None else self.keys[kid][1], algorithm or self.keys[kid][0], headers={"kid": kid})


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.server.shutdown()


@pytest.fixture
def with_tokens(serve: Callable[..., Served], issuer: Issuer) -> Served:
    return serve(oidc_issuer="https://issuer.test", oidc_audience="fraudrisk", oidc_jwks=issuer.url)


def test_tokens_of_the_issuer(with_tokens: Served, issuer: Issuer) -> None:
    code = with_tokens.some_code
    for kid in ("one", "two"):
        assert with_tokens.get(issuer.token(kid), f"/v1/businesses/{code}").status_code == 200
    assert with_tokens.get(issuer.token(divisions="1101 3101"), f"/v1/businesses/{code}").status_code == 403
    assert with_tokens.get(issuer.token(divisions=None), f"/v1/businesses/{code}").status_code == 403
    assert with_tokens.get(issuer.token(roles=["fraudrisk-analyst"], divisions=None), f"/v1/businesses/{code}").status_code == 200
    assert with_tokens.get(issuer.token(roles="fraudrisk-auditor"), f"/v1/businesses/{code}").status_code == 403


def test_keys_of_the_issuer_change(with_tokens: Served, issuer: Issuer) -> None:
    assert with_tokens.get(issuer.token(), "/v1/model").status_code == 200
    issuer.keys["three"] = ("RS256", rsa.generate_private_key(public_exponent=65537, key_size=2048))
    assert with_tokens.get(issuer.token("three"), "/v1/model").status_code == 200
    fetched = issuer.fetched
    issuer.keys["four"] = issuer.keys.pop("three")
    for _ in range(5):  # unknown keys do not make us ask the issuer again and again
        with_tokens.get(issuer.token("four", sub="x"), "/v1/model")
    assert issuer.fetched - fetched <= 1


def hostile_tokens(issuer: Issuer) -> dict[str, str]:
    now = int(time.time())
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    good = issuer.token()
    head, body, sign = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"one"}').rstrip(b"=").decode()
    public = issuer.public("one")["n"]
    return {
        "expired": issuer.token(exp=now - 3600, iat=now - 7200),
        "not yet": issuer.token(nbf=now + 3600),
        "issued later": issuer.token(iat=now + 3600),
        "other issuer": issuer.token(iss="https://other.test"),
        "other audience": issuer.token(aud="other"),
        "no expiry": issuer.token(exp=None),
        "no subject": issuer.token(sub=None),
        "no role": issuer.token(roles=["else"]),
        "two roles": issuer.token(roles=["fraudrisk-inspector", "fraudrisk-analyst"]),
        "roles no list": issuer.token(roles={"fraudrisk-analyst": True}),
        "forged": issuer.token(key=other),
        "none": f"{none}.{body}.",
        "none, signed": f"{none}.{body}.{sign}",
        "shared secret": jwt.encode({"sub": "x"}, public, "HS256", headers={"kid": "one"}),
        "changed": f"{head}.{body[:-2]}AA.{sign}",
        "cut": good[:-20],
        "unknown key": jwt.encode({"sub": "x"}, other, "RS256", headers={"kid": "../../etc/passwd"}),
        "no token": "a.b.c",
        "long": "a" * 9000,
    }


def test_hostile_tokens_are_refused_and_audited(with_tokens: Served, issuer: Issuer) -> None:
    code = with_tokens.some_code
    for name, token in hostile_tokens(issuer).items():
        answer = with_tokens.get(token, f"/v1/businesses/{code}")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), name
        assert token not in answer.text
    log = next(iter((with_tokens.workspace.path / "audit").glob("*.jsonl")))
    wait_for(lambda: log.read_text().count('"status":401') >= len(hostile_tokens(issuer)))
    assert log.read_text().count('"status":401') == len(hostile_tokens(issuer))


@pytest.mark.parametrize(
    "wrong", [{"oidc_jwks": "http://issuer.test/jwks"}, {"oidc_jwks": "file:///etc/passwd"}, {"oidc_algorithms": ["HS256"]}, {"oidc_algorithms": ["none"]}, {"oidc_audience": None},
              {"oidc_roles": {"a": "chief"}}],
)  # fmt: skip
def test_careless_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        OidcVerifier(Settings(**({"oidc_issuer": "https://i", "oidc_audience": "a", "oidc_jwks": "https://i/jwks"} | wrong)))


# -- hostile requests --------------------------------------------------------------------------------------------------------

NASTY = [
    "' OR 1=1 --", "\"; DROP TABLE store_business; --", "1 UNION SELECT * FROM store_key", "%00", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "<script>alert(1)</script>",
    "${jndi:ldap://x}", "{{7*7}}", "=cmd|' /C calc'!A0", "\r\nX-Injected: 1", "A" * 3000, "%F0%9F%92%A9", "null", "-1", "1e999",
]  # fmt: skip


def hostile(served: Served) -> Iterator[tuple[str, str, str, str, dict[str, Any], set[int]]]:
    """Name, role, method, path, rest of the request, and the statuses that are right."""
    from urllib.parse import quote

    clue = served.some_clue
    for n, word in enumerate(NASTY):
        safe = quote(word, safe="%")
        yield f"code {n}", "analyst", "GET", f"/v1/businesses/{safe}", {}, {404, 422}
        yield f"clue {n}", "inspector", "GET", f"/v1/clues/{safe}", {}, {404, 422}
        yield f"question {n}", "inspector", "GET", "/v1/businesses", {"params": {"q": word}}, {200, 422}
        yield f"cursor {n}", "inspector", "GET", "/v1/clues", {"params": {"cursor": word}}, {422}
        yield (
            f"key {n}",
            "inspector",
            "POST",
            f"/v1/clues/{clue}/outcome",
            {"json": {"to": word}, "headers": {"Idempotency-Key": "key-00001"}},
            {422},
        )
        yield f"feature {n}", "analyst", "POST", "/v1/businesses:score", {"json": {"businesses": {"a": {word: 1}}}}, {422}
    move = f"/v1/clues/{clue}/outcome"
    head = {"Idempotency-Key": "key-00001"}
    for n, body in enumerate((b"", b"{", b"[]", b"null", b'{"to": "\xff"}', b'{"to":' + b"[" * 5000, b'{"to": "\\ud800"}', b'{"to": NaN}', b'{"a":1}', b'{"to":"\\u5df2\\u8f6c\\u529e","why":"\\u0000"}',
                             b'{"to":"\\u5df2\\u8f6c\\u529e","involved_yuan":1e400}', b'{"to":"\\u5df2\\u8f6c\\u529e","involved_yuan":-1}', b'{"to":"\\u5df2\\u8f6c\\u529e","who":"chief"}')):  # fmt: skip
        yield f"body {n}", "inspector", "POST", move, {"content": body, "headers": head | {"Content-Type": "application/json"}}, {400, 422}
    yield "no key", "inspector", "POST", move, {"json": {"to": "已转办"}}, {422}
    yield "wrong key", "inspector", "POST", move, {"json": {"to": "已转办"}, "headers": {"Idempotency-Key": "a' OR '1"}}, {422}
    yield "long", "analyst", "POST", "/v1/complaints:read", {"content": b"x" * 1_000_001}, {413}
    yield (
        "said to be long",
        "analyst",
        "POST",
        "/v1/complaints:read",
        {"content": b"{}", "headers": {"Content-Length": "99999999999"}},
        {413},
    )
    yield "form", "analyst", "POST", "/v1/complaints:read", {"data": {"a": "b"}}, {422}
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        yield method, "analyst", method, "/v1/clues", {}, {405}
    for path in (
        "/nothing",
        "/docs",
        "/redoc",
        "/v1",
        "/v1/",
        "/.env",
        "/v1/businesses/../../etc/passwd",
        "//v1//model",
        "/v2/model",
        "/admin",
    ):
        yield path, "analyst", "GET", path, {}, {404, 422}


def test_hostile_requests_are_refused_and_audited(served: Served) -> None:
    cases = list(hostile(served))
    assert len(cases) >= 60
    time.sleep(0.1)
    log = next(iter((served.workspace.path / "audit").glob("*.jsonl")))
    before = log.read_text().count('"phase":"done"')
    for name, role, method, path, more, right in cases:
        answer = served.ask(role, method, path, **more)
        assert answer.status_code in right, (name, answer.status_code, answer.text[:200])
        assert "x-injected" not in answer.headers
        if answer.status_code != 200:
            assert answer.headers["content-type"] == "application/problem+json", name
            assert "Traceback" not in answer.text
            assert "store_business" not in answer.text
    wait_for(lambda: log.read_text().count('"phase":"done"') - before >= len(cases))
    assert log.read_text().count('"phase":"done"') - before == len(cases)
    assert served.verified().faults == ()
    assert served.get("analyst", f"/v1/clues/{served.some_clue}").json()["clue"]["status"] == "待分办"
