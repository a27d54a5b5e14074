"""The user's editor: which one it is, and a text written in it.

Owns the choice and the file that is edited. Does not know what becomes of the text (`terminal`). `write` is for
a thread that may wait for a person.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..common.errors import InputError

USUAL = ("editor", "nano", "vi", "emacs", "notepad")
"""Where neither VISUAL nor EDITOR names one that is there."""


def choose(environ: Mapping[str, str]) -> list[str]:
    """The editor's command; raises `InputError` when there is none."""
    for named in (environ.get("VISUAL"), environ.get("EDITOR"), *USUAL):
        try:
            words = shlex.split(named or "", posix=os.name == "posix")
        except ValueError:
            continue
        if words and shutil.which(words[0], path=environ.get("PATH")) is not None:
            return words
    raise InputError(
        "There is no editor: neither VISUAL nor EDITOR names one, nor is a usual one there. Set EDITOR, or write the"
        " message here: Alt-Enter begins a new line."
    )


def write(command: list[str], text: str) -> str:
    """What a person makes of a text in their editor; raises `InputError` when nothing came of it."""
    descriptor, name = tempfile.mkstemp(prefix="zchat-", suffix=".txt", text=True)
    file = Path(name)
    try:
        os.close(descriptor)
        file.write_text(text, encoding="utf-8", errors="replace")
        status = subprocess.call([*command, name])
        if status:
            raise InputError(f"The editor {command[0]} ended with status {status}. The message stays as it was.")
        return file.read_text(encoding="utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise InputError("What the editor wrote is no UTF-8 text. The message stays as it was.") from None
    except OSError as error:
        raise InputError(f"The editor {command[0]} cannot be used ({error.strerror}). Set EDITOR.") from None
    finally:
        file.unlink(missing_ok=True)
