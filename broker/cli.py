"""``zchat broker``: options to a running broker.

Owns options, signals and the ready line. Main thread.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import click

from ..common.cli import CONTEXT_SETTINGS, epilog
from .options import ABOUT, DEFAULTS, OPTIONS, TYPES, flag, usual

if TYPE_CHECKING:
    from .settings import Settings


def _setting(name: str) -> Callable[[Any], Any]:
    """The option of a setting."""
    about, kind = ABOUT[name], TYPES[name]
    more: dict[str, Any] = {"type": _kind(name, kind), "metavar": about.metavar or None}
    if DEFAULTS[name] is False:
        more = {"is_flag": True, "default": None}
    words = f"{about.help}" + ("" if DEFAULTS[name] is False else f" Default: {about.usual or DEFAULTS[name]}.")
    return click.option(flag(name), name, envvar=f"ZCHAT_{name.upper()}", help=words, **more)


def _kind(name: str, kind: Any) -> Any:
    if name == "data":
        return click.Path(file_okay=False)
    if name == "keep":
        return str
    if hasattr(kind, "__metadata__"):
        (bounds,) = kind.__metadata__
        return click.IntRange(1) if usual(name) == "all" else click.IntRange(bounds.ge, bounds.le)
    if not isinstance(kind, type) and get_origin(kind) is not None and all(isinstance(v, str) for v in get_args(kind)):
        return click.Choice(get_args(kind))
    return str


def _settings(command: Any) -> Any:
    for name in reversed(OPTIONS):
        command = _setting(name)(command)
    return command


@click.command("broker", epilog=epilog("zchat broker --bind 0.0.0.0 --keep 30d"), context_settings=CONTEXT_SETTINGS)
@_settings
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="ZCHAT_CONFIG",
    help="The file with all of this, and limits; default: config.toml in the configuration folder.",
)
@click.option("--check-config", is_flag=True, help="Show what holds, and where it comes from; start nothing.")
@click.pass_context
def broker(context: click.Context, /, config: Path | None, check_config: bool, **options: object) -> None:
    """Run the broker.

    When it can be joined it prints one line with its link. Ctrl-C or SIGTERM stops it, SIGHUP has it read its
    configuration again. docs/configuration.md tells every setting with its reason.
    """
    from ..common.config import toml_lines
    from .settings import read

    origins = {name: context.get_parameter_source(name) for name in options}
    given = {
        name: (
            value,
            flag(name) if origins[name] is click.core.ParameterSource.COMMANDLINE else f"ZCHAT_{name.upper()}",
        )
        for name, value in options.items()
        if value is not None
    }
    reading = functools.partial(read, config, given)
    if check_config:
        for line in toml_lines(reading().rows):
            click.echo(line)
        return
    _serve(reading)


def _serve(reading: Callable[[], Settings]) -> None:
    import signal

    from ..common import limits
    from ..common.signals import give_up_after, uninterrupted
    from .home import usual_folder
    from .reloading import Reloading, start_log
    from .server import Server, Setup, default_name

    held = reading()
    start_log(held)
    service = held.service
    setup = Setup(
        data=Path(service.data).expanduser() if service.data else usual_folder(),
        bind=service.bind,
        port=service.port,
        history=service.history,
        advertise=service.advertise,
        others=tuple(service.others.split(",")) if service.others else (),
        name=service.name or default_name(),
        policy=held.policy,
        metrics=service.metrics,
        supervised=True,
    )
    give_up_after(
        limits.CLOSING_PATIENCE,
        "The broker could not end in order, since its disk or database does not answer. What it had not stored it has"
        " not acknowledged, and clients send it again; see what holds up the disk.",
    )
    with uninterrupted():
        server = Server(setup)
        reloading = Reloading(reading, held, server)
        for name, react in (("SIGINT", server.stop), ("SIGTERM", server.stop), ("SIGHUP", reloading.hang_up)):
            number = getattr(signal, name, None)
            # One that is ignored from the start stays so: that is how nohup keeps a program.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_, react=react: react())
    # What is there by now stays, and messages leave no garbage behind: to look for some took a tenth of their cost.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    # A thread that has waited for the disk is to go on soon, though the loop has much to do.
    sys.setswitchinterval(0.001)
    try:
        click.echo(f"zchat broker is ready: {server.link}")
        server.run()
    finally:
        server.close()
