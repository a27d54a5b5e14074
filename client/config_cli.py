"""What makes zchat at home in an account: ``zchat config`` and ``zchat completion``.

Owns these commands. Does not know the settings themselves (`settings`, and those of a broker by the path of a
function) nor what is completed (`known`). Main thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from ..common.cli import BROKER_SETTINGS, cli, load
from ..common.config import Row
from ..common.json_line import json_line
from .options_cli import client_command, json_option


@client_command("config", example="zchat config >~/.config/zchat/config.toml")
@click.option("--path", "only_path", is_flag=True, help="Print only where the configuration file is, or would be.")
@json_option
def config(only_path: bool, as_json: bool) -> None:
    """Show the settings in force, and where each comes from.

    An option counts more than the environment (ZCHAT_NICK), that more than the configuration file, that more than the
    default. What is printed can be used as a configuration file.
    """
    from ..common.config import toml_lines, usual_file
    from . import settings

    if only_path:
        path = str(usual_file())
        click.echo(json_line({"path": path}) if as_json else path)
        return
    rows: list[Row] = [*settings.in_force(), *load(BROKER_SETTINGS)()]
    for line in _objects(rows) if as_json else toml_lines(rows):
        click.echo(line)


def _objects(rows: Iterable[Row]) -> Iterator[str]:
    for table, name, value, origin in rows:
        yield json_line({"table": table, "name": name, "value": value, "from": origin})


@client_command("completion", example='eval "$(zchat completion bash)"')
@json_option
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str, as_json: bool) -> None:
    """Print what makes a shell complete commands and names.

    These are the names of options, rooms, nicks and brokers.

    \b
    bash: put  eval "$(zchat completion bash)"  into ~/.bashrc.
    zsh:  put  eval "$(zchat completion zsh)"  into ~/.zshrc, behind compinit.
    fish: zchat completion fish >~/.config/fish/completions/zchat.fish
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    script = made(cli, {}, "zchat", "_ZCHAT_COMPLETE").source()
    click.echo(json_line({"shell": shell, "script": script}) if as_json else script)
