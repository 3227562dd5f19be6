# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs tests that are named by sentences: each a function, registered by @test, in the order of the
file.

    PROGRAM [-l] [--tap] [--all] [WORD...]    only tests whose name has all WORDs; -l lists them,
                                              --tap reports as the Test Anything Protocol does

Tests of the matrix, registered by @matrix, are left out unless --all or a WORD asks for them.
Prints each test with its seconds and at the end "N passed, N failed, N skipped". Exit status 1 if
any failed.
"""

import sys
import time
import traceback

TESTS, MATRIX = [], set()


class Skip(Exception):
    """Raised by a test that cannot run here; the text says why."""


def tell(text):
    """A remark of a test, whatever becomes of it."""
    print(f"# {text}".replace("\n", "\n# "), flush=True)


def test(function):
    TESTS.append(function)
    return function


def matrix(function):
    """A test that 'make check' has no time for, and 'make lab-matrix' has."""
    MATRIX.add(function)
    return test(function)


def sentence(function):
    return function.__name__.removeprefix("test_").replace("_", " ")


def main(arguments=None):
    words = sys.argv[1:] if arguments is None else list(arguments)
    listing, tap, whole = "-l" in words, "--tap" in words, "--all" in words
    words = [word.replace("_", " ") for word in words if word not in ("-l", "--tap", "--all")]
    chosen = [t for t in TESTS if all(word in sentence(t) for word in words) and (whole or words or t not in MATRIX)]
    if listing:
        print(*map(sentence, chosen), sep="\n")
        return 0
    if not chosen:
        sys.exit(f"no test has all of these words in its name: {' '.join(words)}")
    count = {"passed": 0, "failed": 0, "skipped": 0}
    for number, function in enumerate(chosen, 1):
        result, why, seconds = run_one(function)
        count[result] += 1
        if tap:
            print_tap(number, result, sentence(function), why, seconds)
            continue
        why = f": {why}" if why else ""  # of a failure: where it was, and why
        print(f"{result:8}{seconds:7.1f} s  {sentence(function)}{why}", flush=True)
    if tap:
        print(f"1..{len(chosen)}")
    else:
        print(", ".join(f"{number} {result}" for result, number in count.items()))
    return 1 if count["failed"] else 0


def print_tap(number, result, name, why, seconds):
    print(f"# {seconds:.1f} s")
    if result == "failed":
        print("".join(f"# {line}\n" for line in why.splitlines()), end="")
    skip = f" # SKIP {why}" if result == "skipped" else ""
    print(f"{'not ok' if result == 'failed' else 'ok'} {number} - {name}{skip}", flush=True)


def run_one(function):
    begin = time.monotonic()
    try:
        function()
        result, why = "passed", ""
    except Skip as reason:
        result, why = "skipped", str(reason)
    except Exception as problem:  # whatever it is, this test has failed and the next one goes on
        # What it says first comes last again: long texts are cut to their ends.
        said = f"{type(problem).__name__}: {problem}".splitlines()[0]
        result, why = "failed", f"{traceback.format_exc()}\n{said}"
    return result, why, time.monotonic() - begin
