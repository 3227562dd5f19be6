/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client: configuration, endpoints, token; and its plain requests. */
#include "etcd/internal.h"

#include "base/parse.h"
#include "loop/timer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

enum {
    connect_limit_default_ms = 300,
    silence_limit_default_ms = 10000,
    home_pause_default_ms = 5000,
    home_limit_ms = 2000,
    authenticate_limit_ms = 3000,
};

/* ---- endpoints ---- */

bool endpoint_is_ours(struct etcd *etcd, size_t endpoint, uint64_t cluster)
{
    uint64_t before = etcd->clusters[endpoint];
    etcd->clusters[endpoint] = cluster;
    if (etcd->cluster == 0) {
        etcd->cluster = cluster;
    }
    bool is_ours = cluster == etcd->cluster;
    if (!is_ours && before != cluster && etcd->foreign) {
        etcd->foreign(etcd->userdata, etcd->endpoints[endpoint], cluster, etcd->cluster);
    }
    return is_ours;
}

bool endpoint_is_known(const struct etcd *etcd, size_t endpoint)
{
    return etcd->cluster != 0 && etcd->clusters[endpoint] == etcd->cluster;
}

uint64_t etcd_cluster(const struct etcd *etcd)
{
    return etcd->cluster;
}

size_t etcd_foreign_len(const struct etcd *etcd)
{
    size_t len = 0;
    for (size_t i = 0; i < etcd->endpoint_len; i++) {
        len += etcd->clusters[i] != 0 && etcd->clusters[i] != etcd->cluster;
    }
    return len;
}

void etcd_trust_next(struct etcd *etcd)
{
    etcd->cluster = 0;
    memset(etcd->clusters, 0, sizeof(etcd->clusters));
}

void endpoint_worked(struct etcd *etcd, size_t endpoint)
{
    etcd->current = endpoint;
}

void endpoint_failed(struct etcd *etcd, size_t endpoint)
{
    if (etcd->clusters[endpoint] == etcd->cluster) {
        etcd->clusters[endpoint] = 0; /* who comes back there may be another */
    }
    if (etcd->current == endpoint) {
        etcd->current = (endpoint + 1) % etcd->endpoint_len;
    }
}

const char *etcd_endpoint(const struct etcd *etcd)
{
    return etcd->endpoints[etcd->current];
}

/* ---- the way home ---- */

/*
 * The first endpoint is this host's own member. A client that had to leave it and stayed away would
 * lose heartbeats, and see late, when another host is lost. So it goes back once a majority has
 * answered there; a member that only listens does not get it back.
 */

/* A read of one key that need not exist, but that we may read: what counts is who must agree to
 * answer it. */
static void begin_barrier(struct request *request)
{
    const struct wire_range range = {.key = WIRE_BYTES(request->etcd->prefix),
                                     .is_count_only = true};
    wire_range_request(&range, &request->body);
    request_begin(request);
}

static int on_homing(sd_event_source *source, uint64_t usec, void *userdata);

static void look_home_later(struct etcd *etcd)
{
    int r = loop_fire_after(etcd->event, &etcd->homing, etcd->home_pause_ms, on_homing, etcd);
    assert(r >= 0); /* as in request_new() */
}

static void looked_home(void *userdata, const struct etcd_reply *reply)
{
    struct etcd *etcd = userdata;
    if (reply->outcome == TXN_COMMITTED && etcd->current == 0) {
        watches_go_home(etcd);
    }
    look_home_later(etcd);
}

static int on_homing(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct etcd *etcd = userdata;
    (void)source;
    (void)usec;
    if (etcd->current == 0 && watches_are_home(etcd)) {
        look_home_later(etcd);
        return 0;
    }
    struct request *request = request_new(etcd, REQUEST_RANGE, home_limit_ms, looked_home, etcd);
    request->is_homeward = true;
    begin_barrier(request);
    return 0;
}

/* ---- configuration ---- */

static int add_endpoint(struct etcd *etcd, const char *endpoint, struct error *err)
{
    bool is_plain = strncmp(endpoint, "http://", 7) == 0;
    bool is_secure = strncmp(endpoint, "https://", 8) == 0;
    const char *host = endpoint + (is_plain ? 7 : 8);
    if ((!is_plain && !is_secure) || !*host || strpbrk(host, "/?#@ \t\r\n")) {
        return error_set(err, -EINVAL,
                         "the store's endpoint \"%.100s\" is not of the form http://HOST:PORT or "
                         "https://HOST:PORT",
                         endpoint);
    }
    if (etcd->endpoint_len == endpoints_max) {
        return error_set(err, -EINVAL, "more than %d endpoints of the store", endpoints_max);
    }
    if (!copy_text(etcd->endpoints[etcd->endpoint_len], endpoint_size, endpoint)) {
        return error_set(err, -EINVAL, "the store's endpoint \"%.100s...\" is too long", endpoint);
    }
    etcd->endpoint_len++;
    return 0;
}

static int add_endpoints(struct etcd *etcd, const struct etcd_config *config, struct error *err)
{
    if (config->endpoint_len == 0) {
        return error_set(err, -EINVAL, "the store has no endpoint: name at least one");
    }
    for (size_t i = 0; i < config->endpoint_len; i++) {
        int r = add_endpoint(etcd, config->endpoints[i], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int copy_string(char **ret, const char *text, struct error *err)
{
    *ret = text ? strdup(text) : NULL;
    return text && !*ret ? error_set(err, -ENOMEM, "out of memory") : 0;
}

static int copy_file_name(char **ret, const char *name, struct error *err)
{
    if (name && access(name, R_OK) < 0) {
        return error_set(err, -errno, "cannot read %s: %s", name, strerror(errno));
    }
    return copy_string(ret, name, err);
}

static int copy_secrets(struct etcd *etcd, const struct etcd_config *config, struct error *err)
{
    int r;
    if (!config->cert_file != !config->key_file) {
        return error_set(err, -EINVAL,
                         "a certificate for the store needs its key, and a key its "
                         "certificate");
    }
    if (!config->username != !config->password) {
        return error_set(err, -EINVAL,
                         "a user of the store needs a password, and a password a user");
    }
    if ((r = copy_file_name(&etcd->ca_file, config->ca_file, err)) < 0 ||
        (r = copy_file_name(&etcd->cert_file, config->cert_file, err)) < 0 ||
        (r = copy_file_name(&etcd->key_file, config->key_file, err)) < 0 ||
        (r = copy_string(&etcd->username, config->username, err)) < 0 ||
        (r = copy_string(&etcd->password, config->password, err)) < 0) {
        return r;
    }
    return 0;
}

int etcd_new(sd_event *event, const struct etcd_config *config, struct etcd **ret,
             struct error *err)
{
    CLEANUP(etcd_freep) struct etcd *etcd = calloc(1, sizeof(*etcd));
    if (!etcd || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(TAKE(etcd));
        return error_set(err, -ENOMEM, "out of memory");
    }
    etcd->event = sd_event_ref(event);
    etcd->connect_limit_ms =
        config->connect_limit_ms > 0 ? config->connect_limit_ms : connect_limit_default_ms;
    etcd->silence_limit_ms =
        config->silence_limit_ms > 0 ? config->silence_limit_ms : silence_limit_default_ms;
    etcd->home_pause_ms = config->home_pause_ms > 0 ? config->home_pause_ms : home_pause_default_ms;
    const char *prefix = config->prefix ? config->prefix : WIRE_PREFIX_DEFAULT;
    int r = wire_prefix_check(prefix, err);
    (void)copy_text(etcd->prefix, sizeof(etcd->prefix), prefix);
    etcd->cluster = config->cluster;
    etcd->foreign = config->foreign;
    etcd->surveyed = config->surveyed;
    etcd->userdata = config->userdata;
    wire_range_request(&(struct wire_range){.key = WIRE_BYTES(etcd->prefix), .is_count_only = true},
                       &etcd->probe);
    buf_printf(&etcd->empty, "{}");
    if (etcd->probe.failed || etcd->empty.failed) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    if (r < 0 || (r = add_endpoints(etcd, config, err)) < 0 ||
        (r = copy_secrets(etcd, config, err)) < 0 || (r = transport_init(etcd, err)) < 0) {
        return r;
    }
    look_home_later(etcd);
    *ret = TAKE(etcd);
    return 0;
}

struct etcd *etcd_free(struct etcd *etcd)
{
    if (!etcd) {
        return NULL;
    }
    assert(!etcd->watches); /* their owner frees them first */
    requests_drop(etcd);
    survey_drop(etcd);
    transport_done(etcd);
    sd_event_source_disable_unref(etcd->later);
    sd_event_source_disable_unref(etcd->homing);
    buf_done(&etcd->probe);
    buf_done(&etcd->empty);
    free(etcd->ca_file);
    free(etcd->cert_file);
    free(etcd->key_file);
    free(etcd->username);
    if (etcd->password) {
        explicit_bzero(etcd->password, strlen(etcd->password));
    }
    free(etcd->password);
    sd_event_unref(etcd->event);
    curl_global_cleanup();
    free(etcd);
    return NULL;
}

/* ---- token: name and password give one, for some minutes (etcd's --auth-token-ttl) ---- */

bool etcd_wants_token(const struct etcd *etcd)
{
    return etcd->username && !etcd->token[0];
}

void etcd_forget_token(struct etcd *etcd)
{
    etcd->token[0] = '\0';
}

bool etcd_is_token_fault(const struct etcd *etcd, const char *text)
{
    static const char *const faults[] = {"invalid auth token", "user name is empty",
                                         "revision of auth store is old",
                                         "revision in header is old"};
    for (size_t i = 0; etcd->username && i < ARRAY_LEN(faults); i++) {
        if (strstr(text, faults[i])) {
            return true;
        }
    }
    return false;
}

/* Without success they ask again, and end by their own limits. */
static void authenticated(void *userdata, const struct etcd_reply *reply)
{
    struct etcd *etcd = userdata;
    etcd->authentication = NULL;
    requests_authenticated(etcd, reply->error);
    watches_authenticated(etcd);
}

void etcd_authenticate(struct etcd *etcd)
{
    if (etcd->authentication) {
        return;
    }
    struct request *request =
        request_new(etcd, REQUEST_AUTHENTICATE, authenticate_limit_ms, authenticated, etcd);
    etcd->authentication = request;
    if (!wire_authenticate_request(etcd->username, etcd->password, &request->body)) {
        request->body.failed = true;
    }
    request_begin(request);
}

/* ---- plain requests ---- */

void etcd_range(struct etcd *etcd, const struct wire_range *range, msec_t limit_ms,
                etcd_reply_fn done, void *userdata)
{
    struct request *request = request_new(etcd, REQUEST_RANGE, limit_ms, done, userdata);
    wire_range_request(range, &request->body);
    request_begin(request);
}

void etcd_txn(struct etcd *etcd, const struct wire_transaction *transaction, msec_t limit_ms,
              etcd_reply_fn done, void *userdata)
{
    struct request *request = request_new(etcd, REQUEST_TRANSACTION, limit_ms, done, userdata);
    wire_transaction_request(transaction, &request->body);
    request_begin(request);
}

void etcd_compact(struct etcd *etcd, revision_t revision, msec_t limit_ms, etcd_reply_fn done,
                  void *userdata)
{
    struct request *request = request_new(etcd, REQUEST_COMPACT, limit_ms, done, userdata);
    wire_compact_request(revision, &request->body);
    request_begin(request);
}

void etcd_barrier(struct etcd *etcd, msec_t limit_ms, etcd_reply_fn done, void *userdata)
{
    begin_barrier(request_new(etcd, REQUEST_RANGE, limit_ms, done, userdata));
}
