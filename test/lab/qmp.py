# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU's machine protocol: commands to a lab host's hardware, and its events with the time they
arrived."""

import json
import queue
import socket
import threading
import time


class QmpError(Exception):
    """QEMU refused a command, or is gone."""


class Qmp:
    """One connection. Any thread may call; commands take turns."""

    def __init__(self, link):
        """'link' is a connected socket, owned from here on."""
        self.link, self.stream = link, link.makefile("r", encoding="utf-8")
        self.events = []  # (time.monotonic(), name, data), oldest first
        self.changed = threading.Condition()
        self.answers = queue.Queue()
        self.turn = threading.Lock()
        json.loads(self.stream.readline())  # the greeting
        threading.Thread(target=self.read, name="qmp", daemon=True).start()
        self.execute("qmp_capabilities")

    def read(self):
        try:
            for line in self.stream:
                message = json.loads(line)
                if "event" in message:
                    with self.changed:
                        event = time.monotonic(), message["event"], message.get("data", {})
                        self.events.append(event)
                        self.changed.notify_all()
                else:
                    self.answers.put(message)
        except (OSError, ValueError):
            pass
        self.answers.put({"error": {"desc": "QEMU closed the connection"}})

    def execute(self, command, limit_s=20, **arguments):
        """The command's result. Raises QmpError with QEMU's words."""
        with self.turn:
            try:
                self.link.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
                message = self.answers.get(timeout=limit_s)
            except (OSError, queue.Empty) as problem:
                raise QmpError(f"{command}: no answer: {problem}") from problem
        if "error" in message:
            raise QmpError(f"{command}: {message['error']['desc']}")
        return message["return"]

    def human(self, line):
        """A command of the human monitor, for what the machine protocol lacks. Returns its text."""
        return self.execute("human-monitor-command", **{"command-line": line})

    def wait_event(self, name, limit_s, since=0.0):
        """Time and data of the first event 'name' that arrived after 'since'; None if there is none
        in time."""
        end = time.monotonic() + limit_s
        with self.changed:
            while True:
                for at, event, data in self.events:
                    if event == name and at > since:
                        return at, data
                left = end - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    return None

    def close(self):
        self.link.close()
