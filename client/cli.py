"""The commands that look around: who is there, which rooms, whether the broker answers; and the demonstration.

Owns their options and help texts; what all commands share is in `options_cli`, others are in the modules named
`…_cli`. Imports what a command needs when it runs, so that ``--help`` is quick. Main thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..common.cli import DEMO_BROKER, load
from ..common.json_line import json_line
from .options_cli import ask, choose_nick, client_command, common_options, find, json_option, room_option

if TYPE_CHECKING:
    from ..common.messages import Event
    from .actions import Print


@client_command("who", example="zchat who -r lobby --json")
@common_options
@room_option("Only who is in this room.")
def who(broker: str | None, nick: str | None, as_json: bool, timeout: float | None, room: str | None) -> None:
    """Show who is there, or in one room."""
    from ..common.keys import fingerprint
    from ..common.messages import Roster, Who
    from ..common.names import parse_room
    from ..common.text import clean
    from . import known, render
    from .actions import Print

    question = Who(room=parse_room(room) if room is not None else None)

    def show(event: Event) -> Sequence[str | Print]:
        lines = render.answer_lines(question, event, as_json=as_json)
        if not isinstance(event, Roster):
            return lines
        known.remember(fingerprint(link.key), nicks=[user.nick for user in event.users])
        if as_json:
            return lines
        users = zip(lines, event.users, strict=True)
        return [Print(line, author=(0, len(clean(user.nick)), user.key)) for line, user in users]

    link = find(broker)
    ask(link, nick, question, show, timeout)


@client_command("rooms", example="zchat rooms --json | jq -r .room")
@common_options
def rooms(broker: str | None, nick: str | None, as_json: bool, timeout: float | None) -> None:
    """List the rooms."""
    from ..common.keys import fingerprint
    from ..common.messages import RoomList, Rooms
    from . import known, render

    def show(event: Event) -> list[str]:
        if isinstance(event, RoomList):
            known.remember(fingerprint(link.key), rooms=[room.room for room in event.rooms])
        return render.answer_lines(Rooms(), event, as_json=as_json)

    link = find(broker)
    ask(link, nick, Rooms(), show, timeout)


@client_command("ping", example="zchat ping -b 192.168.1.7")
@common_options
def ping(broker: str | None, nick: str | None, as_json: bool, timeout: float | None) -> None:
    """Ask the broker for a sign of life."""
    from ..common.messages import Welcome
    from ..common.text import clean
    from .programs import Pinger
    from .run import run

    link = find(broker)

    def show(welcome: Welcome, seconds: float) -> str:
        if as_json:
            return json_line({"broker": welcome.broker, "link": str(link), "milliseconds": round(seconds * 1_000, 3)})
        return f"{clean(welcome.broker)} at {link.place} answered in {seconds * 1_000:.1f} ms"

    run(link, choose_nick(link, nick), lambda core: Pinger(core, show, timeout=timeout))


@client_command("demo", example="zchat demo")
@json_option
def demo(as_json: bool) -> None:
    """See a broker and three users have a short conversation."""
    from ..common.keys import Link
    from .demo import converse
    from .output import print_lines

    with load(DEMO_BROKER)() as broker:
        converse(Link.parse(broker.link), lambda line: print_lines([line]), json=as_json)
