/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/departure.h"

#include "base/cleanup.h"
#include "loop/clock.h"
#include "loop/retry.h"

#include <systemd/sd-bus.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { path_size = 300, text_max = 32, look_ms = 200, bus_limit_usec = 1000000 };

static void path_of(const char *run_dir, const char *name, char ret[path_size])
{
    (void)snprintf(ret, path_size, "%s/%s", run_dir, name);
}

bool departure_is_due(void)
{
    sd_bus *bus = NULL;
    char *state = NULL;
    int r = sd_bus_open_system(&bus);
    if (r >= 0) {
        (void)sd_bus_set_method_call_timeout(bus, bus_limit_usec);
        r = sd_bus_get_property_string(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                       "org.freedesktop.systemd1.Manager", "SystemState", NULL,
                                       &state);
    }
    bool is_due = r >= 0 && strcmp(state, "stopping") == 0;
    free(state);
    sd_bus_unref(bus);
    return is_due;
}

/* In one step, so that no reader sees half of it. */
static int write_word(const char *run_dir, const char *name, const char *text, struct error *err)
{
    char path[path_size], fresh[path_size + 8];
    size_t size = strlen(text);
    path_of(run_dir, name, path);
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    CLEANUP(closep) int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, size) != (ssize_t)size || rename(fresh, path) < 0) {
        return error_set(err, errno ? -errno : -EIO, "cannot write %s: %s", path, strerror(errno));
    }
    return 0;
}

/* Whether the file is there with a number in it. */
static bool read_number(const char *run_dir, const char *name, uint32_t *ret)
{
    char path[path_size], text[text_max];
    path_of(run_dir, name, path);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    text[MAX(size, (ssize_t)0)] = '\0';
    return size > 0 && sscanf(text, "%" SCNu32, ret) == 1;
}

/* berthd holds its lock for as long as it lives. */
static bool has_berthd(const char *run_dir)
{
    char path[path_size];
    path_of(run_dir, "berthd.lock", path);
    CLEANUP(closep) int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

int departure_wait(const char *run_dir, msec_t limit_ms, FILE *out, struct error *err)
{
    msec_t until_ms = clock_monotonic_ms() + limit_ms;
    uint32_t told = UINT32_MAX, waits = 0;
    char path[path_size];
    if (!has_berthd(run_dir)) {
        (void)fprintf(out, "berthd does not run: nothing to wait for\n");
        return 0;
    }
    path_of(run_dir, "departing", path);
    (void)unlink(path); /* of an earlier question */
    int r = write_word(run_dir, "departure", "1", err);
    while (r == 0 && has_berthd(run_dir)) {
        bool is_told = read_number(run_dir, "departing", &waits);
        if (is_told && waits == 0) {
            (void)fprintf(out, "no VM holds this host up any more\n");
            return 0;
        }
        if (is_told && waits != told) {
            (void)fprintf(out, "waiting for %" PRIu32 " VM%s to leave this host\n", waits,
                          waits == 1 ? "" : "s");
            (void)fflush(out);
            told = waits;
        }
        if (clock_monotonic_ms() >= until_ms) {
            return error_set(err, -ETIMEDOUT, "berthd still waits for its VMs");
        }
        retry_pause(look_ms);
    }
    return r;
}

bool departure_take(const char *run_dir)
{
    char path[path_size];
    path_of(run_dir, "departure", path);
    return unlink(path) == 0;
}

void departure_tell(const char *run_dir, uint32_t waits)
{
    char text[text_max];
    (void)snprintf(text, sizeof(text), "%" PRIu32 "\n", waits);
    (void)write_word(run_dir, "departing", text, NULL);
}
