# SPDX-License-Identifier: LGPL-2.1-or-later
"""Between berth-api and etcd: passes everything on, and loses replies when it is told to."""

import socket
import threading


class LossyProxy:
    """While 'loses' is set, a transaction goes to etcd and its reply to nobody."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.loses = False
        self.lost = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        server = socket.create_connection(("127.0.0.1", self.target_port))
        state = {"is_txn": False}
        threading.Thread(target=self.forward, args=(client, server, state, True),
                         daemon=True).start()
        self.forward(server, client, state, False)

    def forward(self, source, sink, state, is_request):
        try:
            while piece := source.recv(65536):
                if is_request:
                    state["is_txn"] = state["is_txn"] or b"/kv/txn" in piece
                elif self.loses and state["is_txn"]:
                    self.lost += 1
                    break
                sink.sendall(piece)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def end(self):
        self.listener.close()
