#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Do tools/check and tools/deps.sh do as they say? No package is installed: a folder of stand-ins
comes first in PATH and writes down what was called.

    test/law/tools.py [WORD...]"""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import pathlib
import pty
import subprocess
import sys
import tempfile

from tap import main, test

ROOT = pathlib.Path(__file__).resolve().parents[2]


def load_check():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("check", str(ROOT / "tools" / "check"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check", loader))
    loader.exec_module(module)
    return module


CHECK = load_check()


def outcomes(stdout, result="OK", stderr="", returncode=0):
    """'name outcome' of each test that one program's output counts as."""
    entry = {"name": "p", "stdout": stdout, "stderr": stderr, "result": result, "returncode": returncode,
             "duration": 1.0}
    return [f"{r.name.removeprefix('p: ')} {r.outcome}" for r in CHECK.results_of(entry)]


def texts(*arguments, **options):
    entry = {"name": "p", "stdout": arguments[0], "stderr": options.get("stderr", ""), "result": "FAIL",
             "returncode": 1, "duration": 1.0}
    return "\n".join(r.text for r in CHECK.results_of(entry) if r.outcome == "failed")


@test
def check_counts_the_tests_inside_a_program():
    assert outcomes("ok 1 - a b\nnot ok 2 - c d\nok 3 - e # SKIP no kvm\n1..3\n", "FAIL") == \
        ["a b passed", "c d failed", "e skipped"]


@test
def check_takes_a_skip_without_a_reason_for_a_failure():
    assert outcomes("ok 1 - a # SKIP\n1..1\n") == ["a failed"]
    assert outcomes("1..0 # SKIP no etcd here\n", "SKIP") == ["all of it skipped"]
    assert outcomes("1..0 # SKIP\n", "SKIP") == ["all of it failed"]


@test
def check_counts_a_program_that_dies_hangs_or_miscounts_as_failed():
    assert outcomes("ok 1 - a\n", "ERROR", returncode=-11) == ["a passed", "the program itself failed"]
    assert outcomes("ok 1 - a\n", "TIMEOUT") == ["a passed", "the program itself failed"]
    assert outcomes("ok 1 - a\n1..2\n") == ["a passed", "the program itself failed"]
    assert outcomes("ok 1 - a\n1..1\n", "FAIL", returncode=3) == ["a passed", "the program itself failed"]
    assert outcomes("", "OK") == ["the program itself failed"]
    assert outcomes("ok 1 - a\nBail out! no memory\n", "ERROR")[-1] == "the program itself failed"


@test
def check_shows_what_a_failed_test_wrote():
    text = texts("ok 1 - a\n# x.c:3: have 1, not 2\nnot ok 2 - b\n1..2\n", stderr="AddressSanitizer: ouch\n")
    assert "x.c:3: have 1, not 2" in text and "AddressSanitizer: ouch" in text, text
    assert "later" not in texts("# why\nnot ok 1 - a\n# what a later test tells\nok 2 - b\n1..2\n")


@test
def check_ends_with_the_count_and_fails_if_anything_failed_or_nothing_passed():
    def closing(*outcomes_):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = CHECK.report([CHECK.Result(o, "name", "why", 0) for o in outcomes_], False)
        return status, out.getvalue().splitlines()[-1]
    assert closing("passed", "passed", "skipped") == (0, "2 passed, 0 failed, 1 skipped")
    assert closing("passed", "failed") == (1, "1 passed, 1 failed, 0 skipped")
    assert closing() == (1, "0 passed, 0 failed, 0 skipped")


@test
def check_names_all_that_failed_and_their_last_words_right_above_the_count_however_long_their_texts_are():
    long = "\n".join(f"line {number}" for number in range(500))
    results = [CHECK.Result("failed", f"p: test {number}", long, 0) for number in range(30)]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        CHECK.report([CHECK.Result("passed", "good", "", 0), *results], False)
    lines = out.getvalue().splitlines()
    assert [line.strip() for line in lines[-32:-2]] == [f"{result.name}: line 499" for result in results], lines[-40:]
    assert "        line 460" in lines and "        line 459" not in lines and "        (460 lines before)" in lines


# ---- deps.sh ----

STAND_INS = {
    "apt-get": 'echo "apt-get $*" >>"$LOG"; test ! -e "$FAIL.$1" || { rm "$FAIL.$1"; echo "404 Not Found"; exit 100; }',
    "apt-cache": 'test ! -e "$FAIL.known" || exit 100',
    "dpkg-query": 'for last; do :; done; case $last in present*) printf installed;; *) exit 1;; esac',
    "sudo": 'echo "sudo $*" >>"$LOG"; exit 1',
    "id": 'echo "${ID:-0}"',
    "systemctl": 'echo "systemctl $*" >>"$LOG"',
}


class Machine:
    """A copy of tools/deps.sh beside lists of its own, on a machine of stand-ins."""

    def __init__(self, folder):
        self.folder = folder
        self.log = folder / "log"
        self.policy = folder / "policy-rc.d"
        self.write("bin", {name: f"#!/bin/sh\n{text}\n" for name, text in STAND_INS.items()})
        script = (ROOT / "tools" / "deps.sh").read_text()
        script = script.replace("/usr/sbin/policy-rc.d", str(self.policy))
        script = script.replace("/etc/systemd/system", str(folder / "units"))
        self.write("tools", {"deps.sh": script, "packages-build": "# list\npresent-one  # there\nabsent-one  # gone\n"})

    def write(self, folder, texts_):
        (self.folder / folder).mkdir(exist_ok=True)
        for name, text in texts_.items():
            path = self.folder / folder / name
            path.write_text(text)
            path.chmod(0o755)

    def fail(self, *what):
        """The next 'update' or 'install' fails; 'known': apt knows no package until it is removed."""
        for each in what:
            (self.folder / f"fail.{each}").touch()

    def run_on_terminal(self, answer, *jobs):
        """As run(), with somebody at a terminal who types 'answer'."""
        self.log.write_text("")
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.pop("BERTH_YES", None)
            os.environ.update(PATH=f"{self.folder}/bin:{os.environ['PATH']}", LOG=str(self.log),
                              FAIL=str(self.folder / "fail"))
            os.execvp("sh", ["sh", str(self.folder / "tools" / "deps.sh"), *jobs])
        os.write(terminal, answer.encode() + b"\n")
        output = b""
        with contextlib.suppress(OSError):  # a terminal whose program has ended reads as an error
            while part := os.read(terminal, 4096):
                output += part
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), output.decode(), self.log.read_text()

    def run(self, *jobs, **environment):
        self.log.write_text("")
        done = subprocess.run(["sh", self.folder / "tools" / "deps.sh", *jobs], text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "LOG": str(self.log),
                                   "FAIL": str(self.folder / "fail"), **environment})
        return done.returncode, done.stdout, self.log.read_text()


@contextlib.contextmanager
def machine():
    with tempfile.TemporaryDirectory() as folder:
        yield Machine(pathlib.Path(folder))


@test
def deps_installs_only_what_is_missing_and_says_why():
    with machine() as m:
        status, output, log = m.run("build")
        assert status == 0, output
        assert "absent-one" in output and "gone" in output and "present-one" not in output, output
        assert "install" in log and log.rstrip().endswith(" absent-one") and "update" not in log, log


@test
def deps_does_nothing_when_all_is_there():
    with machine() as m:
        m.write("tools", {"packages-build": "present-one # there\n"})
        assert m.run("build") == (0, "", "")


@test
def deps_updates_the_lists_when_apt_does_not_know_a_package_or_cannot_fetch_it():
    with machine() as m:
        m.fail("known")
        assert "update" in m.run("build")[2].splitlines()[0]
    with machine() as m:
        m.fail("install")
        status, output, log = m.run("build")
        assert status == 0, output
        assert [line.split()[1] for line in log.splitlines() if line.startswith("apt-get")] == \
            ["install", "update", "install"], log


@test
def deps_holds_services_back_and_restores_the_policy_even_when_it_fails():
    with machine() as m:
        m.write("bin", {"apt-get": f'#!/bin/sh\ncp {m.policy} "$LOG"; exit 100\n'})
        m.policy.write_text("#!/bin/sh\n# the administrator's\nexit 0\n")
        status, output, log = m.run("build")
        assert status == 1 and "failed" in output, output
        assert "exit 101" in log, log
        assert "administrator's" in m.policy.read_text()
        m.policy.unlink()
        m.run("build")
        assert not m.policy.exists()


@test
def deps_puts_right_what_a_killed_run_left_behind():
    with machine() as m:
        m.write("bin", {"apt-get": '#!/bin/sh\nkill -KILL $PPID; sleep 0.2\n'})
        m.policy.write_text("#!/bin/sh\n# the administrator's\nexit 0\n")
        m.run("build")
        assert "exit 101" in m.policy.read_text(), "the run was not killed at work: this test shows nothing"
        m.write("bin", {"apt-get": "#!/bin/sh\nexit 0\n"})
        assert m.run("build")[0] == 0
        assert "administrator's" in m.policy.read_text()


@test
def deps_turns_off_at_boot_what_the_packages_turned_on_and_only_that():
    with machine() as m:
        for name in "old.service", "new.service", "new.timer":
            (m.folder / "units" / "multi-user.target.wants").mkdir(parents=True, exist_ok=True)
            if name == "old.service":
                (m.folder / "units" / "multi-user.target.wants" / name).symlink_to("/dev/null")
        wants = m.folder / "units" / "multi-user.target.wants"
        m.write("bin", {"apt-get": f"#!/bin/sh\nln -s /dev/null {wants}/new.service\nln -s /dev/null {wants}/new.timer\n"})
        status, output, log = m.run("build")
        assert status == 0, output
        assert log == "systemctl --quiet disable new.service\n", log
        assert "new.service" in output


@test
def deps_asks_once_on_a_terminal_and_takes_no_for_an_answer():
    with machine() as m:
        status, output, log = m.run_on_terminal("n", "build")
        assert status == 1 and output.count("[Y/n]") == 1 and "apt-get install" in output, output
        assert log == "", log
        status, output, log = m.run_on_terminal("y", "build")
        assert status == 0 and output.count("[Y/n]") == 1 and "install" in log, output
        assert "[Y/n]" not in m.run("build")[1]


@test
def deps_says_what_to_do_when_it_may_not_install():
    with machine() as m:
        status, output, log = m.run("build", ID="1000")
        assert status == 1 and "sudo" in output and "apt-get install" in output, output
        assert "apt-get" not in log, log


@test
def deps_refuses_a_job_that_it_does_not_know():
    with machine() as m:
        status, output, _ = m.run("nonsense")
        assert status == 1 and "nonsense" in output, output


if __name__ == "__main__":
    sys.exit(main())
