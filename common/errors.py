"""Every way zchat says no: refusal codes on the wire, exceptions in the program, exit codes in the shell.

Owns the three vocabularies and how they map to each other. Knows nothing of who raises or shows them.
Pure; any thread.

    ZchatError                 exit 1
    ├── WireError              a peer's bytes are not a message
    ├── InputError             exit 2   a typed line, name, option or file is not usable
    ├── BrokerUnreachable      exit 3
    ├── NotAcked               exit 7
    ├── TimedOut               exit 124
    ├── Closed                 exit 1   the client of this program was closed
    └── RefusedError           exit by its code: the broker said no
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Why a broker refuses a command; the text on the wire and in ``--json`` errors."""

    ANSWERED = "answered"
    BAD_FRAME = "bad_frame"
    BAD_VERSION = "bad_version"
    EMPTY = "empty"
    HELLO_FIRST = "hello_first"
    ID_REUSED = "id_reused"
    NICK_INVALID = "nick_invalid"
    NICK_TAKEN = "nick_taken"
    NO_SUCH_MESSAGE = "no_such_message"
    NO_SUCH_ROOM = "no_such_room"
    NO_SUCH_USER = "no_such_user"
    NOT_ALLOWED = "not_allowed"
    NOT_STORED = "not_stored"
    ROOM_INVALID = "room_invalid"
    SEARCH_INVALID = "search_invalid"
    TOO_FAST = "too_fast"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"


class ExitCode:
    """What the shell sees; listed in every ``--help``."""

    DONE = 0
    OTHER = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_ALLOWED = 4
    NICK = 5
    NOT_FOUND = 6
    NOT_ACKED = 7
    LIMIT = 8
    TIMEOUT = 124
    INTERRUPTED = 130


EXIT_OF_CODE: dict[str, int] = {
    Code.ANSWERED: ExitCode.NOT_ALLOWED,
    Code.BAD_FRAME: ExitCode.USAGE,
    Code.EMPTY: ExitCode.USAGE,
    Code.ROOM_INVALID: ExitCode.USAGE,
    Code.SEARCH_INVALID: ExitCode.USAGE,
    Code.NOT_ALLOWED: ExitCode.NOT_ALLOWED,
    Code.NICK_INVALID: ExitCode.NICK,
    Code.NICK_TAKEN: ExitCode.NICK,
    Code.NO_SUCH_MESSAGE: ExitCode.NOT_FOUND,
    Code.NO_SUCH_ROOM: ExitCode.NOT_FOUND,
    Code.NO_SUCH_USER: ExitCode.NOT_FOUND,
    Code.NOT_STORED: ExitCode.NOT_ACKED,
    Code.TOO_FAST: ExitCode.LIMIT,
    Code.TOO_LARGE: ExitCode.LIMIT,
    Code.TOO_MANY: ExitCode.LIMIT,
}
"""Codes not listed here end a command with ``ExitCode.OTHER``."""


class ZchatError(Exception):
    """Something went wrong; the text says what happened and what to do."""

    exit_code: int = ExitCode.OTHER
    code: str = "error"


class WireError(ZchatError):
    """The peer's bytes are not a message of this protocol."""

    code = str(Code.BAD_FRAME)

    def __init__(self, detail: str, code: Code = Code.BAD_FRAME, *, ref: int = 0, id: str | None = None) -> None:
        super().__init__(detail)
        self.code = str(code)
        self.ref = ref
        """The number of the command that the bytes were meant to be, as far as it could be read."""
        self.id = id


class InputError(ZchatError):
    """What was typed or configured cannot be used."""

    exit_code = ExitCode.USAGE
    code = "usage"


class BrokerUnreachable(ZchatError):
    """No broker answers there."""

    exit_code = ExitCode.UNREACHABLE
    code = "unreachable"


class NotAcked(ZchatError):
    """A message was sent but nobody confirmed that it is stored."""

    exit_code = ExitCode.NOT_ACKED
    code = "not_acked"

    def __init__(self, detail: str, id: str = "") -> None:
        super().__init__(detail)
        self.id = id
        """The message's id: sent again with the same one, it is stored once."""


class TimedOut(ZchatError):
    """``--timeout`` ran out."""

    exit_code = ExitCode.TIMEOUT
    code = "timeout"


class Closed(ZchatError):
    """The client was closed by its own program, or is not open yet."""

    code = "closed"


class RefusedError(ZchatError):
    """The broker (or a rule the client checks for it) refused, with a `Code`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.exit_code = EXIT_OF_CODE.get(code, ExitCode.OTHER)
