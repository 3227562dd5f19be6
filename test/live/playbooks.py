# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Ansible collection as it is used: playbooks against a live berth-api, over HTTPS and its Unix socket."""

import ast
import hashlib
import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "law"))
sys.path.insert(0, os.path.dirname(__file__))

from tap import test, main  # noqa: E402
from cluster import Cluster  # noqa: E402
from rest import ask  # noqa: E402

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "data/ansible"
MODULES = sorted(path.stem for path in (SOURCE / "plugins/modules").glob("*.py"))


# How a play is told to us: the result of each task as a line of JSON.
LINES = """
import json
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "stdout", "lines"

    def v2_runner_on_ok(self, result, failed=False):
        self._display.display(json.dumps({**result._result, "failed": failed}))

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.v2_runner_on_ok(result, True)
"""


class Ansible:
    """A controller with the collection of this tree, and one cluster that its playbooks are about."""

    def __init__(self, c):
        self.c, self.folder = c, tempfile.TemporaryDirectory(prefix="berth-ansible-")
        place = pathlib.Path(self.folder.name) / "ansible_collections/berth"
        place.mkdir(parents=True)
        (place / "berth").symlink_to(SOURCE)
        callbacks = pathlib.Path(self.folder.name) / "callbacks"
        callbacks.mkdir()
        (callbacks / "lines.py").write_text(LINES, encoding="utf-8")
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "BERTH"))},
            "ANSIBLE_COLLECTIONS_PATH": self.folder.name, "ANSIBLE_HOME": f"{self.folder.name}/home",
            "ANSIBLE_LOCAL_TEMP": f"{self.folder.name}/tmp", "ANSIBLE_STDOUT_CALLBACK": "lines",
            "ANSIBLE_CALLBACK_PLUGINS": str(callbacks),
            "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "1", "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8",
            "ANSIBLE_DEPRECATION_WARNINGS": "0", "ANSIBLE_LOCALHOST_WARNING": "0"}

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.folder.cleanup()

    def run(self, program, *words):
        return subprocess.run([program, *words], env=self.environment, cwd=self.folder.name, text=True,
                              capture_output=True, timeout=120, check=False)

    def play(self, tasks, *options, goes_on=False, **connection):
        """Plays (module, options) in order, as far as none fails or 'goes_on'; the results of those that were played."""
        connection = connection or {"socket": self.c.socket}
        play = [{"hosts": "localhost", "gather_facts": False, "module_defaults": {"group/berth.berth.berth": connection},
                 "vars": {"ansible_python_interpreter": sys.executable},
                 "ignore_errors": goes_on,
                 "tasks": [{f"berth.berth.{module}": words} for module, words in tasks]}]
        path = f"{self.folder.name}/play.yml"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(play, file)
        done = self.run("ansible-playbook", *options, path)
        self.output = done.stdout
        results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        assert results, done.stdout + done.stderr
        return results

    def fail(self, tasks, *options, **connection):
        """Plays (what the failure says, module, options); each fails, and says so in a sentence. The results."""
        results = self.play([task[1:] for task in tasks], *options, goes_on=True, **connection)
        assert len(results) == len(tasks), self.output
        for (sentence, *_), result in zip(tasks, results):
            assert result["failed"] and sentence in result["msg"], (sentence, result)
            assert "Traceback" not in json.dumps(result), result
        return results


def changes(results):
    for result in results:
        assert not result.get("failed"), result
    return [result["changed"] for result in results]


def store(c):
    """What administrators want: whether it is as it was."""
    return {key: value for key, value in c.etcd.all().items() if key.startswith("want/")}


def whole(c):
    """Tasks that set up a cluster; each of them changes something, once."""
    return [
        ("cluster", {"settings": {"reserve": "1", "preemption": "yes", "name": "lab"}, "armed": False}),
        ("node", {"name": "node2", "state": "paused", "labels": {"rack": 7}, "fencing": "power",
                  "fence_agent": "fence_ipmilan", "fence_parameters": {"ip": "192.0.2.7"},
                  "fence_secrets": {"password": "sesame-17"},
                  "fence_level_2": {"agent": "fence_apc", "parameters": {"ip": "192.0.2.8"}}}),
        ("gpu", {"model": "1234:1111"}),
        ("pool", {"name": "p", "model": "1234:1111", "after_use": "hold"}),
        ("vm", {"name": "a", "xml": c.xml("a"), "gpus": [{"pool": "p"}], "priority": 3000, "state": "started",
                "labels": {}, "possible_owners": ["node1"], "restart": {"restarts_max": 2}}),
        ("vm", {"name": "b", "xml": c.xml("b"), "title": "Bee"}),
    ]


@test
def a_playbook_sets_a_cluster_up_and_the_second_run_finds_nothing_to_do():
    with Cluster() as c, Ansible(c) as a:
        tasks = whole(c)
        before = store(c)
        assert changes(a.play(tasks[:3], "--check", "--diff"))== [True] * 3
        assert store(c) == before, "a check has changed something"
        first = a.play(tasks, "--diff")
        assert changes(first) == [True] * len(tasks), first
        assert "sesame-17" not in a.output
        assert [gpu["state"] for gpu in first[2]["gpus"]] == ["dismounted"] * 4, first[2]["gpus"]
        assert '"reserve": 1' in first[0]["diff"]["after"] and '"reserve": 0' in first[0]["diff"]["before"], first[0]
        second = a.play(tasks, "--diff")
        assert changes(second) == [False] * len(tasks), second
        assert changes(a.play(tasks, "--check")) == [False] * len(tasks)
        assert c.of("vm", "show", "a")["state"] == "running" and c.of("vm", "show", "b")["state"] == "stopped"
        spec = c.of("node", "show", "node2")["spec"]
        assert (spec["mode"], spec["labels"], spec["fence_level_2"]["agent"]) == ("paused", {"rack": "7"}, "fence_apc")
        assert c.of("pool", "show", "p")["after_use"] == "hold" and len(c.of("pool", "show", "p")["members"]) == 4
        secret = {"name": "node2", "fence_parameters": {"ip": "192.0.2.7"}, "fence_secrets": {"password": "other"}}
        assert changes(a.play([("node", secret), ("node", {**secret, "update_secrets": "always"})])) == [False, True]


def fencing(c, level):
    spec = c.of("node", "show", "node2")["spec"]
    return spec["fence_parameters"] if level == 1 else spec[f"fence_level_{level}"]["parameters"]


@test
def what_a_task_does_not_say_of_a_fence_agent_stays_and_no_secret_is_lost_silently():
    def agent(level, parameters=None, secrets=None, **more):
        if level == 1:
            words = {"fence_agent": "fence_ipmilan", "fence_parameters": parameters, "fence_secrets": secrets}
        else:
            words = {"fence_level_2": {"agent": "fence_apc", "parameters": parameters, "secrets": secrets}}
        return ("node", {"name": "node2", **more, **{key: value for key, value in words.items() if value is not None}})

    with Cluster() as c, Ansible(c) as a:
        for level in (1, 2):
            have, secret = {"ip": "192.0.2.7", "username": "berth"}, {"password": "sesame-17"}
            changes(a.play([agent(level, have, secret)]))
            box = lambda: store(c)["want/nodes/node2"]  # with what is sealed of it
            sealed = box()
            assert changes(a.play([agent(level, have), agent(level, secrets=secret), agent(level)])) == [False] * 3
            a.fail([("password of the fence agent", *agent(level, {**have, "ip": "192.0.2.9"}))])
            assert fencing(c, level) == {**have, "password": "(hidden)"} and box() == sealed
            assert changes(a.play([agent(level, secrets={"password": "other"}, update_secrets="always")])) == [True]
            assert fencing(c, level) == {**have, "password": "(hidden)"} and box() != sealed
            assert changes(a.play([agent(level, have, {}), agent(level, have, {})])) == [True, False]
            assert fencing(c, level) == have


@test
def what_is_there_is_changed_and_taken_away_and_a_check_does_neither():
    with Cluster() as c, Ansible(c) as a:
        changes(a.play(whole(c)))
        tasks = [
            ("cluster", {"armed": True}),
            ("vm", {"name": "a", "state": "stopped", "priority": 1000}),
            ("vm", {"name": "a", "gpus": [{"pool": "p", "count": 2}]}),
            ("vm", {"name": "b", "xml": c.xml("b").replace("128", "256")}),
            ("pool", {"name": "p", "gpus": [{"node": "node1", "address": "0000:01:00.0"},
                                            {"node": "node1", "address": "0000:02:00.0"}], "exclusive": True}),
            ("gpu", {"node": "node2", "address": "0000:01:00.0", "state": "mounted"}),
            ("node", {"name": "node2", "state": "active", "labels": {}}),
        ]
        before = store(c)
        # While a VM holds GPUs of the pool, a check of the tasks behind its stop tells no less.
        assert changes(a.play(tasks[:5] + tasks[6:], "--check")) == [True] * 6
        assert store(c) == before, "a check has changed something"
        assert changes(a.play(tasks)) == [True] * len(tasks)
        assert changes(a.play(tasks)) == [False] * len(tasks)
        assert c.of("vm", "show", "b")["memory_mib"] == 256 and c.of("vm", "show", "a")["needs"][0]["count"] == 2
        screen = c.xml("b").replace("</domain>", "<devices><graphics type='vnc' passwd='sesame-18'/></devices></domain>")
        shown = a.play([("vm", {"name": "c", "xml": screen}), ("vm", {"name": "b", "xml": screen})], "--check", "--diff")
        assert changes(shown) == [True, True] and not [each for each in shown if "sesame-18" in json.dumps(each["diff"])
                                                       or "passwd='(hidden)'" not in each["diff"]["after"]], shown
        assert changes(a.play([("pool", {"name": "m", "mixed": True}), ("pool", {"name": "m", "after_use": "hold"})])) == [True] * 2
        a.fail([("it cannot become False", "pool", {"name": "m", "mixed": False})])
        changes(a.play([("pool", {"name": "m", "state": "absent"})]))
        laid_out = c.xml("b").replace("128", "256").replace("><", ">\n  <")
        assert changes(a.play([("vm", {"name": "b", "xml": laid_out})])) == [False]
        away = [("vm", {"name": name, "state": "absent"}) for name in "ab"] + [("pool", {"name": "p", "state": "absent"})]
        changes(a.play([("vm", {"name": "a", "state": "started"})]))
        assert changes(a.play(away)) == [True] * 3
        assert changes(a.play(away)) == [False] * 3
        assert not [key for key in store(c) if "/vms/" in key or "/pools/" in key]


@test
def a_drain_waits_for_the_vms_and_what_does_not_come_is_told_with_its_reasons():
    with Cluster() as c, Ansible(c) as a:
        changes(a.play(whole(c)[2:4]))
        c.add_vm("v", pool="p")
        started, drained = a.play([("vm", {"name": "v", "state": "started"}),
                                   ("node", {"name": "node1", "state": "drained"})])
        assert changes([started, drained]) == [True, True]
        assert drained["node"]["state"] == "drained" and drained["node"]["vms"] == [], drained
        assert c.of("vm", "show", "v")["node"] == "node2"
        c.add_vm("w", 2, pool="p")
        late = {"name": "w", "state": "started", "wait_timeout": 1}
        result = a.fail([("VM w is waiting after 1 s; node1: no GPUs free for w; node2:", "vm", late)])[0]
        assert result["changed"], result
        assert changes(a.play([("vm", {"name": "w", "state": "started", "wait": False})])) == [False]


@test
def what_is_wrong_is_told_in_a_sentence():
    with Cluster(nodes=("node1",)) as c, Ansible(c) as a:
        wrong = [
            ('there is no GPU pool "nope"', "vm", {"name": "v", "xml": c.xml("v"), "gpus": [{"pool": "nope"}]}),
            ('there is no VM "v"; to add it, give xml', "vm", {"name": "v", "state": "started"}),
            ('there is no node "node9"; there are: node1', "node", {"name": "node9", "state": "drained"}),
            ('there is no setting "reserv"', "cluster", {"settings": {"reserv": 1}}),
            ("reserve: 'lots' is no value for it", "cluster", {"settings": {"reserve": "lots"}}),
            ("no host has a GPU of the model 10de:2235", "pool", {"name": "p", "model": "10de:2235"}),
            ("has no GPU of the model 10de:2235", "gpu", {"model": "10de:2235"}),
            ("it is no XML", "vm", {"name": "v", "xml": "<domain"}),
        ]
        a.fail(wrong)
        a.fail(wrong, "--check")
        gpus = [{"node": "node1", "address": "0000:01:00.0"}]
        refused = a.fail([("0000:01:00.0", "pool", {"name": "p", "gpus": gpus}),
                          ("cannot speak to berth-api at /nowhere", "info", {"socket": "/nowhere"})])[0]
        assert (refused["code"], refused["status"]) == ("cannot-join", 409), refused
        assert not store(c), store(c)


@test
def over_https_the_server_is_checked_first_and_then_the_token():
    with Cluster(nodes=("node1",)) as c, Ansible(c) as a:
        token, viewer = (c.must("token", "add", role, "--role", role).strip() for role in ("administrator", "viewer"))
        ca = f"{c.directory}/state/https-certificate.pem"
        with open(ca, encoding="ascii") as file:
            fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()
        here = {"host": f"https://127.0.0.1:{c.https}"}
        task = ("cluster", {"settings": {"name": "over-https"}})
        assert changes(a.play([task], **here, ca=ca, token=token)) == [True]
        assert token not in a.output
        assert changes(a.play([task], **here, fingerprint=fingerprint.upper(), token=token)) == [False]
        bad = token[:-1] + ("0" if token[-1] != "0" else "1")
        other = ("cluster", {"settings": {"name": "x"}, **here, "ca": ca})
        results = a.fail([
            ("certificate verify failed", "cluster", {**here, "token": token}),
            ("its certificate has the fingerprint", "cluster", {**here, "fingerprint": "00" * 32, "token": token}),
            ("token", "cluster", {**here, "ca": ca, "token": bad}),
            ("administrator", other[0], {**other[1], "token": viewer}),
            ("", *other),
            ("is no URL such as", "cluster", {"host": "http://127.0.0.1", "token": token})], socket=c.socket)
        assert [result.get("code") for result in results[2:5]] == ["bad-token", "forbidden", "login-needed"], results
        assert token not in a.output and bad not in a.output


def described(a):
    """{module: its options as ansible-doc shows them}"""
    done = a.run("ansible-doc", "--json", *(f"berth.berth.{name}" for name in MODULES))
    assert done.returncode == 0, done.stdout + done.stderr
    return {name.split(".")[-1]: about for name, about in json.loads(done.stdout).items()}


def taken(a):
    """{module: the options that it really takes}, as it tells one that it does not know."""
    needed = {"gpu": {"model": "1:2"}, **{name: {"name": "x"} for name in ("node", "pool", "vm")}}
    results = a.play([(name, {"no_such_option": 1, **needed.get(name, {})}) for name in MODULES], goes_on=True)
    return {name: set(re.search(r"Supported parameters include: ([\w, ]*)", result["msg"])[1].split(", "))
            for name, result in zip(MODULES, results)}


@test
def the_documentation_has_every_option_and_the_modules_have_every_policy_of_the_api():
    with Cluster(nodes=("node1",)) as c, Ansible(c) as a:
        about = described(a)
        assert sorted(about) == MODULES and len(MODULES) == 6, about.keys()
        options = taken(a)
        for name in MODULES:
            assert set(about[name]["doc"]["options"]) == options[name], name
            assert about[name]["return"] and about[name]["examples"], name
        schemas = ask(c.socket, "GET", "/openapi.json").json["components"]["schemas"]
        for module, schema, kept in (("vm", "VmPatch", set()), ("pool", "PoolPatch", set()), ("node", "NodePatch", {"fence_box"})):
            missing = set(schemas[schema]["properties"]) - set(about[module]["doc"]["options"]) - kept
            assert not missing, (module, missing)
        with open(SOURCE / "meta/runtime.yml", encoding="utf-8") as file:
            assert re.findall(r"^    - (\w+)$", file.read(), re.M) == MODULES


@test
def the_modules_need_nothing_but_python_and_ansible():
    known = set(sys.stdlib_module_names) | {"ansible", "ansible_collections"}
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names} | \
            {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not {name.split(".")[0] for name in names} - known, path


if __name__ == "__main__":
    sys.exit(main())
