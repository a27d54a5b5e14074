"""The commands of deploy/cluster.md: a database with a standby, three brokers, and a failover, as the page has them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .postgres import REASON, Postgres, find
from .processes import ZCHAT, environment, run

PAGE = (Path(__file__).parents[1] / "deploy" / "cluster.md").read_text(encoding="utf-8")


def _free_pair() -> int:
    """A port that nobody listens on now, nor on the next one."""
    while True:
        with socket.socket() as first, socket.socket() as second, contextlib.suppress(OSError, OverflowError):
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            second.bind(("127.0.0.1", port + 1))
            return port


class Cluster:
    """A folder for the database and one for the brokers, in which the blocks of the page are run."""

    def __init__(self, server: Postgres, folder: Path) -> None:
        self.home, self._server, self._folder = folder / "home", server, folder
        places = {"ONE": server.folder / "one", "TWO": server.folder / "two"}
        ports = dict(zip("ABC", (_free_pair() for _ in "ABC"), strict=True))
        named = {name: str(value) for name, value in (places | ports).items()}
        self._variables = {**environment(self.home, **named), "PATH": f"{ZCHAT.parent}:{server.programs}:{os.defpath}"}
        self._blocks = iter(re.findall(r"```sh\n(.*?)```", PAGE, re.S))
        self._groups: list[int] = []
        server.run("mkdir", *places.values())

    def database(self) -> None:
        """Run the next block as the database's account."""
        self._server.run("sh", "-euc", next(self._blocks), variables=self._variables)

    def brokers(self) -> None:
        """Run the next block, and leave running what it has started."""
        process = subprocess.Popen(
            ["sh", "-euc", next(self._blocks)], cwd=self._folder, env=self._variables, start_new_session=True
        )
        self._groups.append(process.pid)
        assert process.wait(30) == 0, [log.read_text() for log in self._folder.glob("*.log")]

    @property
    def links(self) -> list[str]:
        """Those of the brokers."""
        return [(self._folder / f"{name}.ready").read_text().split()[-1] for name in "abc"]

    def close(self) -> None:
        """End everything."""
        for group in self._groups:
            os.killpg(group, signal.SIGKILL)
        for name in ("primary", "standby"):
            self._server.run("sh", "-c", f"pg_ctl -D {name} -m immediate stop || true", variables=self._variables)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Nothing runs yet."""
    if find() is None:
        pytest.skip(REASON)
    server = Postgres()
    cluster = Cluster(server, tmp_path)
    try:
        yield cluster
    finally:
        cluster.close()
        server.__exit__()


def test_the_cluster_by_hand(cluster: Cluster) -> None:
    """Every command of the page works: three brokers are one chat, before and after the standby has taken over."""
    cluster.database()
    cluster.brokers()
    first, *others = cluster.links
    assert run(cluster.home, "send", "-b", first, "before", nick="alice").returncode == 0
    cluster.database()
    assert run(cluster.home, "send", "-b", others[0], "on the standby", nick="bob").returncode == 0
    cluster.database()
    assert run(cluster.home, "send", "-b", others[1], "with a new one", nick="carol").returncode == 0
    said = run(cluster.home, "tail", "-b", first, "--no-follow", "--since", "all", nick="alice").stdout

    assert {len(link.split(",")) for link in cluster.links} == {3}
    assert len({link.rpartition("/")[2] for link in cluster.links}) == 1
    assert [line.split(": ")[1] for line in said.splitlines()] == ["before", "on the standby", "with a new one"]
