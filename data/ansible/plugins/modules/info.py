#!/usr/bin/python
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a cluster says of itself."""

DOCUMENTATION = r"""
module: info
short_description: shows a Berth cluster
description:
  - Reads the state of a cluster. Changes nothing.
options:
  gather:
    description: What to read. Each is what C(berth-api) answers to C(GET /v1/NAME), of lists the items.
    type: list
    elements: str
    choices: [cluster, gpus, nodes, pools, problems, status, survival, validate, vms]
    default: [status]
extends_documentation_fragment:
  - berth.berth.connection
"""

EXAMPLES = r"""
- name: What needs attention
  berth.berth.info:
    gather: [problems]
  register: found

- name: Nothing may be wrong before an upgrade
  ansible.builtin.assert:
    that: not found.problems
    fail_msg: "{{ found.problems | map(attribute='text') | join('; ') }}"
"""

RETURN = r"""
problems:
  description: One member for each name in I(gather).
  returned: as I(gather) says
  type: list
  elements: dict
"""

from ansible_collections.berth.berth.plugins.module_utils.berth import Module

ALL = ["cluster", "gpus", "nodes", "pools", "problems", "status", "survival", "validate", "vms"]


def main():
    m = Module({"gather": {"type": "list", "elements": "str", "choices": ALL, "default": ["status"]}})
    answers = {name: m.get(name) for name in m.params["gather"]}
    m.done(**{name: answer.get("items", answer) for name, answer in answers.items()})


if __name__ == "__main__":
    main()
