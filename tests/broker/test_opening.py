"""Which history a broker has: what is said of one that cannot be opened."""

from __future__ import annotations

import subprocess
import sys

import pytest

from zchat.broker.opening import without_password


def test_without_the_package_it_is_said_what_to_install() -> None:
    """The line that installs it."""
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from zchat.broker.opening import open_history\n"
        "try: open_history('postgresql://host/chat')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("BadHistory ")
    assert "pip install 'zeromq-chat[postgres]'" in done.stdout


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://host/chat", "postgresql://host/chat"),
        ("postgresql://me@host:5432/chat", "postgresql://me@host:5432/chat"),
        ("postgresql://me:secret@host:5432/chat", "postgresql://me:***@host:5432/chat"),
        ("postgresql://me:se@c:ret@host/chat", "postgresql://me:***@host/chat"),
        ("postgresql://me:se?cr#et@host/chat", "postgresql://me:***@host/chat"),
        ("postgresql:///chat?user=me&password=secret&host=h", "postgresql:///chat?user=me&password=***&host=h"),
        ("postgresql://host:5432/chat?password=se@cret&user=me", "postgresql://host:5432/chat?password=***&user=me"),
        ("postgresql://me@host/chat?sslpassword=secret", "postgresql://me@host/chat?sslpassword=***"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    """The rest of the URL is."""
    assert without_password(url) == shown
