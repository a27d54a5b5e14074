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
@file_argument
def restore(data: Path | None, as_json: bool, file: Path) -> None:
    """Put a backup in the place of the history.

    The broker must be stopped. What was there is kept beside it. Clients notice that the history is
    another one, and show it anew.
    """
    from . import deeds
    from .backup import restore

    folder = folder_of(data)
    former = restore(folder, file)
    deeds.leave(folder, f"the history was replaced by {file.absolute()}")
    if as_json:
        click.echo(json_line({"restored": str(file), "former": str(former) if former else None}))
        return
    click.echo(f"{file} is the history in {folder} now." + (f" The former one: {former}" if former else ""))
