/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/api_streams.h"

#include "base/parse.h"
#include "run/api_op.h"

#include <errno.h>
#include <string.h>

enum {
    changes_wait_ms = 100, /* what changes together is told together */
    pulse_check_ms = 500,
    timer_accuracy_us = 10 * 1000,
    per_actor_max = 8, /* a person's pages and a few programs */
    keep_alive_s = 15, /* a comment in each stream: proxies and clients see that it lives */
};

struct follower {
    struct http_exchange *exchange;
    struct api_who who;
    char last[name_size]; /* the newest event it was sent */
    bool wants_changes;
};

/* ---- events ---- */

void api_streams_tell(struct api_streams *streams, const struct record *event)
{
    CLEANUP(buf_done) struct buf text = {0};
    if (streams->followers.len == 0) {
        return;
    }
    api_event_text(event, &text);
    VEC_EACH(&streams->followers, follower) {
        (void)copy_text(follower->last, sizeof(follower->last), event->key.name);
        (void)http_stream_send(follower->exchange, buf_str(&text), text.size);
    }
}

/* What came after the follower's last one. */
static void catch_up(struct api_streams *streams, struct follower *follower)
{
    CLEANUP(buf_done) struct buf text = {0};
    WORLD_EACH(streams->world, RECORD_EVENT, each) {
        if (strcmp((*each)->key.name, follower->last) > 0) {
            api_event_text(*each, &text);
            (void)copy_text(follower->last, sizeof(follower->last), (*each)->key.name);
        }
    }
    if (text.size > 0) {
        (void)http_stream_send(follower->exchange, buf_str(&text), text.size);
    }
}

/* ---- which things look different ---- */

/* They are told in a moment, together with what changes until then. */
static void tell_changes_soon(struct api_streams *streams)
{
    int is_due = SD_EVENT_OFF;
    (void)sd_event_source_get_enabled(streams->changes_timer, &is_due);
    if (is_due == SD_EVENT_OFF) {
        (void)sd_event_source_set_time_relative(streams->changes_timer,
                                                (uint64_t)changes_wait_ms * 1000);
        (void)sd_event_source_set_enabled(streams->changes_timer, SD_EVENT_ONESHOT);
    }
}

static int on_changes_due(sd_event_source *source, uint64_t usec, void *userdata)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct api_streams *streams = userdata;
    (void)source, (void)usec;
    changes_take(&streams->changes, streams->world->revision, &text);
    VEC_EACH(&streams->followers, follower) {
        if (follower->wants_changes && text.size > 0) {
            (void)http_stream_send(follower->exchange, buf_str(&text), text.size);
        }
    }
    return 0;
}

static int on_pulse_check(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct api_streams *streams = userdata;
    struct api_view view;
    (void)usec;
    streams->view(streams->userdata, &view);
    if (changes_note_pulses(&streams->changes, &view)) {
        tell_changes_soon(streams);
    }
    (void)sd_event_source_set_time_relative(source, (uint64_t)pulse_check_ms * 1000);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void api_streams_check(struct api_streams *streams)
{
    VEC_EACH(&streams->followers, follower) {
        if (!api_gate_is_valid(streams->gate, &follower->who)) {
            http_stream_end(follower->exchange);
        }
    }
    streams->checked(streams->userdata);
}

static int on_keep_alive(sd_event_source *source, uint64_t usec, void *userdata)
{
    static const char comment[] = ": still here\n\n";
    struct api_streams *streams = userdata;
    (void)usec;
    api_streams_check(streams);
    VEC_EACH(&streams->followers, follower) {
        (void)http_stream_send(follower->exchange, comment, sizeof(comment) - 1);
    }
    (void)sd_event_source_set_time_relative(source, (uint64_t)keep_alive_s * 1000000);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static size_t len_of(const struct api_streams *streams, const struct api_who *who)
{
    size_t len = 0;
    VEC_EACH(&streams->followers, follower) {
        len += strcmp(follower->who.access, who->access) == 0;
    }
    return len;
}

void api_streams_add(struct api_streams *streams, struct http_exchange *exchange,
                     const struct api_answer *answer, const struct api_who *who)
{
    /* Over the socket each is root's or a member's of the group: no one to be kept apart. */
    if (who->access[0] && len_of(streams, who) >= per_actor_max) {
        api_answer_refuse(exchange, 429, "too-many-streams",
                          "this user or token follows 8 streams already; close one of them");
        return;
    }
    struct follower *follower = VEC_ADD(&streams->followers);
    if (!follower) {
        api_answer_refuse(exchange, 503, "out-of-memory", "out of memory");
        return;
    }
    static const char greeting[] = ": events of the cluster, as they happen\n\n";
    follower->exchange = exchange;
    follower->who = *who;
    follower->wants_changes = answer->wants_changes;
    (void)copy_text(follower->last, sizeof(follower->last), answer->follow_after);
    http_stream_begin(exchange, answer->content_type);
    (void)http_stream_send(exchange, greeting, sizeof(greeting) - 1);
    catch_up(streams, follower);
}

void api_streams_forget(struct api_streams *streams, const struct http_exchange *exchange)
{
    for (size_t i = 0; i < streams->followers.len; i++) {
        if (streams->followers.items[i].exchange == exchange) {
            VEC_REMOVE(&streams->followers, i);
            return;
        }
    }
}

/* ---- what changed ---- */

void api_streams_note(struct api_streams *streams, const struct record_key *key)
{
    if (key->kind == RECORD_ACCESS) {
        api_streams_check(streams);
    }
    if (changes_note(&streams->changes, key)) {
        tell_changes_soon(streams);
    }
}

void api_streams_note_all(struct api_streams *streams)
{
    changes_note_all(&streams->changes);
    tell_changes_soon(streams);
}

void api_streams_catch_up(struct api_streams *streams)
{
    api_streams_note_all(streams);
    VEC_EACH(&streams->followers, follower) {
        catch_up(streams, follower);
    }
    api_streams_check(streams);
}

/* ---- beginning and end ---- */

int api_streams_start(struct api_streams *streams, sd_event *event, struct error *err)
{
    int r = sd_event_add_time_relative(event, &streams->keep_alive, CLOCK_MONOTONIC,
                                       (uint64_t)keep_alive_s * 1000000, 0, on_keep_alive, streams);
    r = r < 0 ? r
              : sd_event_add_time_relative(event, &streams->pulse_timer, CLOCK_MONOTONIC,
                                           (uint64_t)pulse_check_ms * 1000, timer_accuracy_us,
                                           on_pulse_check, streams);
    r = r < 0 ? r
              : sd_event_add_time_relative(event, &streams->changes_timer, CLOCK_MONOTONIC, 0,
                                           timer_accuracy_us, on_changes_due, streams);
    return r < 0 ? error_set(err, r, "starting timers: %s", strerror(-r)) : 0;
}

void api_streams_done(struct api_streams *streams)
{
    sd_event_source_disable_unref(streams->keep_alive);
    sd_event_source_disable_unref(streams->changes_timer);
    sd_event_source_disable_unref(streams->pulse_timer);
    VEC_DONE(&streams->followers);
    changes_done(&streams->changes);
}
