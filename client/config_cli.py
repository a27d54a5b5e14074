"""What makes zchat at home in an account: ``zchat config`` and ``zchat completion``.

Owns these commands. Does not know the settings themselves (`settings`, and those of a broker by the path of a
function) nor what is completed (`known`). Main thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import click

from ..common.cli import BROKER_SETTINGS, cli, load
from .options_cli import client_command, json_option

Row = tuple[str, str, object, str]
"""Table, name, value (None: not set) and origin."""


@client_command("config", example="zchat config >~/.config/zchat/config.toml")
@click.option("--path", "only_path", is_flag=True, help="Print only where the configuration file is, or would be.")
@json_option
def config(only_path: bool, as_json: bool) -> None:
    """Show the settings in force, and where each comes from.

    An option counts more than the environment (ZCHAT_NICK), that more than the configuration file, that more than the
    default. What is printed can be used as a configuration file.
    """
    from ..common.config import usual_file
    from . import settings

    if only_path:
        path = str(usual_file())
        click.echo(json.dumps({"path": path}) if as_json else path)
        return
    rows: list[Row] = [*settings.in_force(), *load(BROKER_SETTINGS)()]
    for line in _objects(rows) if as_json else _toml(rows):
        click.echo(line)


def _objects(rows: Iterable[Row]) -> Iterator[str]:
    for table, name, value, origin in rows:
        yield json.dumps({"table": table, "name": name, "value": value, "from": origin})


def _toml(rows: Iterable[Row]) -> Iterator[str]:
    """A configuration that says what holds; origins are comments."""
    last = ""
    for table, name, value, origin in rows:
        if table != last:
            yield from ([""] if last else []) + [f"[{table}]"]
        last = table
        yield f"# {name} is not set" if value is None else f"{f'{name} = {_literal(value)}':<30}  # {_escaped(origin)}"


def _literal(value: object) -> str:
    """What JSON writes of texts, numbers and lists of them, TOML reads, but for pairs of surrogates."""
    return _escaped(json.dumps(value, ensure_ascii=False))


def _escaped(text: str) -> str:
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in text)


@client_command("completion", example='eval "$(zchat completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
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
    click.echo(made(cli, {}, "zchat", "_ZCHAT_COMPLETE").source())
