"""What lies in deploy/ starts a broker: its options, settings and variables are real, and its units are in order."""

from __future__ import annotations

import json
import plistlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from zchat.broker.options import OPTIONS
from zchat.common.cli import COMMANDS

from .inside import run
from .processes import Broker

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
UNIT, OPENRC, DOCKERFILE = (
    (DEPLOY / name).read_text(encoding="utf-8") for name in ("zchat.service", "zchat.openrc", "Dockerfile")
)
PLIST = plistlib.loads((DEPLOY / "org.zchat.broker.plist").read_bytes())


def arguments(name: str) -> list[str]:
    """What a unit starts, behind the program."""
    if name == "systemd":
        (line,) = re.findall(r"^ExecStart=(.*)$", UNIT, re.M)
        return shlex.split(line)[1:]
    if name == "launchd":
        return [str(word) for word in PLIST["ProgramArguments"]][1:]
    (line,) = re.findall(r'^command_args="(.*)"$', OPENRC, re.M)
    return shlex.split(line.replace("$config", "/etc/zchat/broker.toml"))


@pytest.mark.parametrize("name", ["systemd", "openrc", "launchd"])
def test_a_unit_starts_a_broker_with_a_configuration_in_order(home: Path, name: str) -> None:
    """The command of each unit is one that this version takes, with the sample configuration in its place."""
    given = [str(DEPLOY / "broker.toml") if word == "/etc/zchat/broker.toml" else word for word in arguments(name)]
    done = run(home, *given, "--check-config")

    assert given[0] in COMMANDS
    assert (done.returncode, done.stderr) == (0, "")
    assert 'bind = "0.0.0.0"' in done.stdout


def test_the_container_sets_what_there_is() -> None:
    """Every variable of the Dockerfile is that of an option; the ports are those of the broker; it is not root."""
    variables = set(re.findall(r"ZCHAT_(\w+)=", DOCKERFILE)) - {"HOME"}

    assert variables <= {name.upper() for name in OPTIONS}
    assert re.search(r"^EXPOSE 5555 5556$", DOCKERFILE, re.M)
    assert re.search(r"^USER zchat$", DOCKERFILE, re.M)
    assert re.search(r'^ENTRYPOINT \["zchat"\]\nCMD \["broker"\]$', DOCKERFILE, re.M)
    for names in re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.M):
        assert all((DEPLOY.parent / name).exists() for name in names.split()), names
    created = re.search(r"useradd --system .*--home-dir (\S+)", DOCKERFILE)
    assert created is not None
    assert f"VOLUME {created[1]}\n" in DOCKERFILE
    assert f"ZCHAT_HOME={created[1]} " in DOCKERFILE


def test_the_container_looks_whether_it_is_healthy(home: Path) -> None:
    """Its check, run as it stands there, succeeds where a broker can store something, and fails where none is."""
    found = re.search(r"^HEALTHCHECK .*CMD \\\n\s+(\[.*\])$", DOCKERFILE, re.M)
    assert found is not None
    _, *check = json.loads(found[1])
    place = re.search(r"ZCHAT_METRICS=(\S+)", DOCKERFILE)
    assert place is not None

    with Broker(home, "--metrics", "127.0.0.1:0") as broker:
        url = broker.process.wait_for("metrics are served at").rpartition(" ")[2]
        assert place[1] in check[-1], "it asks where the broker serves"
        here = [word.replace(place[1], url.removeprefix("http://").removesuffix("/metrics")) for word in check]
        assert subprocess.run([sys.executable, *here], check=False).returncode == 0
        broker.stop()
        assert subprocess.run([sys.executable, *here], capture_output=True, check=False).returncode != 0


def test_openrc_reads_its_script() -> None:
    """The shell finds no fault in it."""
    assert subprocess.run(["sh", "-n", DEPLOY / "zchat.openrc"], check=False).returncode == 0


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs Prometheus' own judgement")
def test_prometheus_takes_the_alerts() -> None:
    """promtool finds no fault in the rules."""
    done = subprocess.run(
        ["promtool", "check", "rules", DEPLOY / "alerts.yml"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd's own judgement")
def test_the_unit_is_hardened() -> None:
    """systemd-analyze gives the unit an exposure of less than 2.0 of 10."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=19", DEPLOY / "zchat.service"],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd judges no files")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Overall exposure level" in done.stdout


def test_the_compose_file_names_what_there_is() -> None:
    """Services, volumes, settings, keys and ports of compose.yaml are real, and fit each other and the image."""
    file = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    services, brokers = file["services"], ("one", "two", "three")
    volumes = [volume.split(":") for service in services.values() for volume in service["volumes"]]
    image = re.search(r"^VOLUME (\S+)$", DOCKERFILE, re.M)
    assert image is not None
    copied = services["keys"]["entrypoint"][-1]

    assert {source for source, *_ in volumes} == set(file["volumes"])
    assert {name for service in services.values() for name in service.get("depends_on", {})} <= set(services)
    assert {each["source"] for each in services["primary"]["configs"]} == set(file["configs"])
    places = []
    for name in brokers:
        settings = services[name]["environment"]
        port = settings["ZCHAT_PORT"]
        assert {key.removeprefix("ZCHAT_").lower() for key in settings if key.startswith("ZCHAT_")} <= set(OPTIONS)
        assert services[name]["ports"] == [f"{port}:{port}", f"{port + 1}:{port + 1}"]
        assert services[name]["volumes"] == [f"{name}:{image[1]}"]
        assert all(host in services for host in re.findall(r"@([\w,]+)/", settings["ZCHAT_HISTORY"])[0].split(","))
        places.append(f"${{ZCHAT_HOST}}:{port}")
    assert services["one"]["environment"]["ZCHAT_OTHERS"] == ",".join(places)
    assert (DEPLOY / services["one"]["build"]["context"] / services["one"]["build"]["dockerfile"]).samefile(
        DEPLOY / "Dockerfile"
    )
    assert "/one/data/broker/broker.key /one/data/broker/operator.key" in copied, "as `zchat.broker.home` has them"
    assert subprocess.run(["sh", "-n"], input=copied.replace("$$", "$"), text=True, check=False).returncode == 0
    assert subprocess.run(
        ["sh", "-n"], input=services["standby"]["entrypoint"][-1].replace("$$", "$"), text=True, check=False
    ).returncode == 0  # fmt: skip
    assert "postgres]" in DOCKERFILE
