"""``zchat broker``: options to a running broker.

Owns options, signals and the ready line. Main thread.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..common.cli import epilog
from ..common.errors import InputError

if TYPE_CHECKING:
    from .policy import Access


@click.command(
    "broker",
    epilog=epilog("zchat broker --bind 0.0.0.0 --keep 30d"),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--bind", metavar="HOST", envvar="ZCHAT_BIND", default="127.0.0.1", help="Where to listen (127.0.0.1).")
@click.option(
    "--advertise", metavar="HOST", envvar="ZCHAT_ADVERTISE", help="The host in the link; default: the bound one."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_534),
    envvar="ZCHAT_PORT",
    default=5555,
    help="ROUTER's port, PUB takes the next one (5555). 0: a free pair.",
)
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), envvar="ZCHAT_DATA", help="The broker's folder."
)
@click.option("--name", envvar="ZCHAT_NAME", help="The broker's name, for people; default: this host's.")
@click.option(
    "--access",
    type=click.Choice(["open", "invite", "closed"]),
    envvar="ZCHAT_ACCESS",
    help="Who comes in: everyone, who is invited, who was allowed (open on loopback, else invite).",
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="ZCHAT_CONFIG",
    help="The file with limits; default: config.toml in the configuration folder.",
)
@click.option(
    "--keep", metavar="30d", envvar="ZCHAT_KEEP", help="Remove messages that are older than this; default: never."
)
@click.option(
    "--keep-messages",
    type=click.IntRange(min=1),
    metavar="N",
    envvar="ZCHAT_KEEP_MESSAGES",
    help="Keep the last N messages of each room; default: all.",
)
@click.option(
    "--log", metavar="FILE|syslog|-", envvar="ZCHAT_LOG", default="-", help="Where to log (-: standard error)."
)
@click.option(
    "--log-messages", is_flag=True, envvar="ZCHAT_LOG_MESSAGES", help="Log what is said too, private messages included."
)
def broker(
    bind: str,
    advertise: str | None,
    port: int,
    data: Path | None,
    name: str | None,
    access: Access | None,
    config: Path | None,
    keep: str | None,
    keep_messages: int | None,
    log: str,
    log_messages: bool,
) -> None:
    """Run the broker.

    When it can be joined it prints one line with its link. Ctrl-C or SIGTERM stops it.
    """
    import signal

    from ..common.limits import NAME_CHARACTERS
    from ..common.signals import uninterrupted
    from ..common.text import clean
    from .home import usual_folder
    from .logs import open_log
    from .server import Server, Settings, default_name
    from .settings import read_policy

    if advertise:
        _check_host(advertise)
    if name and (len(name) > NAME_CHARACTERS or clean(name) != name):
        raise InputError(f"A broker's name is one line of at most {NAME_CHARACTERS} characters. Choose another --name.")
    open_log(log, messages=log_messages)
    settings = Settings(
        data=data or usual_folder(),
        bind=bind,
        port=port,
        advertise=advertise,
        name=name or default_name(),
        policy=read_policy(config, bind, access=access, keep=keep, keep_messages=keep_messages),
    )
    with uninterrupted():
        server = Server(settings)
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # One that is ignored from the start stays so: that is how nohup keeps a program.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: server.stop())
    try:
        click.echo(f"zchat broker is ready: {server.link}")
        server.run()
    finally:
        server.close()


def _check_host(host: str) -> None:
    """A link that nobody can read would be found out only by those who try to join with it."""
    from ..common.keys import Link

    try:
        Link.parse(str(Link(host, 1, bytes(32))))
        if host.count(":") == 1:
            raise InputError("a port stands behind it")
    except InputError:
        raise InputError("--advertise takes a host's name or address, without a port. Check it.") from None
