# SPDX-License-Identifier: LGPL-2.1-or-later
"""The berth command and berth-api over a real etcd."""

import http.server
import json
import os
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "law"))
sys.path.insert(0, os.path.dirname(__file__))

from tap import test, main  # noqa: E402
from cluster import Cluster, read_until, wait_for  # noqa: E402
from proxy import LossyProxy  # noqa: E402
from rest import ask  # noqa: E402


def serves(path_of_socket):
    try:
        return ask(path_of_socket, "GET", "/v1/pools").status == 200
    except OSError:
        return False


class Earlier(http.server.BaseHTTPRequestHandler):
    """An API that knows a VM and a node, and does not know of their use."""

    def do_GET(self):  # the name that http.server calls
        is_known = self.path in ("/v1/vms/x", "/v1/nodes/x")
        body = {"name": "x", "state": "up"} if is_known else {"code": "no-such-path", "message": "there is no such path"}
        text = json.dumps(body).encode()
        self.send_response(200 if is_known else 404)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@test
def a_vm_and_a_node_are_shown_although_an_earlier_api_does_not_know_their_use():
    with tempfile.TemporaryDirectory() as folder, \
            socketserver.ThreadingUnixStreamServer(f"{folder}/api", Earlier) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for noun in ("vm", "node"):
            done = subprocess.run([os.environ["BERTH"], "--socket", f"{folder}/api", noun, "show", "x"],
                                  capture_output=True, text=True, timeout=60, check=False)
            assert (done.returncode, done.stderr) == (0, ""), done
        server.shutdown()


@test
def a_vm_is_edited_by_numbers_from_a_file_and_in_an_editor():
    with Cluster() as c:
        c.must("vm", "add", "-", stdin=c.xml("train1"))
        out = c.must("vm", "edit", "train1", "--memory", "64", "--cpus", "3")
        assert "VM train1 has a new definition (3 CPUs, 64 MiB)" in out, out
        c.must("vm", "edit", "train1", "--file", "-", stdin=c.xml("train1").replace("</domain>", "<!-- f --></domain>"))
        assert "<!-- f -->" in c.must("vm", "xml", "train1")
        os.environ["VISUAL"] = "sed -i s/--.f.--/--e--/"
        c.must("vm", "edit", "train1")
        assert "<!--e-->" in c.must("vm", "xml", "train1")
        assert "Nothing was changed" in c.must("vm", "edit", "train1")
        assert "  GPU  " in c.must("gpu", "ls")
        c.players.gpus["node1"][0]["class"] = "010802"
        wait_for("the GPU is a drive", lambda: "  DEVICE  " in c.must("gpu", "ls"))
        assert "kind           device, no GPU" in c.must("gpu", "show", "node1", "0000:01:00.0")
        c.must("vm", "set", "train1", "--topology", "mirror")
        assert "topology         mirror" in c.must("vm", "show", "train1")
        os.environ["VISUAL"] = "false"
        c.refused(1, "nothing was changed", "vm", "edit", "train1")
        # Somebody else is quicker than the editor.
        os.environ["VISUAL"] = (f"sh -c '{os.environ['BERTH']} --socket {c.socket} vm set train1 --priority high &&"
                                " sed -i s/--e--/--late--/ \"$0\"'")
        c.refused(1, "it was changed since you read it", "vm", "edit", "train1")
        assert "<!--e-->" in c.must("vm", "xml", "train1")
        del os.environ["VISUAL"]


@test
def the_story_of_a_pool_from_the_first_look_to_the_last_mount():
    with Cluster() as c:
        out = c.must("status")
        assert "node1  up" in out and "No GPU pool yet" in out, out
        assert c.must("gpu", "ls").count("host-driver") == 6
        c.refused(1, "Try: berth gpu dismount node1 0000:01:00.0",
                  "pool", "create", "GpuChildPool", "node1/0000:01:00.0")
        c.must("gpu", "dismount", "--all")
        assert c.must("gpu", "ls").count("vfio-pci") == 6
        c.must("pool", "create", "GpuChildPool", "node1/0000:01:00.0")
        err = c.refused(1, "Rage [1234:5046] is not Bochs [1234:1111]", "pool", "add",
                        "GpuChildPool", "node1/0000:03:00.0")
        assert "created as a mixed one" in err
        assert "3 GPUs joined" in c.must("pool", "add", "GpuChildPool", "--all")
        c.must("vm", "add", "-", stdin=c.xml("train1"))
        c.must("vm", "assign", "train1", "GpuChildPool")
        assert "it needs 2 in all" in c.must("vm", "assign", "train1", "GpuChildPool")
        assert "train1 is running on node1" in c.must("vm", "start", "train1")
        c.refused(1, "stop it first", "vm", "unassign", "train1", "GpuChildPool")
        c.refused(1, "is in GPU pool", "gpu", "mount", "node1", "0000:01:00.0")
        c.refused(1, "is needed by VM train1", "pool", "rm", "GpuChildPool")
        assert "train1 is stopped" in c.must("vm", "stop", "train1")
        c.must("vm", "unassign", "train1", "GpuChildPool")
        c.must("vm", "rm", "train1")
        assert "available" in c.must("pool", "show", "GpuChildPool")
        c.must("pool", "rm", "GpuChildPool")
        c.must("gpu", "mount", "--all")
        assert c.must("gpu", "ls").count("bochs-drm") == 6
        out = c.must("events", "--limit", "100")
        assert "VM train1 is to be started" in out and "GPU pool GpuChildPool was removed" in out


@test
def a_vm_too_many_waits_with_a_reason_for_every_host_and_starts_when_a_gpu_is_free():
    with Cluster() as c:
        c.make_pool()
        for name in ("a", "b"):
            c.add_vm(name, 2)
        c.add_vm("late", 1)
        c.must("vm", "start", "a", "b")
        err = c.refused(1, "late is waiting", "vm", "start", "late")
        assert "node1: no GPUs free" in err and "node2: no GPUs free" in err, err
        out = c.must("status")
        assert "warning: VM late waits: no host can run it right now" in out, out
        assert "-> berth vm explain late" in out, out
        code, out, _ = c.berth("problems")
        assert out.startswith("Problems: ") and "warning: VM late waits" in out, out
        assert code == (0 if out.startswith("Problems: 0 errors") else 1), (code, out)
        assert c.must("vm", "ls", "--pool", "GpuChildPool").count("running") == 2
        assert "late" in c.must("vm", "ls", "--pool", "GpuChildPool", "--state", "waiting")
        c.refused(3, "there is no GPU pool", "vm", "ls", "--pool", "nope")
        for severity, is_told in ("info", True), ("warning", False):
            out = c.must("events", "--severity", severity, "--subject", "late", "--since", "1h")
            assert ("VM late is to be started" in out) == is_told, out
            assert "VM a is to be started" not in out, out
        c.refused(2, "info, warning or error", "events", "--severity", "bad")
        c.refused(2, "--since takes a time", "events", "--since", "soon")
        out = c.must("vm", "explain", "late")
        assert "node1" in out and "held by a" in out and "held by b" in out, out
        code, _, err = c.berth("vm", "start", "late", "--wait-for-gpu", "--timeout", "1")
        assert code == 5 and "it goes on by itself" in err, (code, err)
        waiting = subprocess.Popen([os.environ["BERTH"], "--socket", c.socket, "vm", "start",
                                    "late", "--wait-for-gpu"], stdout=subprocess.PIPE, text=True)
        c.must("vm", "stop", "a")
        out, _ = waiting.communicate(timeout=20)
        assert waiting.returncode == 0 and "late is running on node1" in out, out


@test
def a_drain_moves_what_has_a_place_and_says_what_stays():
    with Cluster() as c:
        c.make_pool()
        c.add_vm("a")
        c.add_vm("big", 2)
        c.must("vm", "start", "a")
        assert "a would" not in c.must("node", "drain", "node1", "--dry-run")
        told = c.must("node", "drain", "node1")
        assert "node1 is drained" in told, told
        assert "a was restarted on node2, after it was off for 12.3 s" in told, told
        assert "last move        held it up for 12.3 s" in c.must("vm", "show", "a")
        assert c.of("vm", "show", "a")["node"] == "node2"
        assert c.of("node", "show", "node1")["state"] == "drained"
        c.must("node", "resume", "node1")
        c.players.slow.add("node1")
        told = c.must("node", "drain", "node2", "--timeout", "2")
        assert "node2 is drained" in told and "a is not up yet; see berth vm show a" in told, told
        c.players.slow.clear()
        c.must("node", "resume", "node2")
        assert "a was restarted on node2" in c.must("node", "drain", "node1")
        c.must("node", "resume", "node1")
        c.must("vm", "start", "big")
        code, out, _ = c.berth("plan", "fail", "node1")
        assert code == 1 and "big would wait" in out, out
        err = c.refused(1, "stays in draining", "node", "drain", "node2")
        assert "a keeps running" in err
        c.must("node", "resume", "node2")
        c.refused(1, "stays on node2", "vm", "move", "a")


@test
def bad_input_gets_a_sentence_and_its_own_exit_code():
    with Cluster() as c:
        c.make_pool()
        c.add_vm("v")
        long = "a" * 300
        c.refused(1, "no domain XML", "vm", "add", "-", stdin="<network/>")
        c.refused(1, "no domain XML", "vm", "add", "-", stdin="plainly not")
        c.refused(1, "No such file", "vm", "add", "/nonexistent.xml")
        c.refused(1, "is empty", "vm", "add", "-", stdin="")
        c.refused(3, 'no GPU pool "nope"', "vm", "assign", "v", "nope")
        c.refused(3, "there are: v", "vm", "start", "w")
        c.refused(3, "there are: node1, node2", "node", "drain", "node9")
        c.refused(3, "has no GPU at", "gpu", "dismount", "node1", "0000:0f:00.0")
        c.refused(1, "300 characters; at most 63", "pool", "create", long)
        c.refused(1, "300 characters; at most 63", "vm", "show", long)
        c.refused(1, "a/b", "vm", "start", "a/b")
        c.refused(1, "may not", "pool", "create", "../etc")
        c.refused(2, "usage: berth vm assign VM POOL", "vm", "assign", "v")
        c.refused(2, "no option --frobnicate", "vm", "ls", "--frobnicate")
        c.refused(2, "berth vm ls has no option --force", "vm", "ls", "--force")
        c.refused(2, 'no command "berth vm frob"', "vm", "frob")
        c.refused(2, "not of the form NODE/ADDRESS", "pool", "add", "GpuChildPool", "node1")
        assert c.api.poll() is None


@test
def a_store_that_is_down_makes_reads_old_and_changes_refused_until_it_is_back():
    with Cluster() as c:
        c.must("pool", "create", "p")
        c.etcd.kill()
        wait_for("the API notices", lambda: "may be old" in c.berth("pool", "ls")[2])
        assert "p " in c.must("pool", "ls")
        c.refused(4, "nothing was changed: the store has not answered", "pool", "create", "q")
        c.etcd.start()
        wait_for("changes work again", lambda: c.berth("pool", "create", "q")[0] == 0)
        assert "may be old" not in c.berth("pool", "ls")[2]


@test
def an_api_that_is_down_is_named_with_how_to_start_it():
    with Cluster() as c:
        c.stop_api()
        c.refused(4, "systemctl start berth-api", "status")
        assert not os.path.exists(c.socket)
        c.start_api()
        c.must("status")


@test
def a_lost_reply_is_resolved_by_looking_for_the_audit_event():
    with Cluster(endpoint=LossyProxy) as c:
        c.endpoint.loses = True
        code, out, err = c.berth("pool", "create", "p")
        c.endpoint.loses = False
        assert c.endpoint.lost > 0
        assert code == 0 and "was created" in out, (code, out, err)
        assert len([e for e in c.of("events")["items"] if e["code"] == "pool-created"]) == 1


@test
def changes_at_the_same_moment_are_all_done_one_after_the_other():
    with Cluster() as c:
        c.make_pool()
        c.add_vm("v")
        many = [subprocess.Popen([os.environ["BERTH"], "--socket", c.socket, "vm", "assign", "v",
                                  "GpuChildPool"], stdout=subprocess.DEVNULL) for _ in range(4)]
        assert [p.wait(timeout=30) for p in many] == [0] * 4
        assert c.of("vm", "show", "v")["needs"] == [{"pool": "GpuChildPool", "count": 5}]


@test
def events_are_followed_live_and_resumed_without_a_gap():
    def stream(last=None):
        s = c.connect()
        header = f"Last-Event-ID: {last}\r\n" if last else ""
        s.sendall(f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n{header}\r\n"
                  .encode())
        return s

    with Cluster() as c:
        with stream() as s:
            assert "text/event-stream" in read_until(s, b"as they happen")
            c.must("pool", "create", "p")
            told = read_until(s, b"\n\n")
        assert '"code":"pool-created"' in told, told
        first = told.split("id: ")[1].split("\n")[0]
        c.must("pool", "create", "q")
        c.must("pool", "create", "r")
        with stream(first) as s:
            told = read_until(s, b"GPU pool r was created")
        assert "GPU pool q was created" in told and "GPU pool p was" not in told, told
        follow = subprocess.Popen([os.environ["BERTH"], "--socket", c.socket, "events", "-f"],
                                  stdout=subprocess.PIPE, text=True)
        assert "GPU pool p was created" in [follow.stdout.readline() for _ in range(3)][0]
        c.must("pool", "create", "s")
        # Its stream may have begun after the event: then the next one comes.
        beginning = threading.Event()
        threading.Thread(target=lambda: (follow.stdout.readline(), beginning.set()),
                         daemon=True).start()
        wait_for("an event is told", lambda: beginning.is_set() or
                 (c.must("cluster", "set", "reserve=0") and beginning.wait(0.3)))
        follow.kill()
        follow.wait()


@test
def a_page_is_told_which_things_look_different_and_that_a_node_fell_silent():
    with Cluster() as c:
        with c.connect() as s:
            s.sendall(b"GET /v1/events?changes=1 HTTP/1.1\r\nHost: x\r\n"
                      b"Accept: text/event-stream\r\n\r\n")
            read_until(s, b"as they happen")
            # What is told together with a node's first heartbeat is told as "any of them".
            for name in ("p0", "p1", "p2"):
                c.must("pool", "create", name)
                told = read_until(s, b'"pools":')
                if '"pools":["p' in told:
                    break
            else:
                raise AssertionError(told)
            assert "event: changed\ndata: {" in told, told
            c.players.silent.add("node2")
            assert '"nodes":["node2"]' in read_until(s, b'"nodes":["node2"]')


@test
def a_change_with_a_key_is_done_once_also_at_another_api_and_after_a_restart():
    with Cluster() as c:
        def create(socket, name="p"):
            return ask(socket, "POST", "/v1/pools", {"name": name}, Idempotency_Key="key-1")

        first = create(c.socket)
        assert first.status == 201 and first.headers["etag"], first
        other = f"{c.directory}/other.conf"
        with open(c.config, encoding="ascii") as file, open(other, "w", encoding="ascii") as to:
            to.writelines(line.replace(c.socket, f"{c.directory}/run/other.sock") for line in file
                          if not line.startswith("https_"))
        with subprocess.Popen([os.environ["BERTH_API"], "--config", other],
                              stderr=subprocess.DEVNULL) as api:
            wait_for("the other API serves",
                     lambda: serves(f"{c.directory}/run/other.sock"))
            again = create(f"{c.directory}/run/other.sock")
            api.terminate()
        assert (again.status, again.text) == (201, first.text), again
        c.stop_api()
        c.start_api()
        assert create(c.socket).text == first.text
        assert create(c.socket, "q").status == 422
        assert [p["name"] for p in ask(c.socket, "GET", "/v1/pools").json["items"]] == ["p"]


@test
def a_node_that_falls_silent_is_shown_and_can_be_vouched_off():
    with Cluster() as c:
        c.refused(1, "node2 is alive", "node", "confirm-off", "node2", "--yes")
        c.players.silent.add("node2")
        wait_for("node2 is silent", lambda: c.of("node", "show", "node2")["state"] == "silent")
        assert "no heartbeat for" in c.must("status")
        c.refused(1, "Say so with --yes", "node", "confirm-off", "node2")
        c.must("node", "confirm-off", "node2", "--yes")
        assert c.etcd.all()["want/nodes/node2"]["confirmed_off"] == 1


@test
def whatever_comes_over_the_socket_the_daemon_lives():
    with Cluster() as c:
        c.raw("nonsense\r\n\r\n")
        c.raw(b"\0\1\2\3" * 10000)
        assert " 413 " in c.raw("POST /v1/pools HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n"
                                "\r\n", b"\r\n\r\n")
        big = b"x" * 700000
        chunked = b"".join(b"%x\r\n%s\r\n" % (len(big), big) for _ in range(2)) + b"0\r\n\r\n"
        assert " 413 " in c.raw(b"POST /v1/pools HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                b"Transfer-Encoding: chunked\r\n\r\n" + chunked)
        assert "name: must be" in c.raw("POST /v1/pools HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                 "Content-Length: 10\r\n\r\n{\"name\":1}")
        assert "bad-request" in c.raw("GET /v1/vms/%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                      "\r\n")
        deep = "[" * 100000
        assert " 400 " in c.raw("POST /v1/vms HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                f"Content-Length: {len(deep)}\r\n\r\n{deep}")
        crowd = [c.connect() for _ in range(200)]
        for s in crowd:
            s.sendall(b"GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        for s in crowd:
            assert " 200 " in read_until(s, b"as they happen")
        for s in crowd:
            s.close()
        c.must("status")
        assert c.api.poll() is None


@test
def the_daemon_ends_cleanly_with_streams_and_changes_open():
    with Cluster() as c:
        streams = [c.connect() for _ in range(5)]
        for s in streams:
            s.sendall(b"GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
            read_until(s, b"as they happen")
        c.etcd.process.send_signal(signal.SIGSTOP)
        change = c.connect()
        change.sendall(b"POST /v1/pools HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n"
                       b"{\"name\":\"p\"}")
        # The daemon has it once it serves the next request on another connection. Within ten seconds
        # it gives up waiting for the store and answers 504: nothing slow may stand before the stop.
        read_until_end = threading.Thread(target=lambda: read_until(streams[0], None), daemon=True)
        read_until_end.start()
        c.raw("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        code = c.stop_api()
        c.etcd.process.send_signal(signal.SIGCONT)
        assert code == 0, code
        assert " 503 " in read_until(change, b"stopping")
        read_until_end.join(timeout=30)
        assert not read_until_end.is_alive()
        for s in streams + [change]:
            s.close()


@test
def the_api_starts_before_its_store_and_says_so():
    with Cluster() as c:
        c.stop_api()
        c.etcd.kill()
        c.api = subprocess.Popen([os.environ["BERTH_API"], "--config", c.config],
                                 stderr=subprocess.DEVNULL)
        wait_for("it listens", lambda: c.berth("status")[2].find("since this API started") >= 0)
        assert c.berth("status")[0] == 4
        second = subprocess.run([os.environ["BERTH_API"], "--config", c.config], timeout=20,
                                capture_output=True, text=True, check=False)
        assert second.returncode == 1 and "another process serves" in second.stderr
        c.etcd.start()
        wait_for("it serves", lambda: c.berth("status")[0] == 0)


@test
def output_for_programs_is_json_and_colour_is_for_terminals():
    with Cluster() as c:
        assert [n["name"] for n in c.of("node", "ls")["items"]] == ["node1", "node2"]
        assert "\033" not in c.must("node", "ls")
        for colour, environment in ((True, {}), (False, {"NO_COLOR": "1"})):
            done = subprocess.run(["script", "-qec", f"{os.environ['BERTH']} node ls", "/dev/null"],
                                  capture_output=True, text=True, timeout=20, check=False,
                                  stdin=subprocess.DEVNULL,
                                  env={**os.environ, "BERTH_SOCKET": c.socket, **environment})
            assert ("\033[32mup" in done.stdout) == colour, done.stdout


@test
def the_documents_name_every_route():
    docs = os.path.join(os.path.dirname(__file__), "..", "..", "docs")
    with Cluster() as c:
        with open(f"{docs}/api.md", encoding="utf-8") as file:
            api = file.read()
        index = json.loads(c.raw("GET /v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                           .split("\r\n\r\n", 1)[1])
        missing = [r["path"] for r in index["routes"] if f"`{r['method']} {r['path']}`" not in api]
        assert len(index["routes"]) >= 40 and not missing, missing


if __name__ == "__main__":
    sys.exit(main())
