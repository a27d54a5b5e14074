"""The pages of the documentation hold together: links, anchors, the site, commands that are named in the text."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click
import pytest
import yaml

from zchat.common.cli import cli
from zchat.common.man_cli import _commands

from .pages import PAGES, ROOT, anchor, headings, links, prose, section, spoken, tables, text


def on_site() -> ModuleType:
    """What mkdocs is given to turn the links; it is no part of an installed package."""
    spec = importlib.util.spec_from_file_location("on_site", ROOT / "docs" / "on_site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SITE = on_site()


def broken(links: list[str], page: str) -> list[str]:
    """Those of the links on a page that lead nowhere."""
    wrong = []
    for link in links:
        path, _, name = link.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
        there = target.exists() and target.is_relative_to(ROOT)
        if not there or (name and name not in map(anchor, headings(target.relative_to(ROOT).as_posix()))):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Every link and every picture of a page leads to a file of the repository, and to a heading if it names one."""
    assert broken(links(page), page) == []


def test_a_broken_link_is_seen() -> None:
    """The check knows a file, a page or a heading that is not there."""
    given = [
        "tour.md",
        "tour.md#talking",
        "gone.md",
        "tour.md#gone",
        "#gone",
        "../../README.md",
        "https://example.org/",
    ]

    assert broken(given, "docs/scripts.md") == ["gone.md", "tour.md#gone", "#gone", "../../README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_headings_have_one_anchor_everywhere(page: str) -> None:
    """No two headings of a page have the same anchor, and the site gives them the one that the forge does."""
    names = [anchor(heading) for heading in headings(page) if f"#{anchor(heading)}" in "".join(map(text, PAGES))]

    assert len(set(names)) == len(names)
    for name in names:
        assert name == re.sub(r"[-\s]+", "-", name), "the site makes one hyphen of several"
        assert name.isascii()


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_every_page_can_be_found(page: str) -> None:
    """Each page is in the site's navigation, and another page links to it."""
    named = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]

    def places(nav: object) -> list[str]:
        match nav:
            case str():
                return [nav]
            case list():
                return [place for item in nav for place in places(item)]
            case dict():
                return [place for item in nav.values() for place in places(item)]
        raise AssertionError(nav)

    assert SITE.place(page) in places(named)
    linked = {(ROOT / other).parent.joinpath(link.partition("#")[0]) for other in PAGES for link in links(other)}
    assert page == "README.md" or (ROOT / page).resolve() in {path.resolve() for path in linked}


@pytest.mark.parametrize("page", PAGES)
def test_links_of_the_site_stay_on_it(page: str) -> None:
    """Turned around for the site, each link leads to something that is on it."""
    there = {SITE.place(path.relative_to(ROOT).as_posix()) for path in (ROOT / "docs").rglob("*") if path.is_file()}
    there |= set(SITE.ELSEWHERE.values())
    turned = SITE.turned(text(page), page)
    here = Path(SITE.place(page)).parent
    for link in re.findall(r"\]\(([^)\s#]+)[^)\s]*\)", re.sub(r"```.*?```|`[^`\n]*`", "", turned, flags=re.S)):
        assert re.match(r"[a-z]+:", link) or (here / link).as_posix() in there


@pytest.mark.parametrize(
    ("given", "source", "turned"),
    [
        ("[a](operating.md#numbers)", "docs/tour.md", "[a](operating.md#numbers)"),
        ("[a](docs/operating.md#numbers)", "README.md", "[a](operating.md#numbers)"),
        ("![a](docs/tour/start.svg)", "README.md", "![a](tour/start.svg)"),
        ("[deploy/](deploy/README.md)", "README.md", "[deploy/](deploy.md)"),
        ("[a](../CONTRIBUTING.md)", "docs/tour.md", "[a](contributing.md)"),
        ("[how](../tests/pages.py)", "docs/tour.md", "how (`tests/pages.py`)"),
        ("[`LICENSE`](LICENSE)", "README.md", "`LICENSE`"),
        ("`[a](b)` [a](https://example.org/)", "README.md", "`[a](b)` [a](https://example.org/)"),
        ("[![a](docs/tour/start.svg)](docs/tour.md)", "README.md", "[![a](tour/start.svg)](tour.md)"),
    ],
)
def test_a_link_is_turned_for_the_site(given: str, source: str, turned: str) -> None:
    """Pages from outside of docs/ have other places there, and what is no page loses its link."""
    assert SITE.turned(given, source) == turned


# --- commands in the text ---
KNOWN = dict(_commands(cli, "zchat"))


def unknown(words: list[str]) -> str:
    """What a command line of `zchat` names that does not exist, or nothing; CAPITALS stand for anything."""
    path = "zchat"
    for word in words:
        name = word.partition("=")[0]
        command = KNOWN[path]
        if re.fullmatch(r"--?[a-z][a-z-]*", name):
            options = {each for parameter in command.params for each in (*parameter.opts, *parameter.secondary_opts)}
            if name not in {*options, "--help"}:
                return name
        elif isinstance(command, click.Group) and word.islower():
            path = f"{path} {word}"
            if path not in KNOWN:
                return word
    return ""


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_the_text_exist(page: str) -> None:
    """Each `zchat …` in the text of a page names a command and options that there are, each `make …` a target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for command in spoken(page):
        program, *words = re.sub(r"….*|[][]", " ", command, flags=re.S).split() or [""]
        if program == "zchat":
            assert unknown(words) == "", command
        elif program == "make":
            assert {word for word in words if word.islower()} <= targets, command


def test_a_command_that_is_not_there_is_seen() -> None:
    """The check knows a wrong command, a wrong option, and one below another command."""
    given = ("send --each-line", "sent", "send --each-lime", "admin ban NICK --for 2h", "admin bann NICK", "--version")

    assert [unknown(each.split()) for each in given] == ["", "sent", "--each-lime", "", "bann", ""]


# --- figures ---
MEASURED = {
    "processor seconds for a million deliveries, 100 readers": ("Fan-out: CPU seconds per million deliveries", 1),
    "half of all messages take at most, µs": ("Latency", 1),
    "messages taken in a second": ("Ingress", 1),
}
"""A column of the README's table → the section of docs/performance.md that has it, and its column there."""


@pytest.mark.parametrize("column", range(1, 4), ids=list(MEASURED))
def test_figures_of_the_readme_are_those_that_were_measured(column: int) -> None:
    """Each figure stands in docs/performance.md, in the row of the same server."""
    lines = section("README.md", "Beside what you would use otherwise").splitlines()
    head, first = next((line, at) for at, line in enumerate(lines) if "million deliveries" in line)
    title, there = MEASURED[head.strip("|").split("|")[column].strip()]
    measured = {row[0]: row[there].partition(" ")[0] for row in next(tables(section("docs/performance.md", title)))}
    (table,) = tables("\n".join(lines[first:]))

    assert {row[0]: row[column] for row in table if row[column]} == {
        row[0]: measured[row[0]] for row in table if row[column]
    }
    assert {row[0] for row in table if row[column]} >= {"zchat"}


def test_the_prose_has_no_blocks() -> None:
    """What is taken for text holds no block of code, indented or fenced."""
    assert "zchat broker --bind 0.0.0.0" not in prose("README.md")
    assert "sock" not in prose("docs/protocol.md").partition("## A client to begin with")[2]
