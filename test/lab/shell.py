# SPDX-License-Identifier: LGPL-2.1-or-later
"""The harness's end of a lab host's shell (host/shell says how the two speak)."""

import itertools
import threading
import time
from dataclasses import dataclass


class ShellError(Exception):
    """The host did not answer: it lost power, started anew, or its time was up."""


@dataclass
class Done:
    status: int  # 124: out of time
    output: bytes


class Shell:
    """One connection for as long as the host has power; it outlives resets. Any thread may call."""

    def __init__(self, link):
        """'link' is a connected socket, owned from here on."""
        self.link, self.stream = link, link.makefile("rb")
        self.boots = []  # (time.monotonic(), boot id) of each time the host's shell said hello
        self.waiting, self.answers = set(), {}
        self.is_open = True
        self.changed = threading.Condition()
        self.numbers = itertools.count(1)
        threading.Thread(target=self.read, name="shell", daemon=True).start()

    def read(self):
        try:
            for line in self.stream:
                words = line.decode(errors="replace").split()
                if len(words) == 2 and words[0] == "hello":
                    self.begin_boot(words[1])
                elif len(words) == 4 and words[0] == "done":
                    self.finish(int(words[1]), Done(int(words[2]), self.stream.read(int(words[3]))))
        except (OSError, ValueError):
            pass
        with self.changed:
            self.is_open = False
            self.changed.notify_all()

    def begin_boot(self, boot_id):
        """What was asked before is lost: the program that would answer is gone."""
        with self.changed:
            self.boots.append((time.monotonic(), boot_id))
            self.waiting.clear()
            self.changed.notify_all()

    def finish(self, number, done):
        with self.changed:
            if number in self.waiting:
                self.waiting.remove(number)
                self.answers[number] = done
                self.changed.notify_all()

    def wait_boot(self, limit_s, count=1):
        """Waits until the shell has said hello 'count' times. Returns whether it did."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.boots) >= count or not self.is_open, limit_s)
            return len(self.boots) >= count

    def run(self, script, limit_s, given=b""):
        """Runs 'script' with 'given' as its standard input. Raises ShellError if there is no
        answer."""
        code = script.encode()
        with self.changed:
            number = next(self.numbers)
            self.waiting.add(number)
            header = f"{number} {max(1, round(limit_s))} {len(code)} {len(given)}\n".encode()
            try:
                self.link.sendall(header + code + given)
            except OSError as problem:
                raise ShellError(f"no power: {problem}") from problem
            # Inside, the script is stopped at its limit; the answer may take a loaded host a while.
            answered = self.changed.wait_for(
                lambda: number not in self.waiting or not self.is_open, limit_s + 30)
            self.waiting.discard(number)
            if number in self.answers:
                return self.answers.pop(number)
        if not answered:
            raise ShellError(f"no answer within {limit_s + 30} s to: {script[:200]}")
        why = "was reset" if self.is_open else "lost power"
        raise ShellError(f"the host {why} during: {script[:200]}")

    def close(self):
        self.link.close()
