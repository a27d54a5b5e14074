"""Pictures for `tour.md`, made of real runs: `make screenshots`.

Each scene starts a broker and people at terminals (the ones of the tests), lets them do something, and draws what their
screens show as SVG. Nothing is drawn that was not on a screen; only ports, keys and times differ from run to run.

    python -m tests.screenshots [FOLDER]
"""

from __future__ import annotations

import contextlib
import html
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from pyte.screens import Char

from .processes import Broker
from .terminals import Terminal

NAME = "office"
COLUMNS, ROWS = 78, 16
CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 8.4, 18, 14
MARGIN, BAR = 12, 26
PAPER, INK = "#16181d", "#d7dae0"
COLOURS = {
    "black": "#16181d",
    "red": "#e06c75",
    "green": "#98c379",
    "brown": "#d7ba7d",
    "blue": "#61afef",
    "magenta": "#c678dd",
    "cyan": "#56b6c2",
    "white": "#d7dae0",
    "brightblack": "#7f848e",
    "brightred": "#ff8a93",
    "brightgreen": "#b5e890",
    "brightbrown": "#f0d399",
    "brightblue": "#8cc8ff",
    "brightmagenta": "#dd9bf0",
    "brightcyan": "#7fd6e0",
    "brightwhite": "#ffffff",
}


# --- drawing --------------------------------------------------------------------------------------------------
class Look(NamedTuple):
    """How a cell looks."""

    ink: str
    paper: str
    bold: bool
    italic: bool
    underlined: bool


def look_of(char: Char) -> Look:
    """The colours of a cell, its reversal carried out."""
    ink, paper = _colour(char.fg, INK), _colour(char.bg, PAPER)
    if char.reverse:
        ink, paper = paper, ink
    return Look(ink, paper, char.bold, char.italics, char.underscore)


def _colour(name: str, default: str) -> str:
    return default if name == "default" else COLOURS.get(name, f"#{name}")


def runs(row: list[Char]) -> Iterator[tuple[int, int, str, Look]]:
    """Column, cells, text and look of what looks alike."""
    column = 0
    for look, chars in groupby(row, look_of):
        cells = list(chars)
        yield column, len(cells), "".join(char.data for char in cells), look
        column += len(cells)


def picture(*windows: tuple[str, Terminal]) -> str:
    """Some terminals, one below the other, each with a title."""
    body, top, width = [], 0.0, 0.0
    for title, terminal in windows:
        rows = written(terminal.cells)
        wide, high = len(rows[0]) * CELL_WIDTH + 2 * MARGIN, len(rows) * CELL_HEIGHT + BAR + MARGIN
        body.append(f'<g transform="translate(0 {top:g})">{_window(title, rows, wide, high)}</g>')
        top, width = top + high + MARGIN, max(width, wide)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {top - MARGIN:g}"'
        f' font-family="ui-monospace, Menlo, Consolas, monospace" font-size="{FONT_SIZE}">{"".join(body)}</svg>\n'
    )


def written(rows: list[list[Char]]) -> list[list[Char]]:
    """The rows without the empty ones at the end."""
    last = max((number for number, row in enumerate(rows) if any(char.data.strip() for char in row)), default=0)
    return rows[: last + 1]


def _window(title: str, rows: list[list[Char]], wide: float, high: float) -> str:
    dots = "".join(
        f'<circle cx="{MARGIN + 6 + 18 * number}" cy="{BAR / 2:g}" r="5" fill="{colour}"/>'
        for number, colour in enumerate(("#e06c75", "#d7ba7d", "#98c379"))
    )
    parts = [
        f'<rect width="{wide:g}" height="{high:g}" rx="8" fill="{PAPER}"/>{dots}',
        f'<text x="{wide / 2:g}" y="{BAR / 2 + 5:g}" text-anchor="middle" fill="#7f848e">{html.escape(title)}</text>',
    ]
    for number, row in enumerate(rows):
        y = BAR + number * CELL_HEIGHT
        parts += [_run(y, *run_) for run_ in runs(row)]
    return "".join(parts)


def _run(y: float, column: int, cells: int, text: str, look: Look) -> str:
    x, wide = MARGIN + column * CELL_WIDTH, cells * CELL_WIDTH
    paper = ""
    if look.paper != PAPER:
        paper = f'<rect x="{x:g}" y="{y:g}" width="{wide:g}" height="{CELL_HEIGHT}" fill="{look.paper}"/>'
    if not text.strip() and not look.underlined:
        return paper
    style = "".join(
        (
            ' font-weight="bold"' if look.bold else "",
            ' font-style="italic"' if look.italic else "",
            ' text-decoration="underline"' if look.underlined else "",
        )
    )
    return (
        f'{paper}<text x="{x:g}" y="{y + FONT_SIZE:g}" fill="{look.ink}" xml:space="preserve"'
        f' textLength="{wide:g}" lengthAdjust="spacingAndGlyphs"{style}>{html.escape(text)}</text>'
    )


# --- scenes ---------------------------------------------------------------------------------------------------
def start(home: Path) -> Iterator[str]:
    """The two commands: a broker, and the first one to join, who is asked for a nick."""
    with Terminal(home, "broker", "--name", NAME, "--port", 0, columns=COLUMNS, rows=4) as broker:
        broker.wait_for("is ready")
        with Terminal(home, "join", columns=COLUMNS, rows=8) as alice:
            alice.wait_for("nick")
            alice.enter("alice")
            alice.wait_for("You joined lobby")
            alice.wait_for_prompt("lobby>")
            yield picture(("zchat broker", broker), ("zchat join", alice))


def talking(home: Path) -> Iterator[str]:
    """Two people talk; one is typing while the other's words arrive."""
    with office(home), person(home, "alice") as alice, person(home, "bob") as bob:
        alice.wait_for("bob joined")
        alice.enter("Morning! The build of last night is green again.")
        bob.wait_for("green again")
        bob.enter("Great. Что сломалось? 🔧")
        alice.wait_for("🔧")
        alice.enter(
            "A test that waited for a fixed time. It waits for the event now, and the suite got half a minute faster."
        )
        bob.wait_for("faster.")
        bob.enter("/me bows")
        alice.wait_for("bows")
        alice.type("and I have se")
        bob.enter("@alice, shall we ship it?")
        alice.wait_for("ship it?")
        alice.wait_for("and I have se")
        yield picture(("alice", alice), ("bob", bob))


def privately(home: Path) -> Iterator[str]:
    """`/msg` lists who can be chosen, `/msg NICK` makes what follows go to them alone."""
    with office(home), person(home, "carol"), person(home, "bob") as bob, person(home, "alice") as alice:
        alice.enter("/msg")
        alice.wait_for("carol  lobby")
        alice.enter("/msg bob")
        alice.wait_for_prompt("-> bob>")
        alice.enter("Have you a minute? It is about the release.")
        bob.wait_for("a minute?")
        bob.enter("/reply Always.")
        alice.wait_for("Always.")
        yield picture(("alice", alice), ("bob", bob))


def away(home: Path) -> Iterator[str]:
    """Who was away is told what they have missed, in rooms and privately."""
    with office(home), person(home, "alice") as alice:
        with person(home, "bob") as bob:
            alice.enter("See you at two.")
            bob.wait_for("at two.")
            bob.enter("/quit lunch")
            bob.wait()
        alice.wait_for("bob left")
        alice.enter("It became three, sorry.")
        alice.enter("/msg bob and bring the keys, please")
        alice.wait_for("the keys")
        alice.wait_for_prompt("lobby>")
        with person(home, "bob") as bob:
            bob.wait_for("the keys")
            bob.wait_for("became three")
            bob.wait_for_prompt("lobby>")
            yield picture(("alice", alice), ("bob, back again", bob))


def lost(home: Path) -> Iterator[str]:
    """The broker dies; what is typed waits, marked, and goes out when it is back."""
    with office(home) as broker, person(home, "alice") as alice:
        alice.enter("before")
        alice.wait_for("alice: before")
        broker.kill()
        alice.wait_for("The broker is gone")
        alice.enter("typed while it was gone")
        alice.wait_for("… typed while it was gone")
        alice.wait_for_prompt("lobby>")
        alice.wait_for("no broker", "1:lobby")
        yield picture(("alice, without a broker", alice))
        broker.start()
        alice.wait_for("alice: typed while it was gone")
        alice.wait_for("Connected", "again")
        alice.wait_for_prompt("lobby>")
        yield picture(("alice, a moment later", alice))


def refused(home: Path) -> Iterator[str]:
    """What those see who are not let in: no invitation, a nick of somebody else, nobody there."""
    stranger = home / "elsewhere"

    def tries(link: str, nick: str) -> Terminal:
        return Terminal(stranger, "join", "--broker", link, nick=nick, columns=COLUMNS, rows=4)

    with office(home, "--access", "invite") as broker, tries(broker.link, "mallory") as mallory:
        mallory.wait()
    with office(home, "--access", "open") as broker, person(home, "alice"), tries(broker.link, "alice") as impostor:
        impostor.wait_for("Your nick:")
    with tries(broker.link, "bob") as late:
        late.wait()
    yield picture(
        ("zchat join, without an invitation", mallory),
        ("zchat join, under a nick of somebody else", impostor),
        ("zchat join, with nobody there", late),
    )


def leaving(home: Path) -> Iterator[str]:
    """Who leaves may say why; the others see it once."""
    with office(home), person(home, "alice") as alice, person(home, "bob") as bob:
        alice.wait_for("bob joined")
        bob.enter("That is all for today.")
        alice.wait_for("for today.")
        bob.enter("/quit good night")
        bob.wait()
        alice.wait_for("bob left", "good night")
        alice.wait_for_prompt("lobby>")
        yield picture(("alice", alice), ("bob", bob))


def office(home: Path, *options: object) -> Broker:
    """A broker whose name is not that of the machine on which the pictures are made."""
    return Broker(home, "--name", NAME, *options)


@contextlib.contextmanager
def person(home: Path, nick: str) -> Iterator[Terminal]:
    """Somebody at a terminal, in the lobby."""
    with Terminal(home, "join", nick=nick, columns=COLUMNS, rows=ROWS) as terminal:
        terminal.wait_for("You joined lobby")
        yield terminal


SCENES: dict[str, Callable[[Path], Iterator[str]]] = {
    "start": start,
    "talking": talking,
    "privately": privately,
    "away": away,
    "lost": lost,
    "refused": refused,
    "leaving": leaving,
}


def main(folder: Path) -> None:
    """Play all scenes, and write their pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, scene in SCENES.items():
        with tempfile.TemporaryDirectory() as home:
            for number, drawn in enumerate(scene(Path(home)), 1):
                file = folder / f"{name}{number if number > 1 else ''}.svg"
                file.write_text(drawn, encoding="utf-8")
                print(file.relative_to(folder.parent))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "docs" / "tour")
