/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of src/http only. */
#pragma once

#include "base/buf.h"
#include "http/http.h"

#include <microhttpd.h>

/*
 * The patience with slow clients. libmicrohttpd's own time-out starts again with each byte, so a
 * client could hold a connection for ever with one byte now and then; here each connection that
 * owes us something has a moment at which it is cut off. Where there are too many, the oldest of
 * those that nothing is known of goes first, so that strangers cannot shut others out.
 */
struct http_connection;

struct http_patience {
    unsigned header_limit_s, request_limit_s, answer_limit_s; /* 0: no limit */
    unsigned strangers_max;   /* connections beyond these cost the oldest of a stranger; 0: none */
    unsigned per_address_max; /* the same, from one address, but of these */
    struct network proxies[http_proxies_max];
    size_t proxy_len;
    sd_event *event;
    sd_event_source *timer;
    struct http_connection *first;
};

enum patience_for {
    PATIENCE_HEADER,  /* the client must send the header of a request */
    PATIENCE_REQUEST, /* ... the rest of it, or the next one */
    PATIENCE_ANSWER,  /* it must take something */
};

int patience_start(struct http_patience *patience, sd_event *event);
/* After the last connection has gone. */
void patience_done(struct http_patience *patience);

/* libmicrohttpd's connection notifications; 'context' is its place for a pointer of ours. */
void patience_add(struct http_patience *patience, struct MHD_Connection *connection,
                  void **context);
void patience_remove(struct http_patience *patience, void **context);

/* The client is known. */
void patience_vouch(struct MHD_Connection *connection);

/* From now on the client owes us this; or nothing. */
void patience_begin(struct http_patience *patience, struct MHD_Connection *connection,
                    enum patience_for what);
void patience_end(struct http_patience *patience, struct MHD_Connection *connection);

/* True if two servers in a row could read the header of a request differently (RFC 9112, 11.2): no
 * or several Host, two lengths, a name with a blank in it. libmicrohttpd would prefer one length.
 */
bool http_is_ambiguous(struct MHD_Connection *connection, const char *version);

/* The body of 'answer' in the form that the client of 'exchange' accepts, with the headers that say
 * which one it is. NULL without memory. */
struct MHD_Response *http_form(struct http_exchange *exchange, const struct http_answer *answer);

/* ---- http.c ---- */

enum phase {
    PHASE_READING,  /* its body is coming */
    PHASE_HANDLED,  /* the handler has it, no answer yet */
    PHASE_ANSWERED, /* 'response' is there, not yet given to libmicrohttpd */
    PHASE_SENDING,  /* libmicrohttpd has it */
};

struct http_exchange {
    struct http_server *server;
    struct http_exchange *next, *previous;
    struct MHD_Connection *connection;
    char *target;
    struct http_request request; /* filled when it is whole */
    char method[16];
    struct buf body;
    bool is_too_large;
    enum phase phase;
    bool has_header; /* libmicrohttpd's first call, for the header alone, has been */
    bool is_suspended;
    struct MHD_Response *response;
    unsigned status;
    bool is_stream, has_ended;
    bool is_websocket;
    struct http_socket *socket; /* open; the handler's to close */
    bool has_left;              /* the client of a stream */
    sd_event_source *leaving;   /* of a stream: tells that */
    struct buf out;             /* of the stream, from 'out_sent' on not yet taken */
    size_t out_sent;
    void *tag;
};

struct http_server {
    struct MHD_Daemon *daemon;
    struct http_handler handler;
    void *userdata;
    size_t body_size_max;
    bool is_https_only;
    sd_event_source *io, *timer, *kick;
    struct http_patience patience;
    struct http_exchange *first;
    bool is_closing;
};

struct http_socket {
    struct http_server *server;
    struct http_exchange *exchange;
    struct MHD_UpgradeResponseHandle *handle;
};

/* Its connection sleeps: libmicrohttpd does not look at it until it goes on. */
void exchange_suspend(struct http_exchange *exchange);
void exchange_resume(struct http_exchange *exchange);
/* It is answered with 'response' (NULL without memory), which is libmicrohttpd's from then on;
 * 'cache_control' NULL: not kept anywhere. */
void exchange_answer(struct http_exchange *exchange, unsigned status, struct MHD_Response *response,
                     const char *content_type, const char *cache_control);
