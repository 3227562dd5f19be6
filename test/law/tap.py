# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests named by sentences that speak TAP: functions, registered by @test, in the order of the file.

    @test
    def no_pure_room_reads_a_clock(): ...      fails by complain() or an assertion

A test that cannot run here raises Skip('what is missing'); one that calls a program that is not
installed is skipped, too: 'make check' installs all of them, 'make quick' does not."""

import sys
import traceback

TESTS = []


class Skip(Exception):
    """The text says what is missing."""


def test(function):
    TESTS.append(function)
    return function


def complain(problems):
    """Fails the running test if 'problems', a list of sentences, is not empty."""
    if problems:
        raise AssertionError("\n".join(problems))


def main():
    """Runs all; the program's arguments select tests by substring."""
    words, number, failed = sys.argv[1:], 0, 0
    for function in TESTS:
        if words and not any(word in function.__name__ for word in words):
            continue
        number += 1
        result, why = "ok", ""
        try:
            function()
        except Skip as reason:
            why = f" # SKIP {reason}"
        except FileNotFoundError as missing:
            if "/" in str(missing.filename):  # a file of the tree, not a program to be found in PATH
                raise
            why = f" # SKIP {missing.filename} is not installed; 'tools/deps.sh test' installs it"
        except AssertionError as problem:
            result = "not ok"
            text = str(problem) or traceback.format_exc()
            print("".join(f"# {line}\n" for line in text.splitlines()), end="")
        failed += result == "not ok"
        print(f"{result} {number} - {function.__name__}{why}", flush=True)
    print(f"1..{number}")
    return 1 if failed else 0
