"""What a broker exports: numbers that are true, an answer about its health, and names that deploy/ can rely on."""

from __future__ import annotations

import ast
import contextlib
import json
import re
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from zchat.broker.exporting import MOST_READERS
from zchat.broker.metrics import Histogram
from zchat.broker.server import Server, Setup
from zchat.common import messages as m
from zchat.common.errors import InputError

from .peer import Peer
from .processes import PATIENCE, run

ROOT = Path(__file__).resolve().parent.parent
DEPLOY, OPERATING = ROOT / "deploy", (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
OURS = re.compile(r"\b(?:zchat|process)_\w+")


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A broker in a thread of this process, which serves metrics on a free port."""
    monkeypatch.setenv("ZCHAT_HOME", str(tmp_path / "home"))
    with contextlib.closing(Server(Setup(data=tmp_path / "data", port=0, metrics="0"))) as broker:
        thread = threading.Thread(target=broker.run)
        thread.start()
        try:
            yield broker
        finally:
            broker.stop()
            thread.join()


def place(broker: Server) -> str:
    """Where it serves them."""
    assert broker.metrics_url is not None
    return broker.metrics_url


def numbers(broker: Server) -> dict[str, float]:
    """All samples of a scrape."""
    with urllib.request.urlopen(place(broker), timeout=PATIENCE) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def health(broker: Server) -> tuple[int, str]:
    """Status and line of /healthz."""
    try:
        with urllib.request.urlopen(place(broker).replace("/metrics", "/healthz"), timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_who_only_connects_takes_nothing_from_the_chat(broker: Server) -> None:
    """Of silent connections a few are waited for, the others are hung up on; when they end, all is as before."""
    host, port = place(broker).removeprefix("http://").removesuffix("/metrics").split(":")
    with contextlib.ExitStack() as silent:
        for _ in range(MOST_READERS):
            silent.enter_context(socket.create_connection((host, int(port)), PATIENCE))
        with socket.create_connection((host, int(port)), PATIENCE) as one_more:
            assert one_more.recv(1) == b""

    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):  # until those threads have noticed
            assert health(broker)[0] == 200
            return
    pytest.fail("nobody is answered any more")


def test_who_hangs_up_rudely_leaves_no_traceback(broker: Server, capfd: pytest.CaptureFixture[str]) -> None:
    """A connection that is reset in the midst of a request is nobody's concern: standard error is the log's."""
    host, port = place(broker).removeprefix("http://").removesuffix("/metrics").split(":")
    before = threading.active_count()
    with socket.create_connection((host, int(port)), PATIENCE) as rude:
        rude.sendall(b"GET /metr")
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    deadline = time.monotonic() + PATIENCE
    assert health(broker)[0] == 200
    while threading.active_count() > before and time.monotonic() < deadline:
        assert health(broker)[0] == 200

    assert capfd.readouterr().err == ""


def test_what_happens_is_counted(broker: Server) -> None:
    """Messages, repeats, deliveries, acks, commits, replays, gaps and refusals are what two people made of them."""
    with Peer(str(broker.link)) as alice, Peer(str(broker.link)) as bob:
        for peer, nick in ((alice, "alice"), (bob, "bob")):
            peer.hello(nick, present=True)
            peer.send(m.Join(room="lobby", ref=2))
            peer.receive(m.Entered)
        for id_ in ("one", "two", "one"):
            alice.send(m.Say(id=id_, text="hello", room="lobby"))
            alice.receive(m.Acked)
        alice.send(m.Say(id="three", text="hello", to="nobody"))
        alice.receive(m.Refused)
        bob.send(m.Replay(room="lobby", after=0, ref=3))
        bob.receive(m.Page)
        alice.send(m.Say(id="four", text="not heard", room="lobby"))
        alice.receive(m.Acked)
        bob.send(m.Replay(room="lobby", after=2, ref=4))
        bob.receive(m.Page)
        health(broker)  # so that the tick below is a later one
        deadline = threading.Event()
        while (found := numbers(broker))["zchat_sessions"] != 2:
            deadline.wait(0.05)

    assert found["zchat_messages_total"] == 3
    assert found["zchat_duplicates_total"] == 1
    assert found["zchat_deliveries_total"] == 3
    assert found["zchat_ack_seconds_count"] == 4
    assert 0 < found["zchat_ack_seconds_sum"] < PATIENCE
    assert found["zchat_replays_total"] == 2
    assert found["zchat_replayed_total"] == 3
    assert (found["zchat_gaps_total"], found["zchat_gap_entries_total"]) == (1, 1), "a beginning is no gap"
    assert found['zchat_refusals_total{code="no_such_user"}'] == 1
    assert found['zchat_handshakes_total{status="200"}'] >= 2
    assert found["zchat_commit_seconds_count"] >= 4
    assert found["zchat_commit_changes_sum"] >= 4
    assert found["zchat_frames_published_total"] >= 2
    assert found["zchat_users"] == 2
    assert found["zchat_rooms"] == 1
    assert found["zchat_history_bytes"] > 0
    assert found["zchat_storing"] == 1
    assert found["zchat_loop_age_seconds"] < PATIENCE
    assert found["process_resident_memory_bytes"] > 0


def test_a_histogram_counts_each_once() -> None:
    """A value belongs to the first bound that is not below it; what is above all of them is counted, too."""
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        histogram.observe(value)
    histogram.observe(2.0, times=3)

    assert histogram.counts == [2, 5, 1]
    assert histogram.sum == 20.0


def test_health_says_why_nothing_can_be_stored(broker: Server) -> None:
    """200 while the history takes what is written, 503 with the reason while it does not, and 200 again."""
    assert health(broker) == (200, "a message can be stored now\n")
    db = broker._writer._history._db  # type: ignore[attr-defined]
    done = threading.Event()

    def forbid(on: int) -> None:
        db.execute(f"PRAGMA query_only = {on}")
        broker._health.stored(-1.0)  # as if nothing had been stored for a while
        done.set()

    broker.post(lambda: forbid(1))
    assert done.wait(PATIENCE)
    status, why = health(broker)
    stored = numbers(broker)["zchat_storing"]
    done.clear()
    broker.post(lambda: forbid(0))
    assert done.wait(PATIENCE)

    assert status == 503
    assert "cannot be written" in why
    assert stored == 0
    assert health(broker)[0] == 200
    assert numbers(broker)["zchat_storing"] == 1


def test_health_notices_a_loop_that_hangs(broker: Server) -> None:
    """A loop that does not turn is not healthy, though HTTP still answers."""
    go_on = threading.Event()
    broker.post(lambda: go_on.wait(PATIENCE))
    try:
        status, why = health(broker)
    finally:
        go_on.set()

    assert (status, why) == (503, "the broker's loop or its history has stood still for 2 s\n")
    assert health(broker)[0] == 200


def test_other_pages_are_not_there(broker: Server) -> None:
    """What is neither of the two is 404, and says what there is; who sends no request is no matter."""
    with (
        socket.create_connection(("127.0.0.1", int(place(broker).split(":")[2].split("/")[0]))),
        pytest.raises(urllib.error.HTTPError, match="404") as caught,
    ):
        urllib.request.urlopen(place(broker).replace("/metrics", "/"), timeout=PATIENCE)
    with caught.value as error:
        assert b"/healthz" in error.read()


def test_a_place_that_is_taken_is_an_error(home: Path) -> None:
    """A broker whose metrics cannot be served does not start, and says where."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(home, "broker", "--port", "0", "--metrics", port)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"zchat: Metrics cannot be served at {port} (Address already in use). Name another place.\n"


def test_without_the_library_metrics_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install, and the rest of the broker works without it."""
    monkeypatch.setenv("ZCHAT_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)
    monkeypatch.delitem(__import__("sys").modules, "zchat.broker.exporting", raising=False)
    with pytest.raises(InputError, match=r"pip install 'zeromq-chat\[metrics\]'"):
        Server(Setup(data=tmp_path / "data", port=0, metrics="0"))
    Server(Setup(data=tmp_path / "data", port=0)).close()


# --- deploy/ --------------------------------------------------------------------------------------------------
def test_alerts_and_dashboard_name_what_is_exported(broker: Server) -> None:
    """Every metric that an alert or a panel asks for is one that a broker really exports."""
    with Peer(str(broker.link)) as peer:
        peer.send(m.Ping())
        peer.receive(m.Refused)  # so that there is a refusal
    exported = {name.partition("{")[0] for name in numbers(broker)}
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"]
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for rule in rules] + [each["query"] for each in dashboard["templating"]["list"]]
    named = {name for expression in asked for name in OURS.findall(expression)}

    assert len(asked) > 40
    assert named <= exported
    shown = {
        name for name in exported if name.startswith("zchat_") and not name.endswith(("_sum", "_count", "_created"))
    }
    assert shown <= named, "the dashboard shows everything"
    for expression in asked:
        assert expression.count("(") == expression.count(")")
        assert expression.count("{") == expression.count("}")


def test_every_alert_is_explained() -> None:
    """docs/operating.md has a section for each alert, and no others; each has a severity and a sentence."""
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"]
    sections = re.findall(r"^### (Zchat\w+)\n\n[\w`]", OPERATING, re.M)

    assert sorted(sections) == sorted(rule["alert"] for rule in rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]


def events_in(path: Path) -> Iterator[str]:
    """The events that a module logs: the second argument of `tell` or `_warn`, the third of `Log`, or by name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        found: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found += node.args[1:2] if node.func.id == "tell" else node.args[2:3] if node.func.id == "Log" else []
            found += [word.value for word in node.keywords if word.arg == "event" and node.func.id == "Log"]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_warn":
            found += node.args[1:2]
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            found += [value for name, value in pairs if isinstance(name, ast.Constant) and name.value == "event"]
        yield from (each.value for each in found if isinstance(each, ast.Constant) and isinstance(each.value, str))


def test_every_line_of_the_log_is_explained() -> None:
    """The table in docs/operating.md has every event that the broker logs, and no others."""
    logged = {event for path in (ROOT / "broker").glob("*.py") for event in events_in(path)}
    rows = re.findall(r"^\| ((?:`\w+` ?)+) \|.*\|.*\|.*\|$", OPERATING, re.M)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    assert "refused" in logged
    assert told == logged | {"joined", "left", "log_lost"}  # the last three are named by a variable
