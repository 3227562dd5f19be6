# SPDX-License-Identifier: LGPL-2.1-or-later
"""What all modules share: the connection to berth-api, and how a difference becomes a change."""

import hashlib
import http.client
import json
import socket
import ssl
import time
from urllib.parse import quote, urlsplit

from ansible.module_utils.basic import AnsibleModule, env_fallback

ANSWER_LIMIT_S = 130  # berth-api itself ends an answer after two minutes
LOOK_AGAIN_S = 0.5


def from_environment(name):
    return {"fallback": (env_fallback, [name])}


CONNECTION = {
    "host": {"type": "str", **from_environment("BERTH_HOST")},
    "token": {"type": "str", "no_log": True, **from_environment("BERTH_TOKEN")},
    "ca": {"type": "path", **from_environment("BERTH_CA")},
    "fingerprint": {"type": "str", **from_environment("BERTH_FINGERPRINT")},
    "socket": {"type": "path", "default": "/run/berth/api.sock"},
}
WAIT = {"wait": {"type": "bool", "default": True}, "wait_timeout": {"type": "int", "default": 300}}


class SocketConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("berth", timeout=ANSWER_LIMIT_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class PinnedConnection(http.client.HTTPSConnection):
    """Sends nothing to a server with another certificate than the one of the fingerprint."""

    def __init__(self, host, port, fingerprint):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        super().__init__(host, port, timeout=ANSWER_LIMIT_S, context=context)
        self.fingerprint = fingerprint.replace(":", "").lower()

    def connect(self):
        super().connect()
        have = hashlib.sha256(self.sock.getpeercert(binary_form=True)).hexdigest()
        if have != self.fingerprint:
            self.close()
            raise ssl.SSLError("its certificate has the fingerprint %s" % have)


class Module(AnsibleModule):
    """'changed' and the diff grow with each change(). A request that is refused ends the module."""

    def __init__(self, arguments, **options):
        super().__init__({**CONNECTION, **arguments}, supports_check_mode=True, **options)
        self.is_changed = False
        self.before, self.after = {}, {}

    # ---- requests ----

    def connection(self):
        p = self.params
        if not p["host"]:
            return SocketConnection(p["socket"])
        url = urlsplit(p["host"])
        if url.scheme != "https" or not url.hostname:
            self.fail_json(msg="host: \"%s\" is no URL such as https://node1:8643" % p["host"])
        if p["fingerprint"]:
            return PinnedConnection(url.hostname, url.port, p["fingerprint"])
        context = ssl.create_default_context(cafile=p["ca"])
        return http.client.HTTPSConnection(url.hostname, url.port, timeout=ANSWER_LIMIT_S, context=context)

    def ask(self, method, target, body=None):
        """(status, JSON of the answer)"""
        headers = {"Authorization": "Bearer " + self.params["token"]} if self.params["token"] and self.params["host"] else {}
        data = None if body is None else json.dumps(body).encode()
        connection = None
        try:
            connection = self.connection()
            connection.request(method, target, data, headers)
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read() or "{}")
        except (OSError, ValueError, http.client.HTTPException) as problem:
            where = self.params["host"] or self.params["socket"]
            return self.fail_json(msg="cannot speak to berth-api at %s: %s" % (where, problem))
        finally:
            if connection:
                connection.close()

    def refuse(self, status, answer):
        reasons = ["%s: %s" % (each["subject"], each["text"]) for each in answer.get("reasons", [])]
        message = answer.get("message", "berth-api answered with the status %d" % status)
        more = [reason for reason in reasons if reason.split(": ", 1)[1] not in message]
        self.fail_json(msg="; ".join([message] + more), code=answer.get("code", ""), status=status,
                       parameters=answer.get("parameters", {}), reasons=reasons)

    def get(self, *path):
        """What is there, or None."""
        status, answer = self.ask("GET", self.target(path))
        if status == 404:
            return None
        if status != 200:
            self.refuse(status, answer)
        return answer

    @staticmethod
    def target(path):
        return "/v1/" + "/".join(quote(part, safe="") for part in path)

    def order(self, method, path, body=None):
        """Makes the change, but in check mode. The answer, {} in check mode."""
        self.is_changed = True
        if self.check_mode:
            return {}
        status, answer = self.ask(method, self.target(path), body)
        if status >= 300:
            self.refuse(status, answer)
        for warning in answer.get("warnings", []):
            self.warn("%s: %s" % (warning["subject"], warning["text"]))
        return answer

    # ---- differences ----

    def differs(self, name, have, want):
        """Whether 'want', where it is given, is not what is there; the diff shows it."""
        if want is None or have == want:
            return False
        self.before[name], self.after[name] = have, want
        return True

    def given(self, names):
        """The parameters among 'names' that the task has."""
        return {name: self.params[name] for name in names if self.params[name] is not None}

    def differing(self, have, want):
        """What of 'want' is not so in 'have'. A member that an answer leaves out is empty."""
        return {name: value for name, value in want.items()
                if self.differs(name, have.get(name, type(value)()), value)}

    # ---- the end ----

    def wait_for(self, look, what):
        """Until look() answers something; what() is what the failure says: how it is, and why. Not in check mode."""
        end = time.monotonic() + self.params["wait_timeout"]
        while self.params["wait"] and not self.check_mode:
            found = look()
            if found:
                return
            if time.monotonic() > end:
                state, why = what()
                text = "%s after %d s" % (state, self.params["wait_timeout"])
                self.fail_json(msg="; ".join([text] + why), changed=self.is_changed)
            time.sleep(LOOK_AGAIN_S)

    def done(self, **result):
        text = [json.dumps(each, indent=2, sort_keys=True) + "\n" if each else "" for each in (self.before, self.after)]
        self.exit_json(changed=self.is_changed, diff={"before": text[0], "after": text[1]}, **result)
