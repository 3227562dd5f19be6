/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who this host is: for this boot in run_dir and with the watchdog's keeper, in the markers of its
 * VMs. And what an administrator on this host decides when the store contradicts that.
 */
#include "run/daemon_internal.h"

#include "base/parse.h"
#include "run/departure.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

enum { watchdog_minimum_ms = 2000, watchdog_look_usec = 2000000 };

/* ---- the watchdog vouches for it ---- */

static struct watchdog_holder holder_of(const struct daemon *d)
{
    struct watchdog_holder holder = {.incarnation = d->identity.incarnation};
    (void)copy_text(holder.cluster, sizeof(holder.cluster), d->identity.cluster);
    (void)copy_text(holder.node, sizeof(holder.node), d->config->node);
    return holder;
}

static void hold_watchdog(struct daemon *d)
{
    struct error err = {0};
    d->watchdog_config.holder = holder_of(d);
    if (d->watchdog && watchdog_hold_for(d->watchdog, &d->watchdog_config.holder, &err) < 0) {
        journal_line(LOG_WARNING, "watchdog: %s", err.text);
    }
}

/* Taken over if one ticks and was kept for this very host. Where run_dir has forgotten who that is,
 * its keeper knows. */
static int adopt_watchdog(struct daemon *d, struct error *err)
{
    struct watchdog_holder holder = {0};
    struct error why = {0};
    if (strcmp(d->config->watchdog, "none") == 0) {
        return 0;
    }
    d->watchdog_config = watchdog_config_default;
    d->watchdog_config.minimum_ms = watchdog_minimum_ms;
    d->watchdog_config.holder = holder_of(d);
    (void)snprintf(d->watchdog_config.device, sizeof(d->watchdog_config.device), "%.*s",
                   watchdog_path_size - 1, d->config->watchdog);
    (void)snprintf(d->watchdog_config.keeper, sizeof(d->watchdog_config.keeper), "%.80s/watchdog",
                   d->config->run_dir);
    int r = watchdog_adopt(&d->watchdog_config, &d->watchdog, &holder, &why);
    if (r == -EBUSY) {
        *err = why;
        return r;
    }
    if (r == 0 && d->identity.incarnation == 0 && holder.incarnation != 0) {
        journal_line(LOG_WARNING,
                     "identity: the file in %s is gone; the watchdog's keeper knows who this is",
                     d->config->run_dir);
        d->identity.incarnation = holder.incarnation;
        memcpy(d->identity.cluster, holder.cluster, sizeof(d->identity.cluster));
    }
    return 0;
}

int daemon_load_identity(struct daemon *d, struct error *err)
{
    char boot_id[boot_id_size];
    int r = identity_boot_id(d->config->host_root, boot_id, err);
    if (r == 0) {
        r = identity_load(d->config->run_dir, boot_id, d->config->node, &d->identity, err);
    }
    return r < 0 ? r : adopt_watchdog(d, err);
}

/* Whether there is one to arm. Told to the journal the first time, and when it is there. */
static bool see_watchdog(struct daemon *d)
{
    struct watchdog_state state;
    struct error err = {0};
    int r = watchdog_inspect(&d->watchdog_config, &state, &err);
    bool is_there = r == 0 || r == -ENODATA;
    if (is_there || d->watchdog_look == NULL) {
        journal_line(is_there ? LOG_INFO : LOG_WARNING, "watchdog: %s",
                     is_there ? state.device : err.text);
    }
    return is_there;
}

/* Its driver may be loaded after berthd has begun. */
static int look_again(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct daemon *d = userdata;
    (void)usec;
    if (see_watchdog(d)) {
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        daemon_step(d, (struct core_event){.kind = CORE_WATCHDOG_FOUND, .is_up = true});
    } else {
        (void)sd_event_source_set_time_relative(source, watchdog_look_usec);
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    return 0;
}

int daemon_find_watchdog(struct daemon *d, struct error *err)
{
    struct core_event event = {.kind = CORE_WATCHDOG_FOUND};
    int r = 0;
    if (d->watchdog) {
        event.is_up = true;
        event.span_ms = watchdog_timeout_ms(d->watchdog);
        journal_line(LOG_INFO, "watchdog: taken over, ticking (%lld ms)", (long long)event.span_ms);
    } else if (strcmp(d->config->watchdog, "none") == 0) {
        event.is_up = false;
    } else if (see_watchdog(d)) {
        event.is_up = true;
    } else {
        r = sd_event_add_time_relative(d->event, &d->watchdog_look, CLOCK_MONOTONIC,
                                       watchdog_look_usec, 0, look_again, d);
    }
    daemon_step(d, event);
    return r < 0 ? error_set(err, r, "cannot look for the watchdog: %s", strerror(-r)) : 0;
}

/* ---- kept ---- */

void daemon_keep_identity(struct daemon *d, uint64_t incarnation)
{
    struct error err = {0};
    /* What is kept without one of them reads as if this boot had never joined: the next berthd
     * would end what runs here. */
    assert(incarnation > 0 && d->identity.cluster[0] != '\0');
    d->identity.incarnation = incarnation;
    d->identity.etcd = store_cluster(d->store);
    hold_watchdog(d);
    if (identity_keep(d->config->run_dir, &d->identity, &err) < 0) {
        journal_line(LOG_ERR,
                     "identity: %s. If berthd is restarted with the wrong store, it takes that "
                     "for an order to end the VMs of this host",
                     err.text);
    }
}

void daemon_take_cluster(struct daemon *d, const char *cluster)
{
    /* Without an id every marked QEMU here would count as ours, and be ended with ours. */
    assert(cluster[0] != '\0');
    (void)copy_text(d->identity.cluster, sizeof(d->identity.cluster), cluster);
    virt_set_cluster(d->virt, cluster);
    hold_watchdog(d);
    journal_line(LOG_INFO, "berthd: this host is of cluster %s", cluster);
}

/* ---- VMs of other clusters ---- */

void daemon_saw_foreign(void *userdata, const char *vm, const char *cluster)
{
    struct daemon *d = userdata;
    daemon_step(d, (struct core_event){.kind = CORE_VM_FOREIGN, .name = vm, .text = cluster});
    host_refresh(d->host); /* its inventory says so, too */
}

void daemon_tell_foreign(const struct daemon *d, struct node_inventory *inventory)
{
    size_t len = virt_foreign_len(d->virt);
    struct node_check *check =
        len > 0 ? node_checks_add(&inventory->checks, "foreign", false,
                                  "%zu VMs of another Berth cluster run here, and are left alone: "
                                  "does this host use the right etcd_endpoints and etcd_prefix?",
                                  len)
                : NULL;
    if (check) {
        check->is_advice = true;
    }
}

/* ---- a host that was renamed ---- */

void daemon_tell_renamed(const struct daemon *d, struct node_inventory *inventory)
{
    struct config fresh;
    config_default(&fresh); /* with the host name of now */
    if (d->config->is_node_set || strcmp(d->config->node, fresh.node) == 0) {
        return;
    }
    struct node_check *check = node_checks_add(
        &inventory->checks, "host-name", false,
        "the host name is %s now. This host stays %s until it boots, and would then join as "
        "another. To keep its name, set 'node = %s' in berth.conf",
        fresh.node, d->config->node, d->config->node);
    if (check) {
        check->is_advice = true;
    }
}

/* ---- an administrator's word ---- */

static void depart(struct daemon *d)
{
    journal_line(LOG_NOTICE, "berthd: this host is going down");
    d->is_departing = true;
    d->departing_waits = UINT32_MAX;
    daemon_step(d, (struct core_event){.kind = CORE_SHUTDOWN});
}

static int on_word(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
    struct daemon *d = userdata;
    bool is_adopted;
    (void)source;
    (void)event;
    if (identity_take_resolve(d->config->run_dir, &is_adopted)) {
        if (store_trust_next(d->store)) {
            journal_line(LOG_NOTICE, "store: another etcd cluster is taken for the store");
        }
        journal_line(
            LOG_NOTICE, "berthd: an administrator says \"%s\"%s", is_adopted ? "adopt" : "clear",
            d->contradiction != CAUSE_NONE ? "" : ", but the store does not contradict this host");
        daemon_step(d, (struct core_event){.kind = CORE_RESOLVE, .is_up = is_adopted});
    }
    if (departure_take(d->config->run_dir)) {
        depart(d);
    }
    return 0;
}

int daemon_watch_word(struct daemon *d, struct error *err)
{
    bool is_adopted;
    (void)identity_take_resolve(d->config->run_dir, &is_adopted); /* meant for another berthd */
    (void)departure_take(d->config->run_dir);
    int r =
        sd_event_add_inotify(d->event, &d->resolving, d->config->run_dir, IN_MOVED_TO, on_word, d);
    return r < 0 ? error_set(err, r, "cannot watch %s: %s", d->config->run_dir, strerror(-r)) : 0;
}
