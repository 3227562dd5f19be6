/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The streams of server-sent events that are open: each gets the cluster's events as they come, and
 * who asked for it also which things look different. Anyone who does not keep up is cut off, and
 * anyone who might not begin a stream any more.
 *
 * All functions: the loop's thread.
 */
#pragma once

#include "api/changes.h"
#include "run/api_gate.h"

#include <systemd/sd-event.h>

struct api_streams {
    /* Given before the start; lent. */
    const struct world *world;
    struct api_gate *gate;
    void (*view)(void *userdata, struct api_view *ret);
    void (*checked)(void *userdata); /* what else is open may have to end, too */
    void *userdata;

    sd_event_source *keep_alive, *changes_timer, *pulse_timer;
    struct changes changes;
    VEC(struct follower) followers;
};

/* api_streams_done() is due in either case, once no exchange is open. */
int api_streams_start(struct api_streams *streams, sd_event *event, struct error *err);
void api_streams_done(struct api_streams *streams);

/* Begins one as 'answer' says, for 'who'. */
void api_streams_add(struct api_streams *streams, struct http_exchange *exchange,
                     const struct api_answer *answer, const struct api_who *who);
/* The exchange has ended; it may be none of them. */
void api_streams_forget(struct api_streams *streams, const struct http_exchange *exchange);

/* A new event. */
void api_streams_tell(struct api_streams *streams, const struct record *event);
/* That key was written or deleted; anything may have changed; the world was read again. */
void api_streams_note(struct api_streams *streams, const struct record_key *key);
void api_streams_note_all(struct api_streams *streams);
void api_streams_catch_up(struct api_streams *streams);
/* Ends the streams of those who might not begin one any more. */
void api_streams_check(struct api_streams *streams);
