#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the files of the tree read, as far as a program can tell.

    test/law/style.py [WORD...]"""

import os
import pathlib
import re
import sys

from tap import complain, main, test

ROOT = pathlib.Path(__file__).resolve().parents[2]

LINES_MAX, LINES_MAX_TEST = 620, 800  # a file of tests is a list, read one by one
# Source files with more lines say why in the comment at their head, in a sentence that begins so.
LINES_USUAL, REASON = 500, "Longer than most: "
FUNCTION_LINES_MAX = 70

# Files that carry no licence line of their own: prose, data, and what others wrote.
UNLICENSED = (".scn", ".log", ".json", ".png", ".ico", ".txt", ".xml", ".bin", ".golden")
UNLICENSED_NAMES = {"LICENSE", ".gitignore", ".gitattributes", ".editorconfig",
                    "changelog", "copyright", "format"}  # of debian/: their form has no comments
UNLICENSED_FOLDERS = {"data", "tree", "trees", "corpus", "recorded", "golden"}

FORBIDDEN = {
    "sprintf": "snprintf", "vsprintf": "vsnprintf", "strcpy": "copy_text", "strcat": "buf_text", "stpcpy": "copy_text",
    "strncpy": "copy_text", "gets": "getline", "atoi": "parse_i64", "atol": "parse_i64", "atoll": "parse_i64",
    "atof": "no floating point", "system": "posix_spawn", "popen": "posix_spawn", "alloca": "the heap",
    "strtok": "strtok_r", "mktemp": "mkstemp", "tmpnam": "mkstemp", "rand": "the seed in the event",
    "srand": "the seed in the event",
    "sleep": "loop/retry.h", "usleep": "loop/retry.h", "nanosleep": "loop/retry.h",
    "clock_gettime": "loop/clock.h", "gettimeofday": "loop/clock.h",
}
# Where the one way to do it is.
FORBIDDEN_EXCEPTIONS = {
    ("src/loop/retry.c", "nanosleep"), ("src/loop/clock.c", "clock_gettime"),
    ("src/loop/worker.c", "clock_gettime"),  # a condition's limit is a moment as the system has it
    ("bench/api_bench.c", "clock_gettime"), ("bench/plan_bench.c", "clock_gettime"),  # time of the CPU
}

# Traces of the place where a file was written; in pieces, so that this file has none.
WORKPLACE = ["/wor" + "k/", "pye" + "nv", "/ho" + "me/", "TO" + "DO", "FIX" + "ME", "XX" + "X:"]
WORKPLACE_EXCEPTIONS = {"LICENSE"}


def files():
    """Every file of the tree as (path relative to the root, text); without what was built, and without
    what is no text."""
    for folder, names, found in os.walk(ROOT):
        names[:] = sorted(n for n in names if not n.startswith("build") and n not in
                          {".git", "__pycache__", "node_modules", ".cache"})
        for name in sorted(found):
            path = pathlib.Path(folder, name)
            if path.is_symlink():
                continue
            try:
                yield path.relative_to(ROOT).as_posix(), path.read_text()
            except UnicodeDecodeError:
                continue


def c_files():
    return [(path, text) for path, text in files() if path.endswith((".c", ".h"))]


def blanked(match):
    """Keeps quotes and lines, so that what follows stays where it was."""
    text = match[0]
    if text.startswith("//"):
        return text
    return re.sub(r"[^\n]", " ", text) if text.startswith("/*") else '""'


TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)


def code_of(text):
    """'text' without what stands in comments and strings; line comments stay, to be found."""
    return TOKEN.sub(blanked, text)


def needs_licence(path):
    parts = path.split("/")
    return not (path.endswith(UNLICENSED) or parts[-1] in UNLICENSED_NAMES
                or UNLICENSED_FOLDERS & set(parts[1:-1]))


def line_comments(text):
    return [number for number, line in enumerate(code_of(text).splitlines(), 1) if "//" in line]


CALL = re.compile(r"\b(%s)\s*\(" % "|".join(FORBIDDEN))


def forbidden_calls(text):
    return [(number, name) for number, line in enumerate(code_of(text).splitlines(), 1) for name in CALL.findall(line)]


def long_functions(text):
    """(line, length) of bodies that are too long: from a '{' in the first column to its '}'."""
    found, begin = [], None
    for number, line in enumerate(text.splitlines(), 1):
        if line == "{":
            begin = number
        elif line == "}" and begin:
            if number - begin - 1 > FUNCTION_LINES_MAX:
                found.append((begin, number - begin - 1))
            begin = None
    return found


def lines_max(path):
    return LINES_MAX_TEST if path.startswith("test/") else LINES_MAX


def lacks_reason(text):
    """Whether it is long and does not say why."""
    lines = text.splitlines()
    return len(lines) > LINES_USUAL and REASON not in re.sub(r"\n \* ?", " ", "\n".join(lines[:20]))


def command_lines(text):
    """String literals that hold a command of ours or an option."""
    literals = re.findall(r'"((?:[^"\\\n]|\\.)*)"', re.sub(r"/\*.*?\*/|#include[^\n]*", "", text, flags=re.S))
    return [each for each in literals if re.search(r"\bberth [a-z]+ |(^|[ (])--[a-z]", each)]


NAMESAKES_MAX = 3  # more functions of one bare word say nothing in a debugger, a profile or a search


def bare_names(text):
    """Static functions whose name is one word."""
    return set(re.findall(r"^static (?:[\w ]+[ *]+)([a-z]+)\(", text, re.MULTILINE))


def namesakes(sources):
    """word -> the files that have a function of that name, where there are too many."""
    found = {}
    for path, text in sources:
        for name in bare_names(text):
            found.setdefault(name, []).append(path)
    return {name: paths for name, paths in sorted(found.items()) if len(paths) > NAMESAKES_MAX}


def void_frees(text):
    """Functions of a header that free an object and do not return NULL."""
    return re.findall(r"^void (\w+_free)\(", text, re.MULTILINE)


def hasty_names(text):
    """Names of tests that are no sentences."""
    return [name for name in re.findall(r"^TEST\((\w+)\)", text, re.MULTILINE) if len(name.split("_")) < 3]


@test
def every_file_names_its_licence():
    complain([f"{path}: no SPDX-License-Identifier in its first lines" for path, text in files()
              if needs_licence(path) and "SPDX-License-Identifier: LGPL-2.1-or-later"
              not in "\n".join(text.splitlines()[:5])])


@test
def c_files_have_no_line_comments():
    complain([f"{path}:{number}: '//'" for path, text in c_files() for number in line_comments(text)])


@test
def no_program_calls_a_forbidden_function():
    complain([f"{path}:{number}: {name}; take {FORBIDDEN[name]}" for path, text in c_files()
              if not path.startswith("test/") for number, name in forbidden_calls(text)
              if (path, name) not in FORBIDDEN_EXCEPTIONS])


@test
def few_functions_share_a_bare_name():
    sources = [(path, text) for path, text in c_files() if path.startswith("src/")]
    complain([f"{name}(): in {', '.join(paths)}" for name, paths in namesakes(sources).items()])
    assert namesakes([(f"{i}.c", "static int find(void)\n") for i in range(4)]) == {"find": ["0.c", "1.c", "2.c", "3.c"]}


@test
def what_frees_an_object_returns_null():
    complain([f"{path}: {name}()" for path, text in c_files() if path.startswith("src/") for name in void_frees(text)])
    assert void_frees("void thing_free(struct thing *thing)\n") == ["thing_free"]


@test
def headers_are_included_once():
    complain([f"{path}: no '#pragma once'" for path, text in c_files()
              if path.endswith(".h") and "#pragma once" not in text])


@test
def files_are_short_enough_to_be_read():
    complain([f"{path}: {len(text.splitlines())} lines, more than {lines_max(path)}" for path, text in files()
              if path.endswith((".c", ".h", ".py", ".sh", ".js")) and len(text.splitlines()) > lines_max(path)])


@test
def long_files_say_why_at_their_head():
    complain([f"{path}: more than {LINES_USUAL} lines, and no sentence '{REASON}...' at its head"
              for path, text in c_files() if path.startswith("src/") and lacks_reason(text)])


@test
def functions_are_short_enough_to_be_read():
    complain([f"{path}:{line}: {length} lines, more than {FUNCTION_LINES_MAX}" for path, text in c_files()
              if path.startswith("src/") for line, length in long_functions(text)])


@test
def no_answer_of_the_api_has_a_command_line_in_it():
    """Programs and the console get hints (src/api/hint.h); the command line makes commands of them."""
    complain([f"{path}: \"{each}\"" for path, text in c_files() if str(path).startswith("src/api/")
              for each in command_lines(text)])


@test
def tests_are_named_by_sentences():
    complain([f"{path}: TEST({name})" for path, text in c_files() for name in hasty_names(text)])


@test
def no_file_tells_where_it_was_written():
    complain([f"{path}:{number}: {word}" for path, text in files() if path not in WORKPLACE_EXCEPTIONS
              for number, line in enumerate(text.splitlines(), 1) for word in WORKPLACE if word in line])


# Rules that nothing can break are none: these hand each a case that breaks it.

@test
def the_rules_of_style_can_be_broken():
    assert line_comments("int a; // why\n") == [1]
    assert not line_comments('char *a = "http://b"; /* // */\n')
    assert forbidden_calls("x();\nsprintf (a, b);") == [(2, "sprintf")]
    assert not forbidden_calls('snprintf(a); file_system(b); /* system(c) */ "atoi(d)"; core_rand(e)')
    assert long_functions("{\n" + "x;\n" * 71 + "}\n") == [(1, 71)]
    assert not long_functions("{\n" + "x;\n" * 70 + "}\n")
    assert lacks_reason("/* a */\n" + "x;\n" * 500) and not lacks_reason("/*\n * Longer\n * than most: b */\n" + "x;\n" * 500)
    assert hasty_names("TEST(basic5)\nTEST(plan_refuses_a_vm)\n") == ["basic5"]
    assert needs_licence("src/base/buf.c") and not needs_licence("LICENSE")


if __name__ == "__main__":
    sys.exit(main())
