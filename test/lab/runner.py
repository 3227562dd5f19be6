# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs tests that are named by sentences: each a function, registered by @test, in the order of the file.

    PROGRAM [-l] [WORD...]    only tests whose name has all WORDs; -l lists them

Prints each test with its seconds and at the end "N passed, N failed, N skipped". Exit status 1 if any failed.
"""

import sys
import time
import traceback

TESTS = []


class Skip(Exception):
    """Raised by a test that cannot run here; the text says why."""


def test(function):
    TESTS.append(function)
    return function


def sentence(function):
    return function.__name__.removeprefix("test_").replace("_", " ")


def main(arguments=None):
    words = sys.argv[1:] if arguments is None else list(arguments)
    listing = "-l" in words
    words = [word.replace("_", " ") for word in words if word != "-l"]
    chosen = [t for t in TESTS if all(word in sentence(t) for word in words)]
    if listing:
        print(*map(sentence, chosen), sep="\n")
        return 0
    count = {"passed": 0, "failed": 0, "skipped": 0}
    for function in chosen:
        result, why, seconds = run_one(function)
        count[result] += 1
        print(f"{result:8}{seconds:7.1f} s  {sentence(function)}{': ' + why if why else ''}", flush=True)
    print(", ".join(f"{number} {result}" for result, number in count.items()))
    return 1 if count["failed"] else 0


def run_one(function):
    begin = time.monotonic()
    try:
        function()
        result, why = "passed", ""
    except Skip as reason:
        result, why = "skipped", str(reason)
    except Exception as problem:  # whatever went wrong is this test's failure, and the next one's turn
        traceback.print_exc()
        result, why = "failed", f"{type(problem).__name__}: {problem}"
    return result, why, time.monotonic() - begin
