/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fence/watchdog.h"

#include "base/parse.h"
#include "fence/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

enum { timeout_max_ms = 3600 * 1000 };

struct watchdog {
    struct watchdog_config config;
    char device[watchdog_path_size];
    char identity[64];
    msec_t timeout_ms;
    int fd;
};

/* ---- the real device ---- */

static int real_open(void *userdata, const char *path)
{
    (void)userdata;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int real_ioctl(void *userdata, int fd, unsigned long request, void *argument)
{
    (void)userdata;
    return ioctl(fd, request, argument) < 0 ? -errno : 0;
}

static int real_write(void *userdata, int fd, char c)
{
    (void)userdata;
    ssize_t written = write(fd, &c, 1);
    return written == 1 ? 0 : written < 0 ? -errno : -EIO;
}

static void real_close(void *userdata, int fd)
{
    (void)userdata;
    (void)close(fd);
}

const struct watchdog_config watchdog_config_default = {
    .device = "auto",
    .keeper = "/run/berthd/watchdog",
    .minimum_ms = 2000,
};

static const struct watchdog_io real_io = {
    .open = real_open, .ioctl = real_ioctl, .write = real_write, .close = real_close};

static int control(struct watchdog *watchdog, unsigned long request, void *argument)
{
    const struct watchdog_io *io = &watchdog->config.io;
    return io->ioctl(io->userdata, watchdog->fd, request, argument);
}

static int watchdog_put(struct watchdog *watchdog, char c)
{
    const struct watchdog_io *io = &watchdog->config.io;
    return io->write(io->userdata, watchdog->fd, c);
}

static struct watchdog *new_watchdog(const struct watchdog_config *config)
{
    struct watchdog *watchdog = calloc(1, sizeof(*watchdog));
    if (watchdog) {
        watchdog->config = *config;
        watchdog->fd = -1;
        if (!config->io.open) {
            watchdog->config.io = real_io;
        }
    }
    return watchdog;
}

struct watchdog *watchdog_free(struct watchdog *watchdog)
{
    if (watchdog && watchdog->fd >= 0) {
        watchdog->config.io.close(watchdog->config.io.userdata, watchdog->fd);
    }
    free(watchdog);
    return NULL;
}

/* ---- arming ---- */

static int check_wish(const struct watchdog_config *config, msec_t timeout_ms, struct error *err)
{
    if (timeout_ms <= 0 || timeout_ms % 1000 != 0 || timeout_ms > timeout_max_ms ||
        timeout_ms < config->minimum_ms) {
        return error_set(err, -EINVAL,
                         "a watchdog takes whole seconds, here from %lld to %d ms, not %lld ms",
                         (long long)config->minimum_ms, timeout_max_ms, (long long)timeout_ms);
    }
    return 0;
}

/* What can be known without opening, which would start it. */
static int check_state(const struct watchdog_config *config, const char *device, msec_t timeout_ms,
                       struct error *err)
{
    struct watchdog_state state;
    if (watchdog_inspect(config, &state, NULL) < 0) {
        return 0; /* the device itself will tell */
    }
    if ((state.least_ms > 0 && timeout_ms < state.least_ms) ||
        (state.most_ms > 0 && timeout_ms > state.most_ms)) {
        return error_set(err, -ERANGE, "%s (%s) takes %lld to %lld ms, not %lld ms", device,
                         state.identity, (long long)state.least_ms, (long long)state.most_ms,
                         (long long)timeout_ms);
    }
    if (watchdog_is_toothless(config, &state)) {
        return error_set(err, -ENODEV,
                         "softdog was loaded with soft_noboot: it would not reset "
                         "this host. Load it without");
    }
    return 0;
}

static int open_device(struct watchdog *watchdog, struct error *err)
{
    char path[2 * watchdog_path_size];
    const struct watchdog_io *io = &watchdog->config.io;
    (void)snprintf(path, sizeof(path), "%s%s", watchdog->config.root, watchdog->device);
    int fd = io->open(io->userdata, path);
    if (fd == -EBUSY) {
        return error_set(err, fd,
                         "%s is held by another process: an older berthd or its keeper, or "
                         "systemd (RuntimeWatchdogSec)?",
                         watchdog->device);
    }
    if (fd < 0) {
        return error_set(err, fd, "%s cannot be opened: %s", watchdog->device, strerror(-fd));
    }
    watchdog->fd = fd;
    return 0;
}

static int read_identity(struct watchdog *watchdog, struct error *err)
{
    struct watchdog_info info = {0};
    int result = control(watchdog, WDIOC_GETSUPPORT, &info);
    if (result < 0) {
        return error_set(err, -ENODEV, "%s is no watchdog: %s", watchdog->device,
                         strerror(-result));
    }
    (void)snprintf(watchdog->identity, sizeof(watchdog->identity), "%.*s",
                   (int)sizeof(info.identity), (const char *)info.identity);
    if (info.options & WDIOF_ALARMONLY) {
        return error_set(err, -ENODEV, "%s (%s) only gives an alarm, it resets nothing",
                         watchdog->device, watchdog->identity);
    }
    return 0;
}

static int read_timeout(struct watchdog *watchdog, struct error *err)
{
    int seconds = 0;
    int result = control(watchdog, WDIOC_GETTIMEOUT, &seconds);
    if (result < 0 || seconds <= 0) {
        return error_set(err, result < 0 ? result : -EIO, "%s (%s) does not tell its time-out",
                         watchdog->device, watchdog->identity);
    }
    watchdog->timeout_ms = (msec_t)seconds * 1000;
    return 0;
}

/* The driver may round what it is given, or take nothing at all; what it says afterwards counts. */
static int set_timeout(struct watchdog *watchdog, msec_t timeout_ms, struct error *err)
{
    int seconds = (int)(timeout_ms / 1000);
    int refused = control(watchdog, WDIOC_SETTIMEOUT, &seconds);
    int result = read_timeout(watchdog, err);
    if (result < 0) {
        return result;
    }
    if (watchdog->timeout_ms > timeout_ms || watchdog->timeout_ms < watchdog->config.minimum_ms) {
        return error_set(err, -ERANGE, "%s (%s) holds %lld ms, not %lld ms%s%s", watchdog->device,
                         watchdog->identity, (long long)watchdog->timeout_ms, (long long)timeout_ms,
                         refused ? ": " : "", refused ? strerror(-refused) : "");
    }
    return watchdog_pet(watchdog, err);
}

/* Opening has started it: undo that, or say that it could not be undone. */
static void stop_again(struct watchdog *watchdog, struct error *err)
{
    int disable = WDIOS_DISABLECARD;
    int stopped = control(watchdog, WDIOC_SETOPTIONS, &disable);
    int magic = watchdog_put(watchdog, 'V');
    if (stopped < 0 && magic < 0) {
        (void)error_wrap(err, "%s cannot be stopped again, so THIS HOST WILL BE RESET",
                         watchdog->device);
    }
}

int watchdog_arm(const struct watchdog_config *config, msec_t timeout_ms, struct watchdog **ret,
                 struct error *err)
{
    CLEANUP(watchdog_freep) struct watchdog *watchdog = new_watchdog(config);
    struct error own = {0};
    if (!watchdog) {
        return error_set(err, -ENOMEM, "no memory for the watchdog");
    }
    int result = check_wish(config, timeout_ms, &own);
    if (result == 0) {
        result = watchdog_find(config, watchdog->device, &own);
    }
    if (result == 0) {
        result = check_state(config, watchdog->device, timeout_ms, &own);
    }
    if (result == 0) {
        result = open_device(watchdog, &own);
    }
    if (result == 0) {
        result = read_identity(watchdog, &own);
        if (result == 0) {
            result = set_timeout(watchdog, timeout_ms, &own);
        }
        if (result < 0) {
            stop_again(watchdog, &own);
        }
    }
    if (result < 0) {
        if (err) {
            *err = own;
        }
        return result;
    }
    *ret = TAKE(watchdog);
    return 0;
}

int watchdog_adopt(const struct watchdog_config *config, struct watchdog **ret,
                   struct watchdog_holder *ret_holder, struct error *err)
{
    struct watchdog_holder holder;
    CLEANUP(watchdog_freep) struct watchdog *watchdog = new_watchdog(config);
    if (!watchdog) {
        return error_set(err, -ENOMEM, "no memory for the watchdog");
    }
    int result =
        keeper_take(config->keeper, &config->holder, &watchdog->fd, watchdog->device, &holder, err);
    if (result == 0 && ret_holder) {
        *ret_holder = holder;
    }
    if (result == 0) {
        result = read_identity(watchdog, err);
    }
    if (result == 0) {
        result = read_timeout(watchdog, err);
    }
    if (result == 0) {
        *ret = TAKE(watchdog);
    }
    return result;
}

int watchdog_keep(struct watchdog *watchdog, struct error *err)
{
    return keeper_start(watchdog->config.keeper, watchdog->fd, watchdog->device,
                        &watchdog->config.holder, err);
}

int watchdog_hold_for(struct watchdog *watchdog, const struct watchdog_holder *holder,
                      struct error *err)
{
    watchdog->config.holder = *holder;
    int result = keeper_hold_for(watchdog->config.keeper, holder);
    return result < 0 && result != -ENOENT
               ? error_set(err, result, "the watchdog's keeper does not answer: %s",
                           strerror(-result))
               : 0;
}

int watchdog_pet(struct watchdog *watchdog, struct error *err)
{
    int ignored = 0;
    int result = control(watchdog, WDIOC_KEEPALIVE, &ignored);
    if (result == -ENOTTY || result == -EOPNOTSUPP) {
        result = watchdog_put(watchdog, '\0'); /* any byte but 'V' */
    }
    if (result < 0) {
        return error_set(err, result, "%s (%s) could not be petted, so it will reset this host: %s",
                         watchdog->device, watchdog->identity, strerror(-result));
    }
    return 0;
}

msec_t watchdog_timeout_ms(const struct watchdog *watchdog)
{
    return watchdog->timeout_ms;
}

const char *watchdog_identity(const struct watchdog *watchdog)
{
    return watchdog->identity;
}

const char *watchdog_device(const struct watchdog *watchdog)
{
    return watchdog->device;
}

/* ---- disarming ---- */

/* Some drivers know no WDIOS_DISABLECARD: for them the magic character is what stops. */
static int watchdog_stop(struct watchdog *watchdog, struct error *err)
{
    struct watchdog_state state;
    struct watchdog_config config = watchdog->config;
    int disable = WDIOS_DISABLECARD;
    int result = control(watchdog, WDIOC_SETOPTIONS, &disable);
    if (result == -ENOTTY || result == -EOPNOTSUPP || result == -EINVAL) {
        (void)copy_text(config.device, sizeof(config.device), watchdog->device);
        bool is_fixed = watchdog_inspect(&config, &state, NULL) == 0 && state.is_nowayout;
        result = is_fixed ? -EPERM : 0;
    }
    if (result == 0) {
        result = watchdog_put(watchdog, 'V');
    }
    if (result < 0) {
        return error_set(err, result, "%s (%s) cannot be stopped and stays armed: %s",
                         watchdog->device, watchdog->identity,
                         result == -EBUSY || result == -EPERM ? "nowayout is set"
                                                              : strerror(-result));
    }
    return 0;
}

int watchdog_disarm(struct watchdog **watchdog, struct error *err)
{
    int result = watchdog_stop(*watchdog, err);
    if (result < 0) {
        return result;
    }
    (void)keeper_end((*watchdog)->config.keeper);
    *watchdog = watchdog_free(*watchdog);
    return 0;
}
