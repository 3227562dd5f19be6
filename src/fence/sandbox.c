/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fence agents parse what devices on the network answer, and their parameters come from the store.
 * None of them needs to be root to turn a machine off, so none is. Where systemd runs, an agent is
 * a transient unit with a user of its own, without capabilities, with a read-only file system. Else
 * it is a process of an unprivileged user that can gain no privileges and has limits. berthd has
 * no third way: if neither can be had, the agent does not run.
 *
 * Both programs pass on the agent's exit code. Their own failures are 1, 127 or 200 and more,
 * never 0 (done) or 2 (off).
 */
#include "fence/internal.h"

#include <assert.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

enum { uid_nobody = 65534 };

/* Not getpwnam(): a directory service on the network could keep it waiting while a host is to be
 * fenced. */
static uid_t user_of_agents(void)
{
    uid_t nobody = uid_nobody, own = 0;
    FILE *file = fopen("/etc/passwd", "re");
    for (struct passwd *each; file && own == 0 && (each = fgetpwent(file));) {
        if (strcmp(each->pw_name, "berth-fence") == 0) {
            own = each->pw_uid;
        } else if (strcmp(each->pw_name, "nobody") == 0 && each->pw_uid != 0) {
            nobody = each->pw_uid;
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return own != 0 ? own : nobody;
}

static void sandbox_add(struct fence_sandbox *sandbox, const char *argument)
{
    size_t len = 0;
    while (sandbox->arguments[len]) {
        len++;
    }
    assert(len + 1 < fence_arguments_max);
    sandbox->arguments[len] = (char *)(uintptr_t)argument;
}

/* AF_NETLINK: the C library asks the kernel which addresses this host has. */
static const char *const unit_properties[] = {
    "--property=DynamicUser=yes",
    "--property=NoNewPrivileges=yes",
    "--property=CapabilityBoundingSet=",
    "--property=ProtectSystem=strict",
    "--property=ProtectHome=yes",
    "--property=ProtectProc=invisible",
    "--property=ProtectClock=yes",
    "--property=ProtectHostname=yes",
    "--property=ProtectControlGroups=yes",
    "--property=ProtectKernelLogs=yes",
    "--property=ProtectKernelModules=yes",
    "--property=ProtectKernelTunables=yes",
    "--property=PrivateDevices=yes",
    "--property=PrivateTmp=yes",
    "--property=InaccessiblePaths=-/etc/berth -/run/berth -/run/berthd -/var/lib/berth",
    "--property=RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "--property=RestrictNamespaces=yes",
    "--property=RestrictRealtime=yes",
    "--property=RestrictSUIDSGID=yes",
    "--property=LockPersonality=yes",
    "--property=SystemCallArchitectures=native",
    "--property=SystemCallFilter=@system-service",
    "--property=MemoryMax=512M",
    "--property=TasksMax=64",
    "--property=LimitCORE=0",
    "--property=TimeoutStopSec=1s",
};

static void make_unit(struct fence_sandbox *sandbox, msec_t limit_ms)
{
    sandbox_add(sandbox, "/usr/bin/systemd-run");
    sandbox_add(sandbox, "--quiet");
    sandbox_add(sandbox, "--pipe"); /* standard input and output are ours; waits for the end */
    sandbox_add(sandbox, "--wait");
    sandbox_add(sandbox, "--collect");
    sandbox_add(sandbox, "--service-type=exec");
    sandbox_add(sandbox, "--description=Berth: fence agent");
    sandbox_add(sandbox, "--setenv=LC_ALL=C");
    for (size_t i = 0; i < ARRAY_LEN(unit_properties); i++) {
        sandbox_add(sandbox, unit_properties[i]);
    }
    /* Who kills systemd-run at the limit does not kill the unit: it ends by itself. */
    (void)snprintf(sandbox->limit, sizeof(sandbox->limit), "--property=RuntimeMaxSec=%lldms",
                   (long long)MAX(limit_ms, INT64_C(1000)));
    sandbox_add(sandbox, sandbox->limit);
    sandbox_add(sandbox, "--");
}

static void make_process(struct fence_sandbox *sandbox)
{
    sandbox_add(sandbox, "/usr/bin/prlimit");
    sandbox_add(sandbox, "--core=0");
    sandbox_add(sandbox, "--nofile=256");
    sandbox_add(sandbox, "--fsize=16777216");
    sandbox_add(sandbox, "--as=2147483648");
    sandbox_add(sandbox, "/usr/bin/setpriv");
    sandbox_add(sandbox, "--no-new-privs");
    if (geteuid() == 0) {
        (void)snprintf(sandbox->user, sizeof(sandbox->user), "%u", (unsigned)user_of_agents());
        sandbox_add(sandbox, "--clear-groups");
        sandbox_add(sandbox, "--regid");
        sandbox_add(sandbox, sandbox->user);
        sandbox_add(sandbox, "--reuid");
        sandbox_add(sandbox, sandbox->user);
    }
    sandbox_add(sandbox, "--");
}

bool fence_sandbox_has_units(void)
{
    return access("/run/systemd/system", F_OK) == 0 &&
           access("/run/dbus/system_bus_socket", F_OK) == 0 &&
           access("/usr/bin/systemd-run", X_OK) == 0;
}

void fence_sandbox_make(char *program, msec_t limit_ms, bool is_unit, struct fence_sandbox *ret)
{
    *ret = (struct fence_sandbox){0};
    if (is_unit) {
        make_unit(ret, limit_ms);
    } else {
        make_process(ret);
    }
    sandbox_add(ret, program);
}
