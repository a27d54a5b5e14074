"""The rules of the house: who may import what. CONTRIBUTING.md tells why."""

import ast
import graphlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("broker", "client", "common")

# (input, now) → actions: no socket, thread, clock, randomness, file or click.
PURE = (
    "broker/absence.py",
    "broker/access.py",
    "broker/actions.py",
    "broker/admission.py",
    "broker/aside.py",
    "broker/cluster.py",
    "broker/core.py",
    "broker/elsewhere.py",
    "broker/endpoints.py",
    "broker/faults.py",
    "broker/flow.py",
    "broker/governing.py",
    "broker/history.py",
    "broker/inbox.py",
    "broker/learning.py",
    "broker/leases.py",
    "broker/lockouts.py",
    "broker/memberships.py",
    "broker/metrics.py",
    "broker/moderation.py",
    "broker/nicks.py",
    "broker/options.py",
    "broker/outcomes.py",
    "broker/policy.py",
    "broker/postgres_text.py",
    "broker/questions.py",
    "broker/rates.py",
    "broker/relaying.py",
    "broker/refusals.py",
    "broker/remains.py",
    "broker/reporting.py",
    "broker/retention.py",
    "broker/rights.py",
    "broker/rooms.py",
    "broker/roster.py",
    "broker/search.py",
    "broker/sessions.py",
    "broker/talk.py",
    "broker/touched.py",
    "broker/turns.py",
    "broker/upkeep.py",
    "client/absence.py",
    "client/actions.py",
    "client/answers.py",
    "client/asking.py",
    "client/chat.py",
    "client/speaking.py",
    "client/checkup.py",
    "client/color.py",
    "client/commands.py",
    "client/completion.py",
    "client/core.py",
    "client/destination.py",
    "client/environment.py",
    "client/executor.py",
    "client/following.py",
    "client/heartbeat.py",
    "client/ignoring.py",
    "client/layout.py",
    "client/library_asking.py",
    "client/library_calls.py",
    "client/library_core.py",
    "client/library_events.py",
    "client/mentions.py",
    "client/moderation.py",
    "client/orders.py",
    "client/outbox.py",
    "client/outcome.py",
    "client/places.py",
    "client/program.py",
    "client/programs.py",
    "client/questions.py",
    "client/remarks.py",
    "client/render.py",
    "client/reports.py",
    "client/replaying.py",
    "client/rooms.py",
    "client/said.py",
    "client/screen_chat.py",
    "client/searching.py",
    "client/session.py",
    "client/sending.py",
    "client/status.py",
    "client/tailing.py",
    "client/telling.py",
    "client/themes.py",
    "client/told.py",
    "client/top.py",
    "client/wording.py",
)
# All that pure modules may import, besides each other and zchat.common.
PURE_MAY_IMPORT = {
    "__future__",
    "bisect",
    "collections",
    "contextlib",
    "datetime",
    "dataclasses",
    "difflib",
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "ipaddress",
    "itertools",
    "json",
    "math",
    "msgspec",
    "operator",
    "re",
    "string",
    "traceback",
    "typing",
    "unicodedata",
    "zlib",
}
# What none of the pure modules may bring in through what it imports either.
NEVER_BEHIND_PURE = {"click", "prompt_toolkit", "sqlite3", "zmq"}

NETWORK = {"asyncio", "http", "select", "selectors", "socket", "socketserver", "ssl", "urllib", "zmq"}
# In zchat.common these may import zmq inside a function: libzmq makes CURVE keys.
MAKES_KEYS = {"zchat.common.keys"}


def module_name(path: Path) -> str:
    """The name under which a source file is installed."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("zchat", *(part for part in parts if part != "__init__")))


SOURCES = {module_name(path): path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))}


@dataclass(frozen=True)
class Import:
    """One imported module: who imports it, in which line, and whether only when a function runs."""

    importer: str
    target: str
    line: int
    lazy: bool = False
    relative: bool = False

    @property
    def library(self) -> str:
        return self.target.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.importer}, line {self.line}: imports {self.target}"


def imports_in(source: str, importer: str, *, is_package: bool = False) -> Iterator[Import]:
    """Every import statement in a source, with relative ones resolved."""

    def targets(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            return
        base = node.module or ""
        if node.level:
            parts = importer.split(".")
            above = parts[: len(parts) - node.level + (1 if is_package else 0)]
            base = ".".join([*above, base] if base else above)
        for alias in node.names:
            submodule = f"{base}.{alias.name}"
            yield submodule if submodule in SOURCES else base

    def walk(node: ast.AST, lazy: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            relative = isinstance(node, ast.ImportFrom) and node.level > 0
            for target in dict.fromkeys(targets(node)):
                yield Import(importer, target, node.lineno, lazy, relative)
        lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr):
                yield from walk(child, lazy)

    yield from walk(ast.parse(source), lazy=False)


IMPORTS = [
    found
    for name, path in SOURCES.items()
    for found in imports_in(path.read_text("utf-8"), name, is_package=path.name == "__init__.py")
]


def run_python(code: str, cwd: Path, **environment: str) -> str:
    """The stdout of a fresh interpreter, started where no folder of ours is in reach by accident."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_after_import_of(modules: list[str], cwd: Path) -> set[str]:
    """What is in sys.modules of a fresh interpreter, beyond what its start loads, after these imports."""
    return set(
        json.loads(
            run_python(
                "import importlib, json, sys\n"
                "at_start = set(sys.modules)\n"
                f"for name in {modules!r}: importlib.import_module(name)\n"
                "print(json.dumps(sorted(set(sys.modules) - at_start)))",
                cwd,
            )
        )
    )


# --- the checks see what they should ---


@pytest.mark.parametrize(
    ("importer", "is_package", "statement", "target"),
    [
        ("zchat.broker.core", False, "from ..common.errors import X", "zchat.common.errors"),
        ("zchat.broker.core", False, "from ..common import errors", "zchat.common.errors"),
        ("zchat.broker.core", False, "from ..common import X", "zchat.common"),
        ("zchat.broker.core", False, "from .. import common", "zchat.common"),
        ("zchat.broker.core", False, "from . import X", "zchat.broker"),
        ("zchat.common", True, "from .errors import X", "zchat.common.errors"),
        ("zchat.common", True, "from . import errors", "zchat.common.errors"),
        ("zchat.common", True, "from ..broker import X", "zchat.broker"),
        ("zchat.common.keys", False, "import zmq.auth", "zmq.auth"),
    ],
)
def test_imports_are_resolved(importer: str, is_package: bool, statement: str, target: str) -> None:
    """Relative imports are followed from modules and from packages."""
    (found,) = imports_in(statement, importer, is_package=is_package)

    assert found.target == target


def test_imports_inside_functions_are_seen() -> None:
    """An import inside a function counts, and is known to be lazy."""
    at_top, inside = imports_in("import a\ndef f():\n    if x:\n        import b", "zchat.common.names")

    assert (at_top.target, at_top.lazy) == ("a", False)
    assert (inside.target, inside.lazy) == ("b", True)


# --- arrows ---


def test_broker_and_client_never_import_each_other() -> None:
    """Imports point towards common, never from it and never across."""
    allowed = {
        "broker": {"broker", "common"},
        "client": {"client", "common"},
        "common": {"common"},
    }
    wrong = [
        str(found)
        for found in IMPORTS
        if found.library == "zchat"
        and found.target.split(".")[1:2]
        and found.target.split(".")[1] not in allowed[found.importer.split(".")[1]]
    ]

    assert wrong == []


@pytest.mark.parametrize(("package", "other"), [("client", "broker"), ("broker", "client")])
def test_one_side_loads_nothing_of_the_other(package: str, other: str, tmp_path: Path) -> None:
    """All modules of one side, really imported, load no module of the other side."""
    modules = [name for name in SOURCES if name.split(".")[1] == package and not name.endswith("__main__")]
    loaded = loaded_after_import_of(modules, tmp_path)

    assert loaded.issuperset(modules)
    assert [name for name in loaded if name.startswith(f"zchat.{other}")] == []


def test_commands_load_no_asyncio(tmp_path: Path) -> None:
    """What every command of a client and a broker loads does without it: it is a tenth of their start."""
    assert "asyncio" not in loaded_after_import_of(["zchat.client.programs", "zchat.client.run"], tmp_path)
    assert "asyncio" not in loaded_after_import_of(["zchat.broker.server"], tmp_path)


def test_folders_are_never_bare_packages(tmp_path: Path) -> None:
    """Nothing imports common, client or broker under their bare names, neither zchat nor its tests."""
    modules = [name for name in SOURCES if not name.endswith("__main__")]

    assert loaded_after_import_of(modules, tmp_path).isdisjoint(FOLDERS)
    assert set(sys.modules).isdisjoint(FOLDERS)
    assert [str(found) for found in IMPORTS if found.library in FOLDERS] == []


def test_imports_within_the_house_are_relative() -> None:
    """The three folders import each other and themselves relatively."""
    assert [str(found) for found in IMPORTS if found.library == "zchat" and not found.relative] == []


def test_imports_go_round_in_no_circle() -> None:
    """No module imports itself through others, not even lazily."""
    graph: dict[str, set[str]] = {name: set() for name in SOURCES}
    for found in IMPORTS:
        if found.target in SOURCES:
            graph[found.importer].add(found.target)

    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


# --- purity ---


def test_common_has_no_network() -> None:
    """zchat.common imports no socket module; only what makes keys asks libzmq, when it makes one."""
    wrong = [
        str(found)
        for found in IMPORTS
        if found.importer.startswith("zchat.common")
        and found.library in NETWORK
        and not (found.library == "zmq" and found.lazy and found.importer in MAKES_KEYS)
    ]

    assert wrong == []


def test_click_is_for_cli_modules() -> None:
    """Only modules named cli, or something_cli, import click."""
    wrong = [
        str(found)
        for found in IMPORTS
        if found.library == "click" and not f"_{SOURCES[found.importer].stem}".endswith("_cli")
    ]

    assert wrong == []


def test_every_core_is_listed_as_pure() -> None:
    """Whatever is called core, or core_something, has to keep the rules below."""
    cores = {
        path.relative_to(ROOT).as_posix()
        for name, path in SOURCES.items()
        if any(part.startswith("core") for part in name.split("."))
    }

    assert cores <= set(PURE)


@pytest.mark.parametrize("path", PURE)
def test_pure_modules_import_only_pure_ones(path: str) -> None:
    """A core computes: its imports are on a short list, in functions too."""
    pure = {module_name(ROOT / path) for path in PURE}
    name = module_name(ROOT / path)
    wrong = [
        str(found)
        for found in IMPORTS
        if found.importer == name
        and found.library not in PURE_MAY_IMPORT
        and found.target not in pure
        and (not found.target.startswith("zchat.common") or found.target == "zchat.common.cli")
    ]

    assert name in SOURCES
    assert wrong == []


def test_pure_modules_stay_pure_through_what_they_import(tmp_path: Path) -> None:
    """Importing all the pure modules loads no socket, database, screen or command line library."""
    loaded = loaded_after_import_of([module_name(ROOT / path) for path in PURE], tmp_path)

    assert loaded & NEVER_BEHIND_PURE == set()
