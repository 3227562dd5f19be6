/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's watchdog device: resets this host unless it is petted in time. Source: the kernel's
 * Documentation/watchdog/watchdog-api.rst and drivers/watchdog/watchdog_dev.c.
 *
 * Three facts of that driver core shape this interface:
 *  - opening the device starts it, and pets it;
 *  - the last close without the magic character leaves it running, and PETS IT ONCE MORE. So a
 *    berthd that is killed would lend its VMs one more watchdog time. A keeper, a process that only
 *    holds the device open, prevents that: see watchdog_keep();
 *  - a "nowayout" watchdog can never be stopped again.
 *
 * Whole seconds only. softdog ("Software Watchdog") is a kernel timer: it does not fire if the
 * kernel hangs with interrupts off. i6300esb counts in steps of 32768 / 33 MHz, so it fires up to
 * 1.7 % late. Calls do not block longer than an ioctl; any one thread.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "model/limits.h"

enum { watchdog_path_size = 108 };

/* How the device is reached; tests put their own here. Return values as the system calls with
 * negative errno instead of -1. */
struct watchdog_io {
    int (*open)(void *userdata, const char *path);
    int (*ioctl)(void *userdata, int fd, unsigned long request, void *argument);
    int (*write)(void *userdata, int fd, char c);
    void (*close)(void *userdata, int fd);
    void *userdata;
};

/* For whom a keeper holds the watchdog. */
struct watchdog_holder {
    char cluster[cluster_id_size]; /* "": not known */
    char node[name_size];          /* "": not known */
    uint64_t incarnation;
};

struct watchdog_config {
    char device[watchdog_path_size]; /* "/dev/watchdog0"; "auto": the first there is */
    char root[watchdog_path_size];   /* "" is the real one; else holds sys/ and dev/ */
    char keeper[watchdog_path_size]; /* Unix socket of the keeper, "/run/berthd/watchdog" */
    struct watchdog_holder holder;   /* who we are */
    msec_t minimum_ms;               /* a hardware time-out below this is refused */
    struct watchdog_io io;           /* .open NULL: the real one */
};

extern const struct watchdog_config watchdog_config_default;

/* What sysfs says; nothing is opened, so nothing is petted. */
struct watchdog_state {
    char device[watchdog_path_size];
    char identity[64]; /* "i6300ESB timer", "Software Watchdog" */
    bool is_active;    /* it is ticking, no matter who started it */
    bool is_nowayout;
    bool is_software;
    msec_t timeout_ms;
    msec_t timeleft_ms;       /* -1: the driver does not say */
    msec_t least_ms, most_ms; /* range; 0: the driver does not say */
};

/* -ENOENT: there is no such watchdog (no module loaded); -EIO: sysfs makes no sense. A kernel
 * without CONFIG_WATCHDOG_SYSFS: -ENODATA with only 'device' filled in. */
int watchdog_inspect(const struct watchdog_config *config, struct watchdog_state *ret,
                     struct error *err);

struct watchdog;

/*
 * Starts the watchdog with 'timeout_ms' and owns it. From now on the host is reset that long after
 * the last watchdog_pet(). The hardware's own value is read back: watchdog_timeout_ms() is at most
 * 'timeout_ms' (and at least config->minimum_ms), else the watchdog is stopped again.
 *
 * -EINVAL   'timeout_ms' is no whole number of seconds, or below the minimum
 * -ENOENT   no such device;  -ENODEV  it is no watchdog
 * -EBUSY    another process has it open (systemd's RuntimeWatchdogSec, a predecessor's keeper)
 * -ERANGE   the hardware cannot hold the time-out
 * others    what the driver says
 */
int watchdog_arm(const struct watchdog_config *config, msec_t timeout_ms, struct watchdog **ret,
                 struct error *err);

/*
 * Takes over the watchdog that a predecessor armed, from its keeper, without petting it; it goes on
 * ticking from the predecessor's last pet. The keeper stays.
 * '*ret_holder' (may be NULL) is who it is kept for: config->holder, or more than that says. The
 * watchdog vouches for that host's VMs, so no other one may pet it.
 * -ENOENT: there is no keeper, so nothing to take over.
 * -EBUSY: it is kept for another host or cluster.
 */
int watchdog_adopt(const struct watchdog_config *config, struct watchdog **ret,
                   struct watchdog_holder *ret_holder, struct error *err);

/*
 * Starts the keeper: a process of its own (not in this session, no child that anybody waits for)
 * that holds the device open when this process dies and hands it to watchdog_adopt(). Does nothing
 * if there is one already. Forks: best called before other threads exist. Whatever ends all
 * processes of a service (systemd's KillMode=control-group) ends the keeper too: use
 * KillMode=process.
 */
int watchdog_keep(struct watchdog *watchdog, struct error *err);

/* We are 'holder' from now on, and a keeper, if there is one, holds the watchdog for it. */
int watchdog_hold_for(struct watchdog *watchdog, const struct watchdog_holder *holder,
                      struct error *err);

/* Postpones the reset by the whole time-out. 0, or negative errno: NOT petted, the reset comes. */
int watchdog_pet(struct watchdog *watchdog, struct error *err);

/* What the hardware was armed with. */
msec_t watchdog_timeout_ms(const struct watchdog *watchdog);
const char *watchdog_identity(const struct watchdog *watchdog);
const char *watchdog_device(const struct watchdog *watchdog);

/*
 * Stops the watchdog, ends the keeper, frees '*watchdog' and sets it to NULL: only when no VM needs
 * fencing any more. If the driver refuses (nowayout) the watchdog stays armed and owned, and must
 * be petted on: -EPERM or what the driver says.
 */
int watchdog_disarm(struct watchdog **watchdog, struct error *err);

/* Lets go without stopping: it ticks on, and without a keeper is petted once by the kernel.
 * Returns NULL; accepts NULL. */
struct watchdog *watchdog_free(struct watchdog *watchdog);
CLEANUP_POINTER(struct watchdog, watchdog_free)
