/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes into the API and what comes out of it (api.h), as values. */
#pragma once

#include "api/liveness.h"
#include "base/buf.h"
#include "model/txn.h"
#include "model/world.h"
#include "wire/domain_policy.h"

enum {
    api_body_size_max = 512 * 1024, /* a domain XML of domain_xml_size_max, quoted as JSON */
    api_target_size_max = 4096,
    api_page_max = 1000, /* items of a list, where a limit is asked for */
    api_csrf_size = 72,
    api_address_size = 48, /* as an event keeps it */
    api_secret_size = 72,
    api_screen_address_size = 256, /* as an inventory has it */
    api_password_size = 256,
    api_password_len_min = 8, /* what NIST SP 800-63B asks of passwords that people choose */
    api_totp_size = 128,      /* the secret of a second factor, as a person types it */
    api_code_size = 16,
};

/* Who asks. The one place that knows what they may do: api_handle() compares it with the route. */
struct api_actor {
    char name[name_size];
    enum api_role role;
    char csrf[api_csrf_size];       /* of a console session: what its changes must carry; else "" */
    char login[name_size];          /* the account behind it, as behind sudo; "": none, unknown */
    bool is_root;                   /* root of this host, over its socket */
    char address[api_address_size]; /* where from, numeric; "": this host's socket */
};

/* What the caller made for an answer with EFFECT_HASH, EFFECT_PASSWORD or EFFECT_TOTP. */
struct api_credential {
    char secret[api_secret_size]; /* of a token; "" a password's */
    char hash[access_hash_size];
    char totp[access_totp_size]; /* the second factor, sealed */
    uint64_t totp_step;          /* of the code that proved it */
};

struct api_request {
    const char *method;        /* "GET" */
    const char *target;        /* path and query as they came, still percent-encoded */
    const char *if_match;      /* header of that name, or NULL */
    const char *if_none_match; /* this and the next two: the same */
    const char *idempotency_key;
    const char *last_event_id;
    bool wants_stream; /* it accepts text/event-stream */
    bool wants_socket; /* it asks for a WebSocket */
    const void *body;
    size_t body_size;
    struct api_actor actor;
    struct api_credential credential; /* all "": none was made yet */
};

struct counters;
struct survival_memo;
struct use_history;

/* Someone who has logged in at the console of this API. */
struct api_session {
    uint64_t number; /* never 0 */
    char user[name_size];
    char address[api_address_size];
    uint64_t begun_ms, used_ms; /* wall clock */
};

/* What is known, at one moment. */
struct api_view {
    const struct world *world;
    const struct liveness *liveness;
    msec_t now_ms;                       /* monotonic */
    msec_t stale_since_ms;               /* the store is silent since then; MSEC_NEVER: it is not */
    uint64_t wall_ms;                    /* names events, decides nothing */
    const struct counters *counters;     /* what this API counts; NULL: nothing */
    struct survival_memo *survival_memo; /* of earlier calls, and for later ones; NULL: none */
    const struct use_history *use;       /* in the last hour; NULL: not kept */
    const struct domain_policy *policy;  /* of this host: which domains are added; NULL: all */
    uint64_t
        certificate_until_ms;  /* wall clock: the end of this API's HTTPS certificate; 0: none */
    const char *node;          /* of this host; NULL: not known */
    const char *contradiction; /* why its berthd says that the store contradicts it; NULL: it does
                                  not */
    const struct api_session *sessions; /* lent; NULL: there are none, or no one asked */
    size_t session_len;
    bool can_notify;     /* this host has been given a webhook or mail to tell problems to */
    const char *version; /* of this program; NULL: not said */
    const char *writer;  /* this API's name in the keys of its events, at most 24 characters */
    uint64_t number;     /* grows with each request */
    uint8_t random[16];  /* new with each request: the uuid of a VM that has none */
};

/* What the caller has to do before there is an answer: what is no function of what is known. */
enum api_effect {
    EFFECT_NONE,
    EFFECT_HASH,     /* hash 'password', or if "" a secret made at random; handle again with it */
    EFFECT_LOGIN,    /* if 'password' and 'code' are 'user's: begin a session, handle "GET
                        /v1/session" in it */
    EFFECT_PASSWORD, /* if 'password' is 'user's: hash 'next_password', handle again with that */
    EFFECT_TOTP,     /* if 'code' is one of 'totp', and 'password' the actor's or not wanted: seal
                        'totp' for 'user', handle again with that */
    EFFECT_LOGOUT,   /* end the session, then send the answer */
    EFFECT_NOTIFY,   /* send notice_test() out; what came of it is the answer */
    EFFECT_END_SESSION, /* end 'session', also if the transaction does not commit; then that */
};

struct api_answer {
    enum api_effect effect;
    uint64_t session;
    char user[name_size];
    char password[api_password_size];
    char next_password[api_password_size];
    char totp[api_totp_size];
    char code[api_code_size];
    bool wants_proof; /* of 'password' */

    unsigned status;          /* of HTTP */
    const char *content_type; /* static */
    struct buf body;
    revision_t etag; /* of what may be changed, for If-Match; with a txn: the committed revision */
    uint64_t hash;   /* of what is shown, for If-None-Match */
    bool has_etag;
    /* The body may be compressed: no secret is in it whose length could be read off its size. */
    bool may_pack;

    /* To be committed before the answer is sent. 'event' is in it: if the outcome is unknown,
     * whether that event exists tells. */
    bool has_txn;
    bool may_retry; /* refused by a guard: handle the request again on a newer world */
    struct txn txn;
    struct record_key event;

    /* Once committed, the answer is a WebSocket to this of this VM ("": its host's), or NULL. */
    const char *socket_kind; /* static: "screen", "console" or "domains" */
    char vm[name_size];
    char screen_address[api_screen_address_size]; /* of its host */

    /* The answer is an endless stream of events, those after 'follow_after' first. */
    bool is_stream;
    char follow_after[name_size];
    bool wants_changes; /* and which things look different, as changes.h has it */
};

void api_answer_done(struct api_answer *answer);

/* Turns 'answer' into the error that says how its transaction ended, when it did not commit:
 * refused too often, unknown, or impossible ('why' from the store, may be NULL). */
void api_answer_uncommitted(struct api_answer *answer, enum txn_outcome outcome, const char *why);

/* An error answer made outside of api_handle() (a body too large, say). 'code' is static. */
void api_answer_error(struct api_answer *ret, unsigned status, const char *code,
                      const char *message);
