/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rooms host and fence by hand, for tests inside a lab host:
 *
 *     host_probe list                     every card, one line: ADDRESS VERDICT DRIVER RESETS ...
 * SENTENCE host_probe checks host_probe dismount ADDRESS [force] through the loop, as berthd does
 * it host_probe mount ADDRESS host_probe watch SECONDS            a line for each fresh inventory:
 * milliseconds, drivers host_probe watchdog                 its state, without opening it
 *     host_probe arm SECONDS [alone]      arms, leaves a keeper (not if alone), pets every second
 *     host_probe adopt                    takes over from the keeper, does not pet, stays
 *     host_probe disarm                   takes over and disarms
 *
 * Exit status 0 if it was done, 1 with a sentence if not.
 */
#include "fence/watchdog.h"
#include "host/helper.h"
#include "host/host.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct probe {
    sd_event *event;
    int status;
    struct timespec begin;
};

static int fail(const struct error *err)
{
    printf("%s\n", err->text);
    return 1;
}

static void print_card(const struct gpu *gpu)
{
    char address[pci_address_size], title[256], other[pci_address_size];
    printf("%s %s driver=%s group=%d resets=%x overridden=%d boot=%d",
           pci_address_format(gpu->address, address), gpu_verdict_name(gpu->verdict),
           gpu->driver[0] ? gpu->driver : "-", gpu->iommu_group, gpu->reset_methods,
           gpu->is_overridden, gpu->is_boot_display);
    for (uint32_t i = 0; i < gpu->companion_len; i++) {
        printf(" companion=%s", pci_address_format(gpu->companions[i], other));
    }
    printf(" serial=%s link=%ux%u vfs=%u/%u mmio=%llu \"%s\" %s\n",
           gpu->serial[0] ? gpu->serial : "-", gpu->link_speed_mts, gpu->link_width,
           gpu->sriov_enabled, gpu->sriov_total, (unsigned long long)gpu_mmio_size(gpu),
           gpu_title(gpu, title, sizeof(title)), gpu->verdict_detail);
}

static int list(const struct host_config *config, bool checks)
{
    struct node_inventory inventory;
    struct error err;
    if (host_inventory_read(config, &inventory, &err) < 0) {
        return fail(&err);
    }
    if (checks) {
        VEC_EACH(&inventory.checks, each) {
            printf("%s %s %s\n", each->name, each->is_ok ? "ok" : "bad", each->detail);
        }
    } else {
        VEC_EACH(&inventory.gpus, each) {
            print_card(each);
        }
    }
    host_inventory_done(&inventory);
    return 0;
}

static void on_inventory(void *userdata, const struct node_inventory *inventory)
{
    const struct probe *probe = userdata;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%lld ms:", (long long)(now.tv_sec - probe->begin.tv_sec) * 1000 +
                           (now.tv_nsec - probe->begin.tv_nsec) / 1000000);
    VEC_EACH(&inventory->gpus, each) {
        char address[pci_address_size];
        printf(" %s=%s", pci_address_format(each->address, address),
               each->driver[0] ? each->driver : "-");
    }
    printf("\n");
    (void)fflush(stdout);
}

static void on_blind(void *userdata, const struct error *err)
{
    (void)userdata;
    printf("blind: %s\n", err->text);
}

static void on_done(void *userdata, uint64_t id, enum host_outcome outcome, const struct error *err)
{
    struct probe *probe = userdata;
    (void)id;
    printf("%s%s%s\n", host_outcome_name(outcome), err ? ": " : "", err ? err->text : "");
    probe->status = outcome == HOST_DONE ? 0 : 1;
    (void)sd_event_exit(probe->event, 0);
}

static void ignore_inventory(void *userdata, const struct node_inventory *inventory)
{
    (void)userdata, (void)inventory;
}

static int loop(const struct host_config *config, const char *verb, const char *argument,
                bool force)
{
    struct probe probe = {0};
    struct host *host = NULL;
    struct error err;
    struct pci_address address;
    const bool is_watch = strcmp(verb, "watch") == 0;
    const struct host_callbacks callbacks = {is_watch ? on_inventory : ignore_inventory, on_blind,
                                             on_done};
    (void)clock_gettime(CLOCK_MONOTONIC, &probe.begin);
    if (sd_event_new(&probe.event) < 0 ||
        host_new(probe.event, config, &callbacks, &probe, &host, &err) < 0) {
        return 1;
    }
    int result = 0;
    if (is_watch) {
        (void)sd_event_add_time_relative(probe.event, NULL, CLOCK_MONOTONIC,
                                         strtoull(argument, NULL, 10) * 1000 * 1000, 0, NULL, NULL);
    } else if (!pci_address_parse(argument, &address)) {
        return 1;
    } else {
        result = strcmp(verb, "mount") == 0 ? host_mount(host, address, 1, &err)
                                            : host_dismount(host, address, force, 1, &err);
    }
    if (result < 0) {
        return fail(&err);
    }
    (void)sd_event_loop(probe.event);
    (void)host_free(host);
    (void)sd_event_unref(probe.event);
    return probe.status;
}

static int show_watchdog(const struct watchdog_config *config)
{
    struct watchdog_state state;
    struct error err;
    if (watchdog_inspect(config, &state, &err) < 0) {
        return fail(&err);
    }
    printf("%s \"%s\" %s timeout=%lld left=%lld nowayout=%d range=%lld-%lld\n", state.device,
           state.identity, state.is_active ? "active" : "inactive", (long long)state.timeout_ms,
           (long long)state.timeleft_ms, state.is_nowayout, (long long)state.least_ms,
           (long long)state.most_ms);
    return 0;
}

static int arm(const struct watchdog_config *config, const char *seconds, bool alone)
{
    struct watchdog *watchdog;
    struct error err;
    if (watchdog_arm(config, (msec_t)strtoll(seconds, NULL, 10) * 1000, &watchdog, &err) < 0 ||
        (!alone && watchdog_keep(watchdog, &err) < 0)) {
        return fail(&err);
    }
    printf("armed %s \"%s\" for %lld ms\n", watchdog_device(watchdog), watchdog_identity(watchdog),
           (long long)watchdog_timeout_ms(watchdog));
    (void)fflush(stdout);
    while (watchdog_pet(watchdog, &err) == 0) {
        (void)sleep(1);
    }
    return fail(&err);
}

static int adopt(const struct watchdog_config *config, bool disarm)
{
    struct watchdog *watchdog;
    struct error err;
    if (watchdog_adopt(config, &watchdog, NULL, &err) < 0) {
        return fail(&err);
    }
    printf("adopted %s, %lld ms\n", watchdog_device(watchdog),
           (long long)watchdog_timeout_ms(watchdog));
    (void)fflush(stdout);
    if (disarm) {
        return watchdog_disarm(&watchdog, &err) < 0 ? fail(&err) : 0;
    }
    (void)pause();
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], HOST_HELPER_ARGUMENT) == 0) {
        return host_helper_main((struct host_kernel){0});
    }
    struct host_config config = host_config_default;
    struct watchdog_config watchdog = watchdog_config_default;
    const char *verb = argc > 1 ? argv[1] : "list", *argument = argc > 2 ? argv[2] : "";
    const char *devices = getenv("PROBE_DEVICE");
    (void)snprintf(config.node, sizeof(config.node), "node1");
    config.poll_ms = 60 * 1000; /* what comes sooner came from the kernel */
    (void)snprintf(watchdog.keeper, sizeof(watchdog.keeper), "/run/probe-watchdog");
    if (devices && pci_address_parse(devices, &config.devices[0])) {
        config.device_len = 1;
    }
    if (strcmp(verb, "list") == 0 || strcmp(verb, "checks") == 0) {
        return list(&config, verb[0] == 'c');
    }
    if (strcmp(verb, "watchdog") == 0) {
        return show_watchdog(&watchdog);
    }
    if (strcmp(verb, "arm") == 0) {
        return arm(&watchdog, argument, argc > 3 && strcmp(argv[3], "alone") == 0);
    }
    if (strcmp(verb, "adopt") == 0 || strcmp(verb, "disarm") == 0) {
        return adopt(&watchdog, verb[0] == 'd');
    }
    return loop(&config, verb, argument, argc > 3 && strcmp(argv[3], "force") == 0);
}
