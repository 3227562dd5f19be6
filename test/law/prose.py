#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plain English, as far as a program can tell: no archaic words in what people read, and Markdown
that fits into 100 columns.

    test/law/prose.py [WORD...]"""

import pathlib
import re
import subprocess
import sys

from tap import complain, main, test

ROOT = pathlib.Path(__file__).resolve().parents[2]
WIDTH = 100

# Word -> what to write.
ARCHAIC = {
    "anew": "again", "whoever": "anyone who", "likewise": "also", "thereof": "of it", "therein": "in it",
    "hereby": "leave it out", "lest": "so that ... not", "ever so": "leave it out", "shall": "must or will",
    "nobody": "no one, or name who", "somebody": "someone, or name who", "mend": "fix", "mended": "fixed",
    "it is said": "name who says it", "in vain": "without success", "upon": "on",
}
WORD = re.compile(r"\b(%s)\b" % "|".join(ARCHAIC), re.IGNORECASE)

# Texts in programs that people never read, or that are others' names.
NAMES = {'"nobody"'}


def tracked(*patterns):
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    names = done.stdout.splitlines() if done.returncode == 0 else \
        [p.relative_to(ROOT).as_posix() for pattern in patterns for p in ROOT.glob(pattern.replace("*", "**/*", 1))]
    return [(name, (ROOT / name).read_text()) for name in sorted(names) if (ROOT / name).is_file()]


def without_code(markdown):
    """Blanks code, keeping the lines: it has its own words."""
    blank = lambda match: re.sub(r"[^\n]", " ", match[0])
    text = re.sub(r"^```.*?^```", blank, markdown, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^ {4,}\S.*$", lambda m: m[0] if re.match(r" {4,}(\*|-|\d+\.) ", m[0]) else "", text, flags=re.MULTILINE)
    return re.sub(r"`[^`]*`", blank, text)


def archaic(text):
    return [(number, found.lower()) for number, line in enumerate(text.splitlines(), 1) for found in WORD.findall(line)]


def wide_lines(markdown):
    """Lines that are too wide. A row of a table must be one line; a word that is too long cannot be broken."""
    return [number for number, line in enumerate(markdown.splitlines(), 1)
            if len(line) > WIDTH and not line.startswith("|") and len(line.split()) > 1]


COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|`(?:\\.|[^`\\])*`|>[^<>{}]+<')
C_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')


def texts_of(source, pattern):
    """(line, text) of the texts in a program, without its comments."""
    code = COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)
    return [(code.count("\n", 0, match.start()) + 1, match[0]) for match in pattern.finditer(code)]


def archaic_texts(source, pattern):
    return [(number, found) for number, text in texts_of(source, pattern) if text not in NAMES
            for _, found in archaic(text)]


@test
def markdown_fits_into_100_columns():
    pages = tracked("*.md")
    assert len(pages) > 15, pages
    complain([f"{name}:{number}" for name, text in pages for number in wide_lines(text)])


@test
def pages_are_in_plain_english():
    complain([f"{name}:{number}: \"{word}\"; write: {ARCHAIC[word]}" for name, text in tracked("*.md")
              for number, word in archaic(without_code(text))])


@test
def messages_and_help_are_in_plain_english():
    sources = [s for s in tracked("src/*.c", "src/*.h") if not s[0].startswith(("src/core/", "src/model/", "src/plan/"))]
    assert len(sources) > 200, len(sources)
    complain([f"{name}:{number}: \"{word}\"; write: {ARCHAIC[word]}" for name, text in sources
              for number, word in archaic_texts(text, C_STRING)])


@test
def the_console_speaks_plain_english():
    sources = tracked("web/src/*.ts", "web/src/*.tsx")
    assert len(sources) > 30, len(sources)
    complain([f"{name}:{number}: \"{word}\"; write: {ARCHAIC[word]}" for name, text in sources
              for number, word in archaic_texts(text, STRING)])


@test
def comments_are_in_plain_english():
    sources = tracked("src/*.c", "src/*.h", "test/*.c", "test/*.h", "web/src/*.ts", "web/src/*.tsx")
    assert len(sources) > 500, len(sources)
    complain([f"{name}:{text.count(chr(10), 0, comment.start()) + number}: \"{word}\"; write: {ARCHAIC[word]}"
              for name, text in sources for comment in COMMENT.finditer(text) for number, word in archaic(comment[0])])


TEST_NAME = re.compile(r"^(?:TEST\(|@test\ndef |def (?=test_))([a-z]\w+)", re.MULTILINE)


def archaic_names(source):
    """Names of tests that hold an archaic word: they are sentences that people read."""
    return [(name, found) for name in TEST_NAME.findall(source) for _, found in archaic(name.replace("_", " "))]


@test
def names_of_tests_and_scenarios_are_in_plain_english():
    sources = tracked("test/*.c", "test/*.py")
    assert len(sources) > 100, len(sources)
    complain([f"{path}: {name}: \"{word}\"; write: {ARCHAIC[word]}" for path, text in sources
              for name, word in archaic_names(text)]
             + [f"{path}: \"{word}\"" for path, _ in tracked("test/scenario/*.scn")
                for _, word in archaic(path.replace("-", " "))])


@test
def the_rules_of_prose_can_be_broken():
    assert archaic_names("TEST(it_is_read_anew)\n@test\ndef nobody_is_here():\ndef mend():") == [("it_is_read_anew", "anew"),
                                                                         ("nobody_is_here", "nobody")]
    assert archaic("Read it anew.\nNobody does") == [(1, "anew"), (2, "nobody")]
    assert not archaic("renewed, mending, commander")
    assert archaic(without_code("`shall` it\n\n    they shall\n\n```\nshall\n```\nwe shall")) == [(8, "shall")]
    assert wide_lines("a " * 51 + "\n| " + "a " * 60 + "\n" + "a" * 120) == [1]
    assert archaic_texts('/* "shall" */\nf("you shall", "nobody");', C_STRING) == [(2, "shall")]
    assert archaic_texts("<p>Nobody is here</p>", STRING) == [(1, "nobody")]


if __name__ == "__main__":
    sys.exit(main())
