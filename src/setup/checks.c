/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "setup/internal.h"

#include "loop/clock.h"
#include "model/name.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

enum {
    probe_writes = 20,
    slow_write_ms = 20,
    space_min_mib = 2048,
};

/* Says one line; returns whether it must be fixed first. */
static bool bad(const struct setup *setup, const char *what, const char *text)
{
    setup_say(setup, "failed   %-9s %s", what, text);
    return true;
}

static bool warn(const struct setup *setup, const char *what, const char *text)
{
    setup_say(setup, "warning  %-9s %s", what, text);
    return false;
}

static bool good(const struct setup *setup, const char *what, const char *text)
{
    setup_say(setup, "ok       %-9s %s", what, text);
    return false;
}

static bool check_port(const struct setup *setup, unsigned port)
{
    char text[300];
    int fd;
    struct error err;
    int r = setup_channel_listen(setup->address, port, &fd, &err);
    if (r == 0) {
        (void)close(fd);
        (void)snprintf(text, sizeof(text), "%s port %u is free", setup->address, port);
        return good(setup, "ports", text);
    }
    bool is_debians = setup_systemctl_says(setup, "is-active", "etcd.service");
    (void)snprintf(text, sizeof(text), "%.150s%s", err.text,
                   r == -EADDRNOTAVAIL ? "; name an address of this host with --address"
                   : is_debians ? "; Debian's etcd.service runs here. If nothing else needs it: "
                                  "systemctl disable --now etcd"
                                : "; stop what uses it: ss -ltnp");
    return bad(setup, "ports", text);
}

/* Debian starts an etcd of its own when the package is installed; Berth has berth-etcd.service. */
static bool check_etcd(const struct setup *setup)
{
    if (!setup_has_program("etcd")) {
        return bad(setup, "etcd", "not installed: apt install etcd-server");
    }
    if (setup_systemctl_says(setup, "is-active", "etcd.service")) {
        return warn(setup, "etcd",
                    "etcd.service runs here, and is not used: Berth has berth-etcd.service. If "
                    "nothing else needs it: systemctl disable --now etcd");
    }
    return good(setup, "etcd", "installed");
}

static bool check_clock(const struct setup *setup)
{
    struct timex now = {0};
    return adjtimex(&now) >= 0 && !(now.status & STA_UNSYNC)
               ? good(setup, "time", "the clock is synchronized")
               : warn(setup, "time",
                      "the clock is not synchronized: enable systemd-timesyncd or chrony");
}

static bool check_iommu(const struct setup *setup)
{
    char full[setup_path_size];
    bool has_group = false;
    DIR *directory = opendir(setup_path(setup, "/sys/kernel/iommu_groups", full));
    for (const struct dirent *each; directory && (each = readdir(directory));) {
        has_group |= each->d_name[0] != '.';
    }
    if (directory) {
        (void)closedir(directory);
    }
    return has_group ? good(setup, "iommu", "on")
                     : warn(setup, "iommu",
                            "off: VMs get no GPUs here. Turn on VT-d or AMD-Vi in the firmware, "
                            "and intel_iommu=on on the kernel's command line");
}

static bool check_watchdog(const struct setup *setup)
{
    return setup_exists(setup, "/dev/watchdog")
               ? good(setup, "watchdog", "/dev/watchdog")
               : warn(setup, "watchdog",
                      "none: load its module, such as iTCO_wdt or sp5100_tco, or set a fence agent "
                      "with \"berth node set\"");
}

static bool check_libvirt(const struct setup *setup)
{
    return setup_exists(setup, "/run/libvirt/libvirt-sock") ||
                   setup_exists(setup, "/run/libvirt/virtqemud-sock")
               ? good(setup, "libvirt", "its socket is there")
               : bad(setup, "libvirt",
                     "does not run: apt install libvirt-daemon-system qemu-system-x86");
}

static bool check_guests(const struct setup *setup)
{
    return setup_systemctl_says(setup, "is-enabled", "libvirt-guests.service")
               ? warn(
                     setup, "guests",
                     "libvirt-guests.service suspends VMs when the host goes down, and starts them "
                     "beside Berth: systemctl disable libvirt-guests")
               : good(setup, "guests", "libvirt-guests is off");
}

/* How long a write takes until it is on the disk, where the store will be. */
static bool check_disk(const struct setup *setup)
{
    char full[setup_path_size], block[4096] = {0}, text[160];
    struct statvfs space;
    setup_path(setup, "/var/lib", full);
    if (statvfs(full, &space) == 0 &&
        space.f_bavail * space.f_frsize / 1024 / 1024 < space_min_mib) {
        return bad(setup, "disk", "less than 2 GiB are free below /var/lib");
    }
    CLEANUP(closep) int fd = open(full, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    int64_t begun_us = clock_monotonic_us();
    for (int i = 0; i < probe_writes && fd >= 0; i++) {
        if (write(fd, block, sizeof(block)) < 0 || fdatasync(fd) < 0) {
            return bad(setup, "disk", "cannot write below /var/lib");
        }
    }
    double ms = (double)(clock_monotonic_us() - begun_us) / 1e3 / probe_writes;
    (void)snprintf(text, sizeof(text), "a write takes %.1f ms below /var/lib", ms);
    if (ms > slow_write_ms) {
        (void)snprintf(text, sizeof(text),
                       "a write takes %.1f ms below /var/lib: a store on it misses heartbeats; use "
                       "an SSD",
                       ms);
        return warn(setup, "disk", text);
    }
    return good(setup, "disk", text);
}

static bool check_name(const struct setup *setup)
{
    struct error err;
    return name_check("node", setup->node, &err) < 0 ? bad(setup, "name", err.text)
                                                     : good(setup, "name", setup->node);
}

int setup_check(const struct setup *setup, struct error *err)
{
    bool is_bad = check_name(setup);
    is_bad |= check_etcd(setup);
    is_bad |= check_port(setup, setup_client_port);
    is_bad |= check_port(setup, setup_peer_port);
    is_bad |= check_clock(setup);
    is_bad |= check_disk(setup);
    if (!setup->is_witness) {
        is_bad |= check_libvirt(setup);
        is_bad |= check_guests(setup);
        is_bad |= check_iommu(setup);
        is_bad |= check_watchdog(setup);
    }
    return is_bad ? error_set(err, -EINVAL, "correct what failed, then run this again") : 0;
}
