"""``zchat admin backup`` and ``zchat admin restore``: options to calls.

Owns their options. Main thread.
"""

from __future__ import annotations

from pathlib import Path

import click

from ..common.cli import CONTEXT_SETTINGS, epilog
from ..common.json_line import json_line

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="ZCHAT_DATA",
    help="The broker's folder; default: the usual one.",
)
file_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def folder_of(data: Path | None) -> Path:
    """The folder whose history is meant; raises `InputError` where a database has it."""
    from ..common.errors import InputError
    from .home import HISTORY, usual_folder
    from .settings import in_force

    named = data is not None and (data / HISTORY).exists()
    if not named and any(value for _, name, value, _ in in_force() if name == "history"):
        raise InputError("The history is in a database. Use its own tools, pg_dump and pg_restore.")
    return data or usual_folder()


@click.command("backup", epilog=epilog("zchat admin backup monday.db"), context_settings=CONTEXT_SETTINGS)
@data_option
@json_option
@file_argument
def backup(data: Path | None, as_json: bool, file: Path) -> None:
    """Copy the history to FILE, on the broker's machine.

    The broker may run meanwhile. The copy holds everything that is said, and who may do what: keep it like the
    history. Keys are not in it.
    """
    from . import deeds
    from .backup import backup
    from .home import HISTORY

    folder = folder_of(data)
    size = backup(folder / HISTORY, file)
    deeds.leave(folder, f"the history was copied to {file.absolute()}")
    click.echo(json_line({"backup": str(file), "bytes": size}) if as_json else f"{file}: {size:,} bytes")


@click.command("restore", epilog=epilog("zchat admin restore monday.db"), context_settings=CONTEXT_SETTINGS)
@data_option
@json_option
@click.option(
    "--history", metavar="URL", help="Into this database, postgresql://USER@HOST/DATABASE, which has none yet."
)
@file_argument
def restore(data: Path | None, as_json: bool, history: str | None, file: Path) -> None:
    """Put a backup in the place of the history.

    The broker must be stopped. What was there is kept beside it. Clients notice that the history is
    another one, and show it anew.

    With --history a broker moves to a database, and stays who it is.
    """
    from . import deeds
    from .backup import restore

    if history is not None:
        _move(data, as_json, history, file)
        return
    folder = folder_of(data)
    former = restore(folder, file)
    deeds.leave(folder, f"the history was replaced by {file.absolute()}")
    if as_json:
        click.echo(json_line({"restored": str(file), "former": str(former) if former else None}))
        return
    click.echo(f"{file} is the history in {folder} now." + (f" The former one: {former}" if former else ""))


def _move(data: Path | None, as_json: bool, url: str, file: Path) -> None:
    from . import deeds
    from .home import usual_folder
    from .opening import check_history, open_history

    check_history(url)
    open_history(url).close()  # says what is wrong with it
    from .moving import move

    folder = data or usual_folder()
    place, count = move(folder, file, url)
    deeds.leave(folder, f"{file.absolute()} was put into the database {place}")
    if as_json:
        click.echo(json_line({"restored": str(file), "history": place, "entries": count}))
        return
    click.echo(f"{file} is the history in {place} now, {count:,} entries. Start the broker with that --history.")
