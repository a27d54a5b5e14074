"""``zchat replay``: options to calls, and the waiting between two messages.

Owns these. Main thread, which is the input thread here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..common.errors import InputError
from ..common.names import LOBBY
from .options_cli import choose_nick, client_command, common_options, find, room_option, while_it_lasts

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator


@client_command("replay", example="zchat replay lobby.jsonl -r rehearsal --speed 10")
@common_options
@room_option("The room to say it in (lobby).")
@click.option(
    "--speed",
    metavar="N",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    help="So many times as fast as it was said (1).",
)
@click.option(
    "--pause",
    metavar="SECONDS",
    type=click.FloatRange(min=0, max=86_400),
    default=60.0,
    help="Wait no longer than this for the next one (60).",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def replay(
    broker: str | None,
    nick: str | None,
    as_json: bool,
    timeout: float | None,
    room: str | None,
    speed: float,
    pause: float,
    file: Path,
) -> None:
    """Say again what an export holds.

    In its rhythm and as oneself: for demonstrations and tests.

    Of `zchat admin export ROOM FILE` the messages are said, but no topics or questions, nor what was done.
    """
    from ..common.names import parse_room
    from .replaying import Replayer
    from .run import run

    name = parse_room(room if room is not None else LOBBY)
    for _ in _beats(file, speed, pause):
        pass  # a fault in the file is told before anything is said
    link = find(broker)
    patience = while_it_lasts(timeout)

    def feed(take: Callable[[str], bool], ended: socket.socket) -> None:
        _feed(_beats(file, speed, pause), take, ended)

    run(
        link,
        choose_nick(link, nick),
        lambda core: Replayer(core, room=name, to=None, text=None, json=as_json, timeout=patience),
        read=feed,
    )


def _beats(file: Path, speed: float, pause: float) -> Iterator[tuple[float, str]]:
    from ..common.exported import decode
    from .replaying import beats

    try:
        with file.open("rb") as lines:
            yield from beats(decode(lines), speed, pause)
    except OSError as error:
        raise InputError(f"The file {file} cannot be read ({error.strerror}). Name an export.") from None


def _feed(beats: Iterator[tuple[float, str]], take: Callable[[str], bool], ended: socket.socket) -> None:
    """Hand over each line when it is time, until the end or until `ended` is readable."""
    import select
    import time

    due = time.monotonic()
    for wait, line in beats:
        due += wait
        if select.select([ended], [], [], max(0.0, due - time.monotonic()))[0] or not take(line):
            return
