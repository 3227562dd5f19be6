# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual pages, the completion and --help say the same, and are well formed.

Environment: BERTH, BERTHD, BERTH_API (the programs) and PAGES (the folder with what was generated)."""

import os
import pathlib
import pty
import re
import select
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


def script_for(shell, directory):
    """Our completion for that shell as it is installed, and a berth in 'directory' that knows some names and else says
    what it was told."""
    berth = pathlib.Path(directory) / "berth"
    berth.write_text("#!/bin/sh\ncase \"$*\" in\n'vm ls -o name') echo train1; echo train2 ;;\n"
                     "'pool ls -o name') echo GpuChildPool ;;\n*) echo \"told: $*\" ;;\nesac\n")
    berth.chmod(0o755)
    script = (pathlib.Path(__file__).parents[2] / f"data/completion.{shell}.in").read_text()
    path = pathlib.Path(directory) / {"zsh": "_berth", "fish": "berth.fish"}[shell]
    path.write_text(script.replace("@completions@", str(PAGES)))
    return path


@test
def fish_completes():
    with tempfile.TemporaryDirectory() as directory:
        script = script_for("fish", directory)
        environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}", "HOME": directory}

        def completed(line):
            done = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"], text=True, check=True,
                                  env=environment, timeout=60, stdout=subprocess.PIPE)
            return [each.split("\t")[0] for each in done.stdout.split("\n") if each]

        assert completed("berth vm start tr") == ["train1", "train2"]
        assert completed("berth vm assign train1 ") == ["GpuChildPool"]
        assert "restart" in completed("berth vm ")
        assert "--force" in completed("berth vm stop --f")


class Zsh:
    """One that believes a person types, with our completion."""

    def __init__(self, directory):
        script_for("zsh", directory)
        environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}", "HOME": directory, "TERM": "dumb"}
        self.terminal, other = pty.openpty()
        try:
            self.process = subprocess.Popen(["zsh", "-f", "-i"], stdin=other, stdout=other, stderr=other, env=environment,
                                            start_new_session=True)
        except FileNotFoundError:
            os.close(self.terminal)
            raise
        finally:
            os.close(other)
        # menu_complete: a tab takes the first of several.
        self.answer(f"PS1=; unsetopt zle_bracketed_paste; fpath=({directory} $fpath); autoload -Uz compinit; compinit -u -D;"
                    "setopt menu_complete; print -r told'': ready\n")

    def answer(self, typed):
        """What the program then says that it was told."""
        os.write(self.terminal, typed.encode())
        text = b""
        while not (found := re.search(rb"(?:^|[\r\n])told: ([^\r\n]*)[\r\n]", text)):
            assert select.select([self.terminal], [], [], 60)[0], f"zsh says no more than {text}"
            text += os.read(self.terminal, 4096)
        return found[1].decode().strip()

    def end(self):
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


@test
def zsh_completes():
    with tempfile.TemporaryDirectory() as directory:
        shell = Zsh(directory)
        try:
            assert shell.answer("berth vm assign train1 Gpu\t\n") == "vm assign train1 GpuChildPool"
            assert shell.answer("berth vm start tr\t\n") == "vm start train1"
            assert shell.answer("berth vm resta\ttrain2\n") == "vm restart train2"
            assert shell.answer("berth vm stop --for\ttrain2\n") == "vm stop --force train2"
        finally:
            shell.end()


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
