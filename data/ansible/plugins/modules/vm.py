#!/usr/bin/python
# SPDX-License-Identifier: LGPL-2.1-or-later
"""VMs."""

DOCUMENTATION = r"""
module: vm
short_description: VMs of a Berth cluster
description:
  - Adds, changes, starts, stops and removes VMs.
  - What is not given stays as it is.
options:
  name:
    description: Name of the VM.
    type: str
    required: true
  state:
    description:
      - C(present) leaves it running or stopped as it is; a new VM is stopped.
      - C(absent) stops it first, and leaves its disks alone.
    type: str
    choices: [present, started, stopped, absent]
    default: present
  xml:
    description:
      - libvirt domain XML without GPUs. Required for a new VM. A change is in effect at the next start of the VM.
      - If it has passwords, give the task C(no_log), as Ansible writes options into the log of the machine.
    type: str
  gpus:
    description:
      - All that it needs of GPU pools. An empty list takes its GPUs away. The VM must be stopped when this changes.
    type: list
    elements: dict
    suboptions:
      pool:
        description: Name of the GPU pool.
        type: str
        required: true
      count:
        description: How many GPUs.
        type: int
        default: 1
  force:
    description: When the VM has to stop, turn it off at once.
    type: bool
    default: false
  affinity_enforced:
    description: Wait rather than run without the VMs in I(together).
    type: bool
  apart:
    description: VMs that it should not share a host with.
    type: list
    elements: str
  apart_enforced:
    description: Wait rather than run beside the VMs in I(apart).
    type: bool
  guest_silence_ms:
    description: Its guest stands still when its agent has been silent for so many milliseconds.
    type: int
  guest_watch:
    description: What happens when its guest stands still. C(off) only tells.
    type: str
    choices: ["off", restart]
  labels:
    description: Labels that its host must have.
    type: dict
  migration:
    description: How it moves while it runs.
    type: str
    choices: [live-or-restart, live, restart]
  mmio_mib:
    description: 64-bit MMIO aperture in MiB; C(0) is computed.
    type: int
  offline_action:
    description: What happens to it when its GPUs or its host go away.
    type: str
    choices: [turn-off, save, shutdown, force-shutdown]
  offline_timeout_ms:
    description: How many milliseconds the guest has to shut down.
    type: int
  possible_owners:
    description: Hosts that it may run on. An empty list means all.
    type: list
    elements: str
  preferred_owners:
    description: Hosts that it prefers, best first.
    type: list
    elements: str
  priority:
    description: Higher starts first. C(3000) is high, C(2000) medium, C(1000) low, C(0) no automatic start.
    type: int
  restart:
    description: What happens when it fails.
    type: dict
    suboptions:
      restarts_max:
        description: Restarts on the same host before a failover.
        type: int
      window_ms:
        description: Milliseconds of uptime after which the counters reset.
        type: int
      failovers_max:
        description: Failovers before the VM counts as failed.
        type: int
      host_losses_max:
        description: Hosts lost under the VM before it counts as failed. C(0) is no limit.
        type: int
  start_after:
    description: VMs that must run before it starts.
    type: list
    elements: str
  title:
    description: What people call it.
    type: str
  together:
    description: VMs that it should share a host with.
    type: list
    elements: str
  topology:
    description: Whether the guest is built like the NUMA nodes on which its GPUs are.
    type: str
    choices: [none, mirror]
  unmanaged:
    description: Only watch it; do not start, stop, move or restart it.
    type: bool
extends_documentation_fragment:
  - berth.berth.connection
  - berth.berth.connection.wait
"""

EXAMPLES = r"""
- name: train1 runs with two GPUs
  berth.berth.vm:
    name: train1
    state: started
    xml: "{{ lookup('ansible.builtin.file', 'train1.xml') }}"
    gpus:
      - pool: GpuChildPool
        count: 2
    priority: 3000
"""

RETURN = r"""
vm:
  description: The VM as C(GET /v1/vms/NAME) shows it.
  returned: if it is there
  type: dict
"""

import re
import xml.etree.ElementTree as ElementTree

from ansible_collections.berth.berth.plugins.module_utils.berth import WAIT, Module

NAMES = {"type": "list", "elements": "str"}
POLICY = {
    "affinity_enforced": {"type": "bool"},
    "apart": NAMES,
    "apart_enforced": {"type": "bool"},
    "guest_silence_ms": {"type": "int"},
    "guest_watch": {"type": "str", "choices": ["off", "restart"]},
    "labels": {"type": "dict"},
    "migration": {"type": "str", "choices": ["live-or-restart", "live", "restart"]},
    "mmio_mib": {"type": "int"},
    "offline_action": {"type": "str", "choices": ["turn-off", "save", "shutdown", "force-shutdown"]},
    "offline_timeout_ms": {"type": "int"},
    "possible_owners": NAMES,
    "preferred_owners": NAMES,
    "priority": {"type": "int"},
    "restart": {"type": "dict", "options": {
        name: {"type": "int"} for name in ("restarts_max", "window_ms", "failovers_max", "host_losses_max")}},
    "start_after": NAMES,
    "title": {"type": "str"},
    "together": NAMES,
    "topology": {"type": "str", "choices": ["none", "mirror"]},
    "unmanaged": {"type": "bool"},
}


def canonical(m, xml):
    """The same for texts that differ only in layout and order of attributes."""
    try:
        return ElementTree.canonicalize(xml, strip_text=True)
    except ElementTree.ParseError as problem:
        return m.fail_json(msg="xml: it is no XML: %s" % problem)


def shown(xml):
    """For the diff: without the passwords of its screens."""
    return re.sub(r"""(\bpasswd\s*=\s*)("[^"]*"|'[^']*')""", r"\1'(hidden)'", xml)


def needs_of(items):
    return {each["pool"]: each["count"] for each in items}


def policy_of(m, spec):
    """What is given of its policy; of 'restart', the rest as it is."""
    want = m.given(POLICY)
    if "labels" in want:
        want["labels"] = {key: str(value) for key, value in want["labels"].items()}
    if "restart" in want:
        given = {key: value for key, value in want["restart"].items() if value is not None}
        want["restart"] = {**spec.get("restart", {}), **given}
    return want


def arrange_needs(m, path, have):
    """More GPUs before fewer: one that waits and needs none any more would be stopped."""
    if m.params["gpus"] is None or not m.differs("gpus", have, needs_of(m.params["gpus"])):
        return
    want = needs_of(m.params["gpus"])
    for order, some in (("assign", want), ("unassign", have)):
        other = have if some is want else want
        for pool, count in sorted(some.items()):
            if count > other.get(pool, 0):
                m.order("POST", path + (order,), {"pool": pool, "count": count - other.get(pool, 0)})


def add(m, path):
    if m.params["xml"] is None:
        m.fail_json(msg="there is no VM \"%s\"; to add it, give xml" % m.params["name"])
    canonical(m, m.params["xml"])
    needs = m.params["gpus"] or []
    for pool in needs_of(needs):
        if m.check_mode and m.get("pools", pool) is None:
            m.fail_json(msg="there is no GPU pool \"%s\"" % pool)
    policy = policy_of(m, {})
    m.before["state"], m.after["state"] = "absent", "present"
    m.after.update(policy, gpus=needs_of(needs), xml=shown(m.params["xml"]))
    m.order("POST", ("vms",), {"name": m.params["name"], "xml": m.params["xml"], "needs": needs, **policy})


def change(m, path, vm):
    xml = m.params["xml"]
    if xml is not None and canonical(m, vm["xml"]) != canonical(m, xml):
        m.before["xml"], m.after["xml"] = shown(vm["xml"]), shown(xml)
        m.order("PATCH", path + ("definition",), {"xml": xml})
    policy = m.differing(vm["spec"], policy_of(m, vm["spec"]))
    if policy:
        m.order("PATCH", path, policy)
    arrange_needs(m, path, needs_of(vm["needs"]))


def run(m, path):
    """Orders that it runs, or that it is stopped, and waits for that."""
    vm = m.get(*path) or {"desired": "stopped", "state": "stopped"}  # in check mode, a new one is not there
    is_wanted = m.params["state"] == "started"
    want = "started" if is_wanted else "stopped"
    if vm["desired"] != want or (is_wanted and vm["state"] == "failed"):
        m.before["desired"], m.after["desired"] = vm["state"], want
        m.order("POST", path + ("start",) if is_wanted else path + ("stop",), None if is_wanted else {"force": m.params["force"]})

    def is_there():
        now = m.get(*path)
        if now["state"] == "failed" and is_wanted:
            m.fail_json(msg="VM %s failed: %s" % (m.params["name"], now["detail"]), changed=m.is_changed)
        return now["state"] == ("running" if is_wanted else "stopped")

    def late():
        now = m.get(*path)
        why = ["%s: %s" % (each["subject"], each["text"]) for each in now["reasons"]]
        return "VM %s is %s" % (m.params["name"], now["state"]), why or [text for text in [now["detail"]] if text]

    m.wait_for(is_there, late)


def remove(m, path):
    vm = m.get(*path)
    if vm is None:
        return
    m.params["wait"] = True  # what runs cannot be removed
    m.differs("state", "present", "absent")
    run(m, path)
    m.order("DELETE", path)


def main():
    m = Module({
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "started", "stopped", "absent"], "default": "present"},
        "xml": {"type": "str"},
        "gpus": {"type": "list", "elements": "dict", "options": {
            "pool": {"type": "str", "required": True}, "count": {"type": "int", "default": 1}}},
        "force": {"type": "bool", "default": False},
        **POLICY,
        **WAIT,
    })
    path = ("vms", m.params["name"])
    if m.params["state"] == "absent":
        remove(m, path)
    else:
        vm = m.get(*path)
        if vm is None:
            add(m, path)
        else:
            change(m, path, vm)
        if m.params["state"] != "present":
            run(m, path)
    vm = m.get(*path)
    m.done(**({"vm": vm} if vm else {}))


if __name__ == "__main__":
    main()
