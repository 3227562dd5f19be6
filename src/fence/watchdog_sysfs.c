/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What /sys/class/watchdog tells without opening anything (Documentation/ABI/testing/
 * sysfs-class-watchdog of the kernel). */
#include "fence/internal.h"

#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { path_max = 2 * watchdog_path_size + 64, devices_max = 8, timeout_max_s = 24 * 3600 };

static const char software_identity[] = "Software Watchdog";

/* First line of a file below the root; false, 'ret' empty, if it cannot be read. */
static bool read_text(const struct watchdog_config *config, char *ret, size_t size,
                      const char *format, ...) PRINTF_LIKE(4, 5);

static bool read_text(const struct watchdog_config *config, char *ret, size_t size,
                      const char *format, ...)
{
    char path[path_max];
    int root = snprintf(path, sizeof(path), "%s", config->root);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(path + root, sizeof(path) - (size_t)root, format, args);
    va_end(args);
    ret[0] = '\0';
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, ret, size - 1);
    if (got < 0) {
        return false;
    }
    ret[got] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
    return true;
}

static const char *base_name(const char *device)
{
    const char *slash = strrchr(device, '/');
    const char *name = slash ? slash + 1 : device;
    return strcmp(name, "watchdog") == 0 ? "watchdog0" : name; /* the old name of the first one */
}

/* Seconds as milliseconds; 'otherwise' if the attribute is not there or makes no sense. */
static msec_t read_seconds(const struct watchdog_config *config, const char *name,
                           const char *attribute, msec_t otherwise)
{
    char text[32];
    uint64_t seconds;
    return read_text(config, text, sizeof(text), "/sys/class/watchdog/%s/%s", name, attribute) &&
                   parse_u64(text, timeout_max_s, &seconds)
               ? (msec_t)seconds * 1000
               : otherwise;
}

static bool has_device(const struct watchdog_config *config, const char *device)
{
    char path[path_max];
    (void)snprintf(path, sizeof(path), "%s%s", config->root, device);
    return access(path, F_OK) == 0;
}

/* The first real one; else the first. */
static bool find_any(const struct watchdog_config *config, char *ret)
{
    char identity[64];
    bool is_found = false;
    for (int i = 0; i < devices_max; i++) {
        char device[watchdog_path_size];
        (void)snprintf(device, sizeof(device), "/dev/watchdog%d", i);
        if (!has_device(config, device)) {
            continue;
        }
        bool is_known = read_text(config, identity, sizeof(identity),
                                  "/sys/class/watchdog/%s/identity", base_name(device));
        bool is_real = is_known && strcmp(identity, software_identity) != 0;
        if (!is_found || is_real) {
            (void)copy_text(ret, watchdog_path_size, device);
            is_found = true;
        }
        if (is_real) {
            break;
        }
    }
    return is_found;
}

int watchdog_find(const struct watchdog_config *config, char *ret, struct error *err)
{
    if (strcmp(config->device, "auto") == 0) {
        return find_any(config, ret)
                   ? 0
                   : error_set(err, -ENOENT,
                               "this host has no watchdog device: load its driver (i6300esb, "
                               "iTCO_wdt, sp5100_tco, ...), or softdog if it has none");
    }
    (void)copy_text(ret, watchdog_path_size, config->device);
    return has_device(config, ret)
               ? 0
               : error_set(err, -ENOENT, "there is no %s: is the watchdog's driver loaded?",
                           config->device);
}

int watchdog_inspect(const struct watchdog_config *config, struct watchdog_state *ret,
                     struct error *err)
{
    char state[32];
    struct watchdog_state found = {.timeleft_ms = -1};
    int result = watchdog_find(config, found.device, err);
    if (result < 0) {
        return result;
    }
    const char *name = base_name(found.device);
    *ret = found;
    if (!read_text(config, found.identity, sizeof(found.identity),
                   "/sys/class/watchdog/%s/identity", name) ||
        !read_text(config, state, sizeof(state), "/sys/class/watchdog/%s/state", name)) {
        return error_set(err, -ENODATA, "the kernel tells nothing of %s in sysfs", found.device);
    }
    if (strcmp(state, "active") != 0 && strcmp(state, "inactive") != 0) {
        return error_set(err, -EIO, "the state of %s is \"%s\"", found.device, state);
    }
    found.is_active = strcmp(state, "active") == 0;
    found.is_software = strcmp(found.identity, software_identity) == 0;
    found.is_nowayout =
        read_text(config, state, sizeof(state), "/sys/class/watchdog/%s/nowayout", name) &&
        strcmp(state, "0") != 0;
    found.timeout_ms = read_seconds(config, name, "timeout", 0);
    found.timeleft_ms = read_seconds(config, name, "timeleft", -1);
    found.least_ms = read_seconds(config, name, "min_timeout", 0);
    found.most_ms = read_seconds(config, name, "max_timeout", 0);
    *ret = found;
    return 0;
}

bool watchdog_is_toothless(const struct watchdog_config *config, const struct watchdog_state *state)
{
    char text[16];
    return state->is_software &&
           read_text(config, text, sizeof(text), "/sys/module/softdog/parameters/soft_noboot") &&
           strcmp(text, "0") != 0;
}
