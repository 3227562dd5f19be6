# SPDX-License-Identifier: LGPL-2.1-or-later
"""How quick berth-api is on a full cluster: a real etcd with nodes and VMs that each hold a GPU, a coordinator's
pulse and summary of heartbeats as they come (berth-api watches no heartbeat itself), the real berth-api, and wrk over
HTTPS with a token."""
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "live"))
from cluster import Etcd, b64, free_port, wait_for  # noqa: E402
from rest import ask  # noqa: E402

# Nodes and VMs, and what berth-api may take there in MiB (None: no limit was set).
SIZES = [(64, 8000, 150), (1000, 16000, None)]
MODEL = {"vendor": "10de", "device": "20b5"}
MEMBERS_MAX = 8192  # of one pool (model/limits.h)
IDENTITY = "10de:20b5 0000:0000"
# A client that rests 5 to 15 ms between an answer and its next question: 100 questions a second.
RESTING = "function delay() return math.random(5, 15) end"
# What is measured: title, target, connections, seconds, what clients do between questions, (figure, limit in ms), which
# is one for the first size. Fifty that never rest show what one core can answer at most: how long each waits then is 50
# times what one answer costs.
LOADS = [("one VM, 50 clients, 100/s each", "/v1/vms/vm-00100", 50, 10, RESTING, ("p99", 2.0)),
         ("one VM, 50 clients, no rest", "/v1/vms/vm-00100", 50, 10, None, None),
         ("list of all VMs, 1 client", "/v1/vms", 1, 10, None, ("p99", 50.0)),
         ("the same, compressed", "/v1/vms", 1, 5, None, None),
         ("all GPUs, 1 client", "/v1/gpus", 1, 5, None, None),
         ("all hosts, 1 client", "/v1/nodes", 1, 5, None, None),
         ("status, 1 client", "/v1/status", 1, 5, None, None)]


def address(i):
    return f"0000:{i:02x}:00.0"


def xml(name):
    disks = "".join(f"<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/>"
                    f"<source file='/vm/{name}-{i}.qcow2'/><target dev='vd{chr(97 + i)}' bus='virtio'/></disk>"
                    for i in range(8))
    return (f"<domain type='kvm'><name>{name}</name><memory unit='MiB'>16384</memory><vcpu>4</vcpu>"
            f"<os><type machine='q35'>hvm</type></os><devices>{disks}"
            "<interface type='bridge'><source bridge='br0'/><model type='virtio'/></interface></devices></domain>")


def node_records(node, gpus):
    cards = [{"address": address(i), **MODEL, "vendor_name": "NVIDIA Corporation", "device_name": "GA100",
              "driver": "vfio-pci", "iommu_group": i, "verdict": "assignable",
              "bar_size": [16777216, 68719476736, 0, 0, 0, 0]} for i in range(gpus)]
    yield f"seen/nodes/{node}", {"incarnation": 1, "cpus": 1024, "memory_mib": 4 << 20, "gpus": cards,
                                      "checks": [{"name": "hypervisor", "ok": True, "detail": ""}]}
    yield f"want/nodes/{node}", {"dismounted": [{"address": c["address"], "identity": IDENTITY} for c in cards]}


def vm_records(vm, node, gpu, pool):
    hold = [{"pool": pool, "gpu": address(gpu)}]
    yield f"want/vms/{vm}", {"xml": xml(vm), "cpus": 4, "memory_mib": 16384, "desired": "started", "start_order": 1,
                             "needs": [{"pool": pool, "count": 1}], "preferred_owners": [node]}
    yield f"order/vms/{vm}", {"epoch": 1, "phase": "start", "node": node, "gpus": hold, "start_order": 1}
    yield f"seen/vms/{vm}", {"epoch": 1, "incarnation": 1, "node": node, "state": "running", "has_started": True}
    yield f"order/claims/{node}/{address(gpu)}", {"vm": vm, "epoch": 1}


def node_name(number):
    return f"node{number:04}"


def records(nodes, vms):
    each = vms // nodes
    hosts_a_pool = MEMBERS_MAX // (each + 1)
    yield "format", {"cluster": "5b0c1f3e-9d4b-4f0a-8f5e-2f6f3b8a7c11", "number": 1, "oldest": 1}
    for first in range(0, nodes, hosts_a_pool):
        members = [{"node": node_name(n), "gpu": address(i), "identity": IDENTITY}
                   for n in range(first, min(first + hosts_a_pool, nodes)) for i in range(each + 1)]
        yield f"want/pools/pool{first // hosts_a_pool}", {"type": "PciExpress", "members": members}
    for n in range(nodes):
        yield from node_records(node_name(n), each + 1)
    for i in range(each * nodes):
        n = i // each
        yield from vm_records(f"vm-{i:05}", node_name(n), i % each, f"pool{n // hosts_a_pool}")


def fill(etcd, nodes, vms):
    batch, size = [], 0
    for key, value in records(nodes, vms):
        text = json.dumps({"schema": 1, **value})
        if batch and (len(batch) == 100 or size + len(text) > 1000000):  # etcd takes 128, and 1.5 MiB
            etcd.call("kv/txn", {"success": batch}, 60)
            batch, size = [], 0
        batch.append({"requestPut": {"key": b64(f"/berth/{key}"), "value": b64(text)}})
        size += len(text)
    etcd.call("kv/txn", {"success": batch}, 60)


class Coordinator(threading.Thread):
    """The summary in which all nodes are heard, and the pulse once a second."""

    def __init__(self, etcd, nodes):
        super().__init__(daemon=True)
        self.etcd, self.nodes, self.ended = etcd, nodes, False

    def run(self):
        hosts = [{"name": node_name(n), "pulse": "alive", "incarnation": 1, "counter": 1, "revision": 1,
                  "watchdog_armed": True, "watchdog_ms": 6000} for n in range(self.nodes)]
        self.etcd.put("beat/~/summary", {"schema": 1, "term": 1, "number": 1, "hosts": hosts})
        counter = 0
        while not self.ended:
            counter += 1
            try:
                self.etcd.put("order/pulse", {"schema": 1, "term": 1, "counter": counter, "summary": 1})
            except OSError:
                pass  # a busy machine: the next one comes
            time.sleep(1)


def resident_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1]) / 1024


def cpu_ms(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        words = file.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) * 1e3 / os.sysconf("SC_CLK_TCK")


def headers_of(title, token):
    """What is sent with each request of that load."""
    return {"Authorization": f"Bearer {token}", **({"Accept-Encoding": "gzip"} if "compressed" in title else {})}


def load(pid, port, headers, target, clients, seconds, rest=None):
    """wrk's figures in ms, and CPU of berth-api a request; all answers must be good."""
    before = cpu_ms(pid)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(rest or "")
        script.flush()
        out = subprocess.run(["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", "-s", script.name,
                              *(word for name, value in headers.items() for word in ("-H", f"{name}: {value}")),
                              f"https://127.0.0.1:{port}{target}"],
                             check=True, capture_output=True, text=True).stdout
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    found = {f"p{p}": float(v) * scale[u] for p, v, u in re.findall(r"^ +(\d\d)% +([\d.]+)(us|ms|s) *$", out, re.M)}
    if "Non-2xx" in out or "Socket errors" in out or "p99" not in found:
        raise RuntimeError(out)
    found["cpu"] = (cpu_ms(pid) - before) / int(re.search(r"(\d+) requests in", out)[1])
    found["rate"] = float(re.search(r"Requests/sec: +([\d.]+)", out)[1])
    return found


def single(port, headers, target):
    """One request on a connection of its own that is open already: ms, the best and the median of 20."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=ssl._create_unverified_context())
    times = []
    for _ in range(20):
        begin = time.monotonic()
        connection.request("GET", target, headers=headers)
        size = len(connection.getresponse().read())
        times.append((time.monotonic() - begin) * 1e3)
    connection.close()
    return min(times), sorted(times)[10], size


def begin(folder, program, etcd):
    port, conf, sock = free_port(), f"{folder}/berth.conf", f"{folder}/run/api.sock"
    with open(conf, "w", encoding="ascii") as file:
        file.write(f"node = {node_name(0)}\netcd_endpoints = {etcd.url}\napi_socket = {sock}\n"
                   f"https_listen = 127.0.0.1:{port}\nstate_dir = {folder}/state\n")
    os.mkdir(f"{folder}/state")
    api = subprocess.Popen([program, "--config", conf], stderr=open(f"{folder}/api.log", "w"))
    wait_for("berth-api serves", lambda: is_up(sock), 60)
    token = ask(sock, "POST", "/v1/access", {"name": "bench", "kind": "token", "role": "viewer"}).json["token"]
    return api, port, token


def is_up(sock):
    try:
        return ask(sock, "GET", f"/v1/nodes/{node_name(63)}").json.get("state") == "up"
    except OSError:
        return False


def measure(program, table, is_quick=False):
    """Prints the figures of each size with their limits; returns them. 'program': berth-api."""
    if not shutil.which("wrk") or not shutil.which("etcd"):
        print("The API is not measured: install wrk and etcd-server.\n")
        return []
    return [measure_size(program, table, is_quick, *size) for size in SIZES]


def measure_size(program, table, is_quick, nodes, vms, mib_max):
    folder = tempfile.mkdtemp(prefix="berth-bench-")
    etcd = Etcd(folder)
    coordinator, api, figures = Coordinator(etcd, nodes), None, []
    try:
        fill(etcd, nodes, vms)
        coordinator.start()
        api, port, token = begin(folder, program, etcd)
        for title, target, clients, seconds, rest, limit in LOADS:
            headers = headers_of(title, token)
            found = {"title": title, **load(api.pid, port, headers, target, clients, 3 if is_quick else seconds, rest)}
            found["best"], found["median"], found["bytes"] = single(port, headers, target)
            found["limit"] = f"{limit[0]} < {limit[1]:g} ms" if limit and mib_max else ""
            figures.append(found)
        figures.append({"title": "resident, at most", "mib": resident_mib(api.pid)})
    finally:
        coordinator.ended = True
        for process in (api, etcd.process):
            if process:
                process.terminate()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"The API with {nodes:,} nodes and {vms:,} VMs, over HTTPS (best and median: one client that rests between).")
    table(["", "a second", "CPU each", "p50", "p99", "best", "median", "KiB", "limit"],
          [[f["title"], f"{f['rate']:,.0f}", f"{f['cpu']:.3f} ms", f"{f['p50']:.2f} ms", f"{f['p99']:.2f} ms", f"{f['best']:.2f} ms",
            f"{f['median']:.2f} ms", f["bytes"] // 1024, f["limit"]] for f in figures[:-1]])
    limit = f" (limit {mib_max})" if mib_max else ""
    print(f"Resident, at most: {figures[-1]['mib']:.0f} MiB{limit}\n", flush=True)
    return {"nodes": nodes, "vms": vms, "figures": figures}
