"""What every page stands on: style and script under names that change with their content, the service worker, headers, templates."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from fraudrisk.pages import templates

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CSP", "Shell", "page", "shell"]

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; manifest-src 'self'; worker-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_WORKER_CSP = "default-src 'none'; connect-src 'self'"
_FOREVER = "public, max-age=31536000, immutable"
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_PLAIN = {"content-security-policy": CSP, "cross-origin-opener-policy": "same-origin", "cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Shell:
    """Files anybody may have: by address, with their kind; and the addresses by plain name."""

    served: Mapping[str, tuple[bytes, str]]
    names: Mapping[str, str]
    worker: bytes
    manifest: bytes

    def answer(self, path: str) -> Response | None:
        """A file whose address holds its own hash, which may be kept for good."""
        found = self.served.get(path)
        return found and Response(found[0], 200, {"cache-control": _FOREVER, "content-type": found[1]})

    def worker_answer(self) -> Response:
        """The service worker: asked for anew each time, so that a new version is seen at once."""
        headers = {"cache-control": "no-cache", "content-type": _TYPES["js"], "content-security-policy": _WORKER_CSP}
        return Response(self.worker, 200, headers)

    def manifest_answer(self) -> Response:
        """What a phone needs to put the page on its home screen."""
        return Response(self.manifest, 200, {"cache-control": "no-cache", "content-type": "application/manifest+json"})


@lru_cache(maxsize=1)
def shell() -> Shell:
    """The files of this version; the card's style is the one it has on paper, the page's comes after it.

    Examples
    --------
    >>> shell().names["page.css"].startswith("/static/page.")
    True
    """
    own = {p.name: p.read_bytes() for p in (files("fraudrisk.service") / "static").iterdir() if p.is_file()}
    card_style: Any = templates("fraudrisk.clues").get_template("card.html.j2").module
    own["page.css"] = str(card_style.style()).encode() + own["page.css"]
    worker = own.pop("worker.js").decode()
    names = {name: _address(name, body) for name, body in sorted(own.items())}
    served = {names[name]: (body, _TYPES[name.rpartition(".")[2]]) for name, body in own.items()}
    kept = [*names.values(), "/offline"]
    mark = _digest(worker.encode() + json.dumps(kept).encode() + _offline_source())
    worker = worker.replace('"__VERSION__"', json.dumps(mark)).replace('"__FILES__"', json.dumps(kept))
    return Shell(served, names, worker.encode(), _manifest(names["icon.svg"]))


def page(template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any) -> Response:
    """A page from a template of this room."""
    text = templates("fraudrisk.service", "fraudrisk.clues").get_template(template).render(static=shell().names, **values)
    return Response(text, status, {**_PLAIN, **(headers or {})}, "text/html")


def _offline_source() -> bytes:
    folder = files("fraudrisk.service") / "templates"
    return b"".join((folder / name).read_bytes() for name in ("base.html.j2", "offline.html.j2"))


def _address(name: str, body: bytes) -> str:
    stem, _, kind = name.rpartition(".")
    return f"/static/{stem}.{_digest(body)}.{kind}"


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:12]


def _manifest(icon: str) -> bytes:
    said = {
        "name": "线索核查", "short_name": "线索核查", "lang": "zh-CN", "start_url": "/", "scope": "/", "display": "minimal-ui", "background_color": "#ffffff",
        "theme_color": "#0b3d91", "icons": [{"src": icon, "sizes": "any", "type": "image/svg+xml"}],
    }  # fmt: skip
    return json.dumps(said, ensure_ascii=False).encode()
