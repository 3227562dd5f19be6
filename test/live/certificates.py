# SPDX-License-Identifier: LGPL-2.1-or-later
"""Certificates of one's own for HTTPS: served, renewed without a restart, and what is said when
something is wrong with them."""

import os
import signal
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "law"))
sys.path.insert(0, os.path.dirname(__file__))

from tap import test, main  # noqa: E402
from cluster import Cluster, wait_for  # noqa: E402

CA = """[ca]
default_ca = own
[own]
database = {0}/index
serial = {0}/serial
new_certs_dir = {0}
default_md = sha256
policy = any
[any]
commonName = supplied
[req]
distinguished_name = any
"""


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=30,
                   stdin=subprocess.DEVNULL)


class Own:
    """A cluster whose berth-api is stopped and has a certificate of its own to begin with."""

    def __enter__(self):
        self.cluster = Cluster(nodes=("node1",))
        self.cluster.stop_api()
        self.certificate = f"{self.cluster.directory}/own.pem"
        self.key = f"{self.cluster.directory}/own-key.pem"
        with open(self.cluster.config, "a", encoding="ascii") as file:
            file.write(f"https_certificate = {self.certificate}\nhttps_key = {self.key}\n")
        self.make()
        return self

    def __exit__(self, *problem):
        self.cluster.__exit__(*problem)

    def make(self):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-subj", "/CN=localhost", "-days", "30", "-out", self.certificate, "-keyout", self.key)

    def make_expired(self):
        folder = f"{self.cluster.directory}/ca"
        os.mkdir(folder)
        for name, text in (("index", ""), ("serial", "01\n"), ("conf", CA.format(folder))):
            with open(f"{folder}/{name}", "w", encoding="ascii") as file:
                file.write(text)
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-config", f"{folder}/conf", "-subj", "/CN=localhost", "-out", f"{folder}/request",
                "-keyout", self.key)
        openssl("ca", "-batch", "-notext", "-config", f"{folder}/conf", "-selfsign", "-keyfile", self.key,
                "-in", f"{folder}/request", "-out", self.certificate,
                "-startdate", "20200101000000Z", "-enddate", "20200202101500Z")

    def served(self):
        """The certificate that is shown to who connects; None: nobody is."""
        try:
            return ssl.get_server_certificate(("127.0.0.1", self.cluster.https), timeout=10)
        except OSError:
            return None

    def files_have(self, served):
        with open(self.certificate, encoding="ascii") as file:
            return served is not None and file.read().strip() == served.strip()

    def reload(self, words):
        """SIGHUP, until the journal has one more line with these words."""
        before = self.cluster.log().count(words)
        self.cluster.api.send_signal(signal.SIGHUP)
        wait_for(f"the journal says {words!r}", lambda: self.cluster.log().count(words) > before)

    def refuses_to_start(self, *words):
        done = subprocess.run([os.environ["BERTH_API"], "--config", self.cluster.config],
                              capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 1, (done.returncode, done.stderr)
        line = done.stderr.strip().splitlines()[-1]
        assert line.startswith("berth-api: ") and all(word in line for word in words), (words, done.stderr)


@test
def a_renewed_certificate_is_served_after_a_reload_and_a_broken_one_changes_nothing():
    with Own() as own:
        own.cluster.start_api()
        first = own.served()
        assert own.files_have(first)
        own.make()
        assert own.served() == first
        own.reload("the console and the API are at https://")
        second = own.served()
        assert second != first and own.files_have(second)
        with open(own.key, "w", encoding="ascii") as file:
            file.write("nonsense\n")
        own.reload("the certificate of before is served on")
        assert f"{own.certificate} and {own.key}: the key cannot be read" in own.cluster.log()
        assert own.served() == second
        own.cluster.must("status")  # over the socket as if nothing was


@test
def what_is_wrong_with_the_files_is_said_with_their_names():
    with Own() as own:
        os.rename(own.key, own.key + ".away")
        own.refuses_to_start(f"{own.key} cannot be read: No such file")
        os.mkdir(own.key)
        own.refuses_to_start(f"{own.key} cannot be read: Is a directory")
        os.rmdir(own.key)
        own.make()
        os.rename(own.key + ".away", own.key)
        own.refuses_to_start(own.certificate, own.key, "the key is another certificate's")
        with open(own.certificate, "w", encoding="ascii") as file:
            file.write("nonsense\n")
        own.refuses_to_start(own.certificate, own.key, "the certificate cannot be read")


@test
def an_expired_certificate_is_served_with_a_warning():
    with Own() as own:
        own.make_expired()
        own.cluster.start_api()
        assert own.files_have(own.served())
        log = own.cluster.log()
        assert "with a certificate until 2020-02-02 10:15 UTC" in log, log
        assert "will refuse that certificate" in log and "systemctl reload berth-api" in log, log
        own.make()
        own.reload("the console and the API are at https://")
        assert own.cluster.log().count("will refuse that certificate") == 1, own.cluster.log()


if __name__ == "__main__":
    sys.exit(main())
