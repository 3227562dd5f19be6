# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real etcd, a real berth-api and the real berth command; the nodes and the coordinator are played
by a thread that reads and writes the store as berthd does, by level."""

import base64
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request


DRAWN = set()


def free_port():
    """A port that is free, drawn from below those that the kernel gives to connections: until it is used, only the draw
    of another program can take it."""
    while True:
        port = random.randrange(15000, 32000)
        if port in DRAWN:
            continue
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            DRAWN.add(port)
            return port


def wait_for(what, condition, limit=15.0):
    """Until 'condition' is true; 'what' is what the failure says."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {limit} s: {what}"
        time.sleep(0.02)


class Etcd:
    """One member on loopback."""

    def __init__(self, directory):
        self.directory = directory
        self.port, self.peer = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.start()

    def start(self):
        peer = f"http://127.0.0.1:{self.peer}"
        self.process = subprocess.Popen(
            ["etcd", "--data-dir", f"{self.directory}/etcd", "--listen-client-urls", self.url,
             "--advertise-client-urls", self.url, "--listen-peer-urls", peer,
             "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
             "--heartbeat-interval", "20", "--election-timeout", "200"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("etcd answers", self.answers, 60)

    def answers(self):
        try:
            self.call("kv/range", {"key": b64("x")})
            return True
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def call(self, path, body, limit=2):
        request = urllib.request.Request(f"{self.url}/v3/{path}", json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=limit) as reply:
                return json.load(reply)
        except http.client.HTTPException as problem:  # it was killed in the middle of its answer
            raise OSError(f"etcd: {problem!r}") from problem

    def put(self, key, value):
        """The revision of that."""
        reply = self.call("kv/put", {"key": b64(f"/berth/{key}"), "value": b64(json.dumps(value))})
        return int(reply["header"]["revision"])

    def delete(self, key):
        self.call("kv/deleterange", {"key": b64(f"/berth/{key}")})

    def all(self):
        """{key below the prefix: document}"""
        reply = self.call("kv/range", {"key": b64("/berth/"), "range_end": b64("/berth0")})
        return {unb64(kv["key"])[7:]: json.loads(unb64(kv["value"])) for kv in reply.get("kvs", [])}

    def revision(self, key):
        """Of the last change of that key, which is there."""
        return int(self.call("kv/range", {"key": b64(f"/berth/{key}")})["kvs"][0]["mod_revision"])


# What the first berthd writes.
FORMAT = {"schema": 1, "cluster": "5b0c1f3e-9d4b-4f0a-8f5e-2f6f3b8a7c11", "number": 1, "oldest": 1}


def b64(text):
    return base64.b64encode(text.encode()).decode()


def unb64(text):
    return base64.b64decode(text).decode()


def gpu(bus, device="1111"):
    return {"address": f"0000:0{bus}:00.0", "vendor": "1234", "device": device,
            "device_name": "Bochs" if device == "1111" else "Rage", "iommu_group": bus,
            "driver": "bochs-drm", "bar_size": [16777216, 0, 4096, 0, 0, 0],
            "verdict": "host-driver", "verdict_detail": "dismount it first"}


class Players(threading.Thread):
    """Nodes and coordinator. 'silent' nodes send no heartbeat; 'is_idle' lets nothing be placed; 'obeys_power': nodes
    reboot when they are told to."""

    def __init__(self, etcd, nodes):
        super().__init__(daemon=True)
        self.etcd, self.nodes = etcd, nodes
        self.silent, self.is_idle, self.ended = set(), False, False
        self.counter, self.next_beat, self.told = 0, 0, None
        self.beats, self.beaten = {}, {}  # of each node: the last one, and when that was
        self.gpus = {n: [gpu(1), gpu(2), gpu(3, "5046")] for n in nodes}
        self.obeys_power, self.incarnations, self.descents = False, {n: 1 for n in nodes}, {}
        self.pauses = {}  # VM -> how long its last move held it up
        self.slow = set()  # hosts on which VMs take their time to come up
        self.fence_tests = {n: {} for n in nodes}  # by whom, of which node: what its agents answered
        self.trouble = None
        self.fence_key = base64.b64encode(os.urandom(32)).decode()

    def inventory(self, node):
        return {"schema": 1, "incarnation": self.incarnations[node], "seal_key": f"of {node}", "cpus": 8, "memory_mib": 8192, "kernel": "6.1",
                "gpus": self.gpus[node], "fence_tests": list(self.fence_tests[node].values()),
                "checks": [{"name": "hypervisor", "ok": True, "detail": ""}]}

    def run(self):
        while not self.ended:
            try:
                self.act()
            except OSError:
                pass  # etcd is down: so is what we do
            except Exception as problem:  # the tests would wait in vain: keep it for them
                self.trouble = problem
                raise
            time.sleep(0.05)

    def act(self):
        now = time.monotonic()
        if now >= self.next_beat:
            self.next_beat = now + 0.2
            self.counter += 1
            for node in self.nodes:
                if node not in self.silent:
                    self.beats[node] = {"incarnation": self.incarnations[node], "counter": self.counter,
                                        "watchdog_armed": True, "watchdog_ms": 6000,
                                        "going_down": node in self.descents}
                    revision = self.etcd.put(f"beat/{node}", {"schema": 1, **self.beats[node]})
                    self.beats[node]["revision"], self.beaten[node] = revision, now
            self.tell_beats(now)
        store = self.etcd.all()
        for node in self.nodes:
            if node in self.silent:
                self.declare_off(store, node)
            else:
                self.tend_gpus(store, node)
                self.tend_power(store, node, now)
        for key in [k for k in store if k.startswith("want/fence-tests/")]:
            self.test_fencing(store, key.split("/")[2])
        if not self.is_idle:
            for key in [k for k in store if k.startswith("want/vms/")]:
                self.tend_vm(self.etcd.all(), key.split("/")[2])
            for key in [k for k in store if k.startswith("order/vms/")]:
                if key.replace("order/", "want/") not in store:
                    self.etcd.delete(key)

    def tell_beats(self, now):
        """The coordinator's pulse, and its summary of the heartbeats when that changes."""
        hosts = [{"name": node, "pulse": "silent" if now - self.beaten[node] >= 3 else "alive", **beat}
                 for node, beat in sorted(self.beats.items())]
        told = [{**host, "counter": 0, "revision": 0} for host in hosts]
        if told != self.told:
            self.told, self.summary = told, self.counter
            self.etcd.put("beat/~/summary", {"schema": 1, "term": 1, "number": self.summary, "hosts": hosts})
        self.etcd.put("order/pulse", {"schema": 1, "term": 1, "counter": self.counter, "summary": self.summary})

    def declare_off(self, store, node):
        """What the coordinator does of a silent node that an administrator has confirmed to be off."""
        fence = f"order/fence/{node}"
        if store.get(f"want/nodes/{node}", {}).get("confirmed_off") == 1 and fence not in store:
            self.etcd.put(fence, {"schema": 1, "incarnation": 1, "proof": "manual",
                                  "cause": {"code": "proof-confirmed"}})

    def tend_gpus(self, store, node):
        wanted = {d["address"] for d in
                  store.get(f"want/nodes/{node}", {}).get("dismounted", [])}
        for card in self.gpus[node]:
            is_wanted = card["address"] in wanted
            card["driver"] = "vfio-pci" if is_wanted else "bochs-drm"
            card["verdict"] = "assignable" if is_wanted else "host-driver"
            card["verdict_detail"] = "" if is_wanted else "dismount it first"
        if store.get(f"seen/nodes/{node}", {}).get("gpus") != self.gpus[node]:
            self.etcd.put(f"seen/nodes/{node}", self.inventory(node))
        if f"order/keys/{node}" not in store:
            self.etcd.put(f"order/keys/{node}", {"schema": 1, "host_key": f"of {node}", "number": 1,
                                                 "public_key": self.fence_key, "grant": ""})

    def test_fencing(self, store, node):
        """Agents answer that the node is on, but for fence_broken."""
        key, spec = f"want/fence-tests/{node}", store.get(f"want/nodes/{node}", {})
        asked, by = self.etcd.revision(key), store[key]["by"]
        if by in self.silent or self.fence_tests[by].get(node, {}).get("asked") == asked:
            return
        agents = [a for a in (spec["fence_agent"], spec["fence_level_2"]["agent"], spec["fence_level_3"]["agent"]) if a]
        self.fence_tests[by][node] = {
            "node": node, "asked": asked, "spec": self.etcd.revision(f"want/nodes/{node}"),
            "levels": [{"agent": a, "state": "failed" if a == "fence_broken" else "on",
                        "text": f"{a} does not answer" if a == "fence_broken" else f"{a} says on"} for a in agents]}
        self.etcd.put(f"seen/nodes/{by}", self.inventory(by))

    def tend_power(self, store, node, now):
        """A reboot takes half a second once the VMs are away."""
        order = store.get(f"want/nodes/{node}", {})
        is_ordered = order.get("power") == "reboot" and order["power_incarnation"] == self.incarnations[node]
        if self.obeys_power and is_ordered and node not in self.descents:
            self.descents[node] = now
        is_empty = not any(place.get("node") == node for key, place in store.items() if key.startswith("order/vms/"))
        if node in self.descents and is_empty and now > self.descents[node] + 0.5:
            del self.descents[node]
            self.incarnations[node] += 1
            self.etcd.put(f"seen/nodes/{node}", self.inventory(node))

    def tend_vm(self, store, vm):
        spec = store.get(f"want/vms/{vm}")
        place = store.get(f"order/vms/{vm}") or {"schema": 1, "epoch": 0, "phase": "none"}
        if not spec:
            return
        before = json.dumps(place)
        is_up = place["phase"] == "start"
        node = place.get("node", "")
        mode = store.get(f"want/nodes/{node}", {}).get("mode", "active")
        must_leave = is_up and (mode == "drain" or node in self.descents or
                                spec.get("move_order", 0) > place.get("move_order", 0))
        if is_up and spec.get("desired", "stopped") != "started":
            self.free(store, place)
            place.update(phase="none", gpus=[], reasons=[], node="")
        elif (spec.get("desired") == "started" and not is_up) or must_leave:
            self.place(store, vm, spec, place, node if must_leave else "")
            self.pauses[vm] = 12345 if must_leave else 0
            if node in self.descents and place["node"] == node:
                self.free(store, place)
                place.update(phase="none", gpus=[], node="")
        if json.dumps(place) != before:
            self.etcd.put(f"order/vms/{vm}", place)
        if place["phase"] == "start":
            self.etcd.put(f"seen/vms/{vm}", {"schema": 1, "epoch": place["epoch"],
                                               "node": place["node"],
                                               "state": "starting" if place["node"] in self.slow else "running",
                                               "pause_ms": self.pauses.get(vm, 0)})

    def place(self, store, vm, spec, place, avoid):
        reasons = []
        for node in self.nodes:
            mode = store.get(f"want/nodes/{node}", {}).get("mode", "active")
            found = [] if mode != "active" or node in {*self.silent, *self.descents, avoid} else \
                self.free_gpus(store, node, spec["needs"])
            if found:
                self.free(store, place)
                for hold in found:
                    self.etcd.put(f"order/claims/{node}/{hold['gpu']}",
                                  {"schema": 1, "vm": vm, "epoch": place["epoch"] + 1})
                place.update(epoch=place["epoch"] + 1, phase="start", node=node, gpus=found,
                             reasons=[], start_order=spec.get("start_order", 0),
                             move_order=spec.get("move_order", 0))
                return
            reasons.append({"node": node, "cause": {"code": "said", "detail": f"no GPUs free for {vm}"}})
        place.update(reasons=reasons, start_order=spec.get("start_order", 0),
                     move_order=spec.get("move_order", 0))

    @staticmethod
    def free_gpus(store, node, needs):
        found = []
        for need in needs:
            members = [m["gpu"] for m in store[f"want/pools/{need['pool']}"]["members"]
                       if m["node"] == node and f"order/claims/{node}/{m['gpu']}" not in store]
            if len(members) < need["count"]:
                return []
            found += [{"pool": need["pool"], "gpu": m} for m in members[:need["count"]]]
        return found

    def free(self, store, place):
        for hold in place.get("gpus", []):
            key = f"order/claims/{place['node']}/{hold['gpu']}"
            if key in store:
                self.etcd.delete(key)


class Cluster:
    """All of it, in a directory that is gone at the end: with Cluster() as c."""

    def __init__(self, nodes=("node1", "node2"), endpoint=None, settings=()):
        self.directory = tempfile.mkdtemp(prefix="berth-live-")
        self.etcd = Etcd(self.directory)
        self.socket = f"{self.directory}/run/api.sock"
        self.config = f"{self.directory}/berth.conf"
        self.endpoint = endpoint(self.etcd.port) if endpoint else None
        self.https = free_port()
        with open(self.config, "w", encoding="ascii") as file:
            url = f"http://127.0.0.1:{self.endpoint.port}" if self.endpoint else self.etcd.url
            file.write(f"node = node1\netcd_endpoints = {url}\napi_socket = {self.socket}\n"
                       f"state_dir = {self.directory}/state\nhttps_listen = 127.0.0.1:{self.https}\n")
            file.write("".join(f"{setting}\n" for setting in settings))
        self.etcd.put("format", FORMAT)
        self.players = Players(self.etcd, list(nodes))
        self.players.start()
        self.api = None
        try:
            self.start_api()
        except BaseException:
            self.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        if problem[0]:
            print("".join(f"# api: {line}\n" for line in self.log().splitlines()[-20:]), end="")
        self.end()

    def log(self):
        """What berth-api has told its journal."""
        with open(f"{self.directory}/api.log", encoding="utf-8") as file:
            return file.read()

    def start_api(self):
        self.api = subprocess.Popen([os.environ["BERTH_API"], "--config", self.config],
                                    stderr=open(f"{self.directory}/api.log", "a"))
        wait_for("berth-api shows the nodes", lambda: self.berth("node", "ls")[1].count(" up ") ==
                 len(self.players.nodes) - len(self.players.silent))

    def stop_api(self, how=signal.SIGTERM):
        self.api.send_signal(how)
        return self.api.wait(timeout=30)  # on a machine that is busy with other things

    def berth(self, *words, stdin=None, environment=None):
        """(exit code, output, errors)"""
        done = subprocess.run(
            [os.environ["BERTH"], "--socket", self.socket, *words], input=stdin, text=True,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True, timeout=60, env={**os.environ, **(environment or {})}, check=False)
        return done.returncode, done.stdout, done.stderr

    def must(self, *words, stdin=None):
        code, out, err = self.berth(*words, stdin=stdin)
        assert code == 0, f"berth {' '.join(words)}: {code}\n{out}{err}"
        return out

    def refused(self, code, sentence, *words, stdin=None):
        have, out, err = self.berth(*words, stdin=stdin)
        assert have == code and sentence in err, \
            f"berth {' '.join(words)}: {have}, not {code} with {sentence!r}\n{out}{err}"
        return err

    def of(self, *words):
        return json.loads(self.must(*words, "-o", "json"))

    def make_pool(self, name="GpuChildPool"):
        """Of all GPUs of one model: two on each node."""
        self.must("gpu", "dismount", "--all", "--model", "1234:1111")
        self.must("pool", "create", name, "--all")

    def add_vm(self, name, count=1, pool="GpuChildPool"):
        self.must("vm", "add", "-", "--name", name, "--need", f"{pool}={count}", stdin=self.xml("any"))

    def xml(self, name):
        return (f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>128</memory>"
                "<vcpu>1</vcpu><os><type machine='q35'>hvm</type></os></domain>")

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(30)
        s.connect(self.socket)
        return s

    def raw(self, text, until=None):
        """What the API answers to these bytes, up to its end or to 'until'."""
        with self.connect() as s:
            s.sendall(text if isinstance(text, bytes) else text.encode())
            return read_until(s, until)

    def end(self):
        self.players.ended = True
        code = self.stop_api() if self.api and self.api.poll() is None else 0
        self.players.join(timeout=10)
        self.etcd.kill()
        if self.endpoint:
            self.endpoint.end()
        log = self.log() if code else ""
        shutil.rmtree(self.directory, ignore_errors=True)
        assert not self.players.trouble, self.players.trouble
        assert code == 0, f"berth-api ended with {code}: a sanitizer's report?\n{log[-5000:]}"


def read_until(s, until):
    got = b""
    while until is None or until not in got:
        try:
            piece = s.recv(65536)
        except ConnectionError:
            break
        if not piece:
            break
        got += piece
    return got.decode(errors="replace")
