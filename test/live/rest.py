# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests to berth-api over its Unix socket, for tests."""

import http.client
import json
import socket


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("berth", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class Answer:
    """'status', 'headers' (by lower-case name), 'text', and 'json' if that is what it is."""

    def __init__(self, reply):
        self.status = reply.status
        self.headers = {name.lower(): value for name, value in reply.getheaders()}
        self.text = reply.read().decode()
        is_json = self.headers.get("content-type", "").startswith("application/json")
        self.json = json.loads(self.text) if is_json and self.text else None

    def __repr__(self):
        return f"{self.status} {self.text[:500]}"


def ask(path_of_socket, method, target, body=None, **headers):
    """'body': bytes, or what becomes JSON. Header names with '_' for '-'."""
    connection = _Connection(path_of_socket)
    try:
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection.request(method, target, body,
                           {name.replace("_", "-"): value for name, value in headers.items()})
        return Answer(connection.getresponse())
    finally:
        connection.close()
