/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libmicrohttpd in its external mode: its epoll descriptor and its next time-out are event sources
 * of our loop. A request without an answer yet, and a stream without data, are suspended
 * connections.
 */
#include "http/internal.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
    timer_accuracy_us = 10 * 1000, /* sd-event's default is a quarter of a second */
    /* Of one connection: the header of a request must fit in. */
    connection_memory_size = 32 * 1024,
};

/* ---- exchanges ---- */

static struct http_exchange *exchange_new(struct http_server *server,
                                          struct MHD_Connection *connection, const char *target)
{
    CLEANUP(freep) struct http_exchange *exchange = calloc(1, sizeof(*exchange));
    if (!exchange || !(exchange->target = strdup(target))) {
        return NULL;
    }
    exchange->server = server;
    exchange->connection = connection;
    exchange->next = server->first;
    if (server->first) {
        server->first->previous = exchange;
    }
    server->first = exchange;
    return TAKE(exchange);
}

static void exchange_free(struct http_exchange *exchange)
{
    struct http_server *server = exchange->server;
    sd_event_source_disable_unref(exchange->leaving);
    if (exchange->phase != PHASE_READING) {
        server->handler.closed(server->userdata, exchange);
    }
    if (exchange->next) {
        exchange->next->previous = exchange->previous;
    }
    *(exchange->previous ? &exchange->previous->next : &server->first) = exchange->next;
    if (exchange->response) {
        MHD_destroy_response(exchange->response);
    }
    if (exchange->body.size > 0) {
        explicit_bzero(exchange->body.data, exchange->body.size); /* may hold a password */
    }
    buf_done(&exchange->body);
    buf_done(&exchange->out);
    free(exchange->target);
    free(exchange);
}

void exchange_suspend(struct http_exchange *exchange)
{
    if (!exchange->is_suspended) {
        exchange->is_suspended = true;
        MHD_suspend_connection(exchange->connection);
    }
}

void exchange_resume(struct http_exchange *exchange)
{
    if (exchange->is_suspended) {
        exchange->is_suspended = false;
        MHD_resume_connection(exchange->connection);
        (void)sd_event_source_set_enabled(exchange->server->kick, SD_EVENT_ONESHOT);
    }
}

const struct http_request *http_exchange_request(const struct http_exchange *exchange)
{
    return &exchange->request;
}

void http_vouch(struct http_exchange *exchange)
{
    patience_vouch(exchange->connection);
}

void http_set_tag(struct http_exchange *exchange, void *tag)
{
    exchange->tag = tag;
}

void *http_tag(struct http_exchange *exchange)
{
    return exchange->tag;
}

unsigned http_status(const struct http_exchange *exchange)
{
    return exchange->status;
}

/* ---- answers ---- */

static enum MHD_Result give_response(struct http_exchange *exchange)
{
    exchange->phase = PHASE_SENDING;
    if (!exchange->is_stream && !exchange->is_websocket) {
        patience_begin(&exchange->server->patience, exchange->connection, PATIENCE_ANSWER);
    }
    enum MHD_Result result =
        MHD_queue_response(exchange->connection, exchange->status, exchange->response);
    MHD_destroy_response(exchange->response);
    exchange->response = NULL;
    return result;
}

void exchange_answer(struct http_exchange *exchange, unsigned status, struct MHD_Response *response,
                     const char *content_type, const char *cache_control)
{
    assert(exchange->phase == PHASE_HANDLED);
    exchange->phase = PHASE_ANSWERED;
    exchange->status = status;
    exchange->response = response;
    if (response) {
        (void)MHD_add_response_header(response, "Content-Type", content_type);
        (void)MHD_add_response_header(response, "Cache-Control",
                                      cache_control ? cache_control : "no-store");
        (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
        if (exchange->server->is_https_only) {
            (void)MHD_add_response_header(response, "Strict-Transport-Security",
                                          "max-age=31536000");
        }
    }
    exchange_resume(exchange);
}

void http_reply(struct http_exchange *exchange, const struct http_answer *answer)
{
    struct MHD_Response *response = http_form(exchange, answer);
    exchange_answer(exchange, answer->status, response, answer->content_type,
                    answer->cache_control);
    for (size_t i = 0; response && i < answer->field_len; i++) {
        (void)MHD_add_response_header(response, answer->fields[i].name, answer->fields[i].value);
    }
}

/* ---- requests ---- */

static void fill_address(struct http_exchange *exchange, struct http_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *from = info ? info->client_addr : NULL;
    if (!from || (from->sa_family != AF_INET && from->sa_family != AF_INET6)) {
        return;
    }
    socklen_t size =
        from->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    char peer[http_address_size];
    const struct http_patience *patience = &exchange->server->patience;
    if (getnameinfo(from, size, peer, sizeof(peer), NULL, 0, NI_NUMERICHOST) == 0) {
        network_client(patience->proxies, patience->proxy_len, peer,
                       http_header(exchange, "X-Forwarded-For"), request->address);
    }
}

static void fill_peer(struct http_exchange *exchange, struct http_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (info && getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
        peer.pid > 0) {
        request->has_peer = true;
        request->uid = peer.uid;
        request->pid = peer.pid;
    }
}

static enum MHD_Result handle(struct http_exchange *exchange, const char *method)
{
    struct http_server *server = exchange->server;
    exchange->request = (struct http_request){
        .method = exchange->method,
        .target = exchange->target,
        .body = exchange->is_too_large ? NULL : exchange->body.data,
        .body_size = exchange->is_too_large ? server->body_size_max + 1 : exchange->body.size,
        .is_too_large = exchange->is_too_large,
    };
    /* A method that does not fit is none: what is left of it is refused as one. */
    (void)snprintf(exchange->method, sizeof(exchange->method), "%s", method);
    fill_peer(exchange, &exchange->request);
    fill_address(exchange, &exchange->request);
    patience_end(&server->patience, exchange->connection);
    exchange->phase = PHASE_HANDLED;
    server->handler.request(server->userdata, exchange, &exchange->request);
    if (exchange->phase == PHASE_HANDLED) {
        exchange_suspend(exchange);
        return MHD_YES;
    }
    return exchange->response ? give_response(exchange) : MHD_NO;
}

/* Said before the body is read, so the connection ends with it. The handler never knows. */
static enum MHD_Result refuse_ambiguous(struct http_exchange *exchange)
{
    static const char text[] =
        "{\"code\":\"bad-request\",\"message\":\"the request has no Host, or "
        "has Host, Content-Length, Transfer-Encoding or X-Forwarded-For twice\",\"reasons\":[]}\n";
    struct MHD_Response *response = MHD_create_response_from_buffer(
        sizeof(text) - 1, (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    if (!response) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, "Content-Type", "application/json");
    (void)MHD_add_response_header(response, "Connection", "close");
    patience_begin(&exchange->server->patience, exchange->connection, PATIENCE_ANSWER);
    enum MHD_Result result =
        MHD_queue_response(exchange->connection, MHD_HTTP_BAD_REQUEST, response);
    MHD_destroy_response(response);
    return result;
}

static bool announces_too_much(struct http_exchange *exchange)
{
    const char *text = http_header(exchange, "Content-Length");
    return text && strtoull(text, NULL, 10) > exchange->server->body_size_max;
}

static void take_body(struct http_exchange *exchange, const char *bytes, size_t size)
{
    if (exchange->is_too_large || exchange->body.size + size > exchange->server->body_size_max) {
        exchange->is_too_large = true;
        buf_done(&exchange->body);
        return;
    }
    buf_add(&exchange->body, bytes, size);
    exchange->is_too_large = exchange->body.failed;
}

/* Called with the header, with each piece of the body, at its end, and after each resume. */
static enum MHD_Result on_access(void *cls, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *bytes,
                                 size_t *size, void **context)
{
    struct http_exchange *exchange = *context;
    (void)cls, (void)connection, (void)url;
    if (!exchange) {
        return MHD_NO;
    }
    if (exchange->phase == PHASE_ANSWERED) {
        return exchange->response ? give_response(exchange) : MHD_NO;
    }
    if (exchange->phase != PHASE_READING) {
        return MHD_YES;
    }
    if (*size > 0) {
        take_body(exchange, bytes, *size);
        *size = 0;
        return MHD_YES;
    }
    /* The first call is for the header alone: nothing but a refusal can be said yet. */
    if (!exchange->has_header) {
        exchange->has_header = true;
        if (http_is_ambiguous(connection, version)) {
            return refuse_ambiguous(exchange);
        }
        patience_begin(&exchange->server->patience, connection, PATIENCE_REQUEST);
        if (!announces_too_much(exchange)) {
            return MHD_YES;
        }
        exchange->is_too_large = true;
    }
    return handle(exchange, method);
}

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct http_server *server = cls;
    if (server->is_closing) {
        return NULL;
    }
    patience_begin(&server->patience, connection, PATIENCE_HEADER);
    return exchange_new(server, connection, uri);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct http_server *server = cls;
    (void)code;
    if (*context) {
        exchange_free(*context);
        *context = NULL;
    }
    patience_begin(&server->patience, connection, PATIENCE_REQUEST);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        patience_add(&server->patience, connection, context);
    } else {
        patience_remove(&server->patience, context);
    }
}

PRINTF_LIKE(2, 0)
static void on_log(void *cls, const char *format, va_list args)
{
    struct http_server *server = cls;
    char text[300];
    (void)vsnprintf(text, sizeof(text), format, args);
    text[strcspn(text, "\n")] = '\0';
    if (server->handler.log) {
        server->handler.log(server->userdata, text);
    }
}

/* ---- the loop ---- */

static void run_server(struct http_server *server)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    (void)MHD_run(server->daemon);
    bool has_timeout = MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES;
    if (has_timeout && timeout_ms == 0) {
        /* More to read at once; others on the loop have their turn first. */
        (void)sd_event_source_set_enabled(server->kick, SD_EVENT_ONESHOT);
    } else if (has_timeout) {
        (void)sd_event_source_set_time_relative(server->timer, timeout_ms * 1000);
    }
    (void)sd_event_source_set_enabled(
        server->timer, has_timeout && timeout_ms > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    (void)source, (void)fd, (void)events;
    run_server(userdata);
    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source, (void)usec;
    run_server(userdata);
    return 0;
}

static int on_kick(sd_event_source *source, void *userdata)
{
    (void)source;
    run_server(userdata);
    return 0;
}

static int add_sources(struct http_server *server, sd_event *event)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    int r = info ? 0 : -EIO;
    r = r < 0 ? r : sd_event_add_io(event, &server->io, info->epoll_fd, EPOLLIN, on_io, server);
    r = r < 0 ? r
              : sd_event_add_time_relative(event, &server->timer, CLOCK_MONOTONIC, 0,
                                           timer_accuracy_us, on_timer, server);
    r = r < 0 ? r : sd_event_add_defer(event, &server->kick, on_kick, server);
    return r < 0 ? r : sd_event_source_set_enabled(server->kick, SD_EVENT_OFF);
}

/* Reads of "SSL" in libmicrohttpd are TLS: 1.2 and 1.3, forward secret, no CBC, no SHA-1. */
#define TLS_PRIORITIES                                                                             \
    "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:"   \
    "+AES-256-GCM:+AES-128-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD"

static struct MHD_Daemon *start_daemon(struct http_server *server, const struct http_config *config)
{
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)config->certificate_pem},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)config->key_pem},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned flags =
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG;
    bool has_tls = config->certificate_pem != NULL;
    return MHD_start_daemon(
        has_tls ? flags | MHD_USE_TLS : flags, 0, NULL, NULL, on_access, server,
        MHD_OPTION_EXTERNAL_LOGGER, on_log, server, MHD_OPTION_LISTEN_SOCKET, config->listen_fd,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_CONNECTION_LIMIT,
        config->connections_max, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_TIMEOUT,
        config->timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)connection_memory_size,
        MHD_OPTION_ARRAY, has_tls ? tls : tls + 3, MHD_OPTION_END);
}

int http_new(sd_event *event, const struct http_config *config, const struct http_handler *handler,
             void *userdata, struct http_server **ret, struct error *err)
{
    struct http_server *server = calloc(1, sizeof(*server));
    if (!server) {
        (void)close(config->listen_fd);
        return error_set(err, -ENOMEM, "out of memory");
    }
    server->handler = *handler;
    server->userdata = userdata;
    server->body_size_max = config->body_size_max;
    server->is_https_only = config->is_https_only;
    server->patience.request_limit_s = config->timeout_s;
    server->patience.header_limit_s = config->header_limit_s;
    server->patience.strangers_max =
        config->connections_max - MIN(config->connections_max, config->connections_kept);
    server->patience.per_address_max = config->connections_per_address_max;
    server->patience.answer_limit_s = config->answer_limit_s;
    server->patience.proxy_len = MIN(config->proxy_len, (size_t)http_proxies_max);
    for (size_t i = 0; i < server->patience.proxy_len; i++) {
        server->patience.proxies[i] = config->proxies[i];
    }
    server->daemon = start_daemon(server, config);
    if (!server->daemon) {
        (void)close(config->listen_fd);
        free(server);
        return error_set(err, -EIO, "the HTTP server does not start");
    }
    int r = add_sources(server, event);
    r = r < 0 ? r : patience_start(&server->patience, event);
    if (r < 0) {
        http_free(server);
        return error_set(err, r, "adding the HTTP server to the loop: %s", strerror(-r));
    }
    *ret = server;
    return 0;
}

/* A suspended connection would make MHD_stop_daemon() abort: each is answered and woken first. */
static void end_exchange(struct http_exchange *exchange)
{
    const struct http_server *server = exchange->server;
    static const char text[] = "{\"code\":\"stopping\",\"message\":\"berth-api is stopping; try "
                               "again in a moment\",\"reasons\":[]}\n";
    exchange->has_ended = true;
    if (exchange->socket) {
        server->handler.closing(server->userdata, exchange);
        assert(!exchange->socket);
    }
    if (exchange->phase == PHASE_HANDLED) {
        http_reply(exchange, &(struct http_answer){.status = 503,
                                                   .content_type = "application/json",
                                                   .body = text,
                                                   .body_size = sizeof(text) - 1});
    }
    exchange_resume(exchange);
}

struct http_server *http_free(struct http_server *server)
{
    if (!server) {
        return NULL;
    }
    server->is_closing = true;
    MHD_socket listener = MHD_quiesce_daemon(server->daemon);
    for (struct http_exchange *exchange = server->first; exchange; exchange = exchange->next) {
        end_exchange(exchange);
    }
    (void)MHD_run(server->daemon);
    MHD_stop_daemon(server->daemon);
    if (listener != MHD_INVALID_SOCKET) {
        (void)close(listener);
    }
    assert(!server->first);
    patience_done(&server->patience);
    sd_event_source_disable_unref(server->io);
    sd_event_source_disable_unref(server->timer);
    sd_event_source_disable_unref(server->kick);
    free(server);
    return NULL;
}
