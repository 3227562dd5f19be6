/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/services.h"

#include "host/internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define UNITS "/etc/systemd/system"

static bool has_entry(const struct host_config *config, const char *folder, const char *name)
{
    host_entries_t entries = host_list(config, "%s", folder);
    bool is_there = false;
    VEC_EACH(&entries, entry) {
        is_there |= strcmp(entry->name, name) == 0;
    }
    VEC_DONE(&entries);
    return is_there;
}

/* Whether systemctl enabled 'unit': some other unit wants it, or requires it. */
static bool is_enabled(const struct host_config *config, const char *unit)
{
    host_entries_t folders = host_list(config, UNITS);
    char masked[16], folder[128];
    bool is_wanted = false;
    VEC_EACH(&folders, each) {
        const char *ending = strrchr(each->name, '.');
        if (ending && (strcmp(ending, ".wants") == 0 || strcmp(ending, ".requires") == 0)) {
            (void)snprintf(folder, sizeof(folder), UNITS "/%s", each->name);
            is_wanted |= has_entry(config, folder, unit);
        }
    }
    VEC_DONE(&folders);
    return is_wanted && !(host_link(config, masked, sizeof(masked), UNITS "/%s", unit) &&
                          strcmp(masked, "/dev/null") == 0);
}

/* ---- files of settings ---- */

/* The word behind 'key' and any of "=: \t\"", up to a blank, quote or semicolon. A line of
 * something else leaves 'value' as it was. */
static void take_value(const char *line, const char *key, char *value, size_t size)
{
    size_t len = strlen(key);
    if (strncasecmp(line, key, len) == 0 && strchr("= \t\":", line[len])) {
        line += len;
        line += strspn(line, "= \t\"");
        (void)snprintf(value, size, "%.*s", (int)strcspn(line, " \t\";#"), line);
    }
}

/* The value that the last line with 'key' has; what 'value' was before, without any. */
static void read_file(const struct host_config *config, const char *path, const char *key,
                      char *value, size_t size)
{
    CLEANUP(buf_done) struct buf text = {0};
    char line[256];
    (void)host_read_all(config, &text, path);
    for (const char *at = buf_str(&text); *at; at += strcspn(at, "\n"), at += *at == '\n') {
        at += strspn(at, " \t");
        (void)snprintf(line, sizeof(line), "%.*s", (int)MIN(strcspn(at, "\n"), sizeof(line) - 1),
                       at);
        take_value(line, key, value, size);
    }
}

/* The same in the files of a folder, in their order. */
static void read_folder(const struct host_config *config, const char *folder, const char *ending,
                        const char *key, char *value, size_t size)
{
    host_entries_t files = host_list(config, "%s", folder);
    char path[192];
    VEC_EACH(&files, file) {
        size_t len = strlen(file->name), end = strlen(ending);
        if (len >= end && strcmp(file->name + len - end, ending) == 0) {
            (void)snprintf(path, sizeof(path), "%s/%s", folder, file->name);
            read_file(config, path, key, value, size);
        }
    }
    VEC_DONE(&files);
}

static bool is_yes(const char *value)
{
    static const char *const words[] = {"true", "yes", "1", "on", "with", "enable"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasecmp(value, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- what is looked for ---- */

struct services {
    const struct host_config *config;
    node_checks_t *checks;
    size_t found;
    bool failed;
};

#define FOUND(s, name, is_advice, format, ...)                                                     \
    services_add(s, node_checks_add((s)->checks, name, false, format, ##__VA_ARGS__), is_advice)

static void services_add(struct services *s, struct node_check *check, bool is_advice)
{
    s->found++;
    s->failed |= !check;
    if (check) {
        check->is_advice = is_advice;
    }
}

static void look_at_guests(struct services *s)
{
    if (is_enabled(s->config, "libvirt-guests.service")) {
        FOUND(
            s, "libvirt-guests", false,
            "libvirt-guests.service is enabled: it suspends or stops VMs when the host goes down, "
            "and starts them again beside Berth: systemctl disable --now libvirt-guests");
    }
}

static void look_at_reboots(struct services *s)
{
    char apt[32] = "", dnf[32] = "";
    read_folder(s->config, "/etc/apt/apt.conf.d", "", "Unattended-Upgrade::Automatic-Reboot", apt,
                sizeof(apt));
    read_file(s->config, "/etc/apt/apt.conf", "Unattended-Upgrade::Automatic-Reboot", apt,
              sizeof(apt));
    read_file(s->config, "/etc/dnf/automatic.conf", "reboot", dnf, sizeof(dnf));
    if (is_yes(apt)) {
        FOUND(s, "automatic-reboot", true,
              "unattended-upgrades reboots hosts at any time, perhaps all at once: echo "
              "'Unattended-Upgrade::Automatic-Reboot \"false\";' >/etc/apt/apt.conf.d/99berth; use "
              "\"berth node reboot --all\"");
    }
    if (dnf[0] && strcmp(dnf, "never") != 0) {
        FOUND(s, "automatic-reboot", true,
              "dnf-automatic reboots hosts at any time, perhaps all at once: set reboot = never in "
              "/etc/dnf/automatic.conf; use \"berth node reboot --all\"");
    }
}

/* Later files count more; of files of one name, that of /etc. Whether /usr has one of the same name
 * is not looked at: then both say it, and the one of /etc comes later. */
static void look_at_watchdog(struct services *s)
{
    static const char *const daemons[] = {"watchdog.service", "wd_keepalive.service"};
    char value[32] = "";
    read_file(s->config, "/etc/systemd/system.conf", "RuntimeWatchdogSec", value, sizeof(value));
    read_folder(s->config, "/usr/lib/systemd/system.conf.d", ".conf", "RuntimeWatchdogSec", value,
                sizeof(value));
    read_folder(s->config, "/etc/systemd/system.conf.d", ".conf", "RuntimeWatchdogSec", value,
                sizeof(value));
    if (value[0] && strcmp(value, "0") != 0 && strcasecmp(value, "off") != 0) {
        FOUND(
            s, "system-watchdog", false,
            "systemd holds the watchdog (RuntimeWatchdogSec=%s), not berthd: remove that line from "
            "system.conf and system.conf.d in /etc/systemd, then: systemctl daemon-reexec; "
            "systemctl restart berthd",
            value);
    }
    for (size_t i = 0; i < ARRAY_LEN(daemons); i++) {
        if (is_enabled(s->config, daemons[i])) {
            FOUND(s, "system-watchdog", false,
                  "%s is enabled and holds the watchdog, so berthd cannot: systemctl disable --now "
                  "%s && systemctl restart berthd",
                  daemons[i], daemons[i]);
        }
    }
}

static void look_at_network(struct services *s)
{
    static const struct {
        const char *manager, *waiter;
    } networks[] = {
        {"systemd-networkd.service", "systemd-networkd-wait-online.service"},
        {"NetworkManager.service", "NetworkManager-wait-online.service"},
    };
    bool waits = false;
    const char *missing = NULL;
    for (size_t i = 0; i < ARRAY_LEN(networks); i++) {
        bool is_waited = is_enabled(s->config, networks[i].waiter);
        waits |= is_waited;
        missing =
            is_enabled(s->config, networks[i].manager) && !is_waited ? networks[i].waiter : missing;
    }
    if (missing && !waits) {
        FOUND(s, "network-wait", true,
              "nothing waits for the network at boot, so berthd and the store start before there "
              "are addresses, and fail until there are: systemctl enable %s",
              missing);
    }
}

static void look_at_firewall(struct services *s)
{
    static const char *const units[] = {"nftables.service",     "firewalld.service",
                                        "ufw.service",          "netfilter-persistent.service",
                                        "pve-firewall.service", "proxmox-firewall.service",
                                        "shorewall.service",    "iptables.service"};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (is_enabled(s->config, units[i])) {
            return;
        }
    }
    FOUND(s, "firewall", true,
          "no firewall is enabled: anyone on the network, also guests, reaches the store's ports: "
          "write the rules of docs/SECURITY.md to /etc/nftables.conf, then: systemctl enable --now "
          "nftables");
}

bool host_services_check(const char *root, node_checks_t *checks)
{
    struct host_config config = {0};
    struct services s = {.config = &config, .checks = checks};
    (void)snprintf(config.root, sizeof(config.root), "%s", root);
    if (!host_exists(&config, UNITS)) {
        return true; /* no systemd */
    }
    look_at_guests(&s);
    look_at_reboots(&s);
    look_at_watchdog(&s);
    look_at_network(&s);
    look_at_firewall(&s);
    if (s.found == 0) {
        s.failed |=
            !node_checks_add(checks, "services", true, "nothing else on this host gets in the way");
    }
    return !s.failed;
}
