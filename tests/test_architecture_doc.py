"""`docs/architecture.md` says what the code does: who imports whom, which threads there are, how a message walks."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import threading
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FrameType

import pytest

from zchat.broker import Broker
from zchat.client.actions import Action, Output
from zchat.client.chat import Chat, ChatOptions
from zchat.client.rooms import Start
from zchat.client.run import run
from zchat.common.clock import Now
from zchat.common.keys import KeyPair, Link

from .pages import ROOT, Block, blocks, coded, section, tables
from .processes import PATIENCE
from .test_house import FOLDERS, IMPORTS, SOURCES

PAGE = "docs/architecture.md"
THREADS = {
    "input": ["MainThread"],
    "receive": ["zchat-receive"],
    "broker": ["zchat-broker"],
    "history": ["zchat-history", "zchat-broker"],  # who stores a batch depends on how quick the disk was last
}


# --- the picture ---
def rows(folder: str) -> list[tuple[str, list[str], list[str]]]:
    """Group, its modules, and the groups that it imports, as the page has them."""
    (table,) = tables(section(PAGE, f"`{folder}`"))
    return [(row[0], coded(row[2]), row[3].split(", ") if row[3] else []) for row in table]


def groups(folder: str) -> dict[str, str]:
    """Module, as it is installed, → its group."""
    prefix = f"zchat.{folder}"
    names = {module: group for group, modules, _ in rows(folder) for module in modules}
    return {prefix if name == "__init__" else f"{prefix}.{name}": group for name, group in names.items()}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_module_has_its_place(folder: str) -> None:
    """Each module stands in one group of the page, and nothing stands there that is no module."""
    told = [module for _, modules, _ in rows(folder) for module in modules]
    there = {path.stem for path in SOURCES.values() if path.parent.name == folder}

    assert there - set(told) == set(), "put it into the group where it belongs"
    assert set(told) - there == set()
    assert len(told) == len(set(told))


@pytest.mark.parametrize("folder", FOLDERS)
def test_groups_import_what_the_page_says(folder: str) -> None:
    """The last column of a row names exactly the groups whose modules are imported by modules of that one."""
    of = groups(folder)
    order = [group for group, _, _ in rows(folder)]
    pairs = {(of[each.importer], of[each.target]) for each in IMPORTS if each.importer in of and each.target in of}
    real = {group: [other for other in order if (group, other) in pairs and other != group] for group in order}

    assert {group: imported for group, _, imported in rows(folder)} == real


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_arrow_runs_back(folder: str) -> None:
    """A group imports only what stands below it, in the table and in the drawing."""
    order = [group for group, _, _ in rows(folder)]
    drawing = section(PAGE, "The picture").partition("```text\n")[2].partition("```")[0].splitlines()
    half = {"client": slice(0, 47), "broker": slice(47, None), "common": slice(0, None)}[folder]
    lines = [line[half] for line in drawing]
    if folder == "common":
        lines = lines[next(number for number, line in enumerate(lines) if "common" in line) :]
    height = {group: next(number for number, line in enumerate(lines) if group in line) for group in order}

    for group, _, imported in rows(folder):
        for other in imported:
            assert order.index(other) > order.index(group)
            assert height[other] > height[group]


# --- the threads ---
def thread_names() -> Iterator[str]:
    """The names that the code gives to threads, with NICK for what differs."""
    for path in SOURCES.values():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assigned = {ast.unparse(node.targets[0]): node.value for node in ast.walk(tree) if isinstance(node, ast.Assign)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Thread"):
                names = [keyword.value for keyword in node.keywords if keyword.arg == "name"]
                for name in names:
                    written = ast.unparse(assigned.get(ast.unparse(name), name))
                    yield re.sub(r"{[^}]*}", "NICK", written).lstrip("f").strip("'")


def test_every_thread_is_told() -> None:
    """The table has each thread that the code names, and no other."""
    (table,) = tables(section(PAGE, "The threads"))

    assert {name for row in table for name in coded(row[1])} - {"main"} == set(thread_names())


# --- the walk ---
class Trace:
    """Which functions of zchat are called, and in which thread; as long as it is on."""

    def __init__(self) -> None:
        self.on = False
        self.calls: list[tuple[str, str]] = []

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if self.on and event == "call":
            path = Path(frame.f_code.co_filename)
            if path.parent.parent == ROOT and path.parent.name in FOLDERS:
                name = f"{path.parent.name}/{path.stem}.{frame.f_code.co_qualname}"
                self.calls.append((threading.current_thread().name, name))


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """What was called when alice said hello, in a real client and in a real broker."""
    trace = Trace()
    hears, acked, shown = threading.Event(), threading.Event(), threading.Event()

    class Listening(Chat):
        """A chat that tells when SUB works, so that nothing has to be fetched."""

        def tick(self, now: Now) -> list[Action]:
            if self.core.hears:
                hears.set()
            return super().tick(now)

    def write(output: list[Output]) -> None:
        for told in output:
            line = getattr(told, "text", "")
            if "alice: hello" in line:
                shown.set()
            elif "Nobody else" in line:
                acked.set()

    def read(line: object, _: object) -> None:
        assert callable(line)
        assert hears.wait(PATIENCE)
        sys.setprofile(trace)
        trace.on = True
        line("hello")
        assert shown.wait(PATIENCE)
        assert acked.wait(PATIENCE)
        trace.on = False
        sys.setprofile(None)

    before = threading.getprofile()
    threading.setprofile(trace)
    try:
        with Broker(tmp_path_factory.mktemp("broker")) as broker, pytest.MonkeyPatch.context() as patch:
            patch.setenv("ZCHAT_HOME", str(tmp_path_factory.mktemp("home")))
            options = ChatOptions(("lobby",), Start(last=20), "all")
            link = Link.parse(broker.link)
            chat = partial(Listening, options=options)
            run(link, "alice", chat, key=KeyPair.generate(), present=True, read=read, write=write)
    finally:
        threading.setprofile(before)
    return trace


WALK, ACK = tables(section(PAGE, "The walk of one message"))


@pytest.mark.parametrize("way", [WALK, ACK], ids=["message", "ack"])
def test_a_message_walks_as_the_page_says(trace: Trace, way: list[list[str]]) -> None:
    """The functions of the page are called one after the other, each in its thread, when somebody says something."""
    calls = iter(trace.calls)
    for _, thread, function, _ in way:
        (name,) = coded(function)
        steps = [(each, name) for each in THREADS[thread]]
        # Goes on behind what it has found.
        assert any(call in steps for call in calls), f"{name} was not called there, in the {thread} thread"


@pytest.mark.parametrize("name", sorted({name for way in (WALK, ACK) for row in way for name in coded(row[2])}))
def test_steps_are_functions(name: str) -> None:
    """Each step of the page names a function by the module and class in which it stands."""
    module, _, inside = name.partition(".")
    found: object = import_module(f"zchat.{module.replace('/', '.')}")
    for part in inside.split("."):
        found = getattr(found, part)

    assert inspect.isfunction(inspect.unwrap(found))  # type: ignore[arg-type]


# --- how-it-works.md ---
QUOTES = [block for block in blocks("docs/how-it-works.md") if block.language == "python"]


@pytest.mark.parametrize("quote", QUOTES, ids=lambda quote: quote.text.partition("\n")[0])
def test_quoted_code_is_the_code(quote: Block) -> None:
    """Code on docs/how-it-works.md stands in the file that it names, but for the lines that … leaves out."""
    name, _, code = quote.text.partition("\n")
    source = (ROOT / name.removeprefix("# ")).read_text(encoding="utf-8")
    at = 0
    for part in re.split(r"^ *…\n", f"{code}\n", flags=re.M):
        lines = [re.escape(line.strip()) for line in part.strip().split("\n")]
        found = re.compile(r"\n *".join(lines)).search(source, at)
        assert found, f"{quote}: {name} does not have\n{part}"
        at = found.end()
