# SPDX-License-Identifier: LGPL-2.1-or-later
"""berth cluster init, token, join and leave, with real etcds, berthds and berth-apis: hosts are directories
and addresses of loopback; a script in the place of systemctl starts the programs of the units."""

import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "law"))
sys.path.insert(0, os.path.dirname(__file__))

from tap import test, main  # noqa: E402
from cluster import b64, wait_for  # noqa: E402

HERE = pathlib.Path(__file__).parent
XML = ("<domain type='qemu'><name>v1</name><memory unit='MiB'>16</memory><vcpu>1</vcpu><os>"
       "<type arch='x86_64'>hvm</type></os></domain>")
UNITS = ("berth-api", "berthd", "berth-etcd")


def free_network():
    """127.X.Y. of which nobody listens at port 2379."""
    for number in range(os.getpid() % 200, 255):
        network = f"127.77.{number}."
        with socket.socket() as s:
            try:
                s.bind((network + "1", 2379))
                return network
            except OSError:
                continue
    raise AssertionError("no address is free")


class Host:
    def __init__(self, directory, network, number):
        self.name, self.address = f"node{number}", f"{network}{number}"
        self.root = pathlib.Path(directory) / self.name
        for path in ("var/lib", "run/libvirt", "run/berthd", "etc/berth", "state"):
            (self.root / path).mkdir(parents=True)
        (self.root / "run/libvirt/libvirt-sock").touch()
        (self.root / "systemctl").symlink_to(HERE / "systemctl")
        self.write_conf()

    def write_conf(self):
        self.conf = (f"# kept\nwatchdog = none\nlibvirt_uri = test:///default\napi_socket = {self.root}/api.sock\n"
                     f"run_dir = {self.root}/run/berthd\nstate_dir = {self.root}/state\n"
                     f"host_key_file = {self.root}/host.key\n")
        (self.root / "etc/berth/berth.conf").write_text(self.conf, encoding="utf-8")

    def words(self, *words):
        return [os.environ["BERTH"], "--socket", f"{self.root}/api.sock", *words]

    def setup(self, *words, fail="", umask=-1):
        """(exit code, what it said) of berth cluster WORDS."""
        done = subprocess.run(self.words("cluster", *words, "--root", str(self.root)), capture_output=True, text=True,
                              timeout=200, check=False, stdin=subprocess.DEVNULL, env={**os.environ, "FAIL": fail}, umask=umask)
        return done.returncode, done.stdout + done.stderr

    def init(self, **more):
        return self.setup("init", "--address", self.address, "--node", self.name, **more)

    def join(self, token, *words, **more):
        return self.setup("join", token, "--address", self.address, "--node", self.name, *words, **more)

    def berth(self, *words, text=""):
        done = subprocess.run(self.words(*words), capture_output=True, text=True, timeout=60, check=False, input=text)
        return done.returncode, done.stdout + done.stderr

    @contextlib.contextmanager
    def sponsor(self, *words):
        """The token, while berth cluster token waits; its output is in self.said when that ends."""
        process = subprocess.Popen(self.words("cluster", "token", "--root", str(self.root), *words),
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.said, token = "", ""
        try:
            while not token:
                line = process.stdout.readline()
                assert line, self.said
                self.said += line
                found = re.search(r"berth cluster join (\S+)", line)
                token = found.group(1) if found else ""
            yield token
        finally:
            try:
                self.said += process.communicate(timeout=60)[0]
            except subprocess.TimeoutExpired:
                process.terminate()
                self.said += process.communicate()[0]
            self.code = process.returncode

    def files(self):
        """What a person would find of a cluster."""
        return sorted(str(p.relative_to(self.root)) for p in self.root.rglob("*")
                      if p.is_file() and re.search(r"etc/|var/", str(p.relative_to(self.root))))

    def running(self):
        return [unit for unit in UNITS
                if subprocess.run([self.root / "systemctl", "is-active", unit], check=False).returncode == 0]

    def has_nothing(self):
        assert self.files() == ["etc/berth/berth.conf"], self.files()
        assert (self.root / "etc/berth/berth.conf").read_text(encoding="utf-8") == self.conf
        assert not self.running(), self.running()

    def log(self, unit):
        path = self.root / f"{unit}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def close(self):
        for unit in UNITS:
            subprocess.run([self.root / "systemctl", "stop", unit], check=False)

    # ---- the store, as someone with some of this host's files ----

    def secret(self, name):
        return self.root / "etc/berth/cluster" / name

    def ask(self, path, body, certificate="client", token=None):
        context = ssl.create_default_context(cafile=self.secret("ca.pem"))
        if certificate:
            context.load_cert_chain(self.secret(f"{certificate}.pem"), self.secret(f"{certificate}-key.pem"))
        request = urllib.request.Request(f"https://{self.address}:2379/v3/{path}", json.dumps(body).encode(),
                                         {"Authorization": token} if token else {})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                             urllib.request.HTTPSHandler(context=context))
        with opener.open(request, timeout=10) as reply:
            return json.load(reply)

    def token_of(self, user, certificate="client"):
        password = self.secret(f"{user}.password").read_text(encoding="utf-8")
        return self.ask("auth/authenticate", {"name": user, "password": password}, certificate)["token"]

    def may_put(self, user, key):
        try:
            self.ask("kv/put", {"key": b64(f"/berth/{key}"), "value": b64("{}")}, token=self.token_of(user))
            return True
        except urllib.error.HTTPError as refusal:
            text = refusal.read().decode()
            assert "permission denied" in text, text
            return False

    def put(self, key, value):
        self.ask("kv/put", {"key": b64(f"/berth/{key}"), "value": b64(json.dumps(value))}, token=self.token_of("root"))

    def members(self):
        """{name: whether it votes}, as root sees them."""
        code, text = self.setup("status", "-o", "json")
        assert code == 0, text
        return {m["name"]: not m["is_learner"] for m in json.loads(text)["members"]}


@contextlib.contextmanager
def hosts(count):
    with tempfile.TemporaryDirectory() as directory:
        network = free_network()
        made = [Host(directory, network, i + 1) for i in range(count)]
        try:
            yield made
        except AssertionError:
            for host in made:
                for unit in UNITS:
                    print(f"# {host.name} {unit}:", *host.log(unit).splitlines()[-15:], sep="\n#   ")
            raise
        finally:
            for host in made:
                host.close()


def must(result):
    code, text = result
    assert code == 0, text
    return text


def let_in(sponsor, guest, *words):
    with sponsor.sponsor() as token:
        must(guest.join(token, *words))
    assert sponsor.code == 0, sponsor.said


def is_up(host, name):
    return wait_for(f"{name} is up", lambda: re.search(rf"^{name} +up", host.berth("node", "ls")[1], re.M), 60)


@test
def two_hosts_and_a_witness_become_a_cluster_that_loses_one():
    with hosts(3) as (a, b, witness):
        text = must(a.init())
        assert "ok       time" in text or "warning  time" in text, text
        is_up(a, "node1")
        let_in(a, b)
        let_in(b, witness, "--witness")
        assert a.members() == {"node1": True, "node2": True, "node3": True}, a.members()
        must(a.setup("refresh"))
        conf = (a.root / "etc/berth/berth.conf").read_text(encoding="utf-8")
        assert all(f"https://{h.address}:2379" in conf for h in (a, b, witness)), conf
        assert conf.startswith(a.conf) and f"\nscreen_address = {a.address}\n" in conf, conf
        is_up(a, "node2")
        is_up(b, "node1")
        # A witness has the store and no right in it.
        assert witness.running() == ["berth-etcd"], witness.running()
        found = [f for f in witness.files() if "ca-key" in f or "password" in f or "client" in f]
        assert found == ["etc/berth/cluster/berth-witness.password"], found
        wait_for("validation knows the witness", lambda: "a witness that holds the store" in a.berth("validate", "--verbose")[1], 60)
        # The store outlives a member.
        subprocess.run([witness.root / "systemctl", "stop", "berth-etcd"], check=True)
        wait_for("the store answers", lambda: a.berth("cluster", "set", "reserve=0")[0] == 0, 30)


@test
def the_store_takes_only_certificates_of_the_cluster_and_keeps_its_writers_apart():
    with hosts(1) as (a,):
        must(a.init())
        for name, mode in (("ca-key.pem", 0o600), ("root.password", 0o600), ("berthd.password", 0o600),
                           ("etcd-key.pem", 0o640), ("client-key.pem", 0o640), ("berth-api.password", 0o640)):
            assert a.secret(name).stat().st_mode & 0o777 == mode, name
        try:
            a.ask("kv/range", {"key": b64("/berth/")}, certificate=None)
            raise AssertionError("a client without a certificate got an answer")
        except (ssl.SSLError, urllib.error.URLError, ConnectionError) as refusal:
            assert "HTTP" not in str(refusal), refusal
        try:
            a.ask("kv/range", {"key": b64("/berth/"), "range_end": b64("/berth0")})
            raise AssertionError("a client without a password got an answer")
        except urllib.error.HTTPError as refusal:
            text = refusal.read().decode()
            assert "permission denied" in text or "user name is empty" in text, text
        for key in ("want/vms/x", "log/x"):
            assert a.may_put("berth-api", key), key
        for key in ("order/fence/x", "seen/vms/x", "beat/x", "other"):
            assert not a.may_put("berth-api", key), key
        for key in ("seen/vms/x", "order/fence/x"):
            assert a.may_put("berthd", key), key
        for key in ("want/vms/x", "want/access/x"):
            assert not a.may_put("berthd", key), key


@test
def a_token_is_good_once_for_a_while_and_for_who_has_all_of_it():
    with hosts(2) as (a, b):
        must(a.init())
        with a.sponsor("--for", "1s") as expired:
            pass
        assert a.code == 1 and "has expired" in a.said, a.said
        code, text = b.join(expired)
        assert code == 1 and "cannot reach" in text, text
        b.has_nothing()
        with a.sponsor() as token:
            place, secret = token.rsplit("/", 1)
            wrong = secret[:-1] + ("0" if secret[-1] != "0" else "1")
            code, text = b.join(f"{place}/{wrong}")
            assert code == 1 and "does not accept this token" in text, text
            b.has_nothing()
            code, text = b.join(secret)
            assert code == 1 and "is no token" in text, text
            must(b.join(token))
        assert a.code == 0 and "was refused" in a.said, a.said
        code, text = b.setup("leave", "--yes", "--force")
        assert code == 0, text
        b.write_conf()
        code, text = b.join(token)
        assert code == 1 and "cannot reach" in text, text
        b.has_nothing()


@test
def what_fails_leaves_nothing_behind_and_can_be_repeated():
    with hosts(2) as (a, b):
        for unit in ("berth-etcd", "berthd", "berth-api"):
            code, text = a.init(fail=unit)
            assert code == 1 and f"{unit}.service failed" in text, text
            a.has_nothing()
        must(a.init())
        code, text = a.init()
        assert code == 1 and "in a cluster already" in text, text
        for unit in ("berth-etcd", "berthd"):
            with a.sponsor() as token:
                code, text = b.join(token, fail=unit)
                assert code == 1 and f"{unit}.service failed" in text, text
            assert a.code == 1 and "could not" in a.said, a.said
            b.has_nothing()
            assert a.members() == {"node1": True}, a.members()
        let_in(a, b)
        assert a.members() == {"node1": True, "node2": True}, a.members()


@test
def an_attempt_that_was_killed_is_cleared_by_the_next():
    with hosts(1) as (a,):
        process = subprocess.Popen(a.words("cluster", "init", "--root", str(a.root), "--address", a.address,
                                           "--node", a.name), stdout=subprocess.PIPE, text=True)
        for line in process.stdout:
            if "starting berthd" in line:
                process.kill()
        process.wait()
        code, text = a.setup("status")
        assert code == 1 and "in no cluster" in text, text
        assert "an interrupted attempt" in must(a.init())
        is_up(a, "node1")


@test
def a_host_leaves_and_another_takes_its_place():
    with hosts(4) as (a, b, c, d):
        must(a.init())
        let_in(a, b)
        let_in(a, c)
        let_in(a, d)
        is_up(a, "node4")
        assert sorted(a.members()) == ["node1", "node2", "node3"] and "berth-etcd" not in d.running(), a.members()
        must(d.setup("refresh"))
        assert "berth-etcd" not in d.running(), d.running()
        text = must(b.setup("leave", "--yes"))
        assert "berth node rm node2" in text, text
        assert not b.running() and b.files() == ["etc/berth/berth.conf"], (b.running(), b.files())
        assert a.members() == {"node1": True, "node3": True}, a.members()
        assert "becomes a member" in must(d.setup("refresh"))
        assert a.members() == {"node1": True, "node3": True, "node4": True}, a.members()
        must(a.setup("refresh"))
        assert d.address in (a.root / "etc/berth/berth.conf").read_text(encoding="utf-8")
        assert b.address not in (a.root / "etc/berth/berth.conf").read_text(encoding="utf-8")
        with a.sponsor() as token:
            code, text = b.join(token)
            assert code == 1 and "berth node rm node2" in text, text
        must(a.setup("leave", "--member", "node3", "--yes"))  # gone for good
        c.close()
        assert a.members() == {"node1": True, "node4": True}, a.members()
        is_up(d, "node4")
        a.close()
        shutil.rmtree(b.root / "state")


@test
def a_host_on_which_a_vm_runs_does_not_leave():
    with hosts(1) as (a,):
        must(a.init())
        is_up(a, "node1")
        subprocess.run([a.root / "systemctl", "stop", "berthd"], check=True)  # it would tell the truth of this VM
        a.put("want/vms/v1", {"schema": 1, "xml": XML, "cpus": 1, "memory_mib": 16, "desired": "started"})
        a.put("order/vms/v1", {"schema": 1, "epoch": 1, "phase": "start", "node": "node1", "gpus": []})
        wait_for("the VM has its place", lambda: "node1" in a.berth("vm", "ls")[1], 30)
        code, text = a.setup("leave", "--yes")
        assert code == 1 and "runs 1 VM:" in text and "berth node drain node1" in text, text
        assert "berth-etcd" in a.running(), a.running()
        must(a.setup("leave", "--yes", "--force"))
        assert not a.running(), a.running()


def expire(host, name, days=-1, names=""):
    """The certificate 'name' of 'host' as it is when its time is over: for the same key, by the same authority."""
    authority = [] if name == "ca" else ["-CA", host.secret("ca.pem"), "-CAkey", host.secret("ca-key.pem"),
                                         "-CAcreateserial", "-CAserial", host.root / "serial"]
    request = subprocess.run(["openssl", "req", "-new", "-key", host.secret(f"{name}-key.pem"), "-subj",
                              "/CN=Berth cluster authority" if name == "ca" else f"/O=Berth host {host.name}"],
                             check=True, capture_output=True).stdout
    (host.root / "names").write_text(names, encoding="utf-8")
    subprocess.run(["openssl", "x509", "-req", "-extfile", host.root / "names", "-days", str(days),
                    "-out", host.secret(f"{name}.pem"), *(authority or ["-signkey", host.secret("ca-key.pem")])],
                   input=request, check=True, capture_output=True)


@test
def certificates_are_renewed_and_an_expired_one_cuts_no_connection():
    with hosts(1) as (a,):
        must(a.init())
        is_up(a, "node1")
        days = [c["days_left"] for c in json.loads(must(a.setup("status", "-o", "json")))["certificates"]]
        assert 3600 < days[0] <= 3650 and 360 <= days[1] <= 365 and days[1] == days[2], days
        before = {path: a.secret(path).read_bytes() for path in ("ca.pem", "etcd.pem", "client.pem")}
        must(a.setup("refresh"))
        assert all(a.secret(path).read_bytes() == text for path, text in before.items()), "renewed too early"
        keys = {name: a.secret(f"{name}-key.pem").read_bytes() for name in ("ca", "etcd", "client")}
        pids = [(a.root / f"{unit}.pid").read_text(encoding="utf-8") for unit in UNITS]
        for name in ("etcd", "client", "ca"):
            expire(a, name)
        code, text = a.setup("status")
        assert code == 4 and text.count("NOT VALID") == 3 and "berth cluster refresh" in text, text
        heard = json.loads(must(a.berth("node", "show", "node1", "-o", "json")))
        time.sleep(4)  # longer than a host may be silent
        assert json.loads(must(a.berth("node", "show", "node1", "-o", "json")))["state"] == "up", heard
        text = must(a.setup("refresh"))
        assert text.count("renewed the certificate") == 3, text
        text = must(a.setup("status"))
        assert "NOT VALID" not in text and "leader" in text, text
        for name, key in keys.items():
            assert a.secret(f"{name}-key.pem").read_bytes() == key, name
        assert pids == [(a.root / f"{unit}.pid").read_text(encoding="utf-8") for unit in UNITS]
        # What is new is used for new connections: also by etcd, which was not restarted.
        subprocess.run([a.root / "systemctl", "restart", "berthd"], check=True)
        is_up(a, "node1")


def issue(directory, name, authority, subject="/O=x", days=300):
    """NAME.pem and NAME-key.pem of 'authority', as an administrator makes them; None: it signs itself."""
    signer = ["-CA", f"{directory}/{authority}.pem", "-CAkey", f"{directory}/{authority}-key.pem", "-CAcreateserial"] \
        if authority else ["-signkey", f"{directory}/{name}-key.pem"]
    request = subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                              "-subj", subject, "-keyout", f"{directory}/{name}-key.pem"], check=True, capture_output=True).stdout
    subprocess.run(["openssl", "x509", "-req", "-days", str(days), "-out", f"{directory}/{name}.pem", *signer],
                   input=request, check=True, capture_output=True)


@test
def what_moves_of_running_vms_need_is_made_and_renewed_and_an_administrators_own_stays():
    with hosts(3) as (a, b, c):
        def pki(host):
            return {str(p.relative_to(host.root)): p for p in (host.root / "etc/pki").rglob("*") if p.is_file()}

        def address(host, *values):
            path = host.root / "etc/berth/berth.conf"
            kept = [line for line in path.read_text(encoding="utf-8").splitlines() if "migration_address" not in line]
            path.write_text("\n".join([*(f"migration_address = {v}" for v in values), *kept, ""]), encoding="utf-8")

        libvirts = {"etc/pki/CA/cacert.pem": 0o644, "etc/pki/libvirt/servercert.pem": 0o644,
                    "etc/pki/libvirt/clientcert.pem": 0o644, "etc/pki/libvirt/private/serverkey.pem": 0o600,
                    "etc/pki/libvirt/private/clientkey.pem": 0o600}
        qemus = {f"etc/pki/qemu/{name}.pem": mode for name, mode in (
            ("ca-cert", 0o644), ("server-cert", 0o644), ("client-cert", 0o644), ("server-key", 0o640), ("client-key", 0o640))}
        text = must(a.init(umask=0o027))
        assert "made the certificates for moves of running VMs in /etc/pki/libvirt" in text, text
        assert all((a.root / path).stat().st_mode & 0o777 == 0o755 for path in ("etc/pki", "etc/pki/libvirt/private"))
        assert "systemctl enable libvirtd-tls.socket &&" in text and f"migration_address = {a.address}" in text, text
        assert {name: p.stat().st_mode & 0o777 for name, p in pki(a).items()} == libvirts
        # The administrator of b has certificates of his own: they stay, also when the host leaves.
        (b.root / "etc/pki/CA").mkdir(parents=True)
        (b.root / "etc/pki/CA/cacert.pem").write_bytes(a.secret("ca.pem").read_bytes()[:400])
        before = {name: p.read_bytes() for name, p in pki(b).items()}
        with a.sponsor() as token:
            assert "certificates that Berth did not make: they stay" in must(b.join(token))
        let_in(a, c)
        assert {name: p.read_bytes() for name, p in pki(b).items()} == before
        # Two hosts believe each other; by no other name, and not with a certificate of the store.
        def connects(name, client):
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.load_cert_chain(pki(a)["etc/pki/libvirt/servercert.pem"], pki(a)["etc/pki/libvirt/private/serverkey.pem"])
            server.load_verify_locations(pki(a)["etc/pki/CA/cacert.pem"])
            server.verify_mode = ssl.CERT_REQUIRED
            context = ssl.create_default_context(cafile=pki(c)["etc/pki/CA/cacert.pem"])
            context.load_cert_chain(*client)
            ours, theirs, to_theirs, to_ours = (ssl.MemoryBIO() for _ in range(4))
            one = context.wrap_bio(ours, to_theirs, server_hostname=name)
            other = server.wrap_bio(theirs, to_ours, server_side=True)
            done = set()
            try:
                for _ in range(8):
                    for side in (one, other):
                        with contextlib.suppress(ssl.SSLWantReadError):
                            side.do_handshake()
                            done.add(side)
                        theirs.write(to_theirs.read())
                        ours.write(to_ours.read())
            except ssl.SSLError as refusal:
                return refusal.reason
            return len(done) == 2

        of_c = pki(c)["etc/pki/libvirt/clientcert.pem"], pki(c)["etc/pki/libvirt/private/clientkey.pem"]
        assert connects(a.address, of_c) is True and connects("node1", of_c) is True
        assert connects("10.9.9.9", of_c) == "CERTIFICATE_VERIFY_FAILED"
        assert connects(a.address, (c.secret("client.pem"), c.secret("client-key.pem"))) == "CERTIFICATE_VERIFY_FAILED"
        # Another name, and the memory by QEMU, need another certificate for the same key; libvirt takes it up.
        keys = {name: p.read_bytes() for name, p in pki(a).items() if "key" in name}
        assert must(a.setup("refresh")) == ""
        (a.root / "active").write_text("libvirtd-tls.socket\n", encoding="utf-8")
        (a.root / "virt-admin").write_text("#!/bin/sh\necho no answer; exit 1\n", encoding="utf-8")
        (a.root / "virt-admin").chmod(0o755)
        address(a, "qemu+tls://host1.example/system tcp://host1-fast.example")
        text = must(a.setup("refresh"))
        assert "renewed the certificates for moves of running VMs in /etc/pki/libvirt" in text, text
        assert "made the certificates for moves of running VMs in /etc/pki/qemu" in text, text
        assert "restart libvirt on this host" in text and "no answer" in text, text
        (a.root / "virt-admin").write_text(f"#!/bin/sh\necho \"$@\" >>{a.root}/told\n", encoding="utf-8")
        for _ in range(2):  # until it succeeds, and no more
            assert must(a.setup("refresh")) == ""
        assert (a.root / "told").read_text(encoding="utf-8") == "-c libvirtd:///system server-update-tls libvirtd\n"
        assert connects("host1.example", of_c) is True
        assert {name: p.stat().st_mode & 0o777 for name, p in pki(a).items()} == {**libvirts, **qemus}
        assert all(pki(a)[name].read_bytes() == key for name, key in keys.items())
        assert connects(a.address, (pki(a)["etc/pki/qemu/client-cert.pem"], pki(a)["etc/pki/qemu/client-key.pem"])) == \
            "CERTIFICATE_VERIFY_FAILED"
        assert must(a.setup("refresh")) == ""
        listed = [one["file"] for one in json.loads(must(a.setup("status", "-o", "json")))["certificates"]]
        assert listed[3:] == ["/etc/pki/libvirt/servercert.pem", "/etc/pki/qemu/server-cert.pem"], listed
        # One that is missing comes back, one that is nearly over is renewed, one of an administrator is left alone.
        pki(a)["etc/pki/libvirt/clientcert.pem"].unlink()
        assert "renewed the certificates for moves" in must(a.setup("refresh"))
        assert "etc/pki/libvirt/clientcert.pem" in pki(a)
        moves, files = a.root / "moves", pki(a)
        moves.mkdir()
        shutil.copy(files["etc/pki/CA/cacert.pem"], moves / "ca.pem")
        shutil.copy(a.secret("ca-key.pem"), moves / "ca-key.pem")
        issue(moves, "short", "ca", days=100)
        for name in ("server", "client"):
            shutil.copy(moves / "short.pem", files[f"etc/pki/libvirt/{name}cert.pem"])
            shutil.copy(moves / "short-key.pem", files[f"etc/pki/libvirt/private/{name}key.pem"])
        assert "renewed the certificates for moves" in must(a.setup("refresh"))
        assert connects(a.address, of_c) is True
        issue(moves, "own", None)
        shutil.copy(moves / "own.pem", files["etc/pki/libvirt/servercert.pem"])
        own = {name: p.read_bytes() for name, p in pki(a).items()}
        assert must(a.setup("refresh")) == ""
        assert {name: p.read_bytes() for name, p in pki(a).items()} == own
        # What is ours goes with the host, and only that: our key under another authority's name is not ours there.
        shutil.copy(files["etc/pki/CA/cacert.pem"], files["etc/pki/qemu/ca-cert.pem"])
        for name in ("server", "client"):
            files[f"etc/pki/qemu/{name}-cert.pem"].unlink()
        assert must(a.setup("refresh")) == "" and "etc/pki/qemu/server-cert.pem" not in pki(a)
        must(a.setup("leave", "--yes", "--force"))
        assert sorted(pki(a)) == sorted([*libvirts, *(f"etc/pki/qemu/{n}.pem" for n in ("ca-cert", "server-key", "client-key"))])
        (c.root / "active").write_text("libvirtd-tls.socket\n", encoding="utf-8")
        assert "systemctl disable --now libvirtd-tls.socket && systemctl restart libvirtd.service" in \
            must(c.setup("leave", "--yes", "--force"))
        must(b.setup("leave", "--yes", "--force"))
        assert not pki(c) and {name: p.read_bytes() for name, p in pki(b).items()} == before


@test
def the_hosts_renew_the_certificate_of_a_witness_which_reads_nothing_else_of_the_store():
    with hosts(2) as (a, witness):
        assert "the screens of VMs are not shown" in must(a.init(fail="berth-screen.socket"))
        let_in(a, witness, "--witness")
        token = witness.token_of("berth-witness", "etcd")
        for path, body in (("kv/range", {"key": b64("/berth/format")}),
                           ("kv/put", {"key": b64("/berth-certificates/node2"), "value": b64("x")})):
            try:
                witness.ask(path, body, "etcd", token)
                raise AssertionError(f"a witness may {path}")
            except urllib.error.HTTPError as refusal:
                text = refusal.read().decode()
                assert "permission denied" in text, text
        before = {name: witness.secret(name).read_bytes() for name in ("etcd.pem", "etcd-key.pem", "ca.pem")}
        # An administrator's way to the screens stays; without one, none comes back.
        path = a.root / "etc/berth/berth.conf"
        conf = path.read_text(encoding="utf-8")
        for line in ("screen_address = 10.9.9.9:1\n", ""):
            ours = conf.replace(f"screen_address = {a.address}\n", line)
            assert ours != conf
            path.write_text(ours, encoding="utf-8")
            assert must(a.setup("refresh")) == "" and path.read_text(encoding="utf-8") == ours, line
        assert must(a.setup("refresh")) == must(witness.setup("refresh")) == "", "renewed too early"
        # What the store has of it is over; that of the witness itself is good, so that it can ask.
        key = {"key": b64("/berth-certificates/node2")}
        stored = json.loads(base64.b64decode(a.ask("kv/range", key, token=a.token_of("root"))["kvs"][0]["value"]))
        assert stored["certificate"].encode() == before["etcd.pem"] and stored["ca"].encode() == before["ca.pem"]
        shutil.copy(witness.secret("etcd-key.pem"), a.secret("node2-key.pem"))
        expire(a, "node2")
        stored["certificate"] = a.secret("node2.pem").read_text(encoding="utf-8")
        a.ask("kv/put", {**key, "value": b64(json.dumps(stored))}, token=a.token_of("root"))
        bad = {"key": b64("/berth-certificates/bad")}  # hinders nothing else
        a.ask("kv/put", {**bad, "value": b64("nonsense")}, token=a.token_of("root"))
        text = must(a.setup("refresh"))
        assert "store for the witness node2" in text and "of the witness bad cannot be understood" in text, text
        a.ask("kv/deleterange", bad, token=a.token_of("root"))
        assert "renewed the certificate /etc/berth/cluster/etcd.pem" in must(witness.setup("refresh"))
        assert witness.secret("etcd-key.pem").read_bytes() == before["etcd-key.pem"]
        fresh = witness.secret("etcd.pem").read_text(encoding="utf-8")
        assert fresh.encode() != before["etcd.pem"] and fresh != stored["certificate"]
        context = ssl.create_default_context(cafile=a.secret("ca.pem"))
        context.load_cert_chain(a.secret("client.pem"), a.secret("client-key.pem"))
        with socket.create_connection((witness.address, 2379)) as plain:
            with context.wrap_socket(plain, server_hostname=witness.address) as tls:
                assert ssl.DER_cert_to_PEM_cert(tls.getpeercert(True)).split() == fresh.split(), "etcd has another one"
        # The authority's certificate there is that of another host, and good: it stays.
        (value,) = (kv["value"] for kv in a.ask("kv/range", key, token=a.token_of("root"))["kvs"])
        ca = a.secret("ca.pem").read_bytes()
        expire(a, "ca", 3000)
        theirs = {**json.loads(base64.b64decode(value)), "ca": a.secret("ca.pem").read_text(encoding="utf-8")}
        a.secret("ca.pem").write_bytes(ca)
        a.ask("kv/put", {**key, "value": b64(json.dumps(theirs))}, token=a.token_of("root"))
        assert must(a.setup("refresh")) == ""
        a.ask("kv/put", {**key, "value": value}, token=a.token_of("root"))
        assert must(a.setup("refresh")) == must(witness.setup("refresh")) == ""
        # One that takes no new one is told of.
        names = f"subjectAltName=IP:{witness.address},IP:127.0.0.1,DNS:localhost,DNS:node2"
        expire(a, "node2", 30, names)
        shutil.copy(a.secret("node2.pem"), witness.secret("etcd.pem"))
        assert "the witness node2 still shows a certificate that ends on" in must(a.setup("refresh"))
        status = must(a.setup("status"))
        assert re.search("its certificate ends in (29|30) days", status), status
        must(witness.setup("refresh"))
        assert must(a.setup("refresh")) == "" and "its certificate" not in must(a.setup("status"))


@test
def a_lost_cluster_comes_back_from_a_backup():
    with hosts(2) as (a, b):
        must(a.init())
        let_in(a, b)
        is_up(a, "node2")
        a.put("want/vms/v1", {"schema": 1, "xml": XML, "cpus": 1, "memory_mib": 16, "desired": "stopped"})
        must(a.berth("user", "add", "alice", text="a-long-password\n"))
        file = a.root / "backup.json"
        assert "holds" in must(b.setup("backup", str(file)))
        assert file.stat().st_mode & 0o777 == 0o600
        backup = json.loads(file.read_text(encoding="utf-8"))
        assert not [key for key in backup["keys"] if key.startswith(("beat/", "log/"))], list(backup["keys"])
        for host in (a, b):
            host.close()
            must(host.setup("leave", "--lost", "--yes"))
            assert not [f for f in host.files() if "cluster" in f], host.files()
            assert any("berth-etcd.lost" in f for f in host.files()), host.files()
            assert (host.root / "run/berthd/identity").exists()
        wrong = a.root / "wrong.json"
        wrong.write_text(json.dumps({**backup, "keys": {**backup["keys"], "beat/node1": "{}"}}), encoding="utf-8")
        for bad in (wrong, a.root / "none.json", a.root / "etc/berth/berth.conf"):
            code, text = a.setup("restore", str(bad), "--yes", "--address", a.address, "--node", a.name)
            assert code == 1, text
            assert not a.running(), a.running()
        must(a.setup("restore", str(file), "--yes", "--address", a.address, "--node", a.name))
        is_up(a, "node1")
        assert "v1" in must(a.berth("vm", "ls")) and "alice" in must(a.berth("user", "ls"))
        assert json.loads(must(a.berth("status", "-o", "json")))["disarmed"]
        let_in(a, b)
        is_up(a, "node2")
        again = a.root / "again.json"
        must(a.setup("backup", str(again)))
        assert json.loads(again.read_text(encoding="utf-8"))["cluster"] == backup["cluster"]
        must(a.berth("cluster", "arm"))



@test
def a_host_is_checked_first():
    with hosts(1) as (a,):
        (a.root / "run/libvirt/libvirt-sock").unlink()
        with socket.create_server((a.address, 2380)):  # which a connection that has just ended does not keep from it
            code, text = a.init()
        assert code == 1 and re.search(r"failed +libvirt", text) and re.search(r"failed +ports .*2380", text), text
        a.has_nothing()
        (a.root / "etc/berth/berth.conf").write_text("etcd_endpoints = https://10.9.9.9:2379\n", encoding="utf-8")
        code, text = a.init()
        assert code == 1 and "leads to another store" in text, text


if __name__ == "__main__":
    sys.exit(main())
