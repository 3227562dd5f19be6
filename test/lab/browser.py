# SPDX-License-Identifier: LGPL-2.1-or-later
"""A headless Chromium before the console of a lab's host, on this machine. watch.mjs is its other half."""

import json
import os
import subprocess
import threading
import time

from lab import PATIENCE, ROOT

RUN = ROOT / "test" / "console" / "run"
LIMIT_S = 240 * PATIENCE


class Watcher:
    """Somebody who has logged in and looks at the Overview, where VM 'vm' is on server 'node'.

    Says what is seen: wait("watching"), wait("gone"), wait("back"); each returns when, and what stood behind the word."""

    def __init__(self, url, user, password, vm, node):
        folder = os.environ.get("SCREENSHOTS", str(ROOT / "build" / "test" / "lab" / "screenshots"))
        given = {"url": url.rstrip("/"), "user": user, "password": password, "vm": vm, "node": node}
        self.said, self.told, self.changed = [], [], threading.Condition()
        self.process = subprocess.Popen([RUN, "../lab/watch.mjs"], text=True, start_new_session=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env={**os.environ, "SCREENSHOTS": folder, "WATCH": json.dumps(given)})
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            word, _, rest = line.strip().partition(" ")
            with self.changed:
                self.said.append((time.monotonic(), word, rest))
                self.told.append(line.rstrip())
                self.changed.notify_all()
        with self.changed:
            self.said.append((time.monotonic(), "ended", ""))
            self.changed.notify_all()

    def wait(self, wanted):
        """(monotonic seconds, text) of the line that begins with the word 'wanted'."""
        def found():
            return next((each for each in self.said if each[1] in (wanted, "ended")), None)
        with self.changed:
            self.changed.wait_for(found, LIMIT_S)
            each = found()
        if not each or each[1] != wanted:
            told = "\n".join(self.told)
            why = "has ended" if each else f"took more than {LIMIT_S:.0f} s"
            raise AssertionError(f"the browser {why} before it said {wanted!r}. It said:\n{told}")
        return each[0], each[2]

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        """Whether the browser itself had to complain is known only now."""
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait()
        if status and not problem[0]:
            raise AssertionError(f"the browser ended with status {status}:\n" + "\n".join(self.told))
