#!/usr/bin/python
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The settings of a cluster."""

DOCUMENTATION = r"""
module: cluster
short_description: settings of a Berth cluster
description:
  - Changes settings of a cluster, and disarms and arms it.
options:
  settings:
    description:
      - Settings and their values, by the names of C(berth cluster show). Others stay as they are.
    type: dict
    default: {}
  armed:
    description: Whether Berth fences, restarts and ends VMs by itself.
    type: bool
extends_documentation_fragment:
  - berth.berth.connection
"""

EXAMPLES = r"""
- name: One host may fail at any time
  berth.berth.cluster:
    settings:
      reserve: 1
      reserve_policy: refuse
"""

RETURN = r"""
settings:
  description: All settings, as C(GET /v1/cluster) shows them.
  returned: always
  type: dict
"""

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.berth.berth.plugins.module_utils.berth import Module


def like(have, value):
    """Text that a template made is what it stands for."""
    if isinstance(value, str) and isinstance(have, bool):
        return boolean(value)
    if isinstance(value, str) and isinstance(have, int):
        return int(value)
    return value


def wanted(m, have):
    want = {}
    for name, value in m.params["settings"].items():
        if name not in have:
            m.fail_json(msg="there is no setting \"%s\"; there are: %s" % (name, ", ".join(sorted(have))))
        try:
            want[name] = like(have[name], value)
        except (TypeError, ValueError):
            m.fail_json(msg="%s: %r is no value for it; now it is %r" % (name, value, have[name]))
    return want


def main():
    m = Module({"settings": {"type": "dict", "default": {}}, "armed": {"type": "bool"}})
    have = m.get("cluster")
    settings = m.differing(have, wanted(m, have))
    if settings:
        m.order("PATCH", ("cluster",), settings)
    if m.differs("armed", not m.get("status")["disarmed"], m.params["armed"]):
        m.order("POST", ("cluster", "arm" if m.params["armed"] else "disarm"))
    m.done(settings={**have, **settings})


if __name__ == "__main__":
    main()
