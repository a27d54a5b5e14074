"""The command `zchat`: one group whose commands are found by import path, and the one place where errors end.

Owns the table of commands, exit codes and what an error looks like. Knows broker and client only as text, so that
``zchat who`` never loads the broker. Runs in the main thread.
"""

from __future__ import annotations

import contextlib
import difflib
import gc
import importlib
import os
import signal
import sys
from typing import Any, NoReturn, TextIO

import click

from .errors import ExitCode, ZchatError
from .json_line import json_line
from .signals import heed

COMMANDS = {
    "broker": "zchat.broker.cli:broker",
    "join": "zchat.client.join_cli:join",
    "who": "zchat.client.cli:who",
    "rooms": "zchat.client.cli:rooms",
    "send": "zchat.client.pipes_cli:send",
    "tail": "zchat.client.pipes_cli:tail",
    "search": "zchat.client.asking_cli:search",
    "ask": "zchat.client.asking_cli:ask",
    "replay": "zchat.client.replay_cli:replay",
    "link": "zchat.client.key_cli:link",
    "key": "zchat.client.key_cli:key",
    "admin": "zchat.client.admin_cli:admin",
    "ping": "zchat.client.cli:ping",
    "doctor": "zchat.client.health_cli:doctor",
    "status": "zchat.client.health_cli:status",
    "top": "zchat.client.health_cli:top",
    "config": "zchat.client.config_cli:config",
    "completion": "zchat.client.config_cli:completion",
    "demo": "zchat.client.cli:demo",
}
"""In the order in which people meet them."""

ADMIN_COMMANDS = {
    "backup": "zchat.broker.backup_cli:backup",
    "restore": "zchat.broker.backup_cli:restore",
    "export": "zchat.broker.transfer_cli:export",
    "import": "zchat.broker.transfer_cli:import_",
}
"""What `zchat admin` does with the broker's own files, beside the commands that it gives to a running broker."""

DEMO_BROKER = "zchat.broker.embedded:Broker"
"""What the demonstration, a client's command, runs as its broker."""

BROKER_SETTINGS = "zchat.broker.settings:in_force"
"""What `zchat config`, a client's command, shows of the broker's."""

EXITS = {
    ExitCode.DONE: "done (acked)",
    ExitCode.OTHER: "other",
    ExitCode.USAGE: "usage",
    ExitCode.UNREACHABLE: "broker unreachable",
    ExitCode.NOT_ALLOWED: "not allowed",
    ExitCode.NICK: "nick taken or invalid",
    ExitCode.NOT_FOUND: "no such user or room",
    ExitCode.NOT_ACKED: "not acked in time",
    ExitCode.LIMIT: "too large or too fast",
    ExitCode.TIMEOUT: "--timeout ran out",
    ExitCode.INTERRUPTED: "Ctrl-C",
}
CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""Of every command, for click."""
EPILOG = f"Exit codes: {', '.join(f'{code} {meaning}' for code, meaning in EXITS.items())}."


def epilog(example: str) -> str:
    """What stands under a command's help: how it is typed, one example a line, and the exit codes."""
    examples = "".join(f"\n  {line}" for line in example.splitlines())
    return f"\b\nExample:{examples}\n\n{EPILOG}" if example else EPILOG


def load(path: str) -> Any:
    """What stands at ``package.module:name``."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


class ReaderGone(Exception):
    """Whoever read our output reads no more."""


class Group(click.Group):
    """A group that knows of which of its commands a wrong option was."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; click's parser does not say whose arguments it has read."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if error.ctx is None and ctx.invoked_subcommand is not None:
                command = self.get_command(ctx, ctx.invoked_subcommand)
                assert command is not None
                error.ctx = click.Context(command, ctx, ctx.invoked_subcommand)
            raise


class LazyGroup(Group):
    """A group that imports a command's module when it is used (click documentation, "Lazily loading subcommands")."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        path = COMMANDS.get(cmd_name)
        if path is None:
            return None
        command = load(path)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; click would make an ordinary failure of a reader who has gone."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGone from error


class AdminGroup(Group):
    """A group of which some commands are in another module, imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Its own commands, then the others."""
        return [*self.commands, *ADMIN_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of its own, or one that is imported now."""
        path = ADMIN_COMMANDS.get(cmd_name)
        if path is None:
            return super().get_command(ctx, cmd_name)
        command = load(path)
        assert isinstance(command, click.Command)
        return command


def _version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"zchat {version('zeromq-chat')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    epilog=epilog("zchat broker\nzchat join --nick alice"),
    context_settings=CONTEXT_SETTINGS,
)
@click.option("--version", is_flag=True, callback=_version, expose_value=False, is_eager=True, help="Show the version.")
@click.pass_context
def cli(context: click.Context) -> None:
    """Chat for people and programs on a network you own.

    Start a broker with `zchat broker`, join it with `zchat join --nick alice`, see who is there with `zchat who`.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> NoReturn:
    """Run the command line and end the process with the right code."""
    # What is imported stays: to look for garbage in it again and again took an eighth of a short command's time ...
    gc.set_threshold(20_000)
    _open_standard_streams()
    arguments = sys.argv[1:]
    try:
        heed()
        code = run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except (BrokenPipeError, ReaderGone):
        _die_of_broken_pipe()
    except OSError as error:
        # What else has no name is a pipe or a terminal. Nothing more can be said there, not even with --json.
        _drop(sys.stdout)
        code = _fail(ZchatError(f"The output cannot be written ({error.strerror}). Check where it goes."), arguments)
    gc.freeze()  # ... and at the end all of it goes with the process
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command; its exit code, when what went wrong has been said."""
    try:
        result = cli.main(arguments, prog_name="zchat", standalone_mode=False)
        return result if isinstance(result, int) else ExitCode.DONE
    except ZchatError as error:
        return _fail(error, arguments)
    except click.UsageError as error:
        return _fail(_usage_error(error), arguments)
    except click.ClickException as error:
        return _fail(ZchatError(error.format_message()), arguments)
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED
    except OSError as error:
        if error.filename is None:
            raise
        file = f"The file {os.fsdecode(error.filename)} cannot be used ({error.strerror})"
        return _fail(ZchatError(f"{file}. Check its folder, or name another place."), arguments)


def _usage_error(error: click.UsageError) -> ZchatError:
    command = error.ctx.command_path if error.ctx else "zchat"
    message = " ".join(error.format_message().split()).rstrip(".")
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        message = "A command is missing"  # click would say the whole help
    elif isinstance(error, click.exceptions.NoSuchCommand):
        message = f"There is no command {error.command_name}"
        assert error.ctx is not None
        assert isinstance(error.ctx.command, click.Group)
        names = error.ctx.command.list_commands(error.ctx)
        if close := difflib.get_close_matches(error.command_name, names, n=1):
            message = f"{message}. Did you mean {close[0]}?"
    message = message.replace("a valid integer range", "a whole number").replace("a valid float range", "a number")
    usage = ZchatError(f"{message}{'' if message.endswith('?') else '.'} See: {command} --help.")
    usage.exit_code, usage.code = ExitCode.USAGE, "usage"
    return usage


def _fail(error: ZchatError, arguments: list[str]) -> int:
    """One line on standard error; with ``--json`` the same as an object on standard output."""
    text = " ".join(str(error).split("\n"))
    lines = [f"zchat: {text}"]
    if sys.stderr.isatty():
        import shutil

        from .text import wrap

        # A terminal that wraps by itself would let remote words begin a line of their own.
        lines = wrap(lines[0], shutil.get_terminal_size().columns)
    try:
        click.echo("\n".join(lines), err=True)
    except OSError:
        _drop(sys.stderr)  # an error that nobody can read is still told by the exit code
    if "--json" in arguments[: arguments.index("--")] if "--" in arguments else "--json" in arguments:
        click.echo(json_line({"error": error.code, "detail": text}))
    return error.exit_code


def _open_standard_streams() -> None:
    """Make sure that descriptors 0, 1 and 2 are what they should be, whatever the caller closed."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115 - it stays open for the life of the process
    if sys.stderr is None:
        os.open(os.devnull, os.O_WRONLY)
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        # The next file opened would become descriptor 1, and be written to.
        print("zchat: Standard output is closed. Send it to /dev/null if it is not wanted.", file=sys.stderr)
        sys.exit(ExitCode.OTHER)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets a sign for it, not a traceback.
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]


def _drop(stream: TextIO) -> None:
    """What is still buffered cannot be written: do not try again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _die_of_broken_pipe() -> NoReturn:
    """The reader has gone: end quietly, as Unix tools do."""
    _drop(sys.stdout)
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
    sys.exit(ExitCode.OTHER)
