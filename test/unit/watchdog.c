/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A made-up sysfs and a device whose ioctls the test answers. What real hardware does is shown by
 * the lab, where an i6300esb resets a host.
 */
#include "test/test.h"

#include "base/cleanup.h"
#include "fence/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The device, and what was done to it. The descriptors are a pipe: its reader sees when the last
 * writer is closed, and the driver's memory is not shared with the keeper's process. */
struct device {
    struct watchdog_config config;
    int reader;
    int seconds, seconds_max;
    int open_result, set_result, pet_result, stop_result;
    unsigned options;
    int opens, pets, stops, magic;
};

static void write_text(const struct device *device, const char *path, const char *text)
{
    char full[512];
    (void)snprintf(full, sizeof(full), "%s%s", device->config.root, path);
    for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "we");
    REQUIRE(file);
    REQUIRE(fputs(text, file) >= 0 && fclose(file) == 0);
}

static int fake_open(void *userdata, const char *path)
{
    struct device *device = userdata;
    int ends[2];
    (void)path;
    if (device->open_result < 0) {
        return device->open_result;
    }
    device->opens++;
    REQUIRE(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    device->reader = ends[0];
    return ends[1];
}

static int fake_ioctl(void *userdata, int fd, unsigned long request, void *argument)
{
    struct device *device = userdata;
    int *number = argument;
    (void)fd;
    switch (request) {
    case WDIOC_GETSUPPORT: {
        struct watchdog_info *info = argument;
        *info = (struct watchdog_info){.options = device->options, .identity = "i6300ESB timer"};
        return 0;
    }
    case WDIOC_SETTIMEOUT:
        if (device->set_result == 0) {
            device->seconds = MIN(*number, device->seconds_max);
        }
        return device->set_result;
    case WDIOC_GETTIMEOUT:
        *number = device->seconds;
        return device->seconds ? 0 : -ENOTTY;
    case WDIOC_KEEPALIVE:
        device->pets += device->pet_result == 0;
        return device->pet_result;
    case WDIOC_SETOPTIONS:
        device->stops += device->stop_result == 0;
        return device->stop_result;
    default:
        return -ENOTTY;
    }
}

static int fake_write(void *userdata, int fd, char c)
{
    struct device *device = userdata;
    (void)fd;
    device->magic += c == 'V';
    return device->pet_result == -EIO ? -EIO : 0;
}

static void fake_close(void *userdata, int fd)
{
    (void)userdata;
    (void)close(fd);
}

static struct device device_begin(void)
{
    struct device device = {.reader = -1, .seconds = 30, .seconds_max = 2046};
    device.config = watchdog_config_default;
    (void)snprintf(device.config.root, sizeof(device.config.root), "/tmp/berth-dog-XXXXXX");
    REQUIRE(mkdtemp(device.config.root));
    (void)snprintf(device.config.keeper, sizeof(device.config.keeper), "%s/keeper",
                   device.config.root);
    device.config.io = (struct watchdog_io){fake_open, fake_ioctl, fake_write, fake_close, NULL};
    write_text(&device, "/dev/watchdog0", "");
    write_text(&device, "/sys/class/watchdog/watchdog0/identity", "i6300ESB timer\n");
    write_text(&device, "/sys/class/watchdog/watchdog0/state", "inactive\n");
    write_text(&device, "/sys/class/watchdog/watchdog0/timeout", "30\n");
    write_text(&device, "/sys/class/watchdog/watchdog0/nowayout", "0\n");
    return device;
}

static void device_done(struct device *device)
{
    char command[192];
    (void)snprintf(command, sizeof(command), "rm -rf %s", device->config.root);
    (void)!system(command); /* a test may */
    closep(&device->reader);
}

/* 'device' must not move any more. */
static int arm(struct device *device, msec_t timeout_ms, struct watchdog **ret, struct error *err)
{
    device->config.io.userdata = device;
    return watchdog_arm(&device->config, timeout_ms, ret, err);
}

TEST(an_armed_watchdog_holds_what_was_asked_and_counts_every_pet)
{
    CLEANUP(device_done) struct device device = device_begin();
    CLEANUP(watchdog_freep) struct watchdog *watchdog = NULL;
    struct error err = {0};
    CHECK_INT(arm(&device, 6000, &watchdog, &err), 0);
    REQUIRE(watchdog);
    CHECK_INT(watchdog_timeout_ms(watchdog), 6000);
    CHECK_STR(watchdog_identity(watchdog), "i6300ESB timer");
    CHECK_STR(watchdog_device(watchdog), "/dev/watchdog0");
    CHECK_INT(device.pets, 1);
    CHECK_INT(watchdog_pet(watchdog, &err), 0);
    CHECK_INT(device.pets, 2);
    device.pet_result = -EIO;
    CHECK_INT(watchdog_pet(watchdog, &err), -EIO);
    CHECK_HAS(err.text, "could not be petted");
    CHECK_INT(device.magic, 0);
}

TEST(a_driver_without_keepalive_is_petted_by_a_byte_that_is_not_the_magic_one)
{
    CLEANUP(device_done) struct device device = device_begin();
    CLEANUP(watchdog_freep) struct watchdog *watchdog = NULL;
    struct error err = {0};
    device.pet_result = -ENOTTY;
    CHECK_INT(arm(&device, 6000, &watchdog, &err), 0);
    CHECK_INT(device.magic, 0);
}

TEST(a_watchdog_that_would_hold_longer_is_refused_and_stopped_again)
{
    CLEANUP(device_done) struct device device = device_begin();
    struct watchdog *watchdog = NULL;
    struct error err = {0};
    device.set_result = -EINVAL; /* stays at 30 s */
    CHECK_INT(arm(&device, 6000, &watchdog, &err), -ERANGE);
    CHECK_HAS(err.text, "holds 30000 ms, not 6000 ms");
    CHECK(!watchdog);
    CHECK_INT(device.stops, 1);
    CHECK_INT(device.magic, 1);
    CHECK_INT(device.pets, 0);
}

TEST(a_watchdog_that_holds_less_is_taken_down_to_the_minimum)
{
    CLEANUP(device_done) struct device device = device_begin();
    struct watchdog *watchdog = NULL;
    struct error err = {0};
    device.seconds_max = 4;
    CHECK_INT(arm(&device, 6000, &watchdog, &err), 0);
    REQUIRE(watchdog);
    CHECK_INT(watchdog_timeout_ms(watchdog), 4000);
    watchdog = watchdog_free(watchdog);
    device.seconds_max = 1;
    CHECK_INT(arm(&device, 6000, &watchdog, &err), -ERANGE);
}

TEST(a_watchdog_that_cannot_be_stopped_again_is_reported_loudly)
{
    CLEANUP(device_done) struct device device = device_begin();
    struct watchdog *watchdog = NULL;
    struct error err = {0};
    device.set_result = -EINVAL;
    device.stop_result = -EBUSY;
    device.pet_result = -EIO;
    CHECK_INT(arm(&device, 6000, &watchdog, &err), -ERANGE);
    CHECK_HAS(err.text, "THIS HOST WILL BE RESET");
}

TEST(wishes_that_no_watchdog_takes_are_refused_before_it_is_opened)
{
    CLEANUP(device_done) struct device device = device_begin();
    struct watchdog *watchdog = NULL;
    struct error err = {0};
    CHECK_INT(arm(&device, 6500, &watchdog, &err), -EINVAL);
    CHECK_INT(arm(&device, 1000, &watchdog, &err), -EINVAL);
    CHECK_INT(arm(&device, -6000, &watchdog, &err), -EINVAL);
    write_text(&device, "/sys/class/watchdog/watchdog0/min_timeout", "10\n");
    CHECK_INT(arm(&device, 6000, &watchdog, &err), -ERANGE);
    CHECK_HAS(err.text, "takes 10000 to 0 ms");
    CHECK_INT(device.opens, 0);
}

TEST(a_device_that_is_missing_busy_or_no_watchdog_is_named)
{
    CLEANUP(device_done) struct device device = device_begin();
    struct watchdog *watchdog = NULL;
    struct error err = {0};
    (void)snprintf(device.config.device, sizeof(device.config.device), "/dev/watchdog7");
    CHECK_INT(arm(&device, 6000, &watchdog, &err), -ENOENT);
    CHECK_HAS(err.text, "/dev/watchdog7");
    device.config.device[0] = '\0';
    (void)snprintf(device.config.device, sizeof(device.config.device), "/dev/watchdog0");
    device.open_result = -EBUSY;
    CHECK_INT(arm(&device, 6000, &watchdog, &err), -EBUSY);
    CHECK_HAS(err.text, "held by another process");
    device.open_result = 0;
    device.options = WDIOF_ALARMONLY;
    CHECK_INT(arm(&device, 6000, &watchdog, &err), -ENODEV);
    CHECK_HAS(err.text, "only gives an alarm");
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/dev/null", device.config.root);
    REQUIRE(mknod(path, S_IFREG | 0600, 0) == 0);
    device.config.io = (struct watchdog_io){0};
    (void)snprintf(device.config.device, sizeof(device.config.device), "/dev/null");
    CHECK_INT(arm(&device, 6000, &watchdog, &err), -ENODEV);
    CHECK_HAS(err.text, "is no watchdog");
}

TEST(softdog_that_does_not_reboot_is_refused)
{
    CLEANUP(device_done) struct device device = device_begin();
    struct watchdog *watchdog = NULL;
    struct watchdog_state state;
    struct error err = {0};
    write_text(&device, "/sys/class/watchdog/watchdog0/identity", "Software Watchdog\n");
    CHECK_INT(watchdog_inspect(&device.config, &state, &err), 0);
    CHECK(state.is_software);
    write_text(&device, "/sys/module/softdog/parameters/soft_noboot", "1\n");
    CHECK_INT(arm(&device, 6000, &watchdog, &err), -ENODEV);
    CHECK_HAS(err.text, "soft_noboot");
    CHECK_INT(device.opens, 0);
}

TEST(auto_prefers_hardware_to_softdog)
{
    CLEANUP(device_done) struct device device = device_begin();
    struct watchdog_state state;
    struct error err = {0};
    write_text(&device, "/sys/class/watchdog/watchdog0/identity", "Software Watchdog\n");
    write_text(&device, "/dev/watchdog1", "");
    write_text(&device, "/sys/class/watchdog/watchdog1/identity", "iTCO_wdt\n");
    write_text(&device, "/sys/class/watchdog/watchdog1/state", "inactive\n");
    CHECK_INT(watchdog_inspect(&device.config, &state, &err), 0);
    CHECK_STR(state.device, "/dev/watchdog1");
    CHECK(!state.is_software);
}

TEST(a_ticking_watchdog_is_seen_without_opening_it)
{
    CLEANUP(device_done) struct device device = device_begin();
    struct watchdog_state state;
    struct error err = {0};
    write_text(&device, "/sys/class/watchdog/watchdog0/state", "active\n");
    write_text(&device, "/sys/class/watchdog/watchdog0/timeout", "6\n");
    write_text(&device, "/sys/class/watchdog/watchdog0/timeleft", "4\n");
    write_text(&device, "/sys/class/watchdog/watchdog0/nowayout", "1\n");
    CHECK_INT(watchdog_inspect(&device.config, &state, &err), 0);
    CHECK(state.is_active && state.is_nowayout);
    CHECK_INT(state.timeout_ms, 6000);
    CHECK_INT(state.timeleft_ms, 4000);
    write_text(&device, "/sys/class/watchdog/watchdog0/state", "perhaps\n");
    CHECK_INT(watchdog_inspect(&device.config, &state, &err), -EIO);
    write_text(&device, "/sys/class/watchdog/watchdog0/timeleft", "-3\n");
    write_text(&device, "/sys/class/watchdog/watchdog0/state", "active\n");
    CHECK_INT(watchdog_inspect(&device.config, &state, &err), 0);
    CHECK_INT(state.timeleft_ms, -1);
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/sys/class/watchdog/watchdog0/state", device.config.root);
    REQUIRE(unlink(path) == 0);
    CHECK_INT(watchdog_inspect(&device.config, &state, &err), -ENODATA);
    CHECK_STR(state.device, "/dev/watchdog0");
}

/* Whether the last writer of the device's pipe is closed, waiting up to 'limit_ms' for it. */
static bool is_closed(const struct device *device, int limit_ms)
{
    struct pollfd poller = {.fd = device->reader, .events = POLLIN};
    return poll(&poller, 1, limit_ms) == 1 && (poller.revents & POLLHUP);
}

TEST(disarming_stops_and_closes_and_a_refusal_keeps_it_armed)
{
    CLEANUP(device_done) struct device device = device_begin();
    struct watchdog *watchdog = NULL;
    struct error err = {0};
    REQUIRE(arm(&device, 6000, &watchdog, &err) == 0);
    device.stop_result = -EBUSY; /* what the kernel says with nowayout */
    CHECK_INT(watchdog_disarm(&watchdog, &err), -EBUSY);
    CHECK_HAS(err.text, "nowayout is set");
    REQUIRE(watchdog);
    CHECK(!is_closed(&device, 0));
    CHECK_INT(watchdog_pet(watchdog, &err), 0);
    device.stop_result = 0;
    CHECK_INT(watchdog_disarm(&watchdog, &err), 0);
    CHECK(!watchdog);
    CHECK(is_closed(&device, 0));
    CHECK_INT(device.magic, 1);
}

TEST(a_keeper_holds_the_device_open_and_hands_it_on_without_a_pet)
{
    CLEANUP(device_done) struct device device = device_begin();
    struct watchdog *watchdog = NULL, *heir = NULL;
    struct error err = {0};
    device.config.io.userdata = &device;
    CHECK_INT(watchdog_adopt(&device.config, &heir, NULL, &err), -ENOENT);
    CHECK_HAS(err.text, "no predecessor");
    REQUIRE(arm(&device, 6000, &watchdog, &err) == 0);
    CHECK_INT(watchdog_keep(watchdog, &err), 0);
    CHECK_INT(watchdog_keep(watchdog, &err), 0); /* there is one already */
    watchdog = watchdog_free(watchdog);          /* as if killed */
    CHECK(!is_closed(&device, 200));
    CHECK_INT(watchdog_adopt(&device.config, &heir, NULL, &err), 0);
    REQUIRE(heir);
    CHECK_INT(device.opens, 1);
    CHECK_INT(device.pets, 1);
    CHECK_INT(watchdog_timeout_ms(heir), 6000);
    CHECK_STR(watchdog_device(heir), "/dev/watchdog0");
    CHECK_INT(watchdog_disarm(&heir, &err), 0);
    CHECK(is_closed(&device, 0)); /* by the keeper as well */
    CHECK_INT(watchdog_adopt(&device.config, &heir, NULL, &err), -ENOENT);
}

static struct watchdog_holder holder(const char *cluster, const char *node, uint64_t incarnation)
{
    struct watchdog_holder ret = {.incarnation = incarnation};
    (void)snprintf(ret.cluster, sizeof(ret.cluster), "%s", cluster);
    (void)snprintf(ret.node, sizeof(ret.node), "%s", node);
    return ret;
}

TEST(a_keeper_hands_the_watchdog_to_no_other_host_and_no_other_cluster)
{
    static const char *const others[][2] = {{"c1", "b"}, {"c2", "a"}, {"", "b"}};
    CLEANUP(device_done) struct device device = device_begin();
    struct watchdog *watchdog = NULL, *heir = NULL;
    struct watchdog_holder kept = {0};
    struct error err = {0};
    device.config.holder = holder("c1", "a", 3);
    REQUIRE(arm(&device, 6000, &watchdog, &err) == 0);
    REQUIRE(watchdog_keep(watchdog, &err) == 0);
    watchdog = watchdog_free(watchdog);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        device.config.holder = holder(others[i][0], others[i][1], 3);
        CHECK_INT(watchdog_adopt(&device.config, &heir, &kept, &err), -EBUSY);
        CHECK_HAS(err.text, "kept for a of cluster c1");
        CHECK(!heir);
    }
    device.config.holder = holder("", "a", 0); /* whose file is lost: the keeper knows the rest */
    REQUIRE(watchdog_adopt(&device.config, &heir, &kept, &err) == 0);
    CHECK_STR(kept.cluster, "c1");
    CHECK_INT(kept.incarnation, 3);
    CHECK_INT(device.pets, 1);
    CHECK_INT(watchdog_disarm(&heir, &err), 0);
}

TEST(a_keeper_holds_the_watchdog_for_who_has_it_now)
{
    CLEANUP(device_done) struct device device = device_begin();
    struct watchdog *watchdog = NULL, *heir = NULL;
    struct watchdog_holder kept = {0}, now = holder("c2", "a", 4);
    struct error err = {0};
    device.config.holder = holder("c1", "a", 3);
    REQUIRE(arm(&device, 6000, &watchdog, &err) == 0);
    CHECK_INT(watchdog_hold_for(watchdog, &device.config.holder, &err), 0); /* no keeper yet */
    REQUIRE(watchdog_keep(watchdog, &err) == 0);
    CHECK_INT(watchdog_hold_for(watchdog, &now, &err), 0);
    watchdog = watchdog_free(watchdog);
    CHECK_INT(watchdog_adopt(&device.config, &heir, &kept, &err), -EBUSY);
    device.config.holder = now;
    REQUIRE(watchdog_adopt(&device.config, &heir, &kept, &err) == 0);
    CHECK_INT(kept.incarnation, 4);
    CHECK_INT(watchdog_disarm(&heir, &err), 0);
}

TEST(a_socket_left_by_a_dead_keeper_is_no_keeper)
{
    CLEANUP(device_done) struct device device = device_begin();
    struct watchdog *watchdog = NULL, *heir = NULL;
    struct error err = {0};
    REQUIRE(arm(&device, 6000, &watchdog, &err) == 0);
    write_text(&device, "/keeper", "");
    CHECK_INT(watchdog_adopt(&device.config, &heir, NULL, &err), -ENOENT);
    CHECK_INT(watchdog_keep(watchdog, &err), 0);
    CHECK_INT(watchdog_disarm(&watchdog, &err), 0);
    CHECK(is_closed(&device, 0)); /* by the keeper as well */
}
