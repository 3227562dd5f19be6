# SPDX-License-Identifier: LGPL-2.1-or-later
"""/metrics of a running berth-api, read by a parser that is as strict as Prometheus' own linter."""

import contextlib
import email
import email.utils
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "law"))
sys.path.insert(0, os.path.dirname(__file__))

from tap import test, main  # noqa: E402
from cluster import Cluster, wait_for  # noqa: E402
from rest import ask  # noqa: E402

MONITORING = pathlib.Path(__file__).resolve().parents[2] / "data/monitoring"

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABELS = r'\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\}'
SAMPLE = re.compile(rf"({NAME})(?:{LABELS})? (-?[0-9]+(?:\.[0-9]+)?)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')


class Family:
    def __init__(self, name, help_text):
        self.name, self.help, self.kind = name, help_text, None
        self.samples = {}  # (name, ((label, value), ...)) -> number

    def take(self, name, labels, value):
        ends = ("_bucket", "_sum", "_count") if self.kind == "histogram" else ("",)
        assert name in [self.name + end for end in ends], f"{name} among {self.name}"
        key = (name, tuple(sorted(labels)))
        assert len(set(label for label, _ in labels)) == len(labels), f"a label twice: {key}"
        assert key not in self.samples, f"twice: {key}"
        self.samples[key] = float(value)

    def lint(self):
        assert self.kind, f"{self.name}: no TYPE"
        assert self.help and self.help[0].isupper() and self.help.endswith("."), self.help
        assert (self.kind == "counter") == self.name.endswith("_total"), f"{self.name}: {self.kind}"
        assert self.kind != "counter" or all(v >= 0 for v in self.samples.values()), self.name
        if self.kind == "histogram":
            self.lint_histogram()

    def lint_histogram(self):
        edges = [(float(dict(labels)["le"]), value) for (name, labels), value in
                 self.samples.items() if name.endswith("_bucket")]
        assert edges == sorted(edges) and edges[-1][0] == float("inf"), edges
        assert [v for _, v in edges] == sorted(v for _, v in edges), edges
        assert edges[-1][1] == self.samples[(self.name + "_count", ())], edges


def parse(text):
    """{name: Family}; whatever is not exactly of the format fails."""
    assert text.endswith("\n")
    families, current = {}, None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, help_text = re.fullmatch(rf"# HELP ({NAME}) (.+)", line).groups()
            assert name not in families, f"{name} comes twice"
            current = families[name] = Family(name, help_text)
        elif line.startswith("# TYPE "):
            name, kind = re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", line).groups()
            assert current and name == current.name and not current.kind and not current.samples
            current.kind = kind
        else:
            found = SAMPLE.fullmatch(line)
            assert found and current and current.kind, f"no sample: {line!r}"
            labels = found[2] or ""
            pairs = LABEL.findall(labels)
            assert ",".join(f'{k}="{v}"' for k, v in pairs) == labels, f"labels: {line!r}"
            current.take(found[1], pairs, found[3])
    for family in families.values():
        family.lint()
    return families


def scrape(cluster):
    answer = ask(cluster.socket, "GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4", answer.headers
    families = parse(answer.text)
    return {(name, labels): value for family in families.values()
            for (name, labels), value in family.samples.items()}


def value(samples, name, **labels):
    return samples.get((name, tuple(sorted(labels.items()))))


@test
def the_parser_refuses_what_prometheus_would():
    good = "# HELP a_total Counts.\n# TYPE a_total counter\na_total{x=\"1\"} 2\n"
    assert parse(good)["a_total"].samples
    for bad in (good.replace("# TYPE a_total counter\n", ""), good + good, good.replace("}", ""),
                good + 'a_total{x="1"} 3\n', good.replace("2", "two"), good.replace("_total", ""),
                good.replace("a_total{", "b_total{"), good[:-1], good.replace('"1"', '"1"x"')):
        try:
            parse(bad)
        except (AssertionError, AttributeError):
            continue
        raise AssertionError(f"took {bad!r}")


def alerts():
    """(name, expression) of each alert rule that is shipped."""
    found = re.findall(r"- alert: (\w+)\n\s+expr: (.*)", (MONITORING / "berth.rules.yml").read_text())
    assert len(found) >= 5, f"alert rules: {found}"
    return found


def panels():
    """(title, expression) of each panel of the board that is shipped."""
    board = json.loads((MONITORING / "berth.board.json").read_text())
    found = [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel["targets"]]
    assert len(found) >= 10, f"panels: {found}"
    return found


@test
def what_is_so_in_the_cluster_is_in_the_metrics():
    with Cluster() as c:
        c.make_pool("P")
        for name, count in (("a", 1), ("big", 3)):
            c.add_vm(name, count, "P")
            assert ask(c.socket, "POST", f"/v1/vms/{name}/start").status == 200
        wait_for("a runs", lambda: ask(c.socket, "GET", "/v1/vms/a").json["state"] == "running")
        wait_for("big waits", lambda: ask(c.socket, "GET", "/v1/vms/big").json["reasons"])
        assert ask(c.socket, "GET", "/v1/vms/nobody").status == 404
        before = scrape(c)
        for name, labels, number in (
                ("berth_node_up", {"node": "node1"}, 1), ("berth_nodes", {"state": "up"}, 2),
                ("berth_nodes", {"state": "silent"}, 0), ("berth_vms", {"state": "running"}, 1),
                ("berth_vms", {"state": "waiting"}, 1),
                ("berth_pool_gpus", {"pool": "P", "state": "used"}, 1),
                ("berth_pool_gpus", {"pool": "P", "state": "free"}, 3),
                ("berth_vm_waiting_seconds", {"vm": "big"}, 0),
                ("berth_survivable_host_losses", {}, 1), ("berth_store_stale", {}, 0),
                ("berth_api_requests_total", {"code": "404"}, 1),
                ("berth_store_failures_total", {}, 0), ("berth_failovers_total", {}, 0)):
            assert value(before, name, **labels) == number, (name, labels, value(before, name, **labels))
        assert ask(c.socket, "POST", "/v1/pools", {"name": "q"}).status == 201
        after = scrape(c)
        for name, labels in (("berth_store_seconds_count", {}),
                             ("berth_api_requests_total", {"code": "201"})):
            assert value(after, name, **labels) == value(before, name, **labels) + 1, name
        assert value(after, "berth_store_seconds_sum") > value(before, "berth_store_seconds_sum")
        assert value(after, "berth_vm_state", vm="a", node=ask(c.socket, "GET", "/v1/vms/a").json["node"], state="running") == 1
        assert value(after, "berth_problems", code="vm-waiting", severity="warning") == 1
        told = {name for name, _ in after}
        for asker, expression in alerts() + panels():
            for name, labels in re.findall(r"(berth_\w+)(?:\{(.*?)\})?", expression):
                assert name in told, f"{asker} asks for {name}"
                for key, operator, text in re.findall(r'(\w+)(!?=)"(.*?)"', labels):
                    assert any((key, text) in series for found, series in after if found == name), \
                        f"{asker} asks for {name} with {key}{operator}{text}"
        c.players.silent.add("node2")
        wait_for("node2 is silent", lambda: value(scrape(c), "berth_node_up", node="node2") == 0)
        wait_for("that is a problem", lambda: value(scrape(c), "berth_problems", code="node-silent", severity="error") == 1)
        c.etcd.kill()
        wait_for("the store is silent", lambda: value(scrape(c), "berth_store_stale") == 1)


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # the name that http.server calls
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.heard.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def receiver(context=None):
    """An HTTP server, with TLS of that context: 'heard' (path, Authorization, body); 'answers' come first."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.heard, server.answers = [], []
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@test
def problems_that_begin_and_end_are_posted_to_the_webhook_by_the_host_that_coordinates():
    with tempfile.TemporaryDirectory() as directory, receiver() as server, \
            Cluster(settings=[f"webhook_file = {directory}/webhook"]) as c:
        def point(text):
            pathlib.Path(f"{directory}/webhook").write_text(text)

        def codes(key):
            return [each["code"] for _, _, body in server.heard for each in body.get(key, [])]

        url = f"http://127.0.0.1:{server.server_address[1]}/in/secret-place"
        c.refused(1, "cannot read webhook_file", "notify", "test")
        for bad in ("http://192.0.2.1/x", "http://127.0.0.1:80@192.0.2.1/x", "ftp://127.0.0.1/x", "", f"{url} x"):
            point(bad)
            c.refused(1, "its first line must be an https URL", "notify", "test")
        point(f"{url}\nhush-1\n")
        assert "accepted the test message" in c.must("notify", "test")
        assert server.heard[0][:2] == ("/in/secret-place", "Bearer hush-1"), server.heard
        assert server.heard[0][2]["source"] == "berth" and "a test message from node1" in server.heard[0][2]["text"]
        server.answers.append(302)  # which is not followed
        c.refused(1, "answered with the status 302", "notify", "test")
        assert {path for path, _, _ in server.heard} == {"/in/secret-place"}, server.heard

        key, certificate = f"{directory}/key", f"{directory}/certificate"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                        "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                       check=True, capture_output=True, timeout=60)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        with receiver(context) as stranger:
            point(f"https://localhost:{stranger.server_address[1]}/x\n")
            c.refused(1, "the webhook cannot be reached: SSL", "notify", "test")
            assert not stranger.heard
        point(f"{url}\n")

        del server.heard[:]
        c.etcd.put("order/leader", {"schema": 1, "node": "node2", "term": 1, "incarnation": 1})
        server.answers[:] = [503, 503]
        assert ask(c.socket, "POST", "/v1/cluster/disarm").status == 200
        wait_for("disarmed is a problem", lambda: value(scrape(c), "berth_problems", code="disarmed", severity="warning") == 1)
        time.sleep(8)  # longer than problems must last: node2 coordinates, and node1 says nothing
        assert not server.heard, server.heard
        c.etcd.put("order/leader", {"schema": 1, "node": "node1", "term": 2, "incarnation": 1})
        wait_for("it is told, the third time with success", lambda: codes("begun").count("disarmed") == 3, 30)
        assert all(body == server.heard[0][2] for _, _, body in server.heard) and server.heard[0][1] is None
        assert "disarmed" in server.heard[0][2]["text"] and server.heard[0][2]["node"] == "node1"
        server.answers[:] = [400]  # for good: it must not be tried again
        assert ask(c.socket, "POST", "/v1/cluster/arm").status == 200
        wait_for("its end is told", lambda: codes("over") == ["disarmed"], 30)
        wait_for("it is dropped", lambda: "is dropped (tries: 1): the webhook answered with the status 400" in c.log(), 5)
        assert codes("begun").count("disarmed") == 3, server.heard
        assert "hush" not in c.log() and "secret-place" not in c.log()


class MailServer(socketserver.ThreadingTCPServer):
    """SMTP as far as a client needs it. 'heard': (sender, receivers, letter); 'answers': to the next letters, else 250;
    'unknown': receivers that it refuses."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, address="127.0.0.1"):
        super().__init__((address, 0), MailSession)
        self.heard, self.answers, self.unknown = [], [], []
        self.url = f"smtp://{address}:{self.server_address[1]}"
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def __exit__(self, *problem):
        self.shutdown()
        super().__exit__(*problem)


class MailSession(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(f"{text}\r\n".encode())

    def handle(self):
        sender, receivers = None, []
        self.say("220 ready")
        for line in self.rfile:
            line = line.decode().rstrip()
            verb = line.split(" ")[0].split(":")[0].upper()
            if verb == "QUIT":
                self.say("221 bye")
                return
            if verb == "RCPT":
                receiver = line[line.index("<") + 1:line.index(">")]
                if receiver in self.server.unknown:
                    self.say("550 no such mailbox")
                    continue
                receivers.append(receiver)
            elif verb == "MAIL":
                sender, receivers = line[line.index("<") + 1:line.index(">")], []
            elif verb == "DATA":
                self.say("354 go on")
                letter = b"".join(iter(self.rfile.readline, b".\r\n")).decode()
                self.server.heard.append((sender, receivers, letter))
                self.say(f"{self.server.answers.pop(0) if self.server.answers else 250} it is so")
                continue
            self.say("250 go on")


@test
def the_same_is_told_by_mail_and_neither_a_webhook_that_hangs_nor_a_test_waits_for_the_other():
    with tempfile.TemporaryDirectory() as directory, MailServer() as server, socket.create_server(("127.0.0.1", 0)) as mute, \
            Cluster(settings=[f"webhook_file = {directory}/webhook", "mail_to = ops@example.org, night@example.org",
                              f"mail_server = {server.url}"]) as c:
        # A webhook that takes connections and says nothing.
        pathlib.Path(f"{directory}/webhook").write_text(f"http://127.0.0.1:{mute.getsockname()[1]}/\n")
        c.etcd.put("order/leader", {"schema": 1, "node": "node1", "term": 1, "incarnation": 1})
        assert ask(c.socket, "POST", "/v1/cluster/disarm").status == 200
        wait_for("it is told by mail", lambda: server.heard, 30)
        sender, receivers, letter = server.heard[0]
        head, body = letter.split("\r\n\r\n", 1)
        assert (sender, receivers) == ("berth@node1", ["ops@example.org", "night@example.org"]), server.heard
        message = email.message_from_string(letter)
        assert message["Subject"].startswith("Berth, cluster berth: ") and message["To"].count("@") == 2, head
        assert abs(email.utils.parsedate_to_datetime(message["Date"]).timestamp() - time.time()) < 120, head
        assert re.fullmatch(r"<\d+\.[0-9a-f]{16}@node1>", message["Message-ID"] or ""), head
        assert re.search(r"^warning: .*disarmed", body, re.M), body
        # The webhook hangs for ten seconds and is tried again: a test message must not wait behind it.
        pathlib.Path(f"{directory}/webhook").write_text("http://127.0.0.1:1/\n")
        begin = time.monotonic()
        c.refused(1, "the mail server accepted it", "notify", "test")
        assert any("a test message" in heard[2] for heard in server.heard), server.heard
        assert time.monotonic() - begin < 5, "the test waited"
        # The first two are tried again, what is wrong with the login too; the third one is for good.
        server.answers[:] = [451, 535, 550]
        del server.heard[:]
        assert ask(c.socket, "POST", "/v1/cluster/arm").status == 200
        wait_for("its end is told, and told again", lambda: len(server.heard) == 3, 30)
        assert re.search(r"^over: .*disarmed", server.heard[1][2], re.M), server.heard
        wait_for("it is dropped", lambda: "is dropped (tries: 3): the mail server answered with the status 550" in c.log(), 5)


@test
def a_test_message_goes_to_every_address_and_a_server_elsewhere_must_offer_tls():
    # All of 127.0.0.0/8 is this host, but only the usual names of it count as that.
    with MailServer() as server, MailServer("127.0.0.2") as stranger, Cluster(nodes=("node1",), settings=[
            "mail_to = ops@example.org typo@example.org", "mail_from = berth@example.org", f"mail_server = {server.url}"]) as c:
        assert "the mail server accepted the test message" in c.must("notify", "test")
        sender, receivers, letter = server.heard[0]
        assert sender == "berth@example.org" and len(receivers) == 2 and "a test message from node1" in letter, server.heard
        server.unknown.append("typo@example.org")
        c.refused(1, "the mail server answered with the status 550", "notify", "test")
        c.etcd.put("order/leader", {"schema": 1, "node": "node1", "term": 1, "incarnation": 1})
        assert ask(c.socket, "POST", "/v1/cluster/disarm").status == 200
        wait_for("the other address is told", lambda: any("disarmed" in text for _, _, text in server.heard), 30)
        c.stop_api()
        text = pathlib.Path(c.config).read_text()
        pathlib.Path(c.config).write_text(text.replace(server.url, stranger.url))
        c.start_api()
        c.refused(1, "the mail server cannot be reached", "notify", "test")
        assert not stranger.heard, stranger.heard


@test
def the_alert_rules_fire_with_default_settings_and_only_then():
    with tempfile.TemporaryDirectory() as directory:
        for path in MONITORING / "berth.rules.yml", pathlib.Path(__file__).parent / "alerts.test.yml":
            shutil.copy(path, directory)
        done = subprocess.run(["promtool", "test", "rules", "alerts.test.yml"], cwd=directory, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
        assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout
        tested = set(re.findall(r"alertname: (\w+)", (pathlib.Path(directory) / "alerts.test.yml").read_text()))
        ruled = set(re.findall(r"alert: (\w+)", (MONITORING / "berth.rules.yml").read_text()))
        assert tested == ruled, tested ^ ruled


if __name__ == "__main__":
    sys.exit(main())
