"""``zchat link`` and ``zchat key``: how others find this account's broker, and whose keys are known here.

Owns these commands' options. Does not know how keys are kept (`account`). Imports what a command needs when it runs.
Main thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..common.cli import CONTEXT_SETTINGS, Group, epilog
from ..common.errors import InputError
from ..common.json_line import json_line
from .options_cli import (
    ask,
    broker_options,
    choose_nick,
    client_command,
    common_options,
    find,
    is_given,
    json_option,
    names_broker,
    nick_option,
    offer,
)

if TYPE_CHECKING:
    from ..common.keys import Link
    from ..common.messages import Event


@client_command("link", example="zchat link --invite --expires 2d")
@common_options
@click.option("--invite", is_flag=True, help="Make an invitation, and print the link with it: give it to one person.")
@click.option("--uses", type=click.IntRange(1, 100_000), metavar="N", default=1, help="How many may come in by it (1).")
@click.option("--expires", metavar="7d", default="7d", help="How long it holds (7d).")
def link(
    broker: str | None, nick: str | None, as_json: bool, timeout: float | None, invite: bool, uses: int, expires: str
) -> None:
    """Print the link by which others join this account's broker."""
    from ..common.spans import parse_span
    from . import account

    seconds = parse_span(expires, "--expires")
    if invite:
        return _invite(
            find(broker) if names_broker(broker) else account.own_link(), nick, as_json, timeout, uses, seconds
        )
    for option in ("broker", "invite_file", "uses", "expires"):
        if is_given(option):
            raise InputError(f"--{option.replace('_', '-')} belongs to an invitation. Add --invite.")
    found = str(account.own_link())
    click.echo(json_line({"link": found}) if as_json else found)


def _invite(link: Link, nick: str | None, as_json: bool, timeout: float | None, uses: int, seconds: float) -> None:
    import dataclasses
    import time

    from ..common.clock import utc
    from ..common.messages import Admin, Administered
    from .admin_cli import as_whom

    expires = int((time.time() + seconds) * 1_000)

    def show(event: Event) -> list[str]:
        assert isinstance(event, Administered)
        made = dataclasses.replace(link, invite=event.invite).with_invite
        return [json_line({"link": made, "expires": utc(expires), "uses": uses}) if as_json else made]

    name, key = as_whom(link, nick, None)
    ask(link, name, Admin(verb="invite", seconds=seconds, uses=uses), show, timeout, key=key)


class KeyGroup(Group):
    """A group that shows the key when it is not told what to do."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options without a command are those of ``show``."""
        shows = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        return super().parse_args(ctx, ["show", *args] if shows else args)


@click.group("key", cls=KeyGroup, epilog=epilog("zchat key show -u alice"), context_settings=CONTEXT_SETTINGS)
def key() -> None:
    """Your keys, and the brokers whose keys you know."""


@client_command("show", key, example="zchat key show -u alice")
@broker_options
@nick_option
@json_option
def key_show(broker: str | None, nick: str | None, as_json: bool) -> None:
    """Show the fingerprint and public key of your nick at a broker."""
    from ..common.keys import to_base32
    from . import account

    found = find(broker)
    name = choose_nick(found, nick)
    pair, _ = account.key_for(found, name)
    shown = {"nick": name, "fingerprint": pair.fingerprint, "public": to_base32(pair.public)}
    if as_json:
        click.echo(json_line(shown))
    else:
        for word, value in shown.items():
            click.echo(f"{word:<12} {value}")


@client_command("list", key, example="zchat key list")
@json_option
def key_list(as_json: bool) -> None:
    """List your nicks and the brokers that are known here."""
    from ..common.text import clean
    from . import account

    for broker in account.known_brokers():
        name, places, fingerprint = broker.name, broker.places, broker.fingerprint
        nicks = {nick: own for at, nick, own in account.own_nicks() if at == fingerprint}
        if as_json:
            click.echo(json_line({"broker": name, "places": places, "fingerprint": fingerprint, "nicks": nicks}))
            continue
        click.echo(f"{clean(name)}  {', '.join(places)}  {fingerprint}")
        for nick, own in nicks.items():
            click.echo(f"    {clean(nick)}  {own}")


@client_command("export", key, example="zchat key export -u alice")
@broker_options
@nick_option
@json_option
def key_export(broker: str | None, nick: str | None, as_json: bool) -> None:
    """Print your public key alone, to be given to an operator."""
    from ..common.keys import to_base32
    from . import account

    found = find(broker)
    pair, _ = account.key_for(found, choose_nick(found, nick))
    public = to_base32(pair.public)
    click.echo(json_line({"public": public}) if as_json else public)


@client_command("forget", key, example="zchat key forget 192.168.1.7")
@json_option
@click.argument("broker", shell_complete=offer("broker"))
def key_forget(broker: str, as_json: bool) -> None:
    """Forget a broker's key, so that another one is accepted."""
    from . import account

    for fingerprint in account.forget_broker(broker):
        if as_json:
            click.echo(json_line({"forgotten": fingerprint}))
        else:
            click.echo(f"Forgotten: {fingerprint}", err=True)
