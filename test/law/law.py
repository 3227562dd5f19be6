#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The law of rooms, checked over the #include lines of src/ and over the symbols of what was built.

    BUILD=build test/law/law.py [WORD...]"""

import functools
import os
import pathlib
import re
import subprocess
import sys

from rooms import (ADAPTERS, CIRCLES, COMPILER, EDGES, EXCEPTIONS, EXTRA_INCLUDES, HEADER_EXCEPTIONS, HEADERS, LIBC, LIBRARIES,
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


def parts(names):
    """path of a source file -> its part: x.c and x.h are one."""
    return {name: str(pathlib.PurePath(name).with_suffix("")) for name in names}


def circles(edges):
    """The parts that reach themselves through 'edges' (part -> parts), as sorted lists."""
    def reach(start):
        seen, todo = set(), list(edges.get(start, ()))
        while todo:
            part = todo.pop()
            if part not in seen:
                seen.add(part)
                todo += edges.get(part, ())
        return seen
    reached = {part: reach(part) for part in edges}
    found = {tuple(sorted(other for other in reached[part] if part in reached.get(other, ())))
             for part in edges if part in reached[part]}
    return sorted(map(list, found))


def include_edges(room):
    """part -> the other parts of the same room that it includes.

    What an internal header includes does not count: it lends the types of the public ones, whose
    doors stand on it. The calls tell there."""
    edges = {}
    part_of = parts(str(path.relative_to(ROOT / "src")) for path in sources(room))
    for name, part in part_of.items():
        if name.endswith("internal.h"):
            continue
        others = {part_of.get(other) for is_ours, other in includes(ROOT / "src" / name) if is_ours}
        edges.setdefault(part, set()).update(others - {None, part})
    return edges


def call_edges(room):
    """object -> the other objects of the same room whose functions it calls."""
    lines = [line for archive in archives(room) for line in symbols().get(archive, [])]
    defined = {name: member for member, kind, name in lines if kind in "TDRBC"}
    edges = {}
    for member, kind, name in lines:
        if kind == "U" and defined.get(name, member) != member:
            edges.setdefault(member, set()).add(defined[name])
    return edges


@functools.cache
def symbols():
    """archive -> [(member, kind, name)] of every archive of src/, as nm shows them."""
    found = {}
    all_of_them = sorted((BUILD / "src").glob("*/*.a"))
    text = subprocess.run(["nm", "--quiet", "--print-file-name", *map(str, all_of_them)], check=True, text=True,
                          capture_output=True).stdout
    for where, kind, name in re.findall(r"^(.*):\S* *([A-Za-z]) (\S+)$", text, re.MULTILINE):
        # A thin archive, which Meson makes, is told by the path of the object: libx.a.p/y.c.o
        archive, member = where.split(":") if ":" in where else where.rsplit(".p/", 1)
        found.setdefault(pathlib.Path(archive), []).append((member, kind, name))
    return found


NM = {
    "--undefined-only": lambda kind: kind in "Uwv",
    "--defined-only": lambda kind: kind not in "Uwv",
    "--extern-only": str.isupper,
}


def nm(option, archives):
    """The names of symbols that 'nm option' lists for 'archives'."""
    return {name for archive in archives for _, kind, name in symbols().get(archive, []) if NM[option](kind)}


def archives(room):
    return sorted((BUILD / "src" / room).glob("*.a"))


def is_libc(symbol):
    plain = re.sub(r"^__(isoc[0-9]+_)?(.*?)(_chk)?$", r"\2", symbol)
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
        lent = {symbol for header in EXTRA_INCLUDES.get(room, ()) for symbol in
                re.findall(r"\b(\w+)\(", (ROOT / "src" / header).read_text(encoding="utf-8"))}
        problems += [f"src/{room} calls {symbol} of another room" for symbol in sorted(used - lent)]
    complain(problems)


@test
def no_room_but_bin_has_variables_of_its_own():
    complain([each for room in ROOMS if room != "bin" and archives(room) for each in variables(room)])


def illegal_circles(what, edges_of):
    """Sentences about circles of 'what' in rooms that may have none, and about exceptions that are none any more."""
    problems = []
    for room in ROOMS:
        found = [" ".join(pathlib.PurePath(part).name for part in circle) for circle in circles(edges_of(room))]
        if room not in CIRCLES[what]:
            problems += [f"src/{room}: a circle of {what}: {circle}" for circle in found]
        elif not found:
            problems.append(f'test/law/rooms.py: src/{room} has no circle of {what} any more: drop it from CIRCLES')
    return problems


@test
def the_includes_of_a_room_form_a_staircase():
    """Tools below, the door on top: no file includes, through others, what includes it."""
    complain(illegal_circles("includes", include_edges))


@test
def the_calls_of_a_room_form_a_staircase():
    complain(illegal_circles("calls", call_edges))


@test
def what_decides_has_no_words():
    """Sentences are made at the edges; neither what decides nor the transcripts of it can hold one."""
    makers = [a for a in archives("model") if "words" in a.name]
    assert makers, "libberth-words.a is not built"
    words = nm("--defined-only", makers) & {name for name in nm("--extern-only", makers) if name.startswith("words_")}
    complain([f"src/{room} calls {name}" for room in ROOMS if room not in EDGES
              for name in sorted(words & nm("--undefined-only", [a for a in archives(room) if a not in makers]))])


# Where a room that decides writes a sentence all the same, and why.
MAY_WRITE = {
    "core/memory.c": "the last words before abort()",
    "core/mutant.h": "what each mutant breaks, for who reads the list",
    "core/agent_gpu.c": "the detail of a check, which is what this host found, as that of every other check",
}


def sentences(source):
    """String literals of three words or more, but for those of an assertion."""
    code = re.sub(r"/\*.*?\*/|#include[^\n]*|\b(?:static_)?assert\((?:[^()]|\([^()]*\))*\)", "", source, flags=re.DOTALL)
    return [text for text in re.findall(r'"((?:\\.|[^"\\\n])*)"', code) if re.search(r"[a-z]+ [a-z]+ [a-z]+", text)]


@test
def what_decides_writes_no_sentence():
    complain([f"{path.relative_to(ROOT)}: \"{text}\"; a code (model/facts.h) says it" for room in ("core", "plan")
              for path in sources(room) if str(path.relative_to(ROOT / "src")) not in MAY_WRITE
              for text in sentences(path.read_text())])


# What an answer calls its sentences, and a record what came from outside.
SENTENCES = r"(?:cause|detail|\w*_detail|\w*reason|message|text|words)"
INNER = r"(?:[^()]|\((?:[^()]|\([^()]*\))*\))*"

C_COMPARISON = re.compile(
    r"\b(?:str\w*cmp|str(?:case)?str|strchr|strspn|strcspn|fnmatch|regexec|sscanf|memcmp|json_equal)\(" + INNER +
    r"(?:(?:->|\.)(?:cause|detail|\w*reason|message)\b(?!\.code|_)"
    r'|(?:text_at|text_of|json_object_get)\((?:[^()]|\([^()]*\))*"' + SENTENCES + r'"\)|\bwords_\w+\()' + INNER + r"\)")
TS_SENTENCE = r"(?:\.text|\b(?:cause|detail|\w+_detail|\w*reason|message))\b"
TS_COMPARISON = re.compile(
    TS_SENTENCE + r"(?:\s*(?:===|!==)(?!\s*(?:''|undefined|null))"
    r"|\??\.(?:includes|startsWith|endsWith|match|search|indexOf|split|replace|replaceAll)\()"
    r"|\.(?:test|exec)\((?:\w+\.)?(?:cause|detail|message|text)\)"
    r"|(?:===|!==)\s*\w+\.(?:cause|detail|message|text)\b")

# Where words are not ours, and there is nothing else to go by; and where a person looks for words.
MAY_COMPARE = {
    "etcd/watch.c": "etcd's reason for a cancelled watch: it gives no code",
    "api/event.c": "a person searches the log for words",
}


def sentence_comparisons(text, pattern=C_COMPARISON):
    """Places in a program's text that compare or take apart a sentence meant for people."""
    return [place.group(0) for place in pattern.finditer(text)]


@test
def no_program_compares_a_sentence():
    complain([f"{path.relative_to(ROOT)}: {call}" for room in ROOMS for path in sources(room)
              if str(path.relative_to(ROOT / "src")) not in MAY_COMPARE
              for call in sentence_comparisons(path.read_text())])


@test
def the_console_compares_no_sentence():
    complain([f"{path.relative_to(ROOT)}: {place}" for path in sorted((ROOT / "web/src").rglob("*.ts*"))
              for place in sentence_comparisons(path.read_text(), TS_COMPARISON)])


TRANSCRIPT = re.compile(r"  -?\d+\.\d \S+ [a-z][a-z0-9-]* \S+( (node|who|count|ms|limit_ms|cause)=\S+)*")


@test
def transcripts_hold_codes_and_no_sentence():
    problems = []
    for path in sorted((ROOT / "test/scenario").rglob("*.scn")):
        is_inside = False
        for line in path.read_text().splitlines():
            is_inside = line == "expect" or is_inside and line.startswith(" ")
            if is_inside and line != "expect" and not TRANSCRIPT.fullmatch(line):
                problems.append(f"{path.name}: {line}")
    complain(problems)


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
def the_law_of_staircases_can_be_broken():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"c"}}) == [["a", "b"], ["c", "d"]]
    assert not circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})
    assert parts(["core/x.h", "core/x.c"]) == {"core/x.h": "core/x", "core/x.c": "core/x"}
    assert "core/ground" in include_edges("core")["core/core"]
    assert any("ground" in other for others in call_edges("core").values() for other in others)


@test
def the_law_of_sentences_can_be_broken():
    assert sentences('return "it is gone now";') == ["it is gone now"]
    assert not sentences('assert(x && "it is gone now"); f("two words"); /* "a b c" */')
    assert sentence_comparisons('if (strncmp(p->cause, begin, strlen(begin)) == 0) {')
    assert sentence_comparisons('strcmp(check->detail, "no") == 0')
    assert sentence_comparisons('strcmp(a, status.stop_reason)')
    assert sentence_comparisons('strcmp(text_at(reply, "message"), "no") == 0')
    assert sentence_comparisons('is_new = strcmp(text_of(json_array_get(reasons, k), "text"), reason) != 0;')
    assert sentence_comparisons('strstr(words_cause(&cause, words), "fenced")')
    assert not sentence_comparisons('strcmp(a->node, b->node) == 0 || x->detail')
    assert not sentence_comparisons('json_equal(json_object_get(a, "cause_code"), json_object_get(b, "cause_code"))')
    for text in ("vm.cause !== vm.detail && x", "fault.message?.includes('If-Match')", "/^no/.exec(message)",
                 "message.replace(' with --name', '')", "x === vm.cause"):
        assert sentence_comparisons(text, TS_COMPARISON), text
    for text in ("vm.cause_code !== vm.detail_code", "text === ''", "error.message)", "setFaults({ x: message })"):
        assert not sentence_comparisons(text, TS_COMPARISON), text
    assert TRANSCRIPT.fullmatch("  8.0 a vm-placed t node=a cause=host-fenced node=b")
    assert not TRANSCRIPT.fullmatch("  8.0 a vm-placed: restarting t on a: b: host fenced")


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
