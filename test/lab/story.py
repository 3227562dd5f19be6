# SPDX-License-Identifier: LGPL-2.1-or-later
"""The story that Berth exists for, played on three emulated hosts, each step with its proof from outside.

`demo` tells it to a person, `test_story.py` holds it as a test. What a step claims of a VM is read from the memory of
its GPU through the outer machine, never from Berth's own words."""

import contextlib
import hashlib
import json
import math
import re
import secrets
import ssl
import time
import urllib.error
import urllib.request

from domain import domain_xml, tag_of
from lab import Lab, LabError, Payload, PATIENCE
from qmp import QmpError

POOL = "GpuChildPool"
GPU_MODEL = "1234:1111"  # bochs-display, two in each host
ODD_SLOT = 3             # ati-vga with its audio function
API_PORT = 8080          # in a host, for the outer machine only: the API's Unix socket
CONSOLE_PORT = 8643      # in a host, and if it is free on this machine's loopback for node1's
CONFIG = f"""node = @node@
etcd_endpoints = @endpoints@
etcd_insecure = yes
domain_policy = trusted
https_listen = 0.0.0.0:{CONSOLE_PORT}
"""
ORDER_LIMIT_S = 9.0       # loss of a host -> restart ordered, docs/SAFETY.md
FORMED = "/var/lib/berth/formed"  # on each host's data disk: berthd starts with the host from then on
# The times that a host's life depends on; SAFETY.md derives their relations, which a common factor keeps.
TIMES = ("heartbeat_ms", "leader_silence_ms", "power_fence_ms", "self_stop_ms", "self_stop_span_ms", "watchdog_ms",
         "takeover_ms")
QUICK_BOOT_S = 20.0       # three hosts until they are ready, where default times are kept with room to spare
PACE_MAX = 4.0
ORDER_GIVE_UP_S = 60.0    # a machine too slow for its own watchdog proves nothing


def payload():
    """The built programs, their configuration, and both daemons as services."""
    built = Payload.of_build()
    missing = [name for name in ("berthd", "berth-api", "berth", "berth-client", "berth-host") if f"bin/{name}" not in built.files]
    if missing:
        raise LabError(f"not built: {', '.join(missing)}; run make first")
    built.files["etc/berth/berth.conf"] = CONFIG
    # Three first boots at once are more than some machines can do within the times that the cluster begins with.
    built.services["berthd"] = f"until [ -e {FORMED} ]; do sleep 0.2; done; exec berthd"
    built.services["api-port"] = (f"exec socat TCP-LISTEN:{API_PORT},fork,reuseaddr "
                                  "UNIX-CONNECT:/run/berth/api.sock")
    return built


def story_lab(**options):
    return Lab(nodes=3, payload=payload(), **options)


class Refused(Exception):
    """berth said no: its text, and its exit code."""

    def __init__(self, text, code):
        super().__init__(text)
        self.code = code


def pace_of(boot_s):
    """How much slower than a quick one this machine is now, in halves. A starved host is rightly fenced; so on a slow
    machine all of the cluster's times are as much longer, and with them the limits that tests measure against."""
    return max(1.0, min(PACE_MAX, math.ceil(2 * boot_s / QUICK_BOOT_S) / 2))


class Cluster:
    """The hosts of a lab as one Berth cluster, asked through the command line inside any of them. What is no 'host' of
    these is a witness, which only holds the store."""

    def __init__(self, lab, hosts=None):
        self.lab, self.hosts, self.pace = lab, lab.hosts[:hosts], 1.0

    def any_host(self):
        return next(host for host in self.hosts if host.is_on)

    def berth(self, words, host=None, limit_s=120 * PATIENCE, given=b""):
        """Runs `berth WORDS`; its output. Raises Refused if its exit code is not 0."""
        done = (host or self.any_host()).run(f"berth {words}", limit_s, given)
        text = done.output.decode(errors="replace").strip()
        if done.status:
            raise Refused(f"berth {words} (exit code {done.status}): {text}", done.status)
        return text

    def refused(self, words, *parts, host=None, given=b"", code=None):
        """Demands that berth refuses, with all of 'parts' in what it says (and with exit code 'code'); returns that."""
        try:
            text = self.berth(words, host, given=given)
        except Refused as no:
            demand(code in (None, no.code), f"not exit code {code}: {no}")
            for part in parts:
                demand(part in str(no), f"'berth {words}' is refused without {part!r}: {no}")
            return str(no)
        raise AssertionError(f"'berth {words}' was not refused: {text}")

    def ask(self, words, host=None):
        return json.loads(self.berth(f"{words} -o json", host))

    def items(self, noun):
        return self.ask(f"{noun} ls")["items"]

    def vm(self, name):
        return self.ask(f"vm show {name}")

    def node(self, name):
        return next(node for node in self.items("node") if node["name"] == name)

    def until(self, what, condition, limit_s=120 * PATIENCE, every_s=0.5):
        """Until condition() is true; returns it. The API of the host asked may be away for a moment."""
        end, last = time.monotonic() + limit_s, None
        while True:
            try:
                value = condition()
                if value:
                    return value
            except Refused as no:
                last = no
            if time.monotonic() > end:
                raise AssertionError(f"not within {limit_s:.0f} s: {what} {last or ''} ({self.brief()})\n{self.state()}")
            time.sleep(every_s)

    def until_vm(self, name, state, limit_s=120 * PATIENCE):
        return self.until(f"{name} {state}", lambda: (v := self.vm(name))["state"] == state and v, limit_s)

    def brief(self):
        """For the one line that sums up a failed step: each VM's state, and why."""
        try:
            return "; ".join(f"{vm['name']} {vm['state']} {vm['detail']}".strip() for vm in self.items("vm"))
        except (Refused, LabError) as problem:
            return str(problem)

    def state(self):
        """For a failed step: what Berth thinks, and what the daemons said last."""
        texts = []
        for words in ("status", "vm ls", "gpu ls", "events"):
            try:
                texts.append(self.berth(words))
            except (Refused, LabError) as problem:
                texts.append(str(problem))
        for host in self.hosts:
            texts.append(f"--- berthd of {host.name}\n{host.log('berthd')[-2500:]}")
        return "\n".join(texts)

    # What every cluster begins with.

    def form(self):
        """Until all hosts are members, surveyed and protected by their watchdogs; returns their GPUs."""
        began = time.monotonic()
        self.lab.wait_ready()
        self.pace = pace_of(time.monotonic() - began)
        for host in self.hosts:
            host.sh(f"touch {FORMED}")
        self.until("all nodes up", lambda: [n["state"] for n in self.items("node")] == ["up"] * len(self.hosts),
                   180 * PATIENCE)
        self.until("every watchdog armed", lambda: all(n["watchdog_armed"] for n in self.items("node")))
        if self.pace > 1:
            now = self.ask("cluster show")
            self.berth("cluster set " + " ".join(f"{name}={int(now[name] * self.pace)}" for name in TIMES))
        return self.until("three GPUs of each host surveyed", lambda: (g := self.items("gpu")) and len(
            [gpu for gpu in g if gpu["address"][5:7] in ("01", "02", "03")]) == 3 * len(self.hosts) and g)

    def add_vm(self, name, gpus=1, options="", **hardware):
        """Added without a pool, then assigned once for each GPU."""
        self.berth(f"vm add - {options}", given=domain_xml(name, **hardware).encode())
        for _ in range(gpus):
            self.berth(f"vm assign {name} {POOL}")

    def request(self, method, path, body):
        """What has no place on the command line, told to the API as root."""
        url = f"http://127.0.0.1:{self.any_host().forward(API_PORT)}{path}"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60 * PATIENCE) as answer:
            return json.load(answer)

    def add_user(self, name, role="administrator"):
        """Somebody who may log in at any host's console; the password."""
        password = secrets.token_urlsafe(9)
        self.berth(f"user add {name} --role {role}", given=f"{password}\n".encode())
        return password

    # Proof from outside.

    def cards(self):
        """What the outer machine reads in every card whose memory is mapped: {(host, slot): (tag, pulse)}."""
        found = {}
        for host in self.hosts:
            for slot in (1, 2):
                with contextlib.suppress(LabError, QmpError):  # a host that has just been reset shows no cards yet
                    if host.is_on and (life := host.gpu_life(slot)) is not None:
                        found[host.name, slot] = life
        return found

    def prove_alive(self, name, gpus=1, limit_s=120 * PATIENCE):
        """Until a living guest shows the tags of VM 'name' in 'gpus' cards, all on the host where Berth says it is.

        A card's reset does not clear its memory, so a tag counts only while the pulse beside it moves."""
        wanted = {tag_of(name) ^ number for number in range(gpus)}
        first = self.cards()

        def living():
            moving = {place: tag for place, (tag, pulse) in self.cards().items()
                      if tag in wanted and first.setdefault(place, (tag, pulse)) != (tag, pulse)}
            return sorted(moving) if set(moving.values()) == wanted else None
        cards = self.until(f"{name} alive in the memory of {gpus} GPU(s)", living, limit_s)
        vm = self.until("an answer that is not old", lambda: not (v := self.vm(name)).get("stale_since_ms") and v)
        demand(len(cards) == gpus, f"{name} lives in {cards}, not in {gpus} card(s)")
        demand({host for host, _ in cards} == {vm["node"]},
               f"{name} is {vm['state']} on {vm['node']}, but lives in {cards}; seen first: {first}; now: {self.cards()}")
        return vm["node"], cards

    def prove_single(self):
        """No VM runs on two hosts."""
        places = {}
        for host in self.hosts:
            if host.is_on:
                for name in host.sh("virsh -q list --name").split():
                    places.setdefault(name, []).append(host.name)
        doubles = {name: where for name, where in places.items() if len(where) > 1}
        demand(not doubles, f"running twice: {doubles}")
        return places


def demand(condition, text):
    if not condition:
        raise AssertionError(text)


class Console:
    """A host's HTTPS as this machine reaches it; believed only with the very certificate that the host has on its disk."""

    def __init__(self, host, wanted_port=0):
        self.url = f"https://127.0.0.1:{host.forward(CONSOLE_PORT, wanted_port)}/"
        host.wait_until("[ -e /var/lib/berth/https-certificate.pem ]")
        self.certificate = host.get("/var/lib/berth/https-certificate.pem").decode()
        trust = ssl.create_default_context(cadata=self.certificate)
        trust.check_hostname = False  # it names the host, not this machine's loopback
        self.opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trust))

    def ask(self, path, given=None):
        body = None if given is None else json.dumps(given).encode()
        request = urllib.request.Request(self.url.rstrip("/") + path, body, {
            "Content-Type": "application/json", "Accept": "application/json" if path.startswith("/v1") else "text/html"})
        with self.opener.open(request, timeout=60 * PATIENCE) as answer:
            return answer.read()

    def refuses(self, path):
        """The status of a refusal; None if there is none."""
        try:
            self.ask(path)
        except urllib.error.HTTPError as no:
            return no.code
        return None

    def log_in(self, user, password):
        return json.loads(self.ask("/v1/session", {"user": user, "password": password}))

    def fingerprint(self):
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.certificate)).hexdigest().upper()
        return "SHA-256 " + ":".join(digest[at:at + 2] for at in range(0, 64, 2))


# In the journal: a VM is placed again because of what became of its host.
RESTART = r"vm-placed \S+ \[host-"


class LogWatch:
    """Reads the daemons' journals as they come out of the hosts, on this machine's clock."""

    def __init__(self, lab):
        self.lab = lab
        self.begin = {host.name: len(host.log("berthd")) for host in lab.hosts}

    def wait(self, pattern, limit_s, but=()):
        """When the first line with 'pattern' came, on any host not in 'but': (monotonic seconds, line). Before a colon at
        the pattern's end a line may have the code of a cause in brackets."""
        pattern = re.sub(r":\s*$", r"(?: \\[[^]]*\\])?:", pattern)
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            for host in self.lab.hosts:
                if host.name not in but:
                    new = host.log("berthd")[self.begin[host.name]:]
                    found = re.search(f"^.*{pattern}.*$", new, re.MULTILINE)
                    if found:
                        return time.monotonic(), found[0]
            time.sleep(0.05)
        raise AssertionError(f"no {pattern!r} in the journals within {limit_s:.0f} s")


class Story:
    """The steps, in order. 'tell' takes a line for people."""

    def __init__(self, lab, tell=print):
        self.lab, self.tell = lab, tell
        self.cluster = Cluster(lab)
        self.times = {}

    STEPS = ("form", "open_console", "make_pool", "start_vms", "wait_for_gpu", "lose_host", "host_returns", "drain", "give_back")

    def show(self, words):
        self.tell(f"$ berth {words}")
        for line in self.cluster.berth(words).splitlines():
            self.tell(f"    {line}")

    def form(self):
        """three hosts form a cluster"""
        gpus = self.cluster.form()
        self.show("status")
        self.show("gpu ls")
        demand(all(gpu["verdict"] for gpu in gpus), "a GPU without a verdict")

    def open_console(self):
        """each host serves the console to a browser outside, with a login"""
        self.logins = "admin", self.cluster.add_user("admin")
        for number, host in enumerate(self.lab.hosts):
            console = Console(host, CONSOLE_PORT if number == 0 else 0)
            page = console.ask("/").decode()
            demand("<html" in page, f"{host.name} serves no page:\n{page[:500]}")
            demand(console.refuses("/v1/nodes") == 401, f"{host.name} tells without a login")
            demand(console.log_in(*self.logins)["role"] == "administrator", f"not an administrator on {host.name}")
            self.tell(f"    {console.url} (its certificate signs itself: {console.fingerprint()})")
        self.tell(f"    Open one in your browser, accept its certificate, log in as {self.logins[0]} with the password "
                  f"{self.logins[1]}")

    def make_pool(self):
        """the GPUs are dismounted and join one pool; the odd model is refused"""
        c = self.cluster
        self.show("gpu dismount --all")
        for host in self.lab.hosts:
            for slot in (1, 2, ODD_SLOT):
                driver = host.sh(f"basename $(readlink /sys/bus/pci/devices/0000:0{slot}:00.0/driver)")
                demand(driver == "vfio-pci", f"{host.name} slot {slot} is bound to {driver}")
        self.show(f"pool create {POOL} --all --model {GPU_MODEL}")
        demand(c.ask(f"pool show {POOL}")["total"] == 6, "the pool has not six GPUs")
        no = c.refused(f"pool add {POOL} node1/0000:0{ODD_SLOT}:00.0", "1002:5046", GPU_MODEL)
        self.tell(f"    refused, as it should be: {no}")

    def start_vms(self):
        """VMs from plain domain XML start where GPUs are free"""
        c = self.cluster
        self.cluster.add_vm("big", 2, "--priority high")
        self.cluster.add_vm("cad-1", options="--priority high")
        for name in ("cad-2", "cad-3", "batch-1"):
            self.cluster.add_vm(name)
        self.show("vm start big cad-1 cad-2 cad-3 batch-1")
        for name, gpus in (("big", 2), ("cad-1", 1), ("cad-2", 1), ("cad-3", 1), ("batch-1", 1)):
            node, cards = c.prove_alive(name, gpus)
            self.tell(f"    {name}: its tag {tag_of(name):08x} lives in the memory of {cards}, read from outside")
            serial = self.lab.host(node).wait_guest(name)
            demand(len(re.findall(rf"{GPU_MODEL}", serial)) >= gpus, f"{name} does not see {gpus} GPUs:\n{serial}")
        c.prove_single()
        self.show("vm ls")

    def wait_for_gpu(self):
        """one VM more than there are GPUs waits, with reasons, and starts by itself"""
        c = self.cluster
        self.cluster.add_vm("late-1")
        no = c.refused("vm start late-1", "waiting", "node1", "node2", "node3")
        self.tell(f"    {no}")
        self.show("vm explain late-1")
        self.show("vm stop batch-1")
        c.until_vm("late-1", "running")
        node, cards = c.prove_alive("late-1")
        self.tell(f"    late-1 started by itself on {node}: alive in {cards}")

    def lose_host(self):
        """a host loses its power; its VMs restart elsewhere, once it is proven gone"""
        c = self.cluster
        c.berth("vm stop cad-3")
        places = {name: c.vm(name)["node"] for name in ("big", "cad-1", "cad-2", "late-1")}
        victim = self.lab.host(places["cad-1"])
        doomed = [name for name, node in places.items() if node == victim.name]
        leader = c.ask("status")["coordinator"]
        self.tell(f"    {victim.name} runs {', '.join(doomed)}; it is {'' if leader == victim.name else 'not '}"
                  f"the coordinator ({leader})")
        watch = LogWatch(self.lab)
        lost = time.monotonic()
        victim.power_off()
        self.tell(f"    {victim.name} is without power")
        moments = []
        for label, pattern in (("silence noticed", f"node-silent {victim.name}:"),
                               ("proven off", f"node-off {victim.name}:"),
                               ("restart ordered", RESTART)):
            at, line = watch.wait(pattern, ORDER_GIVE_UP_S * PATIENCE, but=(victim.name,))
            moments.append(f"{label} {at - lost:.1f} s")
            self.tell(f"    +{at - lost:5.1f} s  {label}: {line.split('] ', 1)[-1]}")
            self.times[label] = at - lost
        first = max(doomed, key=lambda name: (c.vm(name)["priority"], name == "cad-1"))
        node, cards = c.prove_alive(first)
        self.times["guest alive"] = time.monotonic() - lost
        self.tell(f"    +{self.times['guest alive']:5.1f} s  {first} is alive on {node}: alive in {cards}")
        demand(node != victim.name, "it came back on the dead host")
        late, limit = self.times["restart ordered"], ORDER_LIMIT_S * c.pace
        at = "at default settings" if c.pace == 1 else f"at {c.pace:g} times the default times, this machine being slow"
        self.tell(f"    loss -> restart ordered: {late:.1f} s (limit {limit:.0f} s {at})"
                  f"{'' if late <= limit else ' - OVER THE LIMIT: is this machine overloaded?'}")
        for name in doomed:
            if name != first and name != "big":
                vm = c.until(f"{name} waits or runs", lambda n=name: (v := c.vm(n))["state"] in ("waiting", "running") and v)
                reasons = [f"{reason['subject']}: {reason['text']}" for reason in vm["reasons"]]
                self.tell(f"    {name} is {vm['state']}" + "".join(f"\n        {reason}" for reason in reasons))
        self.victim, self.doomed, self.survivor = victim, doomed, first
        c.prove_single()

    def host_returns(self):
        """the host is powered on again: it rejoins, starts nothing stale, and waiting VMs start"""
        c = self.cluster
        self.victim.power_on()
        self.victim.wait_ready()
        c.until(f"{self.victim.name} up", lambda: c.node(self.victim.name)["state"] == "up", 180 * PATIENCE)
        for name in self.doomed:
            c.until_vm(name, "running", 180 * PATIENCE)
            node, cards = c.prove_alive(name, 2 if name == "big" else 1)
            self.tell(f"    {name} runs on {node}: alive in {cards}")
        places = c.prove_single()
        demand(self.survivor not in self.victim.sh("virsh -q list --name").split(), "a stale VM was started")
        self.tell(f"    running where: {places}")
        self.show("status")

    def drain(self):
        """a host is drained: its VMs move, then it is drained; resume brings it back"""
        c = self.cluster
        c.berth("vm stop late-1")
        node = c.vm(self.survivor)["node"]
        before = [vm["name"] for vm in c.items("vm") if vm["node"] == node]
        self.show(f"node drain {node} --dry-run")
        self.show(f"node drain {node}")
        c.until(f"{node} drained", lambda: c.node(node)["state"] == "drained")
        demand(not self.lab.host(node).sh("virsh -q list --name").split(), f"{node} still runs VMs")
        for name in before:
            there, cards = c.prove_alive(name, 2 if name == "big" else 1)
            demand(there != node, f"{name} is still on {node}")
            self.tell(f"    {name} moved from {node} to {there}: alive in {cards}")
        c.prove_single()
        self.show(f"node resume {node}")
        c.until(f"{node} up", lambda: c.node(node)["state"] == "up")

    def give_back(self):
        """everything is unassigned and removed; the GPUs are Available, then mounted again"""
        c = self.cluster
        names = [vm["name"] for vm in c.items("vm")]
        c.refused(f"pool rm {POOL}", POOL)
        self.show(f"vm stop {' '.join(names)}")
        for name in names:
            c.berth(f"vm unassign {name} {POOL}")
        self.show(f"vm rm {' '.join(names)}")
        c.until("no claim left", lambda: c.ask(f"pool show {POOL}")["free"] == 6)
        left = self.lab.hosts[0].sh("for what in order/claims order/vms seen/vms want/vms; do "
                                    "etcdctl get --prefix --keys-only /berth/$what/; done")
        demand(not left.strip(), f"left in the store: {left}")
        members = " ".join(f"{gpu['node']}/{gpu['address']}" for gpu in c.items("gpu") if gpu.get("pool") == POOL)
        c.berth(f"pool remove {POOL} {members}")
        self.show(f"pool rm {POOL}")
        self.show("gpu mount --all")
        for host in self.lab.hosts:
            for slot in (1, 2):
                driver = host.sh(f"basename $(readlink /sys/bus/pci/devices/0000:0{slot}:00.0/driver)")
                demand(driver == "bochs-drm", f"{host.name} slot {slot} is bound to {driver}")
        self.show("gpu ls")


def sentence(step):
    return step.__doc__


def play(lab, tell):
    """All steps; returns the story for its times."""
    story = Story(lab, tell)
    for number, name in enumerate(Story.STEPS, 1):
        step = getattr(story, name)
        begin = time.monotonic()
        tell(f"\n== {number}. {sentence(step)}")
        step()
        tell(f"   held, in {time.monotonic() - begin:.1f} s")
        story.times[name] = time.monotonic() - begin
    return story
