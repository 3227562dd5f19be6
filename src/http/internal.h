/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of src/http only. */
#pragma once

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
