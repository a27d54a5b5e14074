"""The servers that are compared: how each is found, configured for as much load as it takes, started and ended.

Owns configurations and processes; everything listens on loopback and ends with its block. Does not know what is said
to them (`dialects`) nor what is measured. Limits on rates, queues and connections are lifted wherever a server has
them, zchat's too, so that what is measured is the work and not a brake.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from zchat.common.keys import Link

ZCHAT = Path(sys.executable).with_name("zchat")
ROOT = Path(__file__).parent.parent
PATIENCE = 20.0
"""Seconds until a server that does not answer has failed."""
SBIN = ("/usr/sbin", "/usr/local/sbin", *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin"))))


class Failed(Exception):
    """A server did not start, or a connection did not do what it should."""


@dataclass(frozen=True)
class Running:
    """A server that runs."""

    server: Server
    pid: int
    port: int
    folder: Path
    link: Link | None = None
    """Of what speaks ZeroMQ: its ports and key."""


@dataclass(frozen=True)
class Server:
    """One that can be started; `dialect` is a name in `dialects`, or ``zchat``, ``relay``, ``pgbench``."""

    name: str
    dialect: str
    package: str
    program: str
    command: Callable[[str, Path, int], list[str]]
    """(program, folder, port) → what to run, once the configuration is written into the folder."""
    version: tuple[str, ...] = ("--version",)
    tls: bool = False
    user: str | None = None
    """Whom to run it as when we are root."""

    @property
    def is_ours(self) -> bool:
        """Whether it is zchat or the bare relay, which speak ZeroMQ and print a link."""
        return not self.package

    @property
    def path(self) -> str | None:
        """Where its program is; None when it is not installed."""
        path = find(self.program)
        lacking = (self.tls and find("openssl") is None) or (self is JETSTREAM_FSYNC and path and not _syncs(path))
        return None if lacking else path


def find(program: str) -> str | None:
    """Where a program is, on the path or where systems keep servers."""
    return shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", ""), *SBIN)))


def environment(folder: Path) -> dict[str, str]:
    """The variables of a process whose zchat keeps all its files in a folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZCHAT_")}
    return {**kept, "ZCHAT_HOME": str(folder)}


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


# --- configurations -------------------------------------------------------------------------------------------
def _certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate of its own, for TLS."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = f"{find('openssl')} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split()
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return key, certificate


def _ngircd(program: str, folder: Path, port: int) -> list[str]:
    (folder / "conf").write_text(
        f"[Global]\nName=bench.local\nInfo=bench\nListen=127.0.0.1\nPorts={port}\nMotdPhrase=hello\n"
        f"ServerUID={os.getuid()}\nServerGID={os.getgid()}\n"
        "[Limits]\nMaxConnections=0\nMaxConnectionsIP=0\nMaxJoins=0\nPingTimeout=36000\nMaxPenaltyTime=0\n"
        "[Options]\nDNS=no\nIdent=no\nPAM=no\nRequireAuthPing=no\n"
    )
    return [program, "-n", "-f", str(folder / "conf")]


def _inspircd(program: str, folder: Path, port: int, *, tls: bool = False) -> list[str]:
    profile = ""
    if tls:
        key, certificate = _certificate(folder)
        profile = (
            f'<module name="ssl_gnutls"><sslprofile name="tls" provider="gnutls" certfile="{certificate}"'
            f' keyfile="{key}" hash="sha256">'
        )
    secured = ' sslprofile="tls"' if tls else ""
    (folder / "motd").write_text("hello\n")
    (folder / "conf").write_text(
        f'<server name="bench.local" description="bench" network="bench" id="1AA">{profile}'
        f'<bind address="127.0.0.1" port="{port}" type="clients"{secured}><admin name="b" nick="b" email="b@b">'
        '<connect name="main" allow="*" timeout="60" pingfreq="36000" hardsendq="200M" softsendq="200M" recvq="10M"'
        ' threshold="1000000" commandrate="1000000000" fakelag="no" localmax="100000" globalmax="100000"'
        ' resolvehostnames="no" useident="no" useconnectban="no">'
        '<performance softlimit="100000" somaxconn="1024" netbuffersize="65534"><dns server="127.0.0.1" timeout="1">'
        f'<options syntaxhints="no"><pid file="{folder}/pid">'
        f'<security maxtargets="20"><files motd="{folder}/motd">'
    )
    return [program, f"--config={folder / 'conf'}", "--nofork", "--nolog", "--runasroot"]


def _redis(program: str, folder: Path, port: int, *, tls: bool = False) -> list[str]:
    listening = ["--port", str(port)]
    if tls:
        key, certificate = map(str, _certificate(folder))
        listening = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
        listening += ["--tls-cert-file", certificate, "--tls-key-file", key]
    return [
        *(program, *listening, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), "--maxclients", "15000"),
        *("--client-output-buffer-limit", "pubsub 0 0 0"),
    ]


def _redis_fsync(program: str, folder: Path, port: int) -> list[str]:
    return [*_redis(program, folder, port), "--appendonly", "yes", "--appendfsync", "always"]


def _nats(program: str, folder: Path, port: int, *, tls: bool = False, stream: str = "") -> list[str]:
    secured = ""
    if tls:
        key, certificate = _certificate(folder)
        secured = f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}\n'
    (folder / "conf").write_text(
        f'host: "127.0.0.1"\nport: {port}\nmax_pending: 268435456\nping_interval: "1h"\nmax_connections: 100000\n'
        f"{secured}{stream.format(folder=folder)}"
    )
    return [program, "-c", str(folder / "conf")]


def _syncs(path: str) -> bool:
    """Whether this NATS can sync before it acks: since 2.10."""
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v(\d+)\.(\d+)", told)
    return found is not None and (int(found[1]), int(found[2])) >= (2, 10)


def _jetstream(program: str, folder: Path, port: int) -> list[str]:
    return _nats(program, folder, port, stream='jetstream {{ store_dir: "{folder}/store" }}\n')


def _jetstream_fsync(program: str, folder: Path, port: int) -> list[str]:
    return _nats(program, folder, port, stream='jetstream {{ store_dir: "{folder}/store", sync_interval: always }}\n')


def _mosquitto(program: str, folder: Path, port: int, *, persistence: bool = False) -> list[str]:
    kept = f"persistence true\npersistence_location {folder}/\nautosave_interval 1\n" if persistence else ""
    user = "user root\n" if os.getuid() == 0 else ""
    (folder / "conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_connections -1\n"
        f"log_type none\n{kept}{user}"
    )
    return [program, "-c", str(folder / "conf")]


def _postgres(program: str, folder: Path, port: int) -> list[str]:
    data = folder / "data"
    subprocess.run(
        [str(find("initdb")), "-D", str(data), "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C"],
        check=True,
        capture_output=True,
        **_as(folder, "nobody"),
    )
    return [
        *(program, "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder)),
        *("-c", "max_connections=100", "-c", "fsync=on", "-c", "synchronous_commit=on"),
    ]


def _zchat(program: str, folder: Path, port: int) -> list[str]:
    most = 10_000_000
    lifted = ("burst", "rate", "room_burst", "owned_rooms", "sessions", "connection_burst")
    (folder / "config.toml").write_text("[limits]\n" + "".join(f"{name} = {most}\n" for name in lifted))
    return [program, "broker", "--port", "0", "--config", str(folder / "config.toml")]


def _relay(program: str, folder: Path, port: int) -> list[str]:
    return [program, "-m", "bench.relay"]


def _relay_curve(program: str, folder: Path, port: int) -> list[str]:
    return [program, "-m", "bench.relay", "--curve"]


def _relay_gate(program: str, folder: Path, port: int) -> list[str]:
    return [program, "-m", "bench.relay", "--gate"]


def _with_tls(command: Callable[..., list[str]]) -> Callable[[str, Path, int], list[str]]:
    return lambda program, folder, port: command(program, folder, port, tls=True)


ZCHAT_SERVER = Server("zchat", "zchat", "", str(ZCHAT), _zchat)
RELAY = Server("libzmq relay", "relay", "", sys.executable, _relay)
RELAY_CURVE = Server("libzmq relay, CURVE", "relay_curve", "", sys.executable, _relay_curve)
RELAY_GATE = Server("libzmq relay, CURVE, gate", "relay_curve", "", sys.executable, _relay_gate)
NGIRCD = Server("ngircd", "irc", "ngircd", "ngircd", _ngircd)
INSPIRCD = Server("InspIRCd", "irc", "inspircd", "inspircd", _inspircd)
INSPIRCD_TLS = Server("InspIRCd, TLS", "irc", "inspircd", "inspircd", _with_tls(_inspircd), tls=True)
REDIS = Server("Redis", "redis", "redis-server", "redis-server", _redis)
REDIS_TLS = Server("Redis, TLS", "redis", "redis-server", "redis-server", _with_tls(_redis), tls=True)
NATS = Server("NATS", "nats", "nats-server", "nats-server", _nats)
NATS_TLS = Server("NATS, TLS", "nats", "nats-server", "nats-server", _with_tls(_nats), tls=True)
MOSQUITTO = Server("Mosquitto", "mqtt", "mosquitto", "mosquitto", _mosquitto, version=("-h",))

REDIS_STREAM = Server("Redis stream, fsync", "redis_stream", "redis-server", "redis-server", _redis_fsync)
JETSTREAM = Server("NATS JetStream, not synced", "jetstream", "nats-server", "nats-server", _jetstream)
JETSTREAM_FSYNC = Server("NATS JetStream, fsync", "jetstream", "nats-server", "nats-server", _jetstream_fsync)
MOSQUITTO_KEPT = Server(
    "Mosquitto QoS 1, persistence",
    "mqtt_acked",
    "mosquitto",
    "mosquitto",
    lambda program, folder, port: _mosquitto(program, folder, port, persistence=True),
)
POSTGRES = Server("PostgreSQL, 64 connections", "pgbench", "postgresql", "postgres", _postgres, user="nobody")

FANOUT = (
    *(ZCHAT_SERVER, RELAY, RELAY_CURVE, NGIRCD, INSPIRCD, INSPIRCD_TLS, REDIS, REDIS_TLS, NATS, NATS_TLS),
    MOSQUITTO,
)
DURABLE = (ZCHAT_SERVER, JETSTREAM, JETSTREAM_FSYNC, REDIS_STREAM, POSTGRES, MOSQUITTO_KEPT)


def missing() -> list[str]:
    """What is not installed, and how it can be had; one line each."""
    wanted = {server.package: server for server in (*FANOUT, *DURABLE) if server.package}
    lines = [
        f"{server.program} is missing, and left out. On Debian: apt-get install {package}"
        for package, server in wanted.items()
        if find(server.program) is None
    ]
    if find("openssl") is None:
        lines.append("openssl is missing, so nothing is measured with TLS. On Debian: apt-get install openssl")
    nats = find("nats-server")
    if nats is not None and not _syncs(nats):
        lines.append(
            "nats-server is older than 2.10 and cannot sync what it acks: only its unsynced stream is measured."
        )
    return lines


def versions() -> dict[str, str]:
    """What each program that is there says of its version."""
    told = {}
    for server in (NGIRCD, INSPIRCD, REDIS, NATS, MOSQUITTO, POSTGRES):
        if server.path is not None:
            done = subprocess.run([server.path, *server.version], capture_output=True, text=True, check=False)
            told[server.program] = (done.stdout or done.stderr).strip().partition("\n")[0][:80]
    return told


# --- processes ------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def running(server: Server, folder: Path | None = None) -> Iterator[Running]:
    """The server in a process of its own, which ends with the block; raises `Failed`.

    Its files are in a new folder, unless one that it has used before is given.
    """
    with contextlib.ExitStack() as stack:
        folder = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zchat-bench-")))
        port, path = free_port(), server.path
        if path is None:
            raise Failed(f"{server.program} is not installed")
        if server.user and os.getuid() == 0:
            shutil.chown(folder, server.user)
        command = server.command(path, folder, port)
        log = stack.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen(
            command,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if server.is_ours else log,
            stderr=log,
            **_as(*(folder, server.user) if server.package else (ROOT, None)),
        )
        stack.callback(_end, process)
        link = None
        if process.stdout is not None:
            line = stack.enter_context(process.stdout).readline().decode()
            if not line:
                raise Failed(f"{server.name} did not start: {(folder / 'log').read_text()[-500:]}")
            link = Link.parse(line.split()[-1])
            port = link.port
        else:
            _await(process, port, folder, server.name)
        yield Running(server, process.pid, port, folder, link)


class _As(TypedDict, total=False):
    cwd: Path
    user: str


def _as(folder: Path, user: str | None) -> _As:
    """Options of a process that runs in the folder, as somebody else if we are root."""
    return {"cwd": folder, "user": user} if user and os.getuid() == 0 else {"cwd": folder}


def _await(process: subprocess.Popen[bytes], port: int, folder: Path, name: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise Failed(f"{name} did not start: {(folder / 'log').read_text(errors='replace')[-500:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
