# SPDX-License-Identifier: LGPL-2.1-or-later
"""Instances in the words of other planners, and their answers judged by one judge.

Pacemaker: a CIB as a live cluster has it: utilization attributes for GPUs, CPUs and memory, fencing on,
the state of each resource where it runs (no probes: only placement is measured). Ganeti: an
allocator request that evacuates the failed host. Ganeti knows no GPUs; it is given them as memory, the
resource that it does not over-commit.
"""
import collections
import glob
import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import tempfile

Host = collections.namedtuple("Host", "name gpus cpus memory is_up")
Vm = collections.namedtuple("Vm", "name gpus cpus memory host")
HAIL = "/usr/lib/ganeti/iallocators/hail"
MIB_PER_GPU = 65536
HOST_MIB = 4096  # for the host itself, and as much that Ganeti never fills


def read(path):
    """(hosts, vms) of an instance file."""
    hosts, vms = [], []
    with open(path) as lines:
        for line in lines:
            kind, name, gpus, cpus, memory, word = line.split()
            if kind == "host":
                hosts.append(Host(name, int(gpus), int(cpus), int(memory), word == "up"))
            else:
                vms.append(Vm(name, int(gpus), int(cpus), int(memory), None if word == "-" else word))
    return hosts, vms


def judge(hosts, vms, places):
    """What a plan (VM name to host name) is worth."""
    up = {h.name: h for h in hosts if h.is_up}
    used = collections.defaultdict(lambda: [0, 0, 0])
    verdict = {"left_out": 0, "moved": 0, "overfull": 0}
    for vm in vms:
        at = places.get(vm.name)
        if at not in up:
            verdict["left_out"] += 1
            continue
        verdict["moved"] += vm.host in up and vm.host != at
        for i, need in enumerate((vm.gpus, vm.cpus, vm.memory)):
            used[at][i] += need
    for name, (gpus, cpus, memory) in used.items():
        host = up[name]
        verdict["overfull"] += gpus > host.gpus or cpus > host.cpus or memory > host.memory
    return verdict


def run(command):
    """(output, seconds of CPU) of a program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# ---- Pacemaker ----

def pacemaker_version():
    path = shutil.which("crm_simulate") or "/usr/sbin/crm_simulate"
    if not os.path.exists(path):
        return None
    return run([path, "--version"])[0].split("\n")[0]


def _digest(interval):
    """Of an operation's parameters as Pacemaker dumps them: without it all would be restarted."""
    timeout = ' CRM_meta_timeout="20000"' if interval else ""
    return hashlib.md5(f" <parameters{timeout}/>\n".encode()).hexdigest()


def _operation(vm, node, name, interval, call):
    return (f'<lrm_rsc_op id="{vm}_{"last" if interval == 0 else name}_{interval}" '
            f'operation_key="{vm}_{name}_{interval}" operation="{name}" crm_feature_set="3.16.2" '
            f'transition-key="{call}:1:0:5ee53c0a-0000-4000-8000-000000000001" '
            f'transition-magic="0:0;{call}:1:0:5ee53c0a-0000-4000-8000-000000000001" '
            f'on_node="{node}" call-id="{call}" rc-code="0" op-status="0" interval="{interval}" '
            f'op-digest="{_digest(interval)}"/>')


def _history(node, resource_id, kind, call):
    return (f'<lrm_resource id="{resource_id}" {kind}>'
            + _operation(resource_id, node, "start", 0, call)
            + _operation(resource_id, node, "monitor", 30000, call + 1) + "</lrm_resource>")


VM_KIND = 'class="ocf" provider="heartbeat" type="VirtualDomain"'
FENCE_KIND = 'class="stonith" type="fence_ipmilan"'


def _utilization(name, gpus, cpus, memory):
    values = (("gpu", gpus), ("cpu", cpus), ("memory", memory))
    return (f'<utilization id="u-{name}">'
            + "".join(f'<nvpair id="u-{name}-{k}" name="{k}" value="{v}"/>' for k, v in values)
            + "</utilization>")


def cib(hosts, vms, strategy):
    """The instance as a CIB for crm_simulate."""
    options = (("placement-strategy", strategy), ("stonith-enabled", "true"),
               ("enable-startup-probes", "false"), ("no-quorum-policy", "stop"),
               ("dc-version", "2.1.5"), ("cluster-infrastructure", "corosync"))
    out = ['<cib crm_feature_set="3.16.2" validate-with="pacemaker-3.9" epoch="1" num_updates="1" '
           'admin_epoch="0" have-quorum="1" dc-uuid="%d"><configuration><crm_config>'
           '<cluster_property_set id="o">' % len(hosts)]
    out += [f'<nvpair id="o-{k}" name="{k}" value="{v}"/>' for k, v in options]
    out.append("</cluster_property_set></crm_config><nodes>")
    for i, host in enumerate(hosts, 1):
        out.append(f'<node id="{i}" uname="{host.name}">'
                   + _utilization(host.name, host.gpus, host.cpus, host.memory) + "</node>")
    out.append(f'</nodes><resources><primitive id="fence" {FENCE_KIND}/>')
    for vm in vms:
        out.append(f'<primitive id="{vm.name}" {VM_KIND}><operations>'
                   f'<op id="{vm.name}-m" name="monitor" interval="30s"/></operations>'
                   + _utilization(vm.name, vm.gpus, vm.cpus, vm.memory) + "</primitive>")
    out.append('</resources><constraints/><rsc_defaults><meta_attributes id="d"><nvpair id="d-s" '
               'name="resource-stickiness" value="100"/></meta_attributes></rsc_defaults>'
               "</configuration><status>")
    on = collections.defaultdict(list)
    for vm in vms:
        on[vm.host].append(vm.name)
    first_up = next(h.name for h in hosts if h.is_up)
    for i, host in enumerate(hosts, 1):
        state = ('in_ccm="true" crmd="online" join="member"' if host.is_up
                 else 'in_ccm="false" crmd="offline" join="down"')
        out.append(f'<node_state id="{i}" uname="{host.name}" {state} expected="member">'
                   f'<lrm id="{i}"><lrm_resources>')
        if host.name == first_up:
            out.append(_history(host.name, "fence", FENCE_KIND, 2))
        out += [_history(host.name, vm, VM_KIND, 4 + 2 * k) for k, vm in enumerate(on[host.name])]
        out.append("</lrm_resources></lrm></node_state>")
    out.append("</status></cib>")
    return "".join(out)


def pacemaker(path, strategy, is_timed=True):
    """Plans the instance; {scheduler_s, process_s, left_out, moved, overfull}."""
    hosts, vms = read(path)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "cib.xml")
        with open(file, "w") as out:
            out.write(cib(hosts, vms, strategy))
        answer, process = run(["crm_simulate", "-R", "-x", file])
        timed = run(["crm_simulate", "--profile", folder, "--repeat", "1"])[0] if is_timed else ""
    summary = answer.split("Transition Summary:")
    if len(summary) != 2:
        raise RuntimeError("crm_simulate did not understand the instance")
    places = {vm.name: vm.host for vm in vms}
    for action, vm, where in re.findall(r"\* (\w+)\s+(vm\d+)\s+\(\s*(.*?)\s*\)", summary[1]):
        places[vm] = None if action == "Stop" else where.split()[-1]
    took = re.search(r"([\d.]+) secs", timed)
    return dict(judge(hosts, vms, places), process_s=process,
                scheduler_s=float(took.group(1)) if took else None)


# ---- Ganeti ----

def ganeti_version():
    return run([HAIL, "--version"])[0].split("\n")[0] if os.path.exists(HAIL) else None


def _spec(value):
    keys = ("memory-size", "cpu-count", "disk-count", "disk-size", "nic-count", "spindle-use")
    return dict.fromkeys(keys, value)


def hail_request(hosts, vms):
    """The evacuation of the failed hosts as an allocator request."""
    policy = {"minmax": [{"min": dict(_spec(0), **{"memory-size": 1}), "max": _spec(10 ** 8)}],
              "std": _spec(1), "disk-templates": ["sharedfile"], "vcpu-ratio": 1024.0,
              "spindle-ratio": 1024.0}
    used = collections.Counter()
    for vm in vms:
        used[vm.host] += vm.gpus
    nodes = {h.name: {
        "offline": not h.is_up, "drained": False, "master_candidate": True, "master_capable": True,
        "vm_capable": True, "group": "g", "total_memory": h.gpus * MIB_PER_GPU + 2 * HOST_MIB,
        "reserved_memory": HOST_MIB,
        "free_memory": ((h.gpus - used[h.name]) * MIB_PER_GPU + HOST_MIB) * h.is_up,
        "total_disk": 10 ** 7, "free_disk": 10 ** 7, "total_cpus": h.cpus, "reserved_cpus": 0,
        "i_pri_memory": 0, "i_pri_up_memory": 0, "primary_ip": "192.0.2.1",
        "secondary_ip": "192.0.2.1", "tags": [], "hv_state": {}, "disk_state": {},
        "total_spindles": 1, "free_spindles": 1,
        "ndparams": {"spindle_count": 1, "exclusive_storage": False, "cpu_speed": 1.0}}
        for h in hosts}
    instances = {v.name: {
        "memory": v.gpus * MIB_PER_GPU, "vcpus": v.cpus, "disk_space_total": 1, "nodes": [v.host],
        "disks": [{"size": 1, "mode": "w", "spindles": 1}], "disk_template": "sharedfile",
        "admin_state": "up", "admin_state_source": "admin", "tags": [], "spindle_use": 1,
        "auto_balance": True, "nics": [], "os": "any", "hypervisor": "kvm", "should_run": True}
        for v in vms}
    down = {h.name for h in hosts if not h.is_up}
    return {"version": 2, "cluster_name": "bench", "cluster_tags": [], "ipolicy": policy,
            "enabled_hypervisors": ["kvm"], "nodes": nodes, "instances": instances,
            "nodegroups": {"g": {"name": "g", "alloc_policy": "preferred", "networks": [],
                                 "tags": [], "ipolicy": policy}},
            "request": {"type": "node-evacuate", "evac_mode": "primary-only",
                        "instances": [v.name for v in vms if v.host in down]}}


def ganeti(path, passes=3):
    """Plans the evacuation; {process_s (best of 'passes'), left_out, moved, overfull}."""
    hosts, vms = read(path)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(hail_request(hosts, vms), file)
        file.flush()
        runs = [run([HAIL, file.name]) for _ in range(passes)]
    answer = json.loads(runs[0][0])
    up = {h.name for h in hosts if h.is_up}
    places = {v.name: v.host for v in vms if v.host in up}
    if answer["success"]:
        places.update({name: nodes[0] for name, _, nodes in answer["result"][0]})
    # CPUs and memory are not what it was given: only GPUs are judged.
    gpu_hosts = [h._replace(cpus=10 ** 9, memory=10 ** 12) for h in hosts]
    return dict(judge(gpu_hosts, vms, places), process_s=min(seconds for _, seconds in runs))


def instances(folder, row):
    return sorted(glob.glob(os.path.join(folder, row + "-[0-9][0-9].txt")))


# ---- Berth's own command ----

def card(node_index):
    """The address of a host's card of that number."""
    return f"0000:{node_index >> 5:02x}:{node_index & 31:02x}.0"


def write_state(hosts, vms, path):
    """The instance as a file for 'berth plan --state', before the failure."""
    cards = {h.name: [card(i) for i in range(h.gpus)] for h in hosts}
    left = {h.name: list(cards[h.name]) for h in hosts}
    placements = {}
    for v in vms:
        if v.host:
            held, left[v.host] = left[v.host][:v.gpus], left[v.host][v.gpus:]
            placements[v.name] = {"phase": "start", "node": v.host, "cpus": v.cpus,
                                  "memory_mib": v.memory,
                                  "gpus": [{"pool": "gpu", "gpu": address} for address in held]}
    gpu = {"vendor": "10de", "device": "20b5", "driver": "vfio-pci"}
    document = {
        "schema": 2,
        "configuration": {
            "cluster": {"cpu_percent": 100},
            "pools": {"gpu": {"members": [{"node": name, "gpu": address}
                                          for name, all in cards.items() for address in all]}},
            "vms": {v.name: {"desired": "started", "cpus": v.cpus, "memory_mib": v.memory,
                             "needs": [{"pool": "gpu", "count": v.gpus}] if v.gpus else []}
                    for v in vms}},
        "state": {
            "inventories": {h.name: {"cpus": h.cpus, "memory_mib": h.memory,
                                     "gpus": [{"address": address, **gpu} for address in cards[h.name]]}
                            for h in hosts},
            "placements": placements}}
    with open(path, "w") as file:
        json.dump(document, file)
