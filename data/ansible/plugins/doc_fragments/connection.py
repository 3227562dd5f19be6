# SPDX-License-Identifier: LGPL-2.1-or-later
"""The options that all modules of the collection share."""


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  host:
    description:
      - URL of any C(berth-api) of the cluster, such as C(https://node1:8643).
      - Without it, the module speaks to I(socket) on the machine that it runs on.
      - Default is the environment variable C(BERTH_HOST).
    type: str
  token:
    description:
      - Token for I(host), made with C(berth token add NAME --role administrator).
      - Default is the environment variable C(BERTH_TOKEN).
    type: str
  ca:
    description:
      - PEM file with the certificates to check I(host) against. Default are those that the system trusts.
      - Default is the environment variable C(BERTH_CA).
    type: path
  fingerprint:
    description:
      - SHA-256 of the certificate of I(host), as C(berth-api) writes it to its journal. Replaces I(ca).
      - Default is the environment variable C(BERTH_FINGERPRINT).
    type: str
  socket:
    description: Unix socket of C(berth-api) on the machine that the module runs on.
    type: path
    default: /run/berth/api.sock
requirements:
  - Python 3.8 or later on the machine that the module runs on
attributes:
  check_mode:
    description: Changes nothing, and says what it would change.
    support: full
  diff_mode:
    description: Shows what differs, before and after.
    support: full
"""

    WAIT = r"""
options:
  wait:
    description: Wait until what was ordered is done.
    type: bool
    default: true
  wait_timeout:
    description: How many seconds to wait. The cluster goes on after that, and the task fails.
    type: int
    default: 300
"""
