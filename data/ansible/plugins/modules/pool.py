#!/usr/bin/python
# SPDX-License-Identifier: LGPL-2.1-or-later
"""GPU pools."""

DOCUMENTATION = r"""
module: pool
short_description: GPU pools of a Berth cluster
description:
  - Creates, changes and removes GPU pools, and puts GPUs into them.
  - GPUs join a pool after they were taken from their hosts, see M(berth.berth.gpu).
options:
  name:
    description: Name of the pool.
    type: str
    required: true
  state:
    description: Whether the pool is to be there.
    type: str
    choices: [present, absent]
    default: present
  type:
    description:
      - Whole GPUs, or partitions of them. Without it, a new pool is of whole GPUs.
      - A pool keeps the type that it was created with.
    type: str
    choices: [PciExpress, GpuPartition]
  mixed:
    description: Whether it takes GPUs of different models. A pool stays as it was created, without this C(false).
    type: bool
  gpus:
    description: GPUs that are to be in the pool.
    type: list
    elements: dict
    suboptions:
      node:
        description: Host of the GPU.
        type: str
        required: true
      address:
        description: PCI address of the card, such as C(0000:65:00.0).
        type: str
        required: true
  model:
    description:
      - Vendor and device, such as C(10de:2235). All GPUs of this model that were taken from their hosts and are in
        no pool join this one.
    type: str
  exclusive:
    description: Whether GPUs that are not in I(gpus) leave the pool.
    type: bool
    default: false
  after_use:
    description: What becomes of a GPU when its VM has gone.
    type: str
    choices: [release, erase, hold]
  erase:
    description: With I(after_use=erase), the name of a command in C(erase_commands) of each host's C(berth.conf).
    type: str
  rom_hidden:
    description: Whether guests do not see the cards' ROM.
    type: bool
extends_documentation_fragment:
  - berth.berth.connection
"""

EXAMPLES = r"""
- name: All A40 that were taken from their hosts are in one pool
  berth.berth.pool:
    name: GpuChildPool
    model: "10de:2235"
"""

RETURN = r"""
pool:
  description: The pool as C(GET /v1/pools/NAME) shows it.
  returned: if it is there
  type: dict
"""

from ansible_collections.berth.berth.plugins.module_utils.berth import Module

POLICY = {
    "after_use": {"type": "str", "choices": ["release", "erase", "hold"]},
    "erase": {"type": "str"},
    "rom_hidden": {"type": "bool"},
}


def card(address):
    """The card of a partition is the card."""
    return address.split("+")[0].lower()


def names(gpus):
    return sorted("%s/%s" % gpu for gpu in gpus)


def ready_gpus(m, pool):
    """GPUs of the model that can join: in Berth's hands, and in no pool."""
    states = ("partitioned",) if pool["type"] == "GpuPartition" else ("dismounted", "dismounting")
    listed = m.get("gpus")["items"]
    if not [g for g in listed if g["model"] == m.params["model"].lower()]:
        m.fail_json(msg="no host has a GPU of the model %s" % m.params["model"])
    return {(g["node"], card(g["address"])) for g in listed
            if g["model"] == m.params["model"].lower() and "pool" not in g and g["state"] in states}


def check_unchangeable(m, pool):
    for name, value in m.given(("type", "mixed")).items():
        if pool[name] != value:
            m.fail_json(msg="pool %s has %s %s, and keeps it: it cannot become %s"
                        % (pool["name"], name, pool[name], value))


def members(m, pool):
    """(GPUs that join, GPUs that leave), each sorted."""
    have = {(each["node"], card(each["address"])) for each in pool["members"]}
    want = {(each["node"], card(each["address"])) for each in m.params["gpus"] or []}
    want |= ready_gpus(m, pool) if m.params["model"] else set()
    gone = have - want if m.params["exclusive"] else set()
    m.differs("gpus", names(have), names((have | want) - gone))
    return sorted(want - have), sorted(gone)


def make(m, path):
    pool = m.get(*path)
    is_new = pool is None
    if is_new:
        m.differs("state", "absent", "present")
        pool = {"members": [], "after_use": "release", "type": m.params["type"] or "PciExpress"}
    else:
        check_unchangeable(m, pool)
    join, leave = members(m, pool)
    places = {"members": [{"node": node, "address": address} for node, address in join]}
    if is_new:
        m.order("POST", ("pools",), {**m.given(("name", "type", "mixed")), **places})
    elif join:
        m.order("POST", path + ("members",), places)
    for node, address in leave:
        m.order("DELETE", path + ("members", node, address))
    policy = m.differing(pool, m.given(POLICY))
    if policy:
        m.order("PATCH", path, policy)


def main():
    m = Module({
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "type": {"type": "str", "choices": ["PciExpress", "GpuPartition"]},
        "mixed": {"type": "bool"},
        "gpus": {"type": "list", "elements": "dict", "options": {
            "node": {"type": "str", "required": True}, "address": {"type": "str", "required": True}}},
        "model": {"type": "str"},
        "exclusive": {"type": "bool", "default": False},
        **POLICY,
    }, mutually_exclusive=[("exclusive", "model")], required_if=[("exclusive", True, ["gpus"])])
    path = ("pools", m.params["name"])
    if m.params["state"] == "present":
        make(m, path)
    elif m.get(*path) is not None:
        m.differs("state", "present", "absent")
        m.order("DELETE", path)
    pool = m.get(*path)
    m.done(**({"pool": pool} if pool else {}))


if __name__ == "__main__":
    main()
