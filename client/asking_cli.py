"""The commands that look for what was said, and that ask people: options to calls, nothing else.

Owns their options and help texts. Imports what a command needs when it runs, so that ``--help`` is quick. Main thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..common.errors import InputError
from ..common.names import LOBBY, legal_nick
from .options_cli import (
    check_id,
    choose_nick,
    client_command,
    common_options,
    find,
    offer,
    room_option,
)

if TYPE_CHECKING:
    from .core import ClientCore


@client_command("search", example="zchat search 'deploy* failed' -r builds")
@common_options
@room_option("Only in this room.")
@click.option(
    "-t", "--to", metavar="NICK", shell_complete=offer("nick"), help="Only in the private messages with NICK."
)
@click.option(
    "-n",
    "count",
    type=click.IntRange(1, 100_000),
    metavar="N",
    default=20,
    help="How many at most, the newest (20).",
)
@click.argument("words", nargs=-1, required=True)
def search(
    broker: str | None,
    nick: str | None,
    as_json: bool,
    timeout: float | None,
    room: str | None,
    to: str | None,
    count: int,
    words: tuple[str, ...],
) -> None:
    """Find what was said, in all that you may read.

    All WORDS must be there, in any order and case; dep* finds what begins so, "in quotes" what stands together.
    """
    from ..common.messages import Search
    from ..common.names import parse_room
    from ..common.searching import parse_search
    from .run import run
    from .searching import Finder

    if room is not None and to is not None:
        raise InputError("A search is in a room or with a nick. Give only one of --room and --to.")
    # One argument with blanks in it was in quotes for the shell: it is a line as it is typed.
    line = " ".join(words)
    parse_search(line)
    asked = Search(
        words=line,
        room=parse_room(room) if room is not None else None,
        to=legal_nick(to) if to is not None else None,
    )
    link = find(broker)
    run(link, choose_nick(link, nick), lambda core: Finder(core, asked, count, json=as_json, timeout=timeout))


@client_command("ask", example='zchat ask -t alice "Deploy?" --choices yes,no && ./deploy')
@common_options
@room_option("The room to ask (lobby).")
@click.option("-t", "--to", metavar="NICK", shell_complete=offer("nick"), help="Ask privately.")
@click.option(
    "--choices", metavar="yes,no", default="yes,no", help="What can be answered: 2 to 20, with commas (yes,no)."
)
@click.option("--id", "message_id", metavar="ID", help="The question's id; asking it again waits for the same answer.")
@click.argument("question", nargs=-1, required=True)
def ask(
    broker: str | None,
    nick: str | None,
    as_json: bool,
    timeout: float | None,
    room: str | None,
    to: str | None,
    choices: str,
    message_id: str | None,
    question: tuple[str, ...],
) -> int:
    """Ask a question, wait for the first answer and print it.

    People answer with /answer. The exit code is 0 for the first choice, 11 for the second, 12 for the third and so on.
    """
    from ..common.messages import Say
    from ..common.names import parse_room
    from ..common.rules import check_choices, check_text
    from .asking import Asker
    from .run import run

    if room is not None and to is not None:
        raise InputError("A question goes to a room or to a nick. Give only one of --room and --to.")
    check_id(message_id)
    offered = [choice.strip() for choice in choices.split(",")]
    text = " ".join(question)
    check_text(text, "ask")
    check_choices(offered)
    say = Say(
        id=message_id or "",
        text=text,
        room=parse_room(room if room is not None else LOBBY) if to is None else None,
        to=legal_nick(to) if to is not None else None,
        kind="ask",
        choices=offered,
    )
    link = find(broker)
    askers: list[Asker] = []

    def program(core: ClientCore) -> Asker:
        askers.append(Asker(core, say, json=as_json, timeout=timeout))
        return askers[0]

    run(link, choose_nick(link, nick), program)
    return askers[0].exit_code
