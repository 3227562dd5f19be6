# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual pages, the completion and --help say the same, and are well formed.

Environment: BERTH, BERTHD, BERTH_API (the programs) and PAGES (the folder with what was generated)."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from tap import complain, main, test

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = pathlib.Path(os.environ["PAGES"])
NAMES = ["berth.1", "berthd.8", "berth-api.8", "berth.conf.5"]


def source(name):
    return (PAGES / name).read_text()


def plain(roff):
    """Without what our generator escapes; fonts are left out."""
    for escape, char in ((r"\-", "-"), (r"\&", ""), (r"\(aq", "'"), (r"\(ti", "~"), (r"\(ha", "^"), (r"\(ga", "`"),
                         (r"\fB", ""), (r"\fR", ""), (r"\fI", ""), (r"\e", "\\")):
        roff = roff.replace(escape, char)
    return roff


def page(name):
    return plain(source(name))


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


def terms(text):
    """The tags of a page's lists."""
    return re.findall(r"^\.TP\n(.*)$", text, re.MULTILINE)


OPTION = re.compile(r"^(?:-\w, )?(--[\w-]+)")
OPTION_LINE = re.compile(r"^  (?:-\w, )?(--[\w-]+)", re.MULTILINE)


def commands():
    """[(usage, [options of its own], [options of every command])] as --help has them."""
    usages = [line[2:].split("  ")[0] for line in run(os.environ["BERTH"], "help").splitlines() if line.startswith("  berth ")]
    found = []
    for usage in usages:
        words = [w for w in usage.split()[1:3] if w.islower()]
        own, every = run(os.environ["BERTH"], *words, "--help").split("\nOptions of every command:\n")
        found.append((usage, OPTION_LINE.findall(own), OPTION_LINE.findall(every)))
    return found


COMMANDS = commands()
EVERYWHERE = COMMANDS[0][2]


def section(text, heading):
    return re.search(rf"^\.SH {heading}\n(.*?)(?=^\.SH |\Z)", text, re.MULTILINE | re.DOTALL).group(1)


def offered(asking):
    """What bash prints for 'asking', with a cluster of two VMs and one pool played by a function."""
    script = f"""
        berth() {{ case "$*" in
            'vm ls -o name') printf 'train1\\ntrain2\\n' ;;
            'pool ls -o name') echo GpuChildPool ;;
            'node ls -o name') echo node1 ;;
            'gpu ls -o name') echo node1/0000:65:00.0 ;; esac; }}
        source {PAGES / 'berth'}
        {asking} """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=20, check=False)
    assert done.stderr == "", done.stderr
    return done.stdout.split()


def complete(*words):
    """What bash offers for the last of these words."""
    line = " ".join(f"'{w}'" for w in ("berth", *words))
    return offered(f"""COMP_WORDS=({line}); COMP_CWORD={len(words)}; _berth; printf '%s\\n' "${{COMPREPLY[@]}}" """)


def reply(*words):
    """What zsh and fish are told of the last of these words."""
    return offered("_berth_reply " + " ".join(f"'{w}'" for w in ("berth", *words)))


@test
def every_page_is_well_formed():
    for name in NAMES:
        done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z", PAGES / name], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and done.stderr == "", f"{name}: {done.stderr}"


@test
def the_page_has_every_command_and_no_other():
    shown = [t for t in terms(section(page("berth.1"), "COMMANDS")) if t.startswith("berth ")]
    assert len(COMMANDS) > 30, COMMANDS
    assert shown == [usage for usage, _, _ in COMMANDS], set(shown) ^ {usage for usage, _, _ in COMMANDS}


@test
def the_page_has_the_options_of_every_command():
    shown = [OPTION.search(t)[1] for t in terms(section(page("berth.1"), "OPTIONS"))]
    assert len(EVERYWHERE) > 5 and shown == EVERYWHERE, set(shown) ^ set(EVERYWHERE)
    complain([f"{usage} --help lacks an option that every command takes" for usage, _, every in COMMANDS if every != EVERYWHERE])


@test
def the_page_says_of_each_command_which_options_it_takes():
    entries = re.split(r"^\.TP\n(?=berth )", section(page("berth.1"), "COMMANDS"), flags=re.MULTILINE)[1:]
    assert sum(len(own) for _, own, _ in COMMANDS) > 50
    for entry, (usage, own, _) in zip(entries, COMMANDS, strict=True):
        have = [OPTION.search(t)[1] for t in terms(entry)]
        assert have == own, (usage, set(have) ^ set(own))


@test
def the_completion_offers_every_noun_verb_and_option():
    nouns = {usage.split()[1] for usage, _, _ in COMMANDS}
    assert set(complete("")) == nouns
    verbs = {}
    for usage, own, every in COMMANDS:
        words = [w for w in usage.split()[1:3] if w.islower()]
        assert set(complete(*words, "--")) == {*own, *every}, usage
        if len(words) == 2:
            verbs.setdefault(words[0], set()).add(words[1])
    for noun, have in verbs.items():
        assert set(complete(noun, "")) == have, noun


@test
def the_completion_asks_the_cluster_for_names():
    assert complete("vm", "start", "tr") == ["train1", "train2"]
    assert complete("vm", "start", "train1", "") == ["train1", "train2"]
    assert complete("vm", "assign", "train1", "") == ["GpuChildPool"]
    assert complete("vm", "--count", "2", "assign", "train1", "") == ["GpuChildPool"]
    assert complete("pool", "add", "GpuChildPool", "") == ["node1/0000:65:00.0"]
    assert complete("gpu", "ls", "--node", "") == ["node1"]
    assert complete("gpu", "ls", "--node", "=", "n") == ["node1"]
    assert complete("-o", "") == ["table", "wide", "name", "json", "yaml"]
    assert complete("pool", "rm", "GpuChildPool", "") == []


@test
def other_shells_get_the_same_words_as_bash():
    for words in (("",), ("vm", ""), ("vm", "start", "tr"), ("vm", "--count", "2", "assign", "train1", ""), ("-o", "")):
        assert reply(*words) == complete(*words), words
    assert reply("gpu", "ls", "--node=n") == ["--node=node1"]
    assert reply("gpu", "ls", "--node=") == ["--node=node1"]
    assert reply("gpu", "ls", "--node=x") == []
    for name in ("completion.zsh.in", "completion.fish.in"):
        script = (pathlib.Path(__file__).parents[2] / "data" / name).read_text()
        assert """bash -c 'source "$0" && _berth_reply "$@"' @completions@/berth""" in script, name


@test
def the_daemons_pages_have_their_options():
    for name, program in (("berthd", "BERTHD"), ("berth-api", "BERTH_API")):
        text = run(os.environ[program], "--help")
        known = set(re.findall(r"^  (--[\w-]+)", text, re.MULTILINE))
        shown = {t.split()[0] for t in terms(section(page(f"{name}.8"), "OPTIONS"))}
        assert known == shown and "--config" in known, known ^ shown
        assert "/nonexistent: No such file" in run(os.environ[program], "--config", "/nonexistent")
        assert name in run(os.environ[program], "--version")


@test
def the_page_of_the_configuration_has_every_key_and_no_other():
    known = set(re.findall(r'^    (?:TEXT|LIST)\(VALUE_\w+, "(\w+)"', (ROOT / "src/run/config.c").read_text(), re.MULTILINE))
    shown = set(terms(page("berth.conf.5")))
    assert len(known) > 10 and known == shown, known ^ shown
    example = set(re.findall(r"^#?(\w+) = ", (ROOT / "data/berth.conf").read_text(), re.MULTILINE))
    complain([f"data/berth.conf has {key}, which is no key" for key in example - known])
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        for key in sorted(shown):
            file.seek(0)
            file.truncate()
            file.write(f"{key} =\n")
            file.flush()
            said = run(os.environ["BERTHD"], "--config", file.name, "--check-config")
            assert "unknown key" not in said, said


if __name__ == "__main__":
    sys.exit(main())
