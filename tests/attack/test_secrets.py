"""Secrets stay where they are: in key files that only their owner reads, and in no log, output or list of processes.

Everything runs under umask 000, the worst there is: what is closed then was closed on purpose.
"""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from zmq.utils import z85

from zchat.common.keys import KeyPair, to_base32

from .. import inside
from ..processes import Broker, LineMode, Process, run
from ..terminals import Terminal

pytestmark = pytest.mark.skipif(os.name != "posix" or not Path("/proc/self").exists(), reason="looks at /proc")

PRIVATE_WORD = "only-bob-may-read-this"


@pytest.fixture(autouse=True, scope="module")
def no_umask() -> Iterator[None]:
    """Nothing but the program itself takes rights away."""
    before = os.umask(0)
    yield
    os.umask(before)


@dataclass
class Scene:
    """An account with a broker that logs all it can, and all that was said by any command."""

    home: Path
    log: Path
    outputs: list[str] = field(default_factory=list)
    arguments: list[bytes] = field(default_factory=list)
    """Of every process that was seen, what `ps` shows of it."""

    def zchat(self, *arguments: object, nick: str | None = "alice", stdin: str | None = None) -> None:
        """Run a command, however it ends."""
        program = run if arguments[0] == "broker" else inside.run
        done = program(self.home, *arguments, nick=nick, stdin=stdin)
        self.outputs += [done.stdout, done.stderr]

    def look_at(self, *processes: Process) -> None:
        """What others see of processes that run: their arguments, and the words that these set for themselves."""
        for process in processes:
            for name in ("cmdline", "comm"):
                self.arguments.append(Path(f"/proc/{process.pid}/{name}").read_bytes())

    @property
    def keys(self) -> list[Path]:
        """The key files."""
        return sorted(self.home.rglob("*.key"))

    @property
    def files(self) -> list[Path]:
        """All files, whatever they are."""
        return [path for path in self.home.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def scene(no_umask: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """People talk, ask, fail and leave; at its end everything still runs."""
    home = tmp_path_factory.mktemp("account") / "home"
    scene = Scene(home, home / "log" / "broker.log")
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(scene.home, "--log", scene.log, "--log-messages", "--name", "secretive"))
        alice = stack.enter_context(LineMode(scene.home, "alice"))
        bob = stack.enter_context(LineMode(scene.home, "bob", "-b", broker.link))
        carol = stack.enter_context(Terminal(scene.home, "join", nick="carol"))
        carol.wait_for("lobby>")
        alice.type(f"/msg bob {PRIVATE_WORD}", "hello")
        bob.wait_for(PRIVATE_WORD)
        scene.look_at(broker.process, alice, bob)
        for arguments in COMMANDS:
            scene.zchat(*arguments)
        scene.zchat("broker", "--port", broker.port, "--data", broker.data)
        scene.zchat("send", "--each-line", stdin="one\ntwo\n")
        scene.zchat("who", "-b", broker.link, nick="dave")
        scene.zchat("who", "-b", broker.link.replace(broker.link[-9:], "aaaaaaaaa"), nick="dave")
        key = scene.keys[-1]
        text = key.read_text()
        key.write_text(text[:-4])  # a damaged key is complained about, not shown
        for nick in ("alice", "bob", "carol", "dave"):
            scene.zchat("key", "show", nick=nick)
            scene.zchat("who", "--json", nick=nick)
        key.write_text(text)
        broker.stop(signal.SIGTERM)
        broker.start()
        scene.look_at(broker.process)
        scene.outputs += [broker.log, broker.process.out, alice.out, alice.err, bob.out, bob.err, carol.bytes.decode()]
        yield scene


COMMANDS: list[tuple[object, ...]] = [
    ("send", "hello"),
    ("send", "-t", "bob", PRIVATE_WORD),
    ("send", "-t", "nobody", "hello"),
    ("send", "--json", "hello"),
    ("send", ""),
    ("tail", "--no-follow", "--since", "all"),
    ("tail", "--no-follow", "--dm", "--json"),
    ("who",),
    ("who", "--json"),
    ("who", "-u", "bob!"),
    ("rooms", "--json"),
    ("ping", "--json"),
    ("link",),
    ("link", "--json"),
    ("key",),
    ("key", "show", "--json"),
    ("key", "list"),
    ("key", "list", "--json"),
    ("key", "export"),
    ("key", "forget", "nobody"),
    ("broker", "--port", "0", "--log", "/"),
    ("who", "-b", "127.0.0.1:1"),
    ("who", "--no-such-option"),
]


def forms(pair: KeyPair) -> list[bytes]:
    """How a secret key may be written."""
    secret = pair.secret
    base32 = to_base32(secret)
    return [base32.encode(), base32.upper().encode(), z85.encode(secret), secret, secret.hex().encode()]


def test_the_scene_has_secrets(scene: Scene) -> None:
    """The tests below mean something: there are keys of the broker and of four people, and a private message."""
    assert len(scene.keys) >= 5
    assert any(PRIVATE_WORD in output for output in scene.outputs)
    assert any("zchat link" in output or "zchat://" in output for output in scene.outputs)
    assert json.loads(next(output for output in scene.outputs if output.startswith('{"link"')))
    assert any(b"broker" in shown for shown in scene.arguments)
    for path in scene.keys:
        assert forms(KeyPair.load(path))[0] in path.read_bytes()


def test_secret_keys_are_written_nowhere_else(scene: Scene) -> None:
    """No file but its own holds a secret key: no log, history, note or leftover, in none of the ways to write it."""
    for path in scene.keys:
        for other in scene.files:
            content = other.read_bytes()
            assert other == path or not any(form in content for form in forms(KeyPair.load(path))), other


def test_secret_keys_are_told_to_nobody(scene: Scene) -> None:
    """No command, whether it succeeds or fails, and no log shows a secret key; nor does `ps`."""
    seen = b"\n".join([*(output.encode() for output in scene.outputs), *scene.arguments])
    for path in scene.keys:
        assert not any(form in seen for form in forms(KeyPair.load(path))), path


def test_private_words_are_in_no_list_of_processes(scene: Scene) -> None:
    """What is typed is not among a process's arguments."""
    assert not any(PRIVATE_WORD.encode() in shown for shown in scene.arguments)


def test_only_their_owner_reads_what_is_kept(scene: Scene) -> None:
    """Keys, history, notes and logs, and the folders that hold them, are closed to all others."""
    open_files = {
        str(path.relative_to(scene.home)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in scene.files
        if path.stat().st_mode & 0o077 and not is_behind_a_closed_door(path, scene.home)
    }
    assert open_files == {}


def is_behind_a_closed_door(path: Path, home: Path) -> bool:
    """Whether a folder between here and there lets nobody but its owner through."""
    inside = [folder for folder in path.parents if folder.is_relative_to(home)]
    return any(not folder.stat().st_mode & 0o077 for folder in inside)


def test_nobody_can_swap_what_is_kept(scene: Scene) -> None:
    """No folder of the account lets others put a file or a folder in the place of another."""
    folders = [path for path in scene.home.rglob("*") if path.is_dir()]
    writable = [
        str(path.relative_to(scene.home))
        for path in folders
        if path.stat().st_mode & 0o022 and not is_behind_a_closed_door(path / "x", scene.home)
    ]
    assert writable == []


def test_a_history_in_an_open_folder_is_closed(tmp_path: Path) -> None:
    """A broker's files are its owner's alone also in a folder that was there before and is open to all."""
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    with Broker(tmp_path / "home", data=data) as broker:
        run(tmp_path / "home", "send", "-b", broker.link, PRIVATE_WORD, nick="alice")
        modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in data.iterdir()}

    assert {"broker.key", "history.sqlite"} <= set(modes)
    assert set(modes.values()) == {"0o600"}
