#!/usr/bin/python
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hosts."""

DOCUMENTATION = r"""
module: node
short_description: hosts of a Berth cluster
description:
  - Drains and resumes hosts, and sets how they are fenced.
  - What is not given stays as it is.
options:
  name:
    description: Name of the host in the cluster.
    type: str
    required: true
  state:
    description:
      - C(paused) lets nothing new start there. C(drained) also moves its VMs away. C(active) ends both.
      - C(absent) removes a host that is proven off, or whose C(berthd) was stopped, and that has no VMs.
    type: str
    choices: [active, paused, drained, absent]
  force:
    description: With I(state=drained), also stop VMs that find no other place.
    type: bool
    default: false
  migration:
    description: With I(state=drained), how running VMs move. Default is as each is set.
    type: str
    choices: [live-or-restart, live, restart]
  fencing:
    description: How the host is proven off.
    type: str
    choices: [watchdog, power, manual]
  fence_agent:
    description: Fence agent to run, such as C(fence_ipmilan).
    type: str
  fence_parameters:
    description: All parameters of I(fence_agent) that are no secrets.
    type: dict
  fence_secrets:
    description:
      - All that are, such as its password. They are sealed before they are stored. C({}) takes them away.
      - Without them, the stored ones stay; a task that changes other parameters of the agent then fails.
    type: dict
  fence_level_2:
    description: The fence agent to try when the first one fails.
    type: dict
    suboptions: &level
      agent:
        description: Its name. Empty for none.
        type: str
        required: true
      parameters:
        description: All its parameters that are no secrets.
        type: dict
      secrets:
        description: All that are. C({}) takes them away.
        type: dict
  fence_level_3:
    description: The fence agent to try when that of level 2 fails, too.
    type: dict
    suboptions: *level
  update_secrets:
    description:
      - Secrets cannot be read back. C(on_change) sends them where an agent or another parameter differs, or a secret
        is not there yet, C(always) each time, which counts as a change.
    type: str
    choices: [on_change, always]
    default: on_change
  labels:
    description: All labels of the host, which VMs can require.
    type: dict
extends_documentation_fragment:
  - berth.berth.connection
  - berth.berth.connection.wait
"""

EXAMPLES = r"""
- name: node1 is fenced by its BMC
  berth.berth.node:
    name: node1
    fencing: power
    fence_agent: fence_ipmilan
    fence_parameters:
      ip: 10.0.1.1
      username: berth
      lanplus: "1"
    fence_secrets:
      password: "{{ bmc_password }}"

- name: Its VMs have left it
  berth.berth.node:
    name: node1
    state: drained
"""

RETURN = r"""
node:
  description: The host as C(GET /v1/nodes/NAME) shows it.
  returned: if it is there
  type: dict
"""

from ansible_collections.berth.berth.plugins.module_utils.berth import WAIT, Module

HIDDEN = "(hidden)"
MODES = {"active": "active", "paused": "paused", "drained": "drain"}
ORDERS = {"active": "resume", "paused": "pause", "drained": "drain"}


def texts(values):
    return {key: str(value) for key, value in (values or {}).items()}


def change_of(m, have, agent, parameters, secrets):
    """(parameters, secrets) to send, or None if the agent is so already. What the task does not give stays; but a secret
    cannot be read back, so beside anything that changes it has to be given again."""
    seen = have["parameters"]
    hidden = {key for key, value in seen.items() if value == HIDDEN}
    if parameters is None:
        parameters = {key: value for key, value in seen.items() if key not in hidden | set(secrets or {})}
    parameters, given = texts(parameters), texts(secrets)
    kept = hidden - set(parameters) if secrets is None else set()
    want = {**parameters, **given, **{key: HIDDEN for key in kept}}
    is_same = set(seen) == set(want) and all(seen[key] in (HIDDEN, value) for key, value in want.items())
    if agent == have["agent"] and is_same and not (given and m.params["update_secrets"] == "always"):
        return None
    if kept:
        m.fail_json(msg="%s of the fence agent %s would be lost, as no one can read it back: give the secrets, too"
                    % (", ".join(sorted(kept)), have["agent"]))
    return parameters, given


def shown(parameters, secrets):
    """For the diff."""
    return {**parameters, **{key: HIDDEN for key in secrets}}


def fencing_of(m, spec):
    """What is to be changed of it."""
    p = m.params
    want = m.differing(spec, m.given(("fencing", "fence_agent")))
    if p["fence_parameters"] is not None or p["fence_secrets"] is not None:
        have = {"agent": spec.get("fence_agent", ""), "parameters": spec.get("fence_parameters", {})}
        agent = have["agent"] if p["fence_agent"] is None else p["fence_agent"]
        change = change_of(m, have, agent, p["fence_parameters"], p["fence_secrets"])
        if change:
            m.before["fence_parameters"], m.after["fence_parameters"] = have["parameters"], shown(*change)
            want["fence_parameters"] = {**change[0], **change[1]}
    for name in ("fence_level_2", "fence_level_3"):
        level = p[name]
        if level is None:
            continue
        have = {"agent": "", "parameters": {}, **spec.get(name, {})}
        given = (level["parameters"], level["secrets"]) if level["agent"] else ({}, {})
        change = change_of(m, have, level["agent"], *given)
        if change:
            m.before[name], m.after[name] = have, {"agent": level["agent"], "parameters": shown(*change)}
            want[name] = {"agent": level["agent"], "parameters": {**change[0], **change[1]}}
    return want


def settings(m, path, spec):
    want = fencing_of(m, spec)
    if m.params["labels"] is not None:
        want.update(m.differing(spec, {"labels": texts(m.params["labels"])}))
    if want:
        m.order("PATCH", path, want)


def is_so(m, node):
    """Whether it was told already."""
    spec, state = node["spec"], m.params["state"]
    is_mode = spec.get("mode", "active") == MODES[state]
    if state == "active":
        return is_mode and spec.get("power", "none") == "none" and node["state"] != "quarantined"
    if state == "paused":
        return is_mode
    migration = m.params["migration"] or spec.get("migration", "default")
    return is_mode and (spec.get("force", False), spec.get("migration", "default")) == (m.params["force"], migration)


def arrange_mode(m, path, node):
    state = m.params["state"]
    if not is_so(m, node):
        m.before["state"], m.after["state"] = node["state"], state
        body = {"force": m.params["force"], **m.given(("migration",))} if state == "drained" else None
        m.order("POST", path + (ORDERS[state],), body)
    if state == "drained":
        m.wait_for(lambda: m.get(*path)["state"] in ("drained", "shut-down", "fenced"), lambda: late(m, path))


def late(m, path):
    node = m.get(*path)
    state = "%s is %s, and has the VMs %s" % (node["name"], node["state"], ", ".join(node["vms"]))
    return state, [text for text in [node["detail"]] if text]


def main():
    level = {"type": "dict", "options": {
        "agent": {"type": "str", "required": True},
        "parameters": {"type": "dict"},
        "secrets": {"type": "dict", "no_log": True},
    }}
    m = Module({
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["active", "paused", "drained", "absent"]},
        "force": {"type": "bool", "default": False},
        "migration": {"type": "str", "choices": ["live-or-restart", "live", "restart"]},
        "fencing": {"type": "str", "choices": ["watchdog", "power", "manual"]},
        "fence_agent": {"type": "str"},
        "fence_parameters": {"type": "dict"},
        "fence_secrets": {"type": "dict", "no_log": True},
        "fence_level_2": level,
        "fence_level_3": level,
        "update_secrets": {"type": "str", "choices": ["on_change", "always"], "default": "on_change", "no_log": False},
        "labels": {"type": "dict"},
        **WAIT,
    })
    path = ("nodes", m.params["name"])
    node = m.get(*path)
    if m.params["state"] == "absent":
        if node is not None and m.differs("state", "present", "absent"):
            m.order("DELETE", path)
    elif node is None:
        m.fail_json(msg="there is no node \"%s\"; there are: %s"
                    % (m.params["name"], ", ".join(each["name"] for each in m.get("nodes")["items"])))
    else:
        settings(m, path, node["spec"])
        if m.params["state"]:
            arrange_mode(m, path, node)
    node = m.get(*path)
    m.done(**({"node": node} if node else {}))


if __name__ == "__main__":
    main()
