# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client that a stock generator makes of /openapi.json, used against a live API."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "law"))
sys.path.insert(0, os.path.dirname(__file__))

from tap import test, main  # noqa: E402
from cluster import Cluster  # noqa: E402
from rest import ask  # noqa: E402

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "client")


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@test
def a_stock_generator_makes_a_client_that_reads_changes_and_is_refused():
    """The document validates; what the generator makes of it passes the type checker, and works."""
    folder = tempfile.mkdtemp(prefix="berth-client-")
    try:
        with Cluster() as c:
            document = f"{folder}/openapi.json"
            with open(document, "w", encoding="utf-8") as file:
                json.dump(ask(c.socket, "GET", "/openapi.json").json, file)
            run(f"{HERE}/run", document, f"{folder}/client")
            out = run("node", f"{folder}/client/use.mjs", c.socket)
            assert out.endswith("done\n"), out
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
