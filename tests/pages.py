"""The pages of the documentation, read as text: their headings, links, tables and blocks of code.

Knows as much of Markdown as these pages use. Does not run anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = tuple(
    path.relative_to(ROOT).as_posix()
    for path in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "deploy" / "README.md"]
)
"""Every page, as a path from the root of the repository."""


@dataclass(frozen=True)
class Block:
    """A block of code on a page."""

    page: str
    line: int
    """The number of its first line."""
    language: str
    """What stands behind the fence; empty for an indented block."""
    text: str
    note: str = ""
    """The HTML comment in front of it, which tells the tests something: ``not run: REASON``, or how to run it."""

    def __str__(self) -> str:
        return f"{self.page}, line {self.line}"


@cache
def text(page: str) -> str:
    """All of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> Iterator[Block]:
    """The fenced and the indented blocks of code on a page, in order."""
    lines = text(page).split("\n")
    number, note = 0, ""
    while number < len(lines):
        line = lines[number]
        if found := re.fullmatch(r"<!-- (.*) -->", line):
            note = found[1]
        elif fence := re.fullmatch(r"( *)```([^`]*)", line):
            end = lines.index(f"{fence[1]}```", number + 1)
            yield Block(page, number + 2, fence[2].strip(), _body(lines[number + 1 : end]), note)
            number, note = end, ""
        elif line.startswith("    ") and not lines[number - 1].strip():
            end = next((n for n in range(number, len(lines)) if lines[n].strip() and lines[n][0] != " "), len(lines))
            yield Block(page, number + 1, "", _body(lines[number:end]), note)
            number, note = end - 1, ""
        elif line.strip():
            note = ""
        number += 1


def _body(lines: list[str]) -> str:
    common = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[common:] for line in lines).strip("\n")


@cache
def prose(page: str) -> str:
    """A page without its fenced and indented blocks of code; lines keep their place."""
    kept = text(page).split("\n")
    for block in blocks(page):
        for number in range(block.line - 1, block.line + block.text.count("\n")):
            kept[number] = ""
    return "\n".join(kept)


def section(page: str, title: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    heading = re.search(rf"^(#+) {re.escape(title)}\n", text(page), re.M)
    assert heading is not None, f"{page} has no section {title}"
    body = text(page)[heading.end() :]
    following = re.search(rf"^#{{1,{len(heading[1])}}} ", body, re.M)
    return body[: following.start()] if following else body


def tables(said: str) -> Iterator[list[list[str]]]:
    """The tables in a text, each as rows of cells, without the heading."""
    for table in re.findall(r"(?:^\|.*\|\n?)+", said, re.M):
        yield [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines()][2:]


def coded(cell: str) -> list[str]:
    """All that stands between backquotes."""
    return re.findall(r"`([^`]+)`", cell)


def headings(page: str) -> list[str]:
    """The headings of a page, as they are written."""
    return re.findall(r"^#+ (.*)$", prose(page), re.M)


def anchor(heading: str) -> str:
    """What a link to a heading names it."""
    words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def links(page: str) -> list[str]:
    """Where the links and pictures of a page lead."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "`", prose(page)))


def spoken(page: str) -> list[str]:
    """What stands between backquotes in the text of a page."""
    return re.findall(r"`([^`]+)`", prose(page))
