"""The house as DESIGN draws it: imports run from left to right only, and importing the package is cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "fraudrisk"
# lower may never import higher; the declaration of the tables lies at the bottom with the packs that speak of them
LEVELS = [
    ("errors", "files", "privacy", "pages"),
    ("config", "bundle", "engines", "records.tables"),
    ("packs",),
    ("records",),
    ("complaints",),
    ("linking",),
    ("features",),
    ("scoring",),
    ("clues",),
    ("outcomes",),
    ("publish", "explaining", "run", "steps", "workspace", "taking_back", "casework", "simulate"),
    ("evaluation", "campaign"),
    ("demo",),
    ("service",),
    ("cli",),
]


def level(module: str) -> int:
    for number, names in enumerate(LEVELS):
        if any(module == n or module.startswith(n + ".") for n in names):
            return number
    raise AssertionError(f"module '{module}' has no place in the house")


def imports(path: Path) -> set[str]:
    """Modules of the package that a file imports at run time, wherever in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(n) for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) for n in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("fraudrisk.") and id(node) not in typing_only:
            found.add(node.module.removeprefix("fraudrisk."))
    return found


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_run_left_to_right(path: Path) -> None:
    own = str(path.relative_to(SOURCE).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    if own == "__init__":
        return
    for other in imports(path):
        assert level(other) <= level(own), f"{own} imports {other}"


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_modules_stay_small(path: Path) -> None:
    if path.name != "tables.py":  # one long declaration
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_importing_is_cheap() -> None:
    code = "import sys, fraudrisk; print(sorted(m for m in ('pandas', 'numpy', 'sklearn', 'lightgbm', 'duckdb', 'pyarrow', 'jieba', 'scipy') if m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_every_public_name_loads() -> None:
    import fraudrisk

    for name in fraudrisk.__all__:
        assert getattr(fraudrisk, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = fraudrisk.no_such_name
