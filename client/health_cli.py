"""``zchat status``, ``zchat top``, ``zchat doctor``: how a broker is, and how one's way to it.

Owns these commands' options. Does not know what is asked (`top`, `doctor`) nor how it looks (`reports`). Imports what a
command needs when it runs. Main thread.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .admin_cli import as_whom, operator_options
from .options_cli import (
    ForgivingCommand,
    ask,
    choose_nick,
    client_command,
    common_options,
    find,
    while_it_lasts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..common.messages import Event
    from .checkup import Finding
    from .core import ClientCore
    from .top import Picture, Top


@client_command("status", example="zchat status --json | jq .numbers.rates.messages")
@operator_options
def status(broker: str | None, nick: str | None, as_json: bool, timeout: float | None, key_file: Path | None) -> None:
    """Show how a broker is.

    Its version and uptime, and for operators its numbers.

    Rates and latencies are those of the last minute.
    """
    from ..common.messages import Inspect, Report
    from . import account, reports

    link = find(broker)
    name, key = as_whom(link, nick, key_file)
    hidden: list[Report] = []

    def show(event: Event) -> list[str]:
        assert isinstance(event, Report)
        called = account.name_of(link)
        if as_json:
            return [reports.report_json(event, called, link.place)]
        hidden.extend([event] if event.numbers is None else [])
        return reports.report_lines(event, called, link.place)

    ask(link, name, Inspect(), show, timeout, key=key)
    if hidden:
        click.echo(reports.OPERATORS_ONLY, err=True)


@client_command("top", example="zchat top -b attic")
@operator_options
def top(broker: str | None, nick: str | None, as_json: bool, timeout: float | None, key_file: Path | None) -> None:
    """Watch a broker, as its operator.

    How much is said, how quickly, where, and what goes wrong.

    Each second anew; q ends it. When output is no terminal: a line a second.
    """
    from . import reports
    from .run import run
    from .top import Top, plain

    link = find(broker)
    name, key = as_whom(link, nick, key_file)
    patience = while_it_lasts(timeout)

    def lines(picture: Picture) -> Sequence[str]:
        if not as_json:
            return plain(picture)
        report = picture.report
        return [reports.report_json(report, picture.broker, link.place)] if report and not picture.gone else []

    on_terminal = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    if as_json or not on_terminal:
        return run(link, name, lambda core: Top(core, link.place, lines, timeout=patience), key=key)

    from .top_screen import TopScreen

    screen = TopScreen()

    def program(core: ClientCore) -> Top:
        return Top(core, link.place, screen.show, timeout=patience)

    run(link, name, program, key=key, read=lambda _take, _ended: screen.run(), write=lambda _: None, on_end=screen.end)


@client_command("doctor", example="zchat doctor -b 192.168.1.7", cls=ForgivingCommand)
@common_options
def doctor(broker: str | None, nick: str | None, as_json: bool, timeout: float | None) -> None:
    """Find out why a broker cannot be used.

    Or that all is well: one line a check, with what to mend.

    Looks at this account's files, the broker's name and key, both of its ports, access, clocks, versions and latency.
    The exit code is that of the first check that failed.
    """
    from .actions import Print
    from .doctor import Examination
    from .output import print_lines

    def show(finding: Finding) -> None:
        print_lines([Print(finding.json if as_json else finding.line)])

    Examination(show).examine(lambda: find(broker), lambda link: choose_nick(link, nick), timeout)
