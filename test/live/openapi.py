# SPDX-License-Identifier: LGPL-2.1-or-later
"""/openapi.json is walked against the running server: every operation is called, every answer is
what its schema says, every field and parameter is known to both."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "law"))
sys.path.insert(0, os.path.dirname(__file__))

from tap import test, main  # noqa: E402
from cluster import Cluster, wait_for  # noqa: E402
from document import Document  # noqa: E402
from rest import ask  # noqa: E402

GPU = "0000:01:00.0"


class Walk:
    """A cluster, its document, and what was called of it."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.document = self.ask("GET", "/openapi.json").json
        self.judge = Document(self.document)
        self.called = set()
        self.calls = 0

    def ask(self, method, target, body=None, **headers):
        return ask(self.cluster.socket, method, target, body, **headers)

    def operations(self):
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def do(self, method, path, body=None, query="", **places):
        """Calls the operation; it must succeed, and its answer be what the document says."""
        operation = self.document["paths"][path][method.lower()]
        target = path.format(**places) + query
        if method != "GET" and places:
            stale = self.ask(method, target, body, If_Match='"1"')
            assert stale.status == 412, f"{method} {path} upon an old revision: {stale}"
        self.calls += 1
        answer = self.ask(method, target, body, Idempotency_Key=f"call-{self.calls}")
        assert answer.status in (200, 201), f"{method} {path}: {answer}"
        content = operation["responses"][str(answer.status)]["content"]
        kind = answer.headers["content-type"].split(";")[0]
        assert kind in content, f"{method} {path}: {kind}"
        if answer.json is not None:
            self.judge.check(content[kind]["schema"], answer.json, f"{method} {path}")
        if method == "GET" and answer.json is not None:
            assert answer.headers["etag"].count('"') == 2, f"{method} {path}: {answer.headers}"
        elif answer.json is not None and path != "/v1/plan" and "unchanged" not in answer.json:
            again = self.ask(method, target, body, Idempotency_Key=f"call-{self.calls}")
            assert (again.status, again.json) == (answer.status, answer.json), \
                f"{method} {path} again: {again}, first {answer}"
        self.called.add((method, path))
        return answer

    def refuse(self, status, method, path, body=None, **places):
        """Calls what cannot be done here: it must be refused so, in the form of all errors."""
        answer = self.ask(method, path.format(**places), body)
        assert answer.status == status, f"{method} {path}: {answer}"
        self.judge.check({"$ref": "#/components/schemas/Error"}, answer.json, f"{method} {path}")
        self.called.add((method, path))

    def properties(self, operation):
        """Names and schemas of the body's members; {} where none is taken."""
        body = operation.get("requestBody")
        schema = body["content"]["application/json"]["schema"] if body else {}
        if "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema.get("properties", {})


def read_all(walk, **places):
    """Every GET whose path asks for nothing that is not in 'places'."""
    for method, path, operation in walk.operations():
        wanted = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
        is_socket = "101" in operation["responses"]
        if method == "GET" and not is_socket and all(name in places for name in wanted):
            walk.do("GET", path, **places)


def build_up(walk):
    """From a bare cluster to a VM that runs and one that waits, through the API alone."""
    c = walk.cluster
    for node in ("node1", "node2"):
        walk.do("POST", "/v1/nodes/{node}/gpus/{address}/dismount", {"force": False}, node=node,
                address=GPU)
    wait_for("the GPUs are dismounted", lambda: all(
        gpu["driver"] == "vfio-pci" for gpu in walk.ask("GET", "/v1/gpus").json["items"]
        if gpu["address"] == GPU))
    walk.do("POST", "/v1/pools", {"name": "P", "members": [{"node": "node1", "address": GPU}]})
    walk.do("POST", "/v1/pools/{pool}/members", {"members": [{"node": "node2", "address": GPU}]},
            pool="P")
    for name, count in (("a", 1), ("big", 2)):
        walk.do("POST", "/v1/vms", {"xml": c.xml(name), "needs": [{"pool": "P", "count": count}]})
        walk.do("POST", "/v1/vms/{vm}/start", vm=name)
    wait_for("a runs and big waits", lambda: [
        walk.ask("GET", f"/v1/vms/{vm}").json["state"] for vm in ("a", "big")] ==
        ["running", "waiting"])


def change_all(walk):
    c = walk.cluster
    patch = {"priority": 3000, "preferred_owners": ["node1"], "restart": {"restarts_max": 2}}
    walk.do("PATCH", "/v1/cluster", {"reserve": 1})
    walk.do("POST", "/v1/cluster/disarm", {"for_ms": 60000})
    walk.do("POST", "/v1/cluster/arm")
    walk.do("PATCH", "/v1/nodes/{node}", {"labels": {"rack": "r1"}, "fence_agent": "fence_apc"}, node="node1")
    walk.do("POST", "/v1/nodes/{node}/fence-test", {"from": "node2"}, node="node1")
    wait_for("its fence agent was asked",
             lambda: walk.ask("GET", "/v1/nodes/node1").json["fence_test"]["done"])
    walk.do("GET", "/v1/nodes/{node}", node="node1")
    walk.do("PATCH", "/v1/vms/{vm}", patch, vm="a")
    walk.do("PATCH", "/v1/pools/{pool}", {"after_use": "hold"}, pool="P")
    walk.do("PATCH", "/v1/pools/{pool}", {"after_use": "release"}, pool="P")
    for verb in ("watch", "unwatch"):
        walk.do("POST", "/v1/nodes/{node}/devices/{address}/" + verb, node="node1",
                address="0000:7f:00.0")
    walk.do("PATCH", "/v1/vms/{vm}/definition", {"cpus": 2}, vm="a")
    walk.do("POST", "/v1/plan", {"fail": ["node1"]})
    walk.do("POST", "/v1/plan", {"start": ["big"]})
    walk.do("POST", "/v1/nodes/{node}/gpus/{address}/release", node="node1", address=GPU)
    walk.refuse(409, "POST", "/v1/nodes/{node}/gpus/{address}/partition", {"count": 2},
                node="node1", address=GPU)
    walk.refuse(409, "POST", "/v1/vms/{vm}/adopt", vm="a")
    walk.refuse(409, "POST", "/v1/vms/{vm}/confirm-gone", vm="a")
    walk.refuse(409, "POST", "/v1/notify/test")  # metrics.py has a webhook
    for kind in ("screen", "console"):  # screen.py opens them
        walk.refuse(409, "GET", f"/v1/vms/{{vm}}/{kind}", vm="a")
    walk.refuse(409, "GET", "/v1/nodes/{node}/domains", node="node1")
    walk.do("POST", "/v1/nodes/{node}/import", {"xml": c.xml("old"), "active": True, "dry_run": True}, node="node1")
    walk.do("POST", "/v1/nodes/{node}/import", {"xml": c.xml("old"), "active": False, "needs": [{"pool": "P", "count": 1}]}, node="node1")
    walk.do("DELETE", "/v1/vms/{vm}", vm="old")
    walk.do("POST", "/v1/vms/{vm}/cancel-move", vm="a")  # it does not move yet: nothing changes
    walk.do("POST", "/v1/vms/{vm}/move", {}, vm="a")
    wait_for("a has moved", lambda: walk.ask("GET", "/v1/operations?state=done").json["items"]
             and walk.ask("GET", "/v1/vms/a").json["seen_move_order"] == 1)
    home = walk.ask("GET", "/v1/vms/a").json["node"]
    walk.do("POST", "/v1/nodes/{node}/drain", {"force": False}, node=home)
    walk.do("POST", "/v1/nodes/{node}/reboot", {"force": True}, node=home)
    walk.do("POST", "/v1/nodes/{node}/shutdown", {"force": True}, node=home)
    walk.do("POST", "/v1/nodes/{node}/pause", node=home)
    walk.do("POST", "/v1/nodes/{node}/resume", node=home)
    walk.do("POST", "/v1/vms/{vm}/stop", {"force": True}, vm="a")
    walk.do("POST", "/v1/vms/{vm}/stop", {}, vm="big")
    wait_for("both are stopped", lambda: all(
        vm["state"] == "stopped" for vm in walk.ask("GET", "/v1/vms").json["items"]))
    walk.do("POST", "/v1/vms/{vm}/assign", {"pool": "P"}, vm="a")


def take_down(walk):
    c = walk.cluster
    c.players.silent.add("node2")
    wait_for("node2 is silent",
             lambda: walk.ask("GET", "/v1/nodes/node2").json["state"] == "silent")
    walk.do("POST", "/v1/nodes/{node}/confirm-off", {"incarnation": 1}, node="node2")
    wait_for("node2 is proven off",
             lambda: walk.ask("GET", "/v1/nodes/node2").json["state"] == "fenced")
    for vm in ("a", "big"):
        walk.do("POST", "/v1/vms/{vm}/unassign", {"pool": "P"}, vm=vm)
        walk.do("DELETE", "/v1/vms/{vm}", vm=vm)
    walk.do("DELETE", "/v1/pools/{pool}/members/{node}/{address}", pool="P", node="node1",
            address=GPU)
    walk.do("DELETE", "/v1/pools/{pool}", pool="P")
    walk.do("DELETE", "/v1/nodes/{node}", node="node2")
    walk.do("POST", "/v1/nodes/{node}/gpus/{address}/mount", node="node1", address=GPU)


@test
def every_operation_of_the_document_answers_as_its_schema_says():
    with Cluster() as c:
        walk = Walk(c)
        read_all(walk, node="node1", address=GPU)
        build_up(walk)
        operation = walk.ask("GET", "/v1/operations").json["items"][0]["id"]
        read_all(walk, node="node1", address=GPU, pool="P", vm="big", operation=operation)
        change_all(walk)
        take_down(walk)
        left = {(method, path) for method, path, _ in walk.operations()} - walk.called
        left = {(method, path) for method, path in left
                if not path.startswith(("/v1/access", "/v1/session"))}  # access.py's
        assert not left, sorted(left)


@test
def the_document_and_the_server_have_the_same_routes_roles_fields_and_parameters():
    with Cluster() as c:
        walk = Walk(c)
        there = {(r["method"], "/".join("{" + p[1:] + "}" if p[:1] == ":" else p
                                        for p in r["path"].split("/"))): r["role"]
                 for r in walk.ask("GET", "/v1").json["routes"]}
        told = {(method, path): o["x-role"] for method, path, o in walk.operations()}
        assert there == told, set(there.items()) ^ set(told.items())
        for method, path, operation in walk.operations():
            place = path.format(node="node1", address=GPU, pool="none", vm="none", operation="none",
                                name="none", session="none")
            check_parameters(walk, method, place, operation)
            if method in ("POST", "PATCH") and "/access" not in path and "/session" not in path:
                check_body(walk, method, place, operation)


def check_parameters(walk, method, place, operation):
    answer = walk.ask(method, place + "?nonsense=1")
    told = {p["name"] for p in operation["parameters"] if p["in"] == "query"}
    words = answer.text.split("there are")[1].split('"')[0] if "there are" in answer.text else ""
    have = set(words.strip(": ").split()) - {"none"}
    assert answer.status == 400 and have == told, f"{method} {place}: {answer}, not {told}"


# What such a body must have before anything else is asked.
ALSO = {"/v1/vms": {"xml": Cluster.xml(None, "x")}, "/v1/plan": {"fail": ["node1"]}, "/v1/pools/none/members": {"all": True}}


def check_body(walk, method, place, operation):
    """Unknown fields are refused with the names of the known ones; each of them has its type."""
    told = walk.properties(operation)
    target = make_target(walk, place) if method == "PATCH" else place
    answer = walk.ask(method, target, {"nonsense": 1, **ALSO.get(place, {})})
    assert answer.status == 400 and answer.json["message"].startswith("nonsense:"), f"{method} {place}: {answer}"
    words = answer.json["message"].split("there are", 1)[1]
    have = set(words.lstrip(": ").replace(",", "").split()) - {"none"}
    assert have == set(told), f"{method} {place}: {sorted(have)}, documented are {sorted(told)}"
    for name in told:
        also = ALSO.get(place, {}) if place == "/v1/vms" else {}
        answer = walk.ask(method, target, {**also, name: {"a": [[1]]}})
        assert answer.status == 400 and answer.json["message"].startswith(f"{name}"), \
            f"{method} {place} {name}: {answer}"


def make_target(walk, place):
    """PATCH of a VM, of its definition or of a pool needs one."""
    if place == "/v1/pools/none":
        walk.ask("POST", "/v1/pools", {"name": "target"})
        return "/v1/pools/target"
    if place.startswith("/v1/vms/none"):
        walk.ask("POST", "/v1/vms", {"xml": walk.cluster.xml("target")})
        return place.replace("none", "target")
    return place


def nodes_of(document):
    """Every object in it, with the way there."""
    todo = [("", document)]
    while todo:
        way, each = todo.pop()
        if isinstance(each, dict):
            yield way, each
            todo += [(f"{way}/{name}", inner) for name, inner in each.items()]
        elif isinstance(each, list):
            todo += [(f"{way}/{index}", inner) for index, inner in enumerate(each)]


@test
def the_document_is_one_that_a_client_can_be_made_of():
    with Cluster() as c:
        document = Walk(c).document
        operations = [o for path in document["paths"].values() for o in path.values()]
        ids = [o["operationId"] for o in operations]
        assert len(set(ids)) == len(ids), sorted(ids)
        assert all(o["tags"] and o["summary"] for o in operations)
        assert document["servers"] and set(document["components"]["securitySchemes"]) == {"bearer", "session"}
        silent = [f"{way}/{name}" for way, each in nodes_of(document["components"]["schemas"])
                  if isinstance(each.get("properties"), dict)
                  for name, field in each["properties"].items() if not field.get("description")]
        assert not silent, silent
        assert all(p["description"] for o in operations for p in o["parameters"])
        requests = {o["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
                    for o in operations if "requestBody" in o}
        for name, schema in document["components"]["schemas"].items():
            assert (schema.get("additionalProperties") is False) == (name in requests), name


@test
def long_work_is_followed_as_an_operation_from_the_order_to_its_end():
    with Cluster() as c:
        walk = Walk(c)
        build_up(walk)
        order = walk.ask("POST", "/v1/vms/a/stop", {}).json["operation"]
        assert order["href"] == f"/v1/operations/{order['id']}"
        done = wait_for("the stop is done", lambda: [
            o for o in [walk.ask("GET", order["href"]).json] if o["state"] == "done"])[0]
        assert done["kind"] == "stop" and done["subject"] == "a", done
        waiting = [o for o in walk.ask("GET", "/v1/operations?state=waiting").json["items"]]
        assert [o["subject"] for o in waiting] == ["big"] and waiting[0]["reasons"], waiting
        walk.ask("POST", "/v1/vms/big/stop", {})
        assert walk.ask("GET", waiting[0]["href"]).json["state"] == "superseded"
        assert walk.ask("GET", "/v1/operations/0-none").status == 404


if __name__ == "__main__":
    sys.exit(main())
