#!/usr/bin/python
# SPDX-License-Identifier: LGPL-2.1-or-later
"""GPUs of hosts."""

DOCUMENTATION = r"""
module: gpu
short_description: takes GPUs of a Berth cluster from their hosts
description:
  - Takes GPUs from their hosts for VMs, gives them back, and divides them into partitions.
  - The host does so within seconds. With I(wait), the task waits for it.
options:
  node:
    description: Host of the GPU. Required with I(address); without it, I(model) means GPUs of all hosts.
    type: str
  address:
    description: PCI address of the card, such as C(0000:65:00.0).
    type: str
  model:
    description:
      - Vendor and device, such as C(10de:2235), for all GPUs of this model. Those that cannot be taken are left out
        with a warning.
    type: str
  state:
    description: Whether the card is its host's, VMs get it whole, or VMs get partitions of it.
    type: str
    choices: [dismounted, mounted, partitioned]
    default: dismounted
  partitions:
    description: With I(state=partitioned), how many.
    type: int
  profile:
    description: With I(state=partitioned), the type of the vGPUs by ID or name, where the vendor's driver has types.
    type: str
  force:
    description: Take it although its host uses it or it cannot be reset.
    type: bool
    default: false
extends_documentation_fragment:
  - berth.berth.connection
  - berth.berth.connection.wait
"""

EXAMPLES = r"""
- name: All A40 are for VMs
  berth.berth.gpu:
    model: "10de:2235"

- name: One card is in four partitions
  berth.berth.gpu:
    node: node1
    address: "0000:65:00.0"
    state: partitioned
    partitions: 4
"""

RETURN = r"""
gpus:
  description: Each GPU that was meant, with its node, address and state.
  returned: always
  type: list
  elements: dict
"""

from ansible_collections.berth.berth.plugins.module_utils.berth import WAIT, Module

UNDER_WAY = ("dismounting", "mounting", "partitioning")


class Card:
    """A card, and what its host is to do with it."""

    def __init__(self, node, gpu):
        self.node, self.address, self.gpu = node["name"], gpu["address"], gpu
        self.entry = next((each for each in node["spec"].get("dismounted", [])
                           if each["address"] == self.address and
                           each.get("identity") == gpu.get("identity", each.get("identity"))), None)

    def path(self, *more):
        return ("nodes", self.node, "gpus", self.address) + more

    def name(self):
        return "%s/%s" % (self.node, self.address)

    def ordered(self):
        """As the state of a task has it."""
        count = self.entry["partitions"] if self.entry else 0
        return "mounted" if not self.entry else "partitioned in %d" % count if count else "dismounted"

    def has_profile(self, profile):
        """By its ID or its name."""
        have = self.entry.get("profile", "")
        return have in [t["id"] for t in self.gpu.get("mdev_types", []) if profile in (t["id"], t["name"])] or \
            have == profile


def cards_of(m):
    """Those that are meant."""
    p = m.params
    nodes = [p["node"]] if p["node"] else [each["name"] for each in m.get("nodes")["items"]]
    found = []
    for name in nodes:
        node = m.get("nodes", name)
        if node is None:
            m.fail_json(msg="there is no node \"%s\"" % name)
        found += [Card(node, gpu) for gpu in node["gpus"] if "+" not in gpu["address"] and
                  (gpu["address"] == p["address"].lower() if p["address"] else gpu["model"] == p["model"].lower())]
    if not found:
        what = "GPU at %s" % p["address"] if p["address"] else "GPU of the model %s" % p["model"]
        m.fail_json(msg="%s has no %s" % (p["node"] or "the cluster", what))
    return found


def is_takable(m, card):
    """Whether the survey lets it go; one that is named itself, or is forced, is left to the API to judge."""
    if card.gpu["state"] != "not-assignable" or m.params["force"]:
        return True
    why = "%s cannot be dismounted: %s" % (card.name(), card.gpu["verdict_detail"] or card.gpu["verdict"])
    if m.params["address"]:
        m.fail_json(msg=why, code=card.gpu["verdict"])
    m.warn(why)
    return False


def arrange(m, card):
    p = m.params
    want = "partitioned in %d" % p["partitions"] if p["state"] == "partitioned" else p["state"]
    if card.ordered() == want and (not p["profile"] or card.has_profile(p["profile"])):
        return
    if want == "dismounted" and not is_takable(m, card):
        return
    m.before[card.name()], m.after[card.name()] = card.ordered(), want
    if p["state"] == "partitioned":
        profile = {"profile": p["profile"]} if p["profile"] else {}
        m.order("POST", card.path("partition"), {"count": p["partitions"], **profile})
    elif p["state"] == "dismounted":
        m.order("POST", card.path("dismount"), {"force": p["force"]})
    else:
        m.order("POST", card.path("mount"))


def main():
    m = Module({
        "node": {"type": "str"},
        "address": {"type": "str"},
        "model": {"type": "str"},
        "state": {"type": "str", "choices": ["dismounted", "mounted", "partitioned"], "default": "dismounted"},
        "partitions": {"type": "int"},
        "profile": {"type": "str"},
        "force": {"type": "bool", "default": False},
        **WAIT,
    }, mutually_exclusive=[("address", "model")], required_one_of=[("address", "model")],
        required_by={"address": "node", "profile": "partitions"}, required_if=[("state", "partitioned", ["partitions"])])
    for card in cards_of(m):
        arrange(m, card)

    def late():
        return [card for card in cards_of(m) if card.gpu["state"] in UNDER_WAY]

    m.wait_for(lambda: not late(), lambda: (", ".join("%s is still %s" % (card.name(), card.gpu["state"]) for card in late()), []))
    m.done(gpus=[{"node": card.node, "address": card.address, "state": card.gpu["state"]} for card in cards_of(m)])


if __name__ == "__main__":
    main()
