/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which problems are to be told outside (a webhook, mail): those that began and lasted, and those
 * told before that are over. Every berth-api follows them; the one on the coordinator's host tells.
 * So the next one knows what began shortly before it took over, when the last one perhaps could not
 * tell it any more, and what ended: a message may come twice, and is not lost.
 */
#pragma once

#include "api/api.h"
#include "api/problem.h"

enum {
    notice_settle_ms = 5 * 1000, /* what is over sooner is not worth a message */
    /* What is older was told by the host that coordinated then: longer than it tries. */
    notice_hand_over_ms = 6 * 60 * 1000,
    notice_items_max = 50, /* in each list of a message, which a chat must accept */
};

struct notice {
    enum trouble_code code;
    char subject[trouble_subject_size];
    struct facts facts;
    msec_t first_ms, last_ms; /* seen here */
    bool is_told;
    bool is_here;
    bool has_ended; /* kept a while for the host that perhaps tells it next */
};

/* Start with {0}. */
struct notices {
    VEC(struct notice) list;
    bool has_looked; /* while the store was heard */
    bool has_seen;   /* ... and the coordinator knew of every host */
};

/* What is to be sent: for programs, and for people. Start with {0}. */
struct notice_message {
    struct buf json, text;
};
void notice_message_done(struct notice_message *message);

/*
 * Looks at the problems in 'view'. A message into 'ret' if there is one to send, which
 * counts as told then; else 'ret' stays empty. 'is_teller': this host's berth-api is the one that
 * tells. False without memory: nothing is told, and the next look finds the same.
 */
bool notices_look(struct notices *notices, const struct api_view *view, bool is_teller,
                  struct notice_message *ret);
void notices_done(struct notices *notices);

/* The message that only shows that messages arrive. */
void notice_test(const struct api_view *view, struct notice_message *ret);
