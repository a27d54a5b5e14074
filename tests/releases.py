"""A release: built twice to the same bytes, installed where nothing else is; `make release` puts it into dist/.

Owns how the files of a release come to be, which Pythons this machine has, and what the release before this one was.
Git says what belongs to the sources; where there is no repository (a source distribution), everything that lies here.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = 11
"""Python 3.11."""
EPOCH = 1_767_225_600
"""The time that all files of a release bear where neither SOURCE_DATE_EPOCH nor a repository tells one."""
MADE = re.compile(r"(^|/)(\.venv|build|dist|__pycache__|\.git|\.\w+_cache|\.hypothesis|[^/]*\.egg-info)(/|$)")
"""What tools make, and no sources."""
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet")
INSTALL = ("install", "--no-compile")
"""What is run is compiled then; the most is not."""


class Unable(Exception):
    """This machine does not have that; the text is for people."""


def _output(*command: object, cwd: Path = ROOT, **variables: str) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {(done.stderr or done.stdout).strip()[-2_000:]}")
    return done.stdout


# --- sources --------------------------------------------------------------------------------------------------
def has_repository() -> bool:
    """Whether git knows these sources."""
    return shutil.which("git") is not None and (ROOT / ".git").exists()


def sources() -> list[str]:
    """The files of a release, relative to the root."""
    if has_repository():
        listed = _output("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        return sorted(name for name in set(listed) if name and (ROOT / name).is_file())
    files = (path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file())
    return sorted(name for name in files if not MADE.search(name) and name not in ("PKG-INFO", "setup.cfg"))


def version(root: Path = ROOT) -> str:
    """The one that pyproject.toml says, which is the only place."""
    with (root / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def copy_sources(folder: Path) -> Path:
    """The sources in a new folder: building leaves files behind."""
    for name in sources():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
        target.chmod(0o755 if os.access(ROOT / name, os.X_OK) else 0o644)
    return folder


# --- building -------------------------------------------------------------------------------------------------
def epoch() -> int:
    """The time that all files of a release bear, in seconds: SOURCE_DATE_EPOCH, or that of the last commit."""
    told = os.environ.get("SOURCE_DATE_EPOCH")
    if not told and has_repository():
        told = _output("git", "log", "-1", "--format=%ct")
    return int(told or EPOCH)


def build(source: Path, into: Path, *kinds: str) -> dict[str, Path]:
    """Build ``wheel`` and ``sdist``, or only those named, without a network; the files by kind."""
    into.mkdir(parents=True, exist_ok=True)
    kinds = kinds or ("sdist", "wheel")
    calls = "".join(f"; print(b.build_{kind}({str(into)!r}), file=sys.stderr)" for kind in kinds)
    code = f"import os, sys; os.umask(0o022); import setuptools.build_meta as b{calls}"
    _output(sys.executable, "-c", code, cwd=source, SOURCE_DATE_EPOCH=str(epoch()))
    built = {"sdist": next(into.glob("*.tar.gz"), None), "wheel": next(into.glob("*.whl"), None)}
    files = {kind: path for kind, path in built.items() if path is not None and kind in kinds}
    if "sdist" in files:
        _settle(files["sdist"])
    return files


def _settle(archive: Path) -> None:
    """Write a .tar.gz anew without what differs from run to run: order, times, owners (setuptools keeps them)."""
    with tarfile.open(archive) as old:
        members = sorted(old.getmembers(), key=lambda member: member.name)
        contents = [old.extractfile(member).read() if member.isfile() else b"" for member in members]  # type: ignore[union-attr]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member, content in zip(members, contents, strict=True):
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch(), 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            new.addfile(member, io.BytesIO(content))
    with archive.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=epoch()) as pressed:
        pressed.write(packed.getvalue())


def digest(path: Path) -> str:
    """SHA-256, as ``sha256sum`` tells it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- installing -----------------------------------------------------------------------------------------------
def pythons() -> dict[int, Path]:
    """The Pythons of this machine that zchat supports, by minor version: those on the PATH, and pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    folders = [*map(Path, os.get_exec_path()), *sorted(pyenv.glob("3.*/bin"))]
    found = {sys.version_info.minor: Path(sys.executable)}
    for folder in folders:
        for path in folder.glob("python3.*"):
            minor = path.name.removeprefix("python3.")
            # A link into pyenv's switchboard may lead to no Python at all: only one that runs counts.
            if minor.isdigit() and int(minor) >= OLDEST and int(minor) not in found and _runs(path):
                found[int(minor)] = path
    return dict(sorted(found.items()))


def _runs(python: Path) -> bool:
    check = "import sys, venv, ssl; sys.exit(sys.version_info.releaselevel != 'final')"
    return subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0


def install(python: Path, wheel: Path, folder: Path, extras: str = "") -> Path:
    """A new environment with nothing in it but a wheel and what that asks for; its ``zchat``. Needs an index."""
    _output(python, "-m", "venv", "--without-pip", folder)
    try:
        _output(*PIP, "--python", folder / "bin" / "python", *INSTALL, "--only-binary=:all:", f"{wheel}{extras}")
    except RuntimeError as error:
        if re.search(r"NewConnectionError|ConnectTimeout|Temporary failure|No matching distribution", str(error)):
            raise Unable(f"what zchat depends on cannot be had for {python.name} (no network?)") from None
        raise
    return folder / "bin" / "zchat"


def install_beside(wheel: Path, folder: Path) -> Mapping[str, str]:
    """Unpack a wheel into a folder; the variables with which this Python takes zchat from there."""
    _output(*PIP, *INSTALL, wheel, "--no-deps", "--no-index", "--target", folder)
    return {"PYTHONPATH": str(folder)}


# --- the release before this one ------------------------------------------------------------------------------
def previous() -> str:
    """The newest tag of a release before this commit, or RELEASE_BEFORE; raises `Unable` where there is none."""
    if named := os.environ.get("RELEASE_BEFORE"):
        return named
    if not has_repository():
        raise Unable("these sources are no repository, so no earlier release is known")
    here = _output("git", "tag", "--points-at", "HEAD").split()
    tags = _output("git", "tag", "--list", "v*", "--merged", "HEAD", "--sort=-version:refname").split()
    earlier = [tag for tag in tags if tag not in here and "-" not in tag]
    if not earlier:
        raise Unable("no earlier release is tagged")
    return earlier[0]


def checkout(commit: str, folder: Path) -> Path:
    """The sources of a commit in a new folder."""
    folder.mkdir(parents=True)
    packed = subprocess.run(["git", "archive", "--format=tar", commit], cwd=ROOT, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


# --- make release ---------------------------------------------------------------------------------------------
def main(arguments: Sequence[str]) -> int:
    """Build twice from two copies, compare, and leave the files in the folder that is named."""
    target = Path(arguments[0])
    if has_repository() and _output("git", "status", "--porcelain"):
        print("zchat: There are changes that are not committed. Commit them, or put them aside.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="zchat-release-") as name:
        first, second = (
            build(copy_sources(Path(name) / turn / "source"), Path(name) / turn / "dist") for turn in ("a", "b")
        )
        for kind, path in first.items():
            if path.read_bytes() != second[kind].read_bytes():
                print(f"zchat: Two builds of {path.name} differ. See what depends on time or place.", file=sys.stderr)
                return 1
            target.mkdir(exist_ok=True)
            shutil.copyfile(path, target / path.name)
            print(f"{digest(path)}  {target / path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
