# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what over HTTPS: tokens, users, sessions, and what keeps everybody else out."""

import base64
import hmac
import http.client
import json
import os
import socket
import ssl
import stat
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "law"))
sys.path.insert(0, os.path.dirname(__file__))

from tap import test, main  # noqa: E402
from cluster import Cluster, free_port, wait_for  # noqa: E402
from document import Document  # noqa: E402
from rest import Answer, ask as ask_socket  # noqa: E402

ROLES = ["none", "viewer", "operator", "administrator"]
PASSWORD = "correct horse"


def begin(*settings):
    return Cluster(nodes=("node1",), settings=settings)


def certificate(c):
    return f"{c.directory}/state/https-certificate.pem"


def connect(c, address=None):
    """An HTTPS connection that trusts the cluster's own certificate and nobody else's, from this address of the loopback."""
    return http.client.HTTPSConnection("127.0.0.1", c.https, timeout=20, source_address=(address, 0) if address else None,
                                       context=ssl.create_default_context(cafile=certificate(c)))


def document(c):
    """What judges the answers of this cluster."""
    if not hasattr(c, "document"):
        c.document = Document(ask_socket(c.socket, "GET", "/openapi.json").json)
    return c.document


def ask(c, method, target, body=None, **headers):
    """Asks over HTTPS; the answer, whatever it says, is one that /openapi.json describes."""
    connection = connect(c)
    try:
        connection.request(method, target, None if body is None else json.dumps(body).encode(),
                           {name.replace("_", "-"): value for name, value in headers.items()})
        answer = Answer(connection.getresponse())
    finally:
        connection.close()
    document(c).judge(method, target, answer)
    return answer


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def token(c, name, role):
    return c.must("token", "add", name, "--role", role).strip()


def add_user(c, name, role):
    c.must("user", "add", name, "--role", role, stdin=PASSWORD + "\n")


def log_in(c, name, password=PASSWORD):
    """The headers of a session: its cookie, and what its changes must carry."""
    answer = ask(c, "POST", "/v1/session", {"user": name, "password": password})
    assert answer.status == 200, answer
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/"):
        assert part in cookie, cookie
    return {"Cookie": cookie.split(";")[0], "X_CSRF_Token": answer.json["csrf"]}


def events(c):
    return json.loads(c.must("events", "--limit", "200", "-o", "json"))["items"]


def routes(c):
    """(method, target, role) of the server's own table, with something in each place."""
    admin = bearer(token(c, "reader", "viewer"))
    places = {":address": "0000:01:00.0"}
    for route in ask(c, "GET", "/v1", **admin).json["routes"]:
        target = "/".join(places.get(part, "nothing") if part.startswith(":") else part
                          for part in route["path"].split("/"))
        yield route["method"], target, route["role"]


def check_matrix(c, role, headers, table):
    for method, target, needed in table:
        if (method, target) == ("DELETE", "/v1/session"):
            continue  # ends what we ask with
        answer = ask(c, method, target, {} if method in ("POST", "PATCH") else None, **headers)
        code = answer.json.get("code", "") if isinstance(answer.json, dict) else ""
        what = f"{method} {target} as {role}: {answer}"
        if ROLES.index(role) >= ROLES.index(needed):
            assert answer.status not in (401, 403) or target == "/v1/session", what
        elif role == "none":
            assert (answer.status, code) == (401, "login-needed"), what
        else:
            assert (answer.status, code) == (403, "forbidden"), what


@test
def every_route_demands_its_role_of_tokens_and_of_sessions():
    with begin() as c:
        table = list(routes(c))
        assert len(table) > 40 and {role for _, _, role in table} == set(ROLES), table
        check_matrix(c, "none", {}, table)
        for role in ROLES[1:]:
            check_matrix(c, role, bearer(token(c, f"t-{role}", role)), table)
            add_user(c, f"u-{role}", role)
            check_matrix(c, role, log_in(c, f"u-{role}"), table)


@test
def a_token_is_shown_once_stored_as_a_hash_and_gone_when_it_is_removed():
    with begin() as c:
        secret = token(c, "ci_1", "operator")
        assert secret.startswith("berth_ci_1_") and len(secret) == len("berth_ci_1_") + 64
        stored = c.etcd.all()["want/access/ci_1"]
        assert stored["hash"].startswith("$y$") and secret[11:] not in json.dumps(c.etcd.all())
        assert "ci_1" in c.must("token", "ls") and "$y$" not in c.must("token", "ls", "-o", "json")
        c.refused(1, "there is a token ci_1 already", "token", "add", "ci_1")
        me = ask(c, "GET", "/v1/session", **bearer(secret))
        assert (me.json["actor"], me.json["role"]) == ("ci_1", "operator"), me
        for wrong in (secret[:-1] + ("0" if secret[-1] != "0" else "1"), secret[:-1],
                      "berth_nobody_" + secret[11:], "x", ""):
            answer = ask(c, "GET", "/v1/status", **bearer(wrong))
            assert answer.status == 401 and answer.json["code"] == "bad-token", (wrong, answer)
        c.must("token", "set", "ci_1", "--role", "viewer")
        assert ask(c, "GET", "/v1/session", **bearer(secret)).json["role"] == "viewer"
        c.refused(3, 'there is no user "ci_1"', "user", "rm", "ci_1")
        c.must("token", "rm", "ci_1")
        assert ask(c, "GET", "/v1/session", **bearer(secret)).status == 401


@test
def what_has_expired_is_out():
    with begin() as c:
        secret = token(c, "short", "viewer")
        c.must("token", "set", "short", "--expires", "1")
        assert ask(c, "GET", "/v1/status", **bearer(secret)).status == 200
        c.etcd.put("want/access/short", {**c.etcd.all()["want/access/short"], "expires_ms": 1000})
        wait_for("it is out", lambda: ask(c, "GET", "/v1/status", **bearer(secret)).status == 401)
        assert "(expired)" in c.must("token", "ls")


@test
def changes_of_a_session_need_its_secret_and_come_from_its_own_pages():
    with begin() as c:
        add_user(c, "alice", "administrator")
        alice = log_in(c, "alice")
        cookie = {"Cookie": alice["Cookie"]}
        here = f"https://127.0.0.1:{c.https}"
        assert ask(c, "GET", "/v1/session", **cookie).json["actor"] == "alice"
        for headers in (cookie, {**cookie, "X_CSRF_Token": "0" * 64},
                        {**alice, "Origin": "https://elsewhere.example"},
                        {**alice, "Origin": "null"}):
            answer = ask(c, "POST", "/v1/pools", {"name": "p"}, **headers)
            assert answer.status == 403 and answer.json["code"] == "csrf", (headers, answer)
        answer = ask(c, "POST", "/v1/session", {"user": "alice", "password": PASSWORD},
                     Origin="https://elsewhere.example")
        assert answer.status == 403, answer
        answer = ask(c, "POST", "/v1/pools", {"name": "p"}, Origin=here, **alice)
        assert answer.status in (200, 201), answer
        created = [e for e in events(c) if e["code"] == "pool-created"]
        assert [(e["actor"], e["address"]) for e in created] == [("alice", "127.0.0.1")], created
        answer = ask(c, "DELETE", "/v1/session", **alice)
        assert answer.status == 200 and "Max-Age=0" in answer.headers["set-cookie"], answer
        assert ask(c, "GET", "/v1/session", **cookie).status == 401


@test
def what_a_page_reads_by_itself_does_not_keep_its_session():
    def is_over():
        return ask(c, "GET", "/v1/vms", **alice, X_Berth_Background="yes").status == 401

    with begin("session_idle_seconds = 5") as c:
        add_user(c, "alice", "viewer")
        alice = log_in(c, "alice")
        wait_for("the session of an idle page has ended", is_over)
        assert ask(c, "GET", "/v1/session", **alice).status == 401


@test
def streams_end_with_their_session_and_with_their_token():
    def stream(headers):
        connection = connect(c)
        connection.request("GET", "/v1/events?follow=1", None,
                           {name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        assert reply.status == 200 and b"as they happen" in reply.readline(), reply.status
        return reply

    with begin() as c:
        add_user(c, "alice", "viewer")
        secret = token(c, "t", "viewer")
        alice, again = log_in(c, "alice"), log_in(c, "alice")
        streams = [stream(alice), stream(again), stream(bearer(secret))]
        ask(c, "DELETE", "/v1/session", **alice)
        streams[0].read()  # to its end: else this would wait for ever and time out
        c.must("user", "set", "alice", "--role", "operator")
        streams[1].read()
        assert ask(c, "GET", "/v1/session", **again).status == 401
        c.must("token", "rm", "t")
        streams[2].read()


@test
def an_administrator_sees_who_is_logged_in_and_ends_a_session():
    with begin() as c:
        add_user(c, "alice", "viewer")
        alice, again = log_in(c, "alice"), log_in(c, "alice")
        listed = json.loads(c.must("session", "ls", "-o", "json"))["items"]
        assert [(s["user"], s["peer"]) for s in listed] == [("alice", "127.0.0.1")] * 2, listed
        assert all(0 <= s["used_ms"] - s["begun_ms"] < 60000 for s in listed), listed
        assert alice["Cookie"][-40:] not in json.dumps(listed)
        connection = connect(c)
        connection.request("GET", "/v1/events?follow=1", None, {"Cookie": alice["Cookie"]})
        stream = connection.getresponse()
        assert stream.status == 200, stream.status
        text = c.must("session", "end", listed[0]["id"])
        assert "the session of alice" in text, text
        stream.read()  # to its end
        assert ask(c, "GET", "/v1/session", **alice).status == 401
        assert ask(c, "GET", "/v1/session", **again).status == 200
        assert [s["id"] for s in json.loads(c.must("session", "ls", "-o", "json"))["items"]] == [listed[1]["id"]]
        assert "session-ended" in [event["code"] for event in events(c)]
        code, _, err = c.berth("session", "end", listed[0]["id"])
        assert code != 0 and "no session" in err, err
        assert ask(c, "GET", "/v1/sessions", **again).status == 403


@test
def guesses_are_slowed_down_and_told_and_a_known_name_is_none_to_see():
    with begin() as c:
        add_user(c, "alice", "viewer")
        answers = [ask(c, "POST", "/v1/session", {"user": name, "password": "wrong password"})
                   for name in ("alice", "nobody", "no name at all", "alice", "bob")]
        assert {(a.status, a.text) for a in answers} == {(401, answers[0].text)}, answers
        answer = ask(c, "POST", "/v1/session", {"user": "alice", "password": PASSWORD})
        assert answer.status == 429 and int(answer.headers["retry-after"]) >= 1, answer
        wait_for("they are told", lambda: len([e for e in events(c) if e["code"] == "login-failed"
                                               and e["address"] == "127.0.0.1"]) == 5)
        assert "wrong password" not in json.dumps(
            [{k: v for k, v in e.items() if k != "text"} for e in events(c)])
        wait_for("it may be tried again", lambda: ask(
            c, "POST", "/v1/session", {"user": "alice", "password": PASSWORD}).status == 200)
        # What was right forgives: two more mistakes cost no delay.
        assert [ask(c, "POST", "/v1/session", {"user": "alice", "password": "wrong one"}).status
                for _ in range(2)] == [401, 401]
        assert log_in(c, "alice")


def cookies(c, name):
    """The cookies that a browser has after a login: {name: value}."""
    connection = connect(c)
    try:
        connection.request("POST", "/v1/session", json.dumps({"user": name, "password": PASSWORD}).encode())
        reply = connection.getresponse()
        assert reply.status == 200, reply.read()
        both = [value.split(";")[0].split("=", 1) for key, value in reply.getheaders() if key.lower() == "set-cookie"]
        return dict(both)
    finally:
        connection.close()


@test
def who_guesses_cannot_keep_out_the_owner_of_a_browser_that_has_logged_in():
    with begin() as c:
        add_user(c, "alice", "viewer")
        jar = cookies(c, "alice")
        assert sorted(jar) == ["__Host-berth_device", "__Host-berth_session"], jar
        device = f"__Host-berth_device={jar['__Host-berth_device']}"

        def guess_until_refused(**headers):
            wrong = {"user": "alice", "password": "wrong password"}
            assert 429 in [ask(c, "POST", "/v1/session", wrong, **headers).status for _ in range(20)]

        guess_until_refused()
        right = {"user": "alice", "password": PASSWORD}
        assert ask(c, "POST", "/v1/session", right).status == 429
        assert ask(c, "POST", "/v1/session", right, Cookie=device).status == 200
        guess_until_refused(Cookie=device)


@test
def a_program_with_an_old_token_keeps_no_other_out():
    with begin() as c:
        old, good = token(c, "old", "viewer"), token(c, "good", "viewer")
        c.must("token", "rm", "old")
        for _ in range(40):
            assert ask(c, "GET", "/v1/status", **bearer(old)).status == 401
        wrong = good[:-8] + "0" * 8
        for _ in range(25):
            assert ask(c, "GET", "/v1/status", **bearer(wrong)).status in (401, 429)
        other = token(c, "other", "viewer")
        assert ask(c, "GET", "/v1/status", **bearer(other)).status == 200
        add_user(c, "alice", "viewer")
        assert log_in(c, "alice")


@test
def one_token_follows_eight_streams_and_another_still_comes_in():
    with begin() as c:
        first, second = token(c, "first", "viewer"), token(c, "second", "viewer")
        open_ones = []
        for _ in range(8):
            connection = connect(c)
            connection.request("GET", "/v1/events?follow=1", None, bearer(first))
            reply = connection.getresponse()
            assert reply.status == 200, reply.status
            open_ones.append(connection)
        answer = ask(c, "GET", "/v1/events?follow=1", **bearer(first))
        assert answer.status == 429 and "8 streams" in answer.text, answer
        assert ask(c, "GET", "/v1/status", **bearer(second)).status == 200
        for connection in open_ones:
            connection.close()


@test
def strangers_who_say_nothing_shut_no_one_out():
    with begin() as c:
        secret = token(c, "t", "viewer")
        crowd = []
        try:
            for _ in range(300):
                crowd.append(socket.create_connection(("127.0.0.1", c.https), timeout=10))
            assert ask(c, "GET", "/v1/status", **bearer(secret)).status == 200
        finally:
            for s in crowd:
                s.close()


@test
def each_change_is_a_line_of_the_journal_with_who_and_what_came_of_it():
    with begin() as c:
        secret = token(c, "ci", "operator")
        assert ask(c, "POST", "/v1/nodes/node1/pause", **bearer(secret)).status == 200
        lines = [line for line in c.log().splitlines() if "audit: " in line]
        assert any("code=access-added subject=ci outcome=done" in line and "role=administrator address=local" in line
                   for line in lines), lines
        assert any("actor=ci login=- role=operator address=127.0.0.1 code=node-paused subject=node1 outcome=done" in line
                   for line in lines), lines
        assert secret[10:] not in c.log()


@test
def passwords_are_never_stored_nor_told():
    with begin() as c:
        add_user(c, "alice", "viewer")
        alice = log_in(c, "alice")
        c.refused(1, "at least 8 characters", "user", "passwd", "alice", stdin="short\n")
        c.must("user", "passwd", "alice", stdin="battery staple\n")
        assert ask(c, "GET", "/v1/session", Cookie=alice["Cookie"]).status == 401
        assert ask(c, "POST", "/v1/session",
                   {"user": "alice", "password": PASSWORD}).status == 401
        assert log_in(c, "alice", "battery staple")
        admin = bearer(token(c, "admin", "administrator"))
        body = {"name": "b", "kind": "user", "password": PASSWORD}
        answer = ask(c, "POST", "/v1/access", body, Idempotency_Key="k1", **admin)
        assert answer.status == 400 and "secret" in answer.text, answer
        answer = ask(c, "POST", "/v1/access", body, **admin)
        assert answer.status == 201, answer
        everything = json.dumps(c.etcd.all())
        assert PASSWORD not in everything and "battery staple" not in everything
        with open(f"{c.directory}/api.log", encoding="utf-8") as log:
            assert "battery" not in log.read()


@test
def a_user_changes_their_own_password_with_the_present_one():
    with begin() as c:
        add_user(c, "alice", "viewer")
        alice, elsewhere = log_in(c, "alice"), log_in(c, "alice")
        change = lambda old, new, who=alice: ask(c, "POST", "/v1/session/password", {"password": old, "new_password": new}, **who)
        assert change("not this one", "battery staple").status == 403
        assert change(PASSWORD, "short").status == 400
        assert ask(c, "GET", "/v1/session", Cookie=elsewhere["Cookie"]).status == 200
        token_ = bearer(token(c, "ci", "administrator"))
        assert change(PASSWORD, "battery staple", token_).status == 409
        answer = change(PASSWORD, "battery staple")
        assert answer.status == 200, answer
        for session in alice, elsewhere:
            assert ask(c, "GET", "/v1/session", Cookie=session["Cookie"]).status == 401
        again = log_in(c, "alice", "battery staple")
        tried = [change("a guess", "something else", again).status for _ in range(8)]
        assert 429 in tried and set(tried) == {403, 429}, tried


# ---- the second factor ----

KEY = base64.b32encode(b"an app has these 160").decode()


def code_at(key, step):
    """RFC 6238, written once more."""
    digest = hmac.digest(base64.b32decode(key), struct.pack(">Q", step), "sha1")
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 10 ** 6:06}"


def step_now():
    """Not so late in a step that it is another one when the code arrives."""
    wait_for("the step is young", lambda: time.time() % 30 < 20, 12)
    return int(time.time()) // 30


def log_in_with(c, code, password=PASSWORD, **headers):
    body = {"user": "alice", "password": password, **({"code": code} if code else {})}
    return ask(c, "POST", "/v1/session", body, **headers)


def session_of(answer):
    assert answer.status == 200, answer
    return {"Cookie": answer.headers["set-cookie"].split(";")[0], "X_CSRF_Token": answer.json["csrf"]}


def begin_with_secret():
    """A cluster whose hosts share a secret, as they do by the password of berth-api's user of the store."""
    folder = tempfile.TemporaryDirectory(prefix="berth-secret-")
    path = f"{folder.name}/secret"
    with open(path, "w", encoding="ascii") as file:
        file.write("what the hosts share\n")
    c = begin(f"screen_secret_file = {path}")
    c.folder, c.secret_path = folder, path
    return c


@test
def a_user_with_a_second_factor_needs_its_code_each_of_which_is_good_once():
    with begin_with_secret() as c:
        add_user(c, "alice", "viewer")
        alice = log_in(c, "alice")
        step = step_now()
        set_up = lambda **body: ask(c, "POST", "/v1/session/totp",
                                    {"password": PASSWORD, "secret": KEY, "code": code_at(KEY, step), **body}, **alice)
        for wrong, code in (({"password": "a wrong one"}, "wrong-password"), ({"password": ""}, "wrong-password"),
                            ({"code": code_at(KEY, step + 5)}, "wrong-code"), ({"secret": "ABC"}, "bad-secret")):
            answer = set_up(**wrong)
            assert answer.status in (400, 403) and answer.json["code"] == code, (wrong, answer)
        assert ask(c, "GET", "/v1/session", **alice).json["totp"] is False
        assert set_up().status == 200
        assert ask(c, "GET", "/v1/session", **alice).status == 401  # its sessions ended
        everything = json.dumps(c.etcd.all())
        assert KEY not in everything and base64.b32decode(KEY).hex() not in everything and KEY not in c.log()

        answer = log_in_with(c, None)
        assert (answer.status, answer.json["code"]) == (401, "code-needed"), answer
        wait_for("that someone has the password is told", lambda: "code-failed" in [event["code"] for event in events(c)])
        assert log_in_with(c, code_at(KEY, step + 1), "a wrong one").json["code"] == "login-failed"
        for code in (code_at(KEY, step), "12345"):  # the first one set it up
            answer = log_in_with(c, code)
            assert (answer.status, answer.json["code"]) == (401, "wrong-code"), (code, answer)
        first = session_of(log_in_with(c, code_at(KEY, step + 1)))
        assert ask(c, "GET", "/v1/session", **first).json["totp"] is True
        again = log_in_with(c, code_at(KEY, step + 1))
        assert (again.status, again.json["code"]) == (401, "wrong-code"), again
        assert ask(c, "GET", "/v1/session", **first).status == 200, "a login of the same user ended a session"


def start_totp(c, user):
    return subprocess.Popen([os.environ["BERTH"], "--socket", c.socket, "user", "totp", user], text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Elsewhere:
    """The berth-api of another host of the same cluster."""

    def __init__(self, c):
        self.directory, self.https = f"{c.directory}/elsewhere", free_port()
        os.makedirs(self.directory)
        with open(c.config, encoding="ascii") as file:
            text = file.read().replace("node = node1", "node = node2").replace(f":{c.https}", f":{self.https}")
        with open(f"{self.directory}/berth.conf", "w", encoding="ascii") as file:
            file.write(text.replace(c.socket, f"{self.directory}/api.sock").replace(f"{c.directory}/state", f"{self.directory}/state"))
        self.api = subprocess.Popen([os.environ["BERTH_API"], "--config", f"{self.directory}/berth.conf"],
                                    stderr=subprocess.DEVNULL)
        self.document = document(c)

    def __enter__(self):
        wait_for("it answers", self.answers)
        return self

    def answers(self):
        try:
            return ask_socket(f"{self.directory}/api.sock", "GET", "/healthz").status == 200
        except OSError:
            return False

    def __exit__(self, *problem):
        self.api.terminate()
        assert self.api.wait(timeout=30) == 0


@test
def a_code_that_was_used_at_one_host_is_used_at_all_and_none_counts_that_the_store_cannot_note():
    with begin_with_secret() as c, Elsewhere(c) as other:
        add_user(c, "alice", "viewer")
        step = step_now()
        process = start_totp(c, "alice")
        key = [process.stdout.readline() for _ in range(2)][1].strip()
        process.stdin.write(code_at(key, step - 1) + "\n")
        process.stdin.close()
        text = process.stdout.read()
        assert process.wait(timeout=30) == 0 and f"alice?secret={key}&issuer=Berth%20" in text, text
        assert "a new second factor" in text and len(key) == 32, text
        wait_for("the other host knows it", lambda: log_in_with(other, None).json.get("code") == "code-needed")
        assert log_in_with(c, code_at(key, step)).status == 200
        answer = log_in_with(other, code_at(key, step))
        assert (answer.status, answer.json["code"]) == (401, "wrong-code"), answer
        c.etcd.kill()
        wait_for("the API notices", lambda: "stale_since_ms" in ask_socket(c.socket, "GET", "/v1/pools").text)
        answer = log_in_with(c, code_at(key, step + 1))
        assert answer.status == 503 and "each code is valid once" in answer.text, answer


def guess_from(c, address):
    """The status that a wrong code gets that comes from this address of the loopback."""
    connection = connect(c, address)
    try:
        connection.request("POST", "/v1/session", json.dumps({"user": "alice", "password": PASSWORD, "code": "000000"}))
        return connection.getresponse().status
    finally:
        connection.close()


@test
def wrong_codes_are_slowed_down_wherever_they_come_from_and_a_lost_factor_is_taken_away():
    with begin_with_secret() as c:
        add_user(c, "alice", "viewer")
        c.refused(3, "there is no user", "user", "totp", "bob")
        c.refused(1, "not the code of the secret", "user", "totp", "alice", stdin="123456\n")
        admin = bearer(token(c, "admin", "administrator"))
        body = {"secret": KEY, "code": code_at(KEY, step_now())}
        assert ask(c, "POST", "/v1/access/admin/totp", body, **admin).status == 409
        assert ask(c, "POST", "/v1/access/alice/totp", body, **admin).status == 200
        assert [(a["name"], a["totp"]) for a in ask(c, "GET", "/v1/access", **admin).json["items"]] == \
            [("admin", False), ("alice", True)]
        tried = [guess_from(c, f"127.0.0.{i}") for i in range(2, 9)]
        assert tried[:5] == [401] * 5 and 429 in tried[5:], tried
        wait_for("they are told", lambda: [event for event in events(c) if event["code"] == "code-failed"])
        assert not [event for event in events(c) if event["code"] == "login-failed"]
        assert "no second factor" in c.must("user", "totp", "alice", "--remove")
        assert log_in(c, "alice")
        assert "has no second factor" in c.must("user", "totp", "alice", "--remove")


@test
def without_the_secret_that_sealed_it_a_second_factor_lets_no_one_in():
    with begin() as c:
        add_user(c, "alice", "viewer")
        admin = bearer(token(c, "admin", "administrator"))
        body = {"secret": KEY, "code": code_at(KEY, step_now())}
        answer = ask(c, "POST", "/v1/access/alice/totp", body, **admin)
        assert (answer.status, answer.json["code"]) == (409, "no-totp-key"), answer
        c.etcd.put("want/access/alice", {**c.etcd.all()["want/access/alice"], "totp": "00" * 48})
        wait_for("it is refused", lambda: log_in_with(c, None).json.get("code") == "code-needed")
        answer = log_in_with(c, "123456")
        assert (answer.status, answer.json["code"]) == (503, "no-totp-key"), answer


@test
def the_command_works_from_elsewhere_and_trusts_only_the_right_certificate():
    with begin() as c:
        secret = token(c, "far", "operator")
        path = f"{c.directory}/token"
        with open(path, "w", encoding="ascii") as file:
            file.write(secret + "\n")
        shown = subprocess.run(["openssl", "x509", "-in", certificate(c), "-noout", "-fingerprint",
                                "-sha256"], capture_output=True, text=True, check=True).stdout
        fingerprint = shown.strip().split("=")[1]

        def far(*words, **environment):
            done = subprocess.run([os.environ["BERTH"], *words], capture_output=True, text=True,
                                  timeout=60, stdin=subprocess.DEVNULL, check=False,
                                  env={**os.environ, **environment})
            return done.returncode, done.stdout + done.stderr

        host = ["--host", f"https://127.0.0.1:{c.https}"]
        with_token = [*host, "--token-file", path]
        code, text = far("status", *with_token)
        assert code == 4 and "--fingerprint" in text, (code, text)
        code, text = far("status", *with_token, "--fingerprint", fingerprint.lower())
        assert code == 0 and "node1  up" in text, (code, text)
        code, text = far("node", "pause", "node1", *with_token, "--ca", certificate(c))
        assert code == 0, (code, text)
        wrong = fingerprint[:-1] + ("0" if fingerprint[-1] != "0" else "1")
        code, text = far("status", *with_token, "--fingerprint", wrong)
        assert code == 4 and "another certificate" in text and "nothing was sent" in text, text
        code, text = far("pool", "create", "p", *with_token, "--ca", certificate(c))
        assert code == 1 and "takes the role administrator" in text, (code, text)
        code, text = far("status", *host, "--ca", certificate(c))
        assert code == 1 and "send a token" in text, (code, text)
        code, text = far("status", BERTH_HOST=host[1], BERTH_TOKEN=secret, BERTH_CA=certificate(c))
        assert code == 0, (code, text)
        code, text = far("status", "--host", "http://127.0.0.1:1")
        assert code == 2 and "https://" in text, (code, text)


@test
def the_certificate_made_at_the_first_start_stays_and_its_key_is_no_one_elses():
    with begin() as c:
        with open(certificate(c), encoding="ascii") as file:
            before = file.read()
        mode = os.stat(f"{c.directory}/state/https-key.pem").st_mode
        assert stat.S_IMODE(mode) == 0o600, oct(mode)
        c.stop_api()
        c.start_api()
        with open(certificate(c), encoding="ascii") as file:
            assert file.read() == before
        for version, is_taken in (("1_1", False), ("1_2", True), ("1_3", True)):
            done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{c.https}",
                                   f"-tls{version}", "-cipher", "ALL:@SECLEVEL=0"],
                                  capture_output=True, text=True, stdin=subprocess.DEVNULL,
                                  timeout=20, check=False)
            assert (done.returncode == 0) == is_taken, (version, done.stdout, done.stderr)


@test
def while_the_store_is_silent_the_known_read_and_log_in_and_no_one_changes_anything():
    with begin() as c:
        secret = token(c, "t", "administrator")
        add_user(c, "alice", "administrator")
        c.etcd.kill()
        wait_for("the API notices", lambda: "stale_since_ms" in ask(
            c, "GET", "/v1/pools", **bearer(secret)).text)
        alice = log_in(c, "alice")
        assert ask(c, "GET", "/v1/vms", Cookie=alice["Cookie"]).status == 200
        answer = ask(c, "POST", "/v1/pools", {"name": "p"}, **alice)
        assert answer.status == 503 and "nothing was changed" in answer.text, answer


@test
def one_address_cannot_take_all_connections():
    with begin() as c:
        secret = token(c, "t", "viewer")
        crowd = [socket.create_connection(("127.0.0.1", c.https), timeout=10) for _ in range(70)]
        try:
            crowd[-1].settimeout(10)
            assert crowd[-1].recv(1) == b"", "the last one is still open"
            c.must("status")  # over the socket as if nothing was
        finally:
            for s in crowd:
                s.close()
        wait_for("others come in again", lambda: comes_in(c, secret))


def comes_in(c, secret):
    try:
        return ask(c, "GET", "/v1/status", **bearer(secret)).status == 200
    except OSError:
        return False


@test
def a_header_that_is_too_long_is_refused():
    with begin() as c:
        answer = ask(c, "GET", "/v1/status", Cookie="x" * 60000)
        assert answer.status in (413, 431), answer
        assert ask(c, "GET", "/healthz").status == 200


if __name__ == "__main__":
    sys.exit(main())
