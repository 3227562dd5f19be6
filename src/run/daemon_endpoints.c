/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which member of etcd each of etcd_endpoints is: for status and validation, and an event when one
 * of them is another cluster's. It looks like a healthy store, and counts as down. Also whether one
 * of them is on this host.
 */
#include "run/daemon_internal.h"

#include "base/parse.h"
#include "wire/key.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static void note_foreign(struct daemon *d, const struct etcd_endpoint_state *state)
{
    struct note note = {.code = NOTE_ENDPOINT_FOREIGN};
    (void)copy_text(note.subject, sizeof(note.subject), d->config->node);
    (void)facts_set(&note.facts, NULL, NULL, state->endpoint);
    (void)snprintf(note.facts.who, sizeof(note.facts.who), "%" PRIx64, state->cluster);
    event_log_note(d->log, &note);
}

void daemon_saw_endpoints(struct daemon *d)
{
    struct etcd_endpoint_state state;
    bool is_foreign;
    for (size_t i = 0; store_endpoint_state(d->store, i, &state, &is_foreign); i++) {
        uint64_t told = d->foreign_endpoints[i];
        d->foreign_endpoints[i] = is_foreign ? state.cluster : 0;
        if (is_foreign && told != state.cluster) {
            note_foreign(d, &state);
        }
    }
    host_refresh(d->host); /* daemon_tell_endpoints() */
}

static void endpoint_tell(struct node_inventory *inventory, const struct etcd_endpoint_state *state,
                          bool is_foreign, uint64_t ours)
{
    node_checks_t *checks = &inventory->checks;
    if (is_foreign) {
        (void)node_checks_add(checks, "endpoint", false,
                              "%s is a member of the etcd cluster %" PRIx64
                              ", not of the store's (%" PRIx64
                              "), and counts as down: correct etcd_endpoints, or join it to the "
                              "store's cluster",
                              state->endpoint, state->cluster, ours);
        return;
    }
    struct node_check *check =
        state->answers
            ? node_checks_add(checks, "endpoint", true, "%s: member %" PRIx64 ", etcd %s",
                              state->endpoint, state->member, state->version)
            : node_checks_add(checks, "endpoint", false,
                              "%s does not answer: is etcd running there?", state->endpoint);
    if (check) {
        check->is_advice = !check->is_ok; /* the others do */
    }
}

/* Whether 'address' is one of this machine's. */
static bool is_here(const struct sockaddr *address)
{
    struct ifaddrs *all = NULL;
    bool is_found = false;
    if (getifaddrs(&all) < 0) {
        return false;
    }
    for (const struct ifaddrs *each = all; each && !is_found; each = each->ifa_next) {
        if (!each->ifa_addr || each->ifa_addr->sa_family != address->sa_family) {
            continue;
        }
        if (address->sa_family == AF_INET) {
            is_found = memcmp(&((const struct sockaddr_in *)each->ifa_addr)->sin_addr,
                              &((const struct sockaddr_in *)address)->sin_addr,
                              sizeof(struct in_addr)) == 0;
        } else if (address->sa_family == AF_INET6) {
            is_found = memcmp(&((const struct sockaddr_in6 *)each->ifa_addr)->sin6_addr,
                              &((const struct sockaddr_in6 *)address)->sin6_addr,
                              sizeof(struct in6_addr)) == 0;
        }
    }
    freeifaddrs(all);
    return is_found;
}

/* Whether 'endpoint', "https://HOST:PORT", is on this machine. A name is not looked up, because
 * that may take seconds: it is compared with the host's. */
static bool is_local(const struct daemon *d, const char *endpoint)
{
    char host[name_size * 4];
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    const char *begin = strstr(endpoint, "://");
    begin = begin ? begin + 3 : endpoint;
    bool is_bracketed = *begin == '[';
    size_t len = is_bracketed ? strcspn(++begin, "]") : strcspn(begin, ":/");
    if (len >= sizeof(host)) {
        return false;
    }
    memcpy(host, begin, len);
    host[len] = '\0';
    if (inet_pton(AF_INET, host, &four.sin_addr) == 1) {
        return is_here((const struct sockaddr *)&four);
    }
    if (inet_pton(AF_INET6, host, &six.sin6_addr) == 1) {
        return is_here((const struct sockaddr *)&six);
    }
    return strcmp(host, "localhost") == 0 || strcmp(host, d->config->node) == 0;
}

void daemon_tell_endpoints(const struct daemon *d, struct node_inventory *inventory)
{
    struct etcd_endpoint_state state;
    bool is_foreign;
    for (size_t i = 0; store_endpoint_state(d->store, i, &state, &is_foreign); i++) {
        if (state.is_known) {
            endpoint_tell(inventory, &state, is_foreign, store_cluster(d->store));
            inventory->has_store |= !is_foreign && is_local(d, state.endpoint);
        }
    }
}
