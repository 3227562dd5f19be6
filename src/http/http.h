/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An HTTP server on an sd-event loop, with TLS or without: requests go to a handler, which answers
 * now, later, or with a stream that stays open. libmicrohttpd does the protocol, GnuTLS the TLS;
 * this room knows nothing of what is served.
 *
 * No client can hold up another: a request must be whole, and an answer taken, within a time, and
 * connections, headers, bodies and what a reader may be behind are bounded.
 *
 * All functions and callbacks: the loop's thread.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "http/network.h"

#include <sys/types.h>
#include <systemd/sd-event.h>

struct http_server;

/* One request and its answer. Valid from handler.request until handler.closed. */
struct http_exchange;

enum { http_address_size = network_address_size, http_proxies_max = 16 };

struct http_request {
    const char *method;
    const char *target; /* path and query as sent, percent-encoded */
    const void *body;   /* NULL if 'is_too_large' */
    size_t body_size;   /* more than the limit if 'is_too_large' */
    bool is_too_large;
    bool has_peer; /* over a Unix socket: who is at its other end */
    uid_t uid;
    pid_t pid;
    char address[http_address_size]; /* the client's, numeric; "" over a Unix socket */
};

/* The bytes of a connection that has become something else than HTTP. Valid until it is closed. */
struct http_socket;

struct http_field {
    const char *name;
    const char *value;
};

struct http_answer {
    unsigned status;
    const char *content_type;
    const char *etag; /* with its quotes, or NULL */
    const void *body; /* copied, unless 'is_static' */
    size_t body_size;
    bool is_static;                  /* the body stays as and where it is for ever */
    bool may_pack;                   /* compressed if that pays, for a client that accepts it */
    const char *cache_control;       /* NULL: "no-store" */
    const struct http_field *fields; /* further headers; copied */
    size_t field_len;
};

struct http_handler {
    /* A whole request has come; it is lent until 'closed'. Answer it, once, in this call or later.
     */
    void (*request)(void *userdata, struct http_exchange *exchange,
                    const struct http_request *request);
    /* The exchange ends now, answered or because the client left: forget it. */
    void (*closed)(void *userdata, struct http_exchange *exchange);
    /* After http_begin_websocket(): from now on the frames of a WebSocket go through 'fd', lent
     * until http_socket_close(). 'closed' comes after that. May be NULL. */
    void (*opened)(void *userdata, struct http_exchange *exchange, struct http_socket *socket,
                   int fd);
    /* The server ends: close that socket now. NULL where 'opened' is. */
    void (*closing)(void *userdata, struct http_exchange *exchange);
    /* What libmicrohttpd has to say; one line. May be NULL. */
    void (*log)(void *userdata, const char *text);
};

struct http_config {
    int listen_fd; /* listens already; taken over, closed at the end and on error */
    size_t body_size_max;
    unsigned connections_max;
    unsigned connections_per_address_max; /* IPv6: of its first 64 bits; 0: no such limit */
    /* Whose X-Forwarded-For is believed; lent for the call. From them there may be any number of
     * connections. */
    const struct network *proxies;
    size_t proxy_len;
    unsigned connections_kept; /* of connections_max, for those that http_vouch() was called for */
    unsigned header_limit_s;   /* for the handshake and the header of a request; 0: no such limit */
    bool is_https_only;        /* browsers are told to come by HTTPS only */
    unsigned timeout_s;      /* a client that sends or takes nothing for so long is cut off, and one
                                that has sent no whole request in twice that */
    unsigned answer_limit_s; /* the same for one that has not taken its answer; streams apart */
    const char *certificate_pem; /* both: TLS 1.2 and later; both NULL: none. Lent for the call */
    const char *key_pem;
};

int http_new(sd_event *event, const struct http_config *config, const struct http_handler *handler,
             void *userdata, struct http_server **ret, struct error *err);

/* Ends what is open (unanswered requests get 503), calls 'closed' for each. Returns NULL; accepts
 * NULL. */
struct http_server *http_free(struct http_server *server);
CLEANUP_POINTER(struct http_server, http_free)

/* What the handler got; lent until 'closed'. */
const struct http_request *http_exchange_request(const struct http_exchange *exchange);

/* A header of the request, or NULL; lent while the exchange lasts. */
const char *http_header(struct http_exchange *exchange, const char *name);

/* Whether the list of this header, Accept or Accept-Encoding, has 'word'. */
bool http_accepts(struct http_exchange *exchange, const char *header, const char *word);

/* The client is known: others' connections are cut off before this one. */
void http_vouch(struct http_exchange *exchange);

/* The handler's own pointer, NULL at first. */
void http_set_tag(struct http_exchange *exchange, void *tag);
void *http_tag(struct http_exchange *exchange);

/* The status of its answer; 0: it has none yet. */
unsigned http_status(const struct http_exchange *exchange);

/* Copies what it needs. */
void http_reply(struct http_exchange *exchange, const struct http_answer *answer);

/* Answers with an open end. */
void http_stream_begin(struct http_exchange *exchange, const char *content_type);
/* Adds to it. False: the client does not keep up and is cut off ('closed' follows). */
bool http_stream_send(struct http_exchange *exchange, const void *bytes, size_t size);
/* Ends it behind what was sent; 'closed' follows. */
void http_stream_end(struct http_exchange *exchange);

/* Whether the request asks for a WebSocket, as RFC 6455, 4.2.1, has it. */
bool http_wants_websocket(struct http_exchange *exchange);
/* Answers such a request with one; 'opened' follows, or 'closed' alone. */
void http_begin_websocket(struct http_exchange *exchange);
/* Ends it; what was written is sent. */
void http_socket_close(struct http_socket *socket);

/* A Unix socket that listens at 'path', for the owner and 'group' (if there is one of that name; it
 * may be NULL). Makes the directory above; replaces a socket that no one serves any more.
 * -EADDRINUSE: someone serves it. '*ret' is the caller's. */
int http_listen_unix(const char *path, const char *group, int *ret, struct error *err);

/* A TCP socket that listens at 'text': "127.0.0.1:8643", "[::1]:8643", "[::]:8643" (IPv4, too).
 * -EINVAL: it is no such text. '*ret' is the caller's. */
int http_listen_tcp(const char *text, int *ret, struct error *err);

/* "[::1]:8643" into "::1" of http_address_size bytes and 8643. -EINVAL: it is none. */
int http_address_parse(const char *text, char *ret_host, unsigned *ret_port, struct error *err);
