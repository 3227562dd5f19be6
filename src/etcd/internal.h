/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside the client.
 *
 *     socket.c      curl's sockets, watched by the loop
 *     transport.c   one HTTP exchange, on curl's multi handle and the loop
 *     request.c     a request: exchanges at one endpoint after the other until its outcome is known
 *     snapshot.c    requests page by page, at one revision
 *     watch.c       an exchange that does not end
 *     survey.c      which member each endpoint is
 *     client.c      configuration, endpoints and the way back to the first, token
 */
#pragma once

#include "base/buf.h"
#include "etcd/etcd.h"
#include "wire/key.h"

#include <curl/curl.h>

enum {
    endpoints_max = 32,
    endpoint_size = 256,
    token_size = 4096,
    /* A page of the store or a burst of events; more is not etcd talking sense. */
    reply_size_max = 256 * 1024 * 1024,
};

/* ---- sockets: curl's callbacks; 'userdata' is struct etcd ---- */

int socket_want(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data);
curl_socket_t socket_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address);
void sockets_done(struct etcd *etcd);

/* ---- transport ---- */

/* Tells curl what happened to one of its sockets, and handlers what came of it. */
void transport_act(struct etcd *etcd, curl_socket_t fd, int events);

struct transfer;

struct transfer_handler {
    /* Bytes have been added to 'reply'. NULL for those who wait for the end. */
    void (*data)(void *userdata);
    /* It is over; the transfer may be freed in here. */
    void (*done)(void *userdata, CURLcode code);
};

struct transfer {
    struct etcd *etcd;
    struct transfer *next, **back;
    CURL *easy;
    struct curl_slist *headers;
    const struct transfer_handler *handler;
    void *userdata;
    struct buf reply;
    bool has_data;
    unsigned begun; /* times that the request began to leave this host */
    char cause[CURL_ERROR_SIZE];
};

struct transfer_spec {
    size_t endpoint;
    const char *path;
    const struct buf *body;  /* lent until the transfer is freed */
    msec_t limit_ms;         /* 0: none ... */
    msec_t silence_limit_ms; /* ... but no byte for this long ends it; 0: none */
    bool has_token;
};

int transport_init(struct etcd *etcd, struct error *err);
void transport_done(struct etcd *etcd);

/* NULL without memory. The handler is called later. */
struct transfer *transfer_new(struct etcd *etcd, const struct transfer_spec *spec,
                              const struct transfer_handler *handler, void *userdata);
struct transfer *transfer_free(struct transfer *transfer); /* ends it silently; returns NULL */
long transfer_status(const struct transfer *transfer);     /* HTTP's; 0: none came */

/* What went wrong, for people. */
const char *transfer_cause(const struct transfer *transfer, CURLcode code);

/* ---- requests ---- */

enum request_kind { REQUEST_RANGE, REQUEST_TRANSACTION, REQUEST_COMPACT, REQUEST_AUTHENTICATE };

struct request {
    struct etcd *etcd;
    struct request *next, **back;
    enum request_kind kind;
    struct buf body;
    msec_t begun_ms, deadline_ms;
    size_t endpoint; /* of the exchange that is under way */
    unsigned attempts;
    bool is_waiting_for_token;
    bool is_checked;  /* the endpoint of now was just asked whose it is */
    bool is_probe;    /* what is under way only asks whose the endpoint is */
    bool is_homeward; /* begins at the first endpoint, wherever others go */
    struct transfer *transfer;
    sd_event_source *timer; /* until the next attempt */
    etcd_reply_fn done;
    void *userdata;
    void (*dropped)(void *userdata); /* instead of 'done', if the client is freed; may be NULL */
    enum txn_outcome outcome;        /* once it is finished */
    struct error error;
};

/* A request with an empty body, for request_begin(). Never NULL: a callback is promised, and a
 * process without memory for a promise ends. */
struct request *request_new(struct etcd *etcd, enum request_kind kind, msec_t limit_ms,
                            etcd_reply_fn done, void *userdata);
void request_begin(struct request *request); /* its body is complete */
void requests_drop(struct etcd *etcd);

/* ---- the client ---- */

/* An endpoint is asked which member it is. */
struct survey_look {
    struct etcd *etcd;
    struct transfer *transfer; /* under way; NULL: none */
    struct etcd_endpoint_state found;
};

void survey_drop(struct etcd *etcd);

struct etcd {
    sd_event *event;
    CURLM *multi;
    sd_event_source *timer; /* curl's */
    sd_event_source *later; /* reports what is finished */
    sd_event_source *homing;
    struct watched_socket *sockets;
    struct transfer *transfers;
    struct request *requests, *finished;
    struct etcd_watch *watches;
    char endpoints[endpoints_max][endpoint_size];
    size_t endpoint_len;
    uint64_t clusters[endpoints_max]; /* that each last answered for; 0: not known now */
    uint64_t cluster;                 /* ours; 0: not known yet */
    struct buf probe;                 /* a read that shows whose an endpoint is */
    struct buf empty;                 /* the body "{}" */
    struct survey_look looks[endpoints_max];
    void (*foreign)(void *userdata, const char *endpoint, uint64_t is, uint64_t ours);
    void (*surveyed)(void *userdata);
    void *userdata;
    size_t current; /* the one that last worked, or is to be tried next */
    char prefix[wire_prefix_size];
    char *ca_file, *cert_file, *key_file, *username, *password;
    msec_t connect_limit_ms, silence_limit_ms, home_pause_ms;
    char token[token_size];
    struct request *authentication; /* under way; NULL: none */
};

/* Whether an endpoint that answered for 'cluster' is one of ours; tells it if not. */
bool endpoint_is_ours(struct etcd *etcd, size_t endpoint, uint64_t cluster);
/* Whether it last answered for our cluster, and did not fail since. */
bool endpoint_is_known(const struct etcd *etcd, size_t endpoint);
void endpoint_worked(struct etcd *etcd, size_t endpoint);
void endpoint_failed(struct etcd *etcd, size_t endpoint); /* others are tried first from now on */

bool etcd_wants_token(const struct etcd *etcd); /* and has none */
void etcd_authenticate(struct etcd *etcd);      /* unless it is under way */
void etcd_forget_token(struct etcd *etcd);

/* Whether etcd's error says that our token is not, or no longer, good. */
bool etcd_is_token_fault(const struct etcd *etcd, const char *text);

/* The end of an attempt to get a token; 'error' is NULL if we have it. */
void requests_authenticated(struct etcd *etcd, const struct error *error);
void watches_authenticated(struct etcd *etcd);

bool watches_are_home(const struct etcd *etcd);
void watches_go_home(struct etcd *etcd); /* each from where it was */
