"""What a release is: the same bytes wherever it is built, a command that runs, and the protocol of the one before."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from . import releases
from .processes import ZCHAT, Broker, Process, run
from .releases import ROOT, Unable

FOLDERS = ("broker", "client", "common")
WRITTEN = re.compile(r"^## (?:\[?v?(\d+\.\d+\.\d+)\]?|(Unreleased))", re.M)

IMPORT_ALL = """
import importlib, pkgutil, sys, zchat.broker, zchat.client, zchat.common
for package in (zchat.broker, zchat.client, zchat.common):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if module.name != "zchat.broker.testing":  # a fixture, for those who have pytest
            importlib.import_module(module.name)
print(sys.version_info.minor, zchat.common.__file__)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel and a source distribution."""
    folder = tmp_path_factory.mktemp("built")
    return releases.build(releases.copy_sources(folder / "source"), folder / "dist")


# --- the files ------------------------------------------------------------------------------------------------
def test_the_same_sources_are_the_same_bytes(
    built: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another folder, another time zone and other modes change nothing; nor does building from the source archive."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    source = releases.copy_sources(tmp_path / "elsewhere" / "source")
    for path in source.rglob("*.py"):
        path.chmod(0o600)
    again = releases.build(source, tmp_path / "dist")
    with tarfile.open(built["sdist"]) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = tmp_path / built["sdist"].name.removesuffix(".tar.gz")
    from_archive = releases.build(unpacked, tmp_path / "from-archive", "wheel")

    assert again["sdist"].read_bytes() == built["sdist"].read_bytes()
    assert again["wheel"].read_bytes() == built["wheel"].read_bytes()
    assert from_archive["wheel"].read_bytes() == built["wheel"].read_bytes()


def test_the_wheel_holds_the_three_folders_and_nothing_else(built: dict[str, Path]) -> None:
    """Every module is in the wheel under zchat/, each package is marked as typed, nothing lies beside it."""
    expected = {f"zchat/{name}" for name in releases.sources() if name.startswith(tuple(f"{f}/" for f in FOLDERS))}
    with zipfile.ZipFile(built["wheel"]) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}

    code = {name for name in names if not name.startswith(f"zeromq_chat-{releases.version()}.dist-info/")}
    assert code == expected
    assert {f"zchat/{folder}/py.typed" for folder in FOLDERS} <= code


def test_the_source_archive_holds_the_repository(built: dict[str, Path]) -> None:
    """What an operator installs the service with, the tests and the pages are in it."""
    with tarfile.open(built["sdist"]) as archive:
        files = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}

    assert set(releases.sources()) <= files
    assert {name for name in files - set(releases.sources()) if not name.startswith("zeromq_chat.egg-info/")} == {
        "PKG-INFO",
        "setup.cfg",
    }


def test_the_version_stands_in_one_place() -> None:
    """What is installed is what pyproject.toml says, no module repeats it, and the changelog knows each release."""
    version = releases.version()
    written = [number or word for number, word in WRITTEN.findall((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))]
    numbers = [tuple(map(int, each.split("."))) for each in written if each != "Unreleased"]

    assert importlib.metadata.version("zeromq-chat") == version, "run make once: the version has changed"
    for folder in FOLDERS:
        for path in (ROOT / folder).glob("*.py"):
            assert version not in path.read_text(encoding="utf-8"), path
    assert written[0] in ("Unreleased", version)
    assert "Unreleased" not in written[1:]
    assert numbers == sorted(numbers, reverse=True)


# --- installed ------------------------------------------------------------------------------------------------
def converse(home: Path, broker: Path, client: Path) -> None:
    """A broker and a client of two installations: they talk in a room and privately, and find it all again."""
    with Broker(home, program=broker) as serving:
        told = run(home, "send", "from the one", nick="alice", program=client)
        assert (told.returncode, told.stderr) == (0, "")
        with Process(home, "tail", "-r", "lobby", "--since", "all", "--json", nick="bob", program=client) as tail:
            tail.wait_for("from the one")
            assert run(home, "send", "from the other", nick="carol").returncode == 0
            tail.wait_for("from the other")
            assert run(home, "send", "--each-line", stdin="1\n2\n3\n", nick="alice", program=client).returncode == 0
            tail.wait_for('"3"')
            serving.stop()
            serving.start()
            assert run(home, "send", "after a restart", nick="alice", program=client).returncode == 0
            tail.wait_for("after a restart")
            seen = [json.loads(line) for line in tail.out.splitlines()]
        assert run(home, "send", "-t", "carol", "privately", nick="alice", program=client).returncode == 0
        private = run(home, "tail", "--dm", "--no-follow", nick="carol")
        found = run(home, "search", "restart", "--json", nick="bob", program=client)
        known = run(home, "who", "--json", nick="bob", program=client)

    assert [line["text"] for line in seen if line["kind"] == "message"] == [
        *("from the one", "from the other", "1", "2", "3", "after a restart"),
    ]
    assert "privately" in private.stdout
    assert [json.loads(line)["text"] for line in found.stdout.splitlines()] == ["after a restart"]
    assert known.returncode == 0
    assert "Traceback" not in serving.log


@pytest.mark.parametrize("which", ["oldest", "newest"])
def test_it_installs_where_nothing_else_is(built: dict[str, Path], home: Path, tmp_path: Path, which: str) -> None:
    """In an empty environment of the oldest and the newest Python there is, the wheel brings all that zchat needs."""
    pythons = releases.pythons()
    minor = min(pythons) if which == "oldest" else max(pythons)
    print(f"3.{minor} of {', '.join(f'3.{each}' for each in pythons)}; the others of these are left out")
    try:
        zchat = releases.install(pythons[minor], built["wheel"], tmp_path / "empty", "[metrics,postgres]")
    except Unable as reason:
        pytest.skip(str(reason))
    done = subprocess.run([zchat.with_name("python"), "-c", IMPORT_ALL], cwd=tmp_path, capture_output=True, text=True)
    told = run(home, "--version", program=zchat)
    demo = run(home, "demo", program=zchat)

    assert done.returncode == 0, done.stderr
    found, file = done.stdout.split(maxsplit=1)
    assert int(found) == minor
    assert Path(file.strip()).is_relative_to(tmp_path / "empty")
    assert told.stdout.split() == ["zchat", releases.version()]
    assert demo.returncode == 0, demo.stderr
    assert "bob: yes" in demo.stdout
    (carol,) = (line for line in demo.stdout.splitlines() if line.startswith("carol ") and "session" in line)
    assert "behind" not in carol  # she asks right after all was shown to her; the others may be on their way
    if which == "newest":
        converse(home, zchat, ZCHAT)


def test_the_release_before_this_one_talks_with_this_one(home: Path, tmp_path: Path) -> None:
    """A client of the newest tag talks to this broker, and the reverse, as long as both are in use."""
    try:
        tag = releases.previous()
        wheel = releases.build(releases.checkout(tag, tmp_path / "source"), tmp_path / "dist", "wheel")["wheel"]
        zchat = releases.install(Path(ZCHAT.with_name("python")), wheel, tmp_path / "before")
    except Unable as reason:
        pytest.skip(str(reason))

    with ThreadPoolExecutor() as both:
        for done in (
            both.submit(converse, home, ZCHAT, zchat),
            both.submit(converse, home / "reverse", zchat, ZCHAT),
        ):
            done.result()
