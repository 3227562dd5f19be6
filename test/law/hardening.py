# SPDX-License-Identifier: LGPL-2.1-or-later
"""Are the programs built with what makes a mistake in them harder to use? Read from the programs themselves where it
shows there, else from how the compiler was called."""

import json
import os
import pathlib
import platform
import re
import shlex
import subprocess
import sys

from tap import Skip, main, test

PROGRAMS = os.environ["PROGRAMS"].split()
COMMANDS = json.loads((pathlib.Path(os.environ["BUILD"]) / "compile_commands.json").read_text(encoding="utf-8"))
# Sanitizers check more than _FORTIFY_SOURCE does, in their own way.
SANITIZED = bool(os.environ["SANITIZED"])
X86 = platform.machine() == "x86_64"


def output(*words):
    return subprocess.run(words, check=True, text=True, capture_output=True, timeout=30).stdout


def compilers_say(flags):
    """Whether the compiler of this build takes 'flags' without a warning."""
    compiler = shlex.split(COMMANDS[0]["command"])
    compiler = compiler[:2 if os.path.basename(compiler[0]) == "ccache" else 1]
    return subprocess.run([*compiler, "-O2", "-Werror", *flags, "-x", "c", "-fsyntax-only", "-"], check=False,
                          input="#include <string.h>\n", text=True, capture_output=True, timeout=30).returncode == 0


def files_without(flag):
    """Files of src/ that were compiled without it."""
    ours = [each for each in COMMANDS if "/src/" in f"/{each['file']}" or each["file"].startswith("src/")]
    assert len(ours) > 100, len(ours)
    return [each["file"] for each in ours if flag not in shlex.split(each["command"])]


@test
def a_program_says_that_it_may_run_under_cet_and_its_functions_are_marked_for_it():
    if not X86:
        raise Skip(f"CET is of x86-64, and this is {platform.machine()}")
    for program in PROGRAMS:
        notes = output("readelf", "-nW", program)
        assert re.search(r"x86 feature:.*\bIBT, SHSTK\b", notes), f"{program}: {notes}"
        code = output("objdump", "-d", "--no-show-raw-insn", "--disassemble=main", program)
        first = re.search(r"<main>:\n.*?:\s+(\S+)", code)
        assert first and first[1] == "endbr64", f"{program}: main() begins with {first and first[1]}"


@test
def a_program_checks_the_sizes_that_it_writes_to():
    if SANITIZED:
        raise Skip("sanitizers check sizes themselves")
    for program in PROGRAMS:
        names = re.findall(r"\b__\w+_chk\b", output("readelf", "--dyn-syms", "-W", program))
        assert set(names) - {"__stack_chk_fail"}, f"{program}: no __*_chk"
    level = "3" if compilers_say(["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3"]) else "2"
    assert not files_without(f"-D_FORTIFY_SOURCE={level}"), files_without(f"-D_FORTIFY_SOURCE={level}")[:5]


@test
def a_variable_that_was_not_set_is_zero():
    zero = "-ftrivial-auto-var-init=zero"
    admitted = "-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang"
    if not compilers_say([zero]) and not compilers_say([zero, admitted]):
        raise Skip("the compiler cannot do that")
    assert not files_without(zero), files_without(zero)[:5]


@test
def addresses_differ_from_run_to_run_and_tables_of_them_are_read_only():
    for program in PROGRAMS:
        head, segments = output("readelf", "-hW", program), output("readelf", "-lW", program)
        assert re.search(r"Type:\s+DYN", head), f"{program}: not position independent"
        assert "GNU_RELRO" in segments and re.search(r"GNU_STACK.*\sRW\s", segments), f"{program}: {segments}"
        assert re.search(r"\(FLAGS_1\).*\bNOW\b", output("readelf", "-dW", program)), f"{program}: binds late"


if __name__ == "__main__":
    sys.exit(main())
