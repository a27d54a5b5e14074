"""Puts the pages that lie outside of docs/ on the site, and turns links around so that they lead there.

Used by mkdocs (`hooks` in mkdocs.yml); on the forge the same files are read as they are. What is not on the site, such
as code, keeps its name and loses its link.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "deploy/README.md": "deploy.md",
}
"""Pages outside of docs/ → where they are on the site."""
_LINK = re.compile(r"(!?)\[((?:[^][]|\[[^]]*\])*)\]\(([^)\s]+)\)")
_CODE = re.compile(r"(^```.*?^```$|(?<!\[)`[^`\n]+`)", re.M | re.S)


def place(path: str) -> str | None:
    """Where a file of the repository is on the site; None if it is not there."""
    if path in ELSEWHERE:
        return ELSEWHERE[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else None


def turned(markdown: str, source: str) -> str:
    """A page's text with links as they are on the site; `source` is its path in the repository."""
    here = place(source) or ""

    def turn(found: re.Match[str]) -> str:
        mark, words, target = found.groups()
        path, hash_, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return found[0]
        if "[" in words:
            words = _LINK.sub(turn, words)
        there = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        leads = place(f"{there}/README.md" if (ROOT / there).is_dir() else there)
        if leads is None:
            return words if words == f"`{there}`" else f"{words} (`{there}`)"
        relative = posixpath.relpath(leads, posixpath.dirname(here) or ".")
        return f"{mark}[{words}]({relative}{hash_}{anchor})"

    parts = _CODE.split(markdown)  # code stands at the odd places
    return "".join(part if number % 2 else _LINK.sub(turn, part) for number, part in enumerate(parts))


def on_files(files: Any, config: Any) -> Any:
    """mkdocs has looked into docs/: the other pages come to them."""
    from mkdocs.structure.files import File

    for source, uri in ELSEWHERE.items():
        files.append(File.generated(config, uri, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """A page is about to be rendered."""
    sources = {uri: source for source, uri in ELSEWHERE.items()}
    uri = page.file.src_uri
    markdown = re.sub(
        r"^```(\w+) \w+$", "```text", markdown, flags=re.M
    )  # the tests' name of a block is not known there
    return turned(markdown, sources.get(uri, f"docs/{uri}"))
