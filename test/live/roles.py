# SPDX-License-Identifier: LGPL-2.1-or-later
"""The users and roles of docs/SECURITY.md in a real etcd: berth-api and berthd work with theirs, and a
berth-api in the wrong hands can order, but prove nothing."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "law"))
sys.path.insert(0, os.path.dirname(__file__))

from tap import test, main  # noqa: E402
from cluster import Etcd, b64, wait_for  # noqa: E402

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "SECURITY.md"


def commands():
    """The etcdctl lines of the page, as a person would type them."""
    text = PAGE.read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if re.match(r"    (etcdctl|for) ", line)]


class Secured:
    def __init__(self, directory):
        self.directory, self.etcd, self.processes = directory, Etcd(directory), []
        for user in ("root", "berthd", "berth-api"):
            self.write(f"{user}.password", f"{user}-secret\n")
        for line in commands():
            self.shell(line)

    def write(self, name, text):
        with open(f"{self.directory}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def shell(self, line):
        for user in ("root", "berthd", "berth-api"):
            line = line.replace(f"/etc/berth/{user}.password", f"{self.directory}/{user}.password")
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=30, check=False,
                              env={**os.environ, "ETCDCTL_API": "3", "ETCDCTL_ENDPOINTS": self.etcd.url})
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout

    def configure(self, program, node, user):
        self.write(f"{program}.conf",
                   f"node = {node}\netcd_endpoints = {self.etcd.url}\netcd_user = {user}\n"
                   f"etcd_password_file = {self.directory}/{user}.password\nwatchdog = none\n"
                   f"api_socket = {self.directory}/api.sock\nstate_dir = {self.directory}/state\n"
                   f"run_dir = {self.directory}/run\nhost_key_file = {self.directory}/host.key\nlibvirt_uri = test:///default\n")

    def begin(self, program, node, user):
        self.configure(program, node, user)
        with open(f"{self.directory}/{program}.log", "w", encoding="utf-8") as log:
            self.processes.append(subprocess.Popen(
                [os.environ[program.upper().replace("-", "_")], "--config", f"{self.directory}/{program}.conf"],
                stdout=log, stderr=log))

    def check(self, program, **changes):
        """What 'PROGRAM --check-config' says of its configuration, with some lines of it changed."""
        with open(f"{self.directory}/{program}.conf", encoding="utf-8") as file:
            text = file.read()
        for key, value in changes.items():
            text = re.sub(rf"^{key} = .*", f"{key} = {value}", text, flags=re.MULTILINE)
        self.write("checked.conf", text)
        done = subprocess.run([os.environ[program.upper().replace("-", "_")], "--config",
                               f"{self.directory}/checked.conf", "--check-config"], capture_output=True, text=True,
                              timeout=30, check=False)
        assert done.returncode == 0 and done.stdout.startswith("the configuration is right"), done
        return done.stdout

    def log(self, program):
        with open(f"{self.directory}/{program}.log", encoding="utf-8") as file:
            return file.read()

    def berth(self, *words):
        done = subprocess.run([os.environ["BERTH"], "--socket", f"{self.directory}/api.sock", *words],
                              capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def must(self, *words):
        code, text = self.berth(*words)
        assert code == 0, (words, text, self.log("berth-api"))
        return text

    def as_user(self, user, path, body):
        """(is it allowed, the answer) of a request of the gateway."""
        token = self.etcd.call("auth/authenticate", {"name": user, "password": f"{user}-secret"})["token"]
        request = urllib.request.Request(f"{self.etcd.url}/v3/{path}", json.dumps(body).encode(),
                                         {"Authorization": token})
        try:
            with urllib.request.urlopen(request, timeout=5) as reply:
                return True, json.load(reply)
        except urllib.error.HTTPError as refusal:
            return False, refusal.read().decode()

    def may_put(self, user, key):
        is_allowed, text = self.as_user(user, "kv/put", {"key": b64(f"/berth/{key}"), "value": b64("{}")})
        assert is_allowed or "permission denied" in text, text
        return is_allowed

    def close(self):
        for process in self.processes:
            process.terminate()
            process.wait(20)
        self.etcd.kill()


@test
def berth_api_and_berthd_do_all_their_work_with_the_roles_of_the_page():
    with tempfile.TemporaryDirectory() as directory:
        c = Secured(directory)
        try:
            c.begin("berth-api", "node1", "berth-api")
            c.begin("berthd", "node1", "berthd")
            wait_for("node1 joins", lambda: "node1" in c.berth("node", "ls")[1], 60)
            wait_for("node1 is up", lambda: " up" in c.berth("node", "ls")[1], 60)
            c.must("node", "set", "node1", "--label", "a=b")
            c.must("cluster", "set", "reserve=0")
            c.must("token", "add", "t")
            c.must("node", "pause", "node1")
            wait_for("it coordinates", lambda: "is the coordinator" in c.log("berthd"), 60)
            for program in ("berthd", "berth-api"):
                assert "permission denied" not in c.log(program), c.log(program)
                text = c.check(program)
                assert f"store: {c.etcd.url} is member " in text and "a majority answers" in text, text
                assert "failed: store" not in text, text
        finally:
            c.close()


@test
def the_check_of_the_configuration_finds_a_store_that_would_not_do():
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryDirectory() as elsewhere:
        c, other = Secured(directory), Etcd(elsewhere)
        try:
            c.configure("berthd", "node1", "berthd")
            c.write("wrong", "not this one\n")
            text = c.check("berthd", etcd_password_file=f"{directory}/wrong")
            assert "failed: store:" in text and "a majority answers" not in text, text
            text = c.check("berthd", etcd_endpoints=f"{c.etcd.url}, {other.url}, http://127.0.0.1:1")
            assert f"failed: store: {other.url} is a member of the etcd cluster" in text, text
            assert "failed: store: http://127.0.0.1:1 does not answer" in text, text
            c.etcd.kill()
            text = c.check("berthd")
            assert f"{c.etcd.url} does not answer" in text and "failed: store: no majority answers" in text, text
        finally:
            other.kill()
            c.close()


@test
def a_berth_api_in_the_wrong_hands_orders_and_proves_nothing():
    with tempfile.TemporaryDirectory() as directory:
        c = Secured(directory)
        try:
            for key in ("want/vms/x", "want/nodes/x", "want/access/x", "want/cluster", "log/x"):
                assert c.may_put("berth-api", key), key
            for key in ("seen/nodes/x", "seen/vms/x", "beat/x", "beat/~/summary", "order/fence/x", "order/leader",
                        "order/keys/x", "order/vms/x", "order/claims/x/y", "order/standing/x", "other", "../x"):
                assert not c.may_put("berth-api", key), key
            for key in ("seen/vms/x", "beat/x", "beat/~/summary", "beat/~/use/x", "order/fence/x", "order/leader", "log/x"):
                assert c.may_put("berthd", key), key
            for key in ("want/vms/x", "want/access/x", "want/cluster"):
                assert not c.may_put("berthd", key), key
            is_allowed, text = c.as_user("berth-api", "kv/range", {"key": b64("/berth/"), "range_end": b64("/berth0")})
            assert is_allowed and "kvs" in text, text
        finally:
            c.close()


@test
def without_a_password_the_store_says_nothing_and_takes_nothing():
    with tempfile.TemporaryDirectory() as directory:
        c = Secured(directory)
        try:
            for path, body in (("kv/range", {"key": b64("/berth/"), "range_end": b64("/berth0")}),
                               ("kv/put", {"key": b64("/berth/want/access/own"), "value": b64("{}")}),
                               ("kv/deleterange", {"key": b64("/berth/"), "range_end": b64("/berth0")})):
                try:
                    reply = c.etcd.call(path, body)
                    raise AssertionError(reply)
                except OSError as refusal:
                    assert "400" in str(refusal) or "401" in str(refusal) or "403" in str(refusal), refusal
        finally:
            c.close()


if __name__ == "__main__":
    sys.exit(main())
