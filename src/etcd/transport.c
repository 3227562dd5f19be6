/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * curl's multi handle on sd-event (https://curl.se/libcurl/c/libcurl-multi.html, "multi_socket").
 * curl calls us in the middle of its own work, where it may not be called; so its callbacks only
 * note what happened, and 'dispatch' tells it when curl has returned.
 */
#include "etcd/internal.h"

#include "loop/timer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* ---- what happened ---- */

static void finish_transfers(struct etcd *etcd)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(etcd->multi, &left)) != NULL;) {
        struct transfer *transfer = NULL;
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        transfer->handler->done(transfer->userdata, code);
    }
}

static struct transfer *with_data(struct etcd *etcd)
{
    struct transfer *transfer = etcd->transfers;
    while (transfer && !(transfer->has_data && transfer->handler->data)) {
        transfer = transfer->next;
    }
    return transfer;
}

/* The list is searched again each time, as a handler may free and make transfers. */
static void dispatch(struct etcd *etcd)
{
    for (struct transfer *transfer; (transfer = with_data(etcd)) != NULL;) {
        transfer->has_data = false;
        transfer->handler->data(transfer->userdata);
    }
    finish_transfers(etcd);
}

/* ---- the loop ---- */

void transport_act(struct etcd *etcd, curl_socket_t fd, int events)
{
    int running;
    (void)curl_multi_socket_action(etcd->multi, fd, events, &running);
    dispatch(etcd);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    transport_act(userdata, CURL_SOCKET_TIMEOUT, 0);
    return 0;
}

static int want_timer(CURLM *multi, long timeout_ms, void *userdata)
{
    struct etcd *etcd = userdata;
    (void)multi;
    if (timeout_ms < 0) {
        return sd_event_source_set_enabled(etcd->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
    }
    return loop_fire_after(etcd->event, &etcd->timer, timeout_ms, on_timer, etcd) < 0 ? -1 : 0;
}

int transport_init(struct etcd *etcd, struct error *err)
{
    int r = loop_fire_after(etcd->event, &etcd->timer, 0, on_timer, etcd);
    if (r < 0) {
        return error_set(err, r, "cannot make a timer");
    }
    (void)sd_event_source_set_enabled(etcd->timer, SD_EVENT_OFF);
    etcd->multi = curl_multi_init();
    if (!etcd->multi) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    (void)curl_multi_setopt(etcd->multi, CURLMOPT_SOCKETFUNCTION, socket_want);
    (void)curl_multi_setopt(etcd->multi, CURLMOPT_SOCKETDATA, etcd);
    (void)curl_multi_setopt(etcd->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    (void)curl_multi_setopt(etcd->multi, CURLMOPT_TIMERDATA, etcd);
    /* A burst of transactions shares connections instead of opening one each; idle ones are kept.
     */
    (void)curl_multi_setopt(etcd->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 64L);
    (void)curl_multi_setopt(etcd->multi, CURLMOPT_MAXCONNECTS, 16L);
    return 0;
}

void transport_done(struct etcd *etcd)
{
    assert(!etcd->transfers);
    if (etcd->multi) {
        (void)curl_multi_cleanup(etcd->multi);
    }
    sockets_done(etcd);
    sd_event_source_disable_unref(etcd->timer);
}

/* ---- one transfer ---- */

static size_t take_reply(char *bytes, size_t one, size_t size, void *userdata)
{
    struct transfer *transfer = userdata;
    (void)one;
    if (transfer->reply.size + size > reply_size_max) {
        return 0;
    }
    buf_add(&transfer->reply, bytes, size);
    transfer->has_data = true;
    return transfer->reply.failed ? 0 : size;
}

/*
 * Called when the connection stands and the request is about to leave. curl sends a request again
 * by itself if a kept connection turns out closed; etcd may have carried the first one out and died
 * before it could say so, and then the second would be answered "refused". So the second is not
 * sent.
 */
static int about_to_send(void *userdata, char *remote, char *local, int remote_port, int local_port)
{
    struct transfer *transfer = userdata;
    (void)remote;
    (void)local;
    (void)remote_port;
    (void)local_port;
    transfer->begun++;
    return transfer->begun == 1 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static bool add_header(struct transfer *transfer, const char *line)
{
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    if (longer) {
        transfer->headers = longer;
    }
    return longer != NULL;
}

static bool add_headers(struct transfer *transfer, bool has_token)
{
    char line[token_size + 32];
    /* A member without a leader says so at once instead of waiting; and a watch there ends. */
    bool is_whole = add_header(transfer, "Content-Type: application/json") &&
                    add_header(transfer, "Expect:") &&
                    add_header(transfer, "Grpc-Metadata-hasleader: true");
    if (is_whole && has_token && transfer->etcd->token[0]) {
        (void)snprintf(line, sizeof(line), "Authorization: %s", transfer->etcd->token);
        is_whole = add_header(transfer, line);
    }
    return is_whole;
}

static void set_connection(CURL *easy, struct etcd *etcd)
{
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, socket_open);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, etcd);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)etcd->connect_limit_ms);
    (void)curl_easy_setopt(easy, CURLOPT_CAINFO, etcd->ca_file);
    (void)curl_easy_setopt(easy, CURLOPT_SSLCERT, etcd->cert_file);
    (void)curl_easy_setopt(easy, CURLOPT_SSLKEY, etcd->key_file);
}

static bool set_up(struct transfer *transfer, const struct transfer_spec *spec)
{
    CURL *easy = transfer->easy;
    char url[endpoint_size + 64];
    (void)snprintf(url, sizeof(url), "%s%s", transfer->etcd->endpoints[spec->endpoint], spec->path);
    set_connection(easy, transfer->etcd);
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *)transfer);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->cause);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_reply);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, about_to_send);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, buf_str(spec->body));
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)spec->body->size);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)spec->limit_ms);
    if (spec->silence_limit_ms > 0) {
        (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
                               (long)((spec->silence_limit_ms + 999) / 1000));
    }
    return add_headers(transfer, spec->has_token) &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK;
}

struct transfer *transfer_new(struct etcd *etcd, const struct transfer_spec *spec,
                              const struct transfer_handler *handler, void *userdata)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));
    if (!transfer) {
        return NULL;
    }
    transfer->etcd = etcd;
    transfer->handler = handler;
    transfer->userdata = userdata;
    transfer->next = etcd->transfers;
    transfer->back = &etcd->transfers;
    if (transfer->next) {
        transfer->next->back = &transfer->next;
    }
    etcd->transfers = transfer;
    transfer->easy = curl_easy_init();
    if (!transfer->easy || !set_up(transfer, spec) ||
        curl_multi_add_handle(etcd->multi, transfer->easy) != CURLM_OK) {
        return transfer_free(transfer);
    }
    return transfer;
}

struct transfer *transfer_free(struct transfer *transfer)
{
    if (!transfer) {
        return NULL;
    }
    *transfer->back = transfer->next;
    if (transfer->next) {
        transfer->next->back = transfer->back;
    }
    if (transfer->easy) {
        (void)curl_multi_remove_handle(transfer->etcd->multi, transfer->easy);
        curl_easy_cleanup(transfer->easy);
    }
    curl_slist_free_all(transfer->headers);
    buf_done(&transfer->reply);
    free(transfer);
    return NULL;
}

long transfer_status(const struct transfer *transfer)
{
    long status = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

const char *transfer_cause(const struct transfer *transfer, CURLcode code)
{
    return transfer->cause[0] ? transfer->cause : curl_easy_strerror(code);
}
