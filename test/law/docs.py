#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Do the pages tell what is so? What they link to, the functions they name and the commands they
show must be there.

    test/law/docs.py [WORD...]"""

import pathlib
import re
import sys

from tap import complain, main, test

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SOURCES = "\n".join(path.read_text() for folder in ("src", "test") for path in sorted((ROOT / folder).rglob("*.[ch]")))


def page(path):
    return path.relative_to(ROOT).as_posix()


def dead_links(path, text):
    return [target for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
            if "://" not in target and not (path.parent / target).exists()]


def unknown_functions(text, sources):
    """Names in `backticks()` that stand nowhere in 'sources'. main() is every program's."""
    return [name for name in re.findall(r"`(\w+)\(\)`", text) if f"{name}(" not in sources]


def unknown_paths(text):
    """Files and folders of the tree in `backticks` that are not there."""
    return [name for name in re.findall(r"`((?:src|test|tools|docs|data|bench)/[\w./-]+)`", text)
            if not (ROOT / name).exists()]


def commands():
    """(noun, verb) of each row of the tables of commands; a command of its own has no verb."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "src" / "cli").glob("commands*.c")))
    return set(re.findall(r'\.noun = "([\w-]+)",\s*(?:\.verb = "([\w-]+)")?', text))


def shown_commands(text):
    """(noun, verb) of each 'berth ...' in code, with whatever word comes second."""
    code = "\n".join([*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^ {4,}(\S.*)$", text, re.MULTILINE)])
    return set(re.findall(r"(?:^|[\s;(])berth ([a-z][\w-]*)(?: ([a-z][\w-]*))?", code, re.MULTILINE))


def unknown_commands(text, known):
    nouns, nouns_alone = {noun for noun, _ in known}, {noun for noun, verb in known if not verb}
    return [f"berth {noun} {verb}".rstrip() for noun, verb in sorted(shown_commands(text))
            if noun not in nouns_alone and (noun, verb) not in known and (verb or noun not in nouns)]


@test
def links_lead_somewhere():
    complain([f"{page(path)}: {target}" for path in PAGES for target in dead_links(path, path.read_text())])


@test
def functions_that_are_named_exist():
    complain([f"{page(path)}: {name}()" for path in PAGES for name in unknown_functions(path.read_text(), SOURCES)])


@test
def paths_that_are_named_exist():
    complain([f"{page(path)}: {name}" for path in PAGES for name in unknown_paths(path.read_text())])


@test
def commands_that_are_shown_exist():
    known = commands()
    assert len(known) > 20, f"only {len(known)} commands found in src/cli/commands*.c"
    complain([f"{page(path)}: {name}" for path in PAGES for name in unknown_commands(path.read_text(), known)])


@test
def the_rules_of_pages_can_be_broken():
    assert dead_links(ROOT / "README.md", "[a](nowhere.md) [b](https://b/) [c](LICENSE#d)") == ["nowhere.md"]
    assert unknown_functions("`core_step()` and `core_dance()`", "void core_step(void)") == ["core_dance"]
    assert unknown_paths("`src/base/buf.c` `src/base/bluff.c`") == ["src/base/bluff.c"]
    known = {("vm", "start"), ("status", "")}
    assert unknown_commands("    berth vm start a\n    berth vm dance\n`berth status x`; `berth vm --help`; `berth sing`", known) == \
        ["berth sing", "berth vm dance"]


if __name__ == "__main__":
    sys.exit(main())
