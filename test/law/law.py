#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The law of rooms, checked over the #include lines of src/ and over the symbols of what was built.

    BUILD=build test/law/law.py [WORD...]"""

import os
import pathlib
import re
import subprocess
import sys

from rooms import (ADAPTERS, COMPILER, EXCEPTIONS, EXTRA_INCLUDES, HEADER_EXCEPTIONS, HEADERS, LIBC, LIBRARIES,
                   MAY_INCLUDE, PURE, ROOMS, VARIABLES)
from tap import complain, main, test

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)


def sources(room):
    return sorted(path for path in (ROOT / "src" / room).rglob("*.[ch]"))


def includes(path):
    """(is_ours, name) of each #include line."""
    return [(mark == '"', name) for mark, name in INCLUDE.findall(path.read_text())]


def illegal_includes(room, named, have):
    """Sentences about the includes 'have' of a file 'named' in 'room'."""
    problems = []
    for is_ours, name in have:
        other = name.split("/")[0]
        if not is_ours or name in EXTRA_INCLUDES.get(room, set()):
            continue
        if "/" not in name or other not in ROOMS:
            problems.append(f'{named}: "{name}" is not written from src/, as "room/file.h"')
        elif other != room and other not in MAY_INCLUDE[room]:
            problems.append(f"{named}: {room} may not use {other} ({name})")
        elif other != room and name.endswith("internal.h"):
            problems.append(f"{named}: {name} is {other}'s own affair")
    return problems


def illegal_headers(room, named, have):
    """Sentences about headers from outside the tree in a pure room."""
    allowed = HEADERS | HEADER_EXCEPTIONS.get(room, set())
    return [f"{named}: a pure room does not include <{name}>" for is_ours, name in have
            if not is_ours and name not in allowed and not any(a.endswith("/") and name.startswith(a) for a in allowed)]


def nm(option, archives):
    """The names of symbols that 'nm option' lists for 'archives'."""
    if not archives:
        return set()
    text = subprocess.run(["nm", option, "--quiet", *map(str, archives)], check=True, text=True,
                          capture_output=True).stdout
    return {line.split()[-1] for line in text.splitlines() if re.search(r"^\S* *[A-Za-z] \S+$", line)}


def archives(room):
    return sorted((BUILD / "src" / room).glob("*.a"))


def is_libc(symbol):
    plain = re.sub(r"^__(isoc99_)?(.*?)(_chk)?$", r"\2", symbol)
    return symbol in COMPILER or symbol in LIBC or plain in LIBC


def is_library(room, symbol):
    prefixes, endings = LIBRARIES.get(room, ([], []))
    return any(map(symbol.startswith, prefixes)) and not any(map(symbol.endswith, endings))


def illegal_symbols(room, undefined, defined):
    """Those of 'undefined' that neither 'defined' has, what the room may use, nor the law names."""
    return sorted(symbol for symbol in undefined - defined
                  if not is_libc(symbol) and not is_library(room, symbol)
                  and symbol not in EXCEPTIONS.get(room, set()))


def variables(room):
    """'object: name' for each variable of 'room' that can change."""
    text = subprocess.run(["objdump", "-t", *map(str, archives(room))], check=True, text=True,
                          capture_output=True).stdout
    found, member = [], ""
    for line in text.splitlines():
        if ":     file format" in line:
            member = line.split(":")[0]
        place = re.match(r"^[0-9a-f]+ .{7} (\.data|\.bss|\.tdata|\.tbss|\*COM\*)(\.\S+)?\t[0-9a-f]+ (?:\.hidden )?(\S+)$", line)
        if place and not place[3].startswith(".") and not (place[2] or "").startswith(".rel.ro"):
            found.append((place[3].split(".")[0], f"{member}: {place[3]}"))
    return [text for name, text in found if name not in VARIABLES.get(room, set())]


@test
def every_folder_of_src_is_a_room_of_the_law():
    complain([f"src/{path.name} is in no line of test/law/rooms.py" for path in sorted((ROOT / "src").iterdir())
              if path.is_dir() and path.name not in ROOMS])


@test
def a_room_includes_only_the_rooms_below_it():
    complain([problem for room in ROOMS for path in sources(room)
              for problem in illegal_includes(room, path.relative_to(ROOT), includes(path))])


@test
def a_pure_room_includes_no_header_of_the_outer_world():
    complain([problem for room in PURE for path in sources(room)
              for problem in illegal_headers(room, path.relative_to(ROOT), includes(path))])


@test
def a_pure_room_calls_neither_clock_nor_files_nor_chance():
    missing = [room for room in PURE if sources(room) and not archives(room)]
    assert not missing, f"not built in {BUILD}: {missing}"
    problems = []
    for room in PURE:
        defined = nm("--defined-only", [a for other in [room, *MAY_INCLUDE[room]] for a in archives(other)])
        problems += [f"src/{room} calls {symbol}" for symbol in
                     illegal_symbols(room, nm("--undefined-only", archives(room)), defined)]
    complain(problems)


@test
def an_adapter_calls_no_other_adapter():
    problems = []
    for room in ADAPTERS:
        strangers = [a for other in ADAPTERS + ["run", "cli", "core", "plan", "api"] if other != room
                     for a in archives(other)]
        used = nm("--undefined-only", archives(room)) & nm("--extern-only", strangers) - \
            nm("--undefined-only", strangers)
        problems += [f"src/{room} calls {symbol} of another room" for symbol in sorted(used)]
    complain(problems)


@test
def no_room_but_bin_has_variables_of_its_own():
    complain([each for room in ROOMS if room != "bin" and archives(room) for each in variables(room)])


# A law that nothing can break is none: these hand each rule a case that breaks it.

@test
def the_law_of_includes_can_be_broken():
    assert illegal_includes("plan", "x.c", [(True, "core/core.h")])
    assert illegal_includes("virt", "x.c", [(True, "etcd/etcd.h")])
    assert illegal_includes("run", "x.c", [(True, "core/internal.h")])
    assert illegal_includes("run", "x.c", [(True, "config.h")])
    assert illegal_includes("run", "x.c", [(True, "bin/berthd.h")])
    assert not illegal_includes("core", "x.c", [(True, "plan/plan.h"), (True, "core/internal.h"), (False, "time.h")])
    assert illegal_headers("core", "x.c", [(False, "time.h")])
    assert illegal_headers("model", "x.c", [(False, "jansson.h")])
    assert not illegal_headers("wire", "x.c", [(False, "libxml/tree.h"), (False, "string.h"), (True, "wire/key.h")])


@test
def the_law_of_symbols_can_be_broken():
    def broken(room, *symbols):
        return illegal_symbols(room, set(symbols), {"core_step"})
    assert broken("core", "clock_gettime", "core_step", "memcpy", "__snprintf_chk") == ["clock_gettime"]
    assert broken("plan", "rand", "open", "write", "printf", "getenv") == ["getenv", "open", "printf", "rand", "write"]
    assert broken("wire", "json_load_file", "json_loadb", "json_dumpf", "xmlReadFile", "xmlNewNode") == \
        ["json_dumpf", "json_load_file", "xmlReadFile"]
    assert broken("model", "json_loadb", "fwrite") == ["fwrite", "json_loadb"]
    assert not broken("base", "__isoc99_sscanf", "__vsnprintf_chk", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_")


if __name__ == "__main__":
    sys.exit(main())
