"""``zchat admin export`` and ``zchat admin import``: options to calls.

Owns their options. Main thread.
"""

from __future__ import annotations

from pathlib import Path

import click

from ..common.cli import CONTEXT_SETTINGS, epilog
from ..common.json_line import json_line
from .backup_cli import data_option, file_argument, folder_of, json_option


@click.command(
    "export",
    epilog=epilog("zchat admin export lobby lobby.jsonl\nzchat admin export lobby | jq .text"),
    context_settings=CONTEXT_SETTINGS,
)
@data_option
@json_option
@click.argument("room")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
def export(data: Path | None, as_json: bool, room: str, file: Path | None) -> None:
    """Write a room's history to a file.

    All that is kept of ROOM goes to FILE or standard output, one object a line; the broker may run meanwhile.

    It is done on the broker's machine, for private rooms too; private messages are only in a backup.
    """
    from . import deeds
    from .home import HISTORY
    from .transfer import export

    folder = folder_of(data)
    count = export(folder / HISTORY, room, file)
    deeds.leave(folder, f"{room} was exported, {count} entries, to {file.absolute() if file else 'standard output'}")
    if file is not None:
        done = {"room": room, "exported": count, "file": str(file)}
        click.echo(json_line(done) if as_json else f"{file}: {count:,} entries of {room}")


@click.command(
    "import", epilog=epilog("zchat admin import lobby.jsonl -r old-lobby"), context_settings=CONTEXT_SETTINGS
)
@data_option
@json_option
@click.option("-r", "--room", metavar="ROOM", help="Into another room than the one it was exported from.")
@file_argument
def import_(data: Path | None, as_json: bool, room: str | None, file: Path) -> None:
    """Put an export at the end of its room.

    The room is made if need be; the broker is stopped.

    Authors, ids and times stay; what is there already is not added again.
    """
    from . import deeds
    from .transfer import import_

    folder = folder_of(data)
    done = import_(folder, file, room)
    deeds.leave(folder, f"{done.added} entries were imported into {done.room} from {file.absolute()}")
    if as_json:
        click.echo(json_line({"room": done.room, "added": done.added, "known": done.known, "other": done.other}))
        return
    click.echo(f"{done.room}: {done.added:,} entries added, {done.known:,} were there already")
    if done.other:
        click.echo(f"{done.other:,} were left out: another text stands there under the same id.", err=True)
