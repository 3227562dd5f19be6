/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/event_log.h"

#include "loop/clock.h"
#include "model/words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    queue_max = 1000, /* of a store that is gone for long, the newest are kept */
    batch_max = 32,
    write_limit_ms = 3000,
    retry_ms = 1000,
    writer_chars = 32, /* of the node's name in an event's */
};

struct event_log {
    struct store *store;
    sd_event_source *retry;
    char node[name_size];
    VEC(struct record *) queue; /* oldest first */
    size_t in_flight;           /* the first so many are being written */
    uint64_t dropped;
    uint32_t number;
    bool is_held;          /* it is not clear whose store this is */
    struct cause reminded; /* of the last contradiction that was told */
};

static void write_some(struct event_log *log);

static int retry_due(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    write_some(userdata);
    return 0;
}

struct event_log *event_log_new(sd_event *event, struct store *store, const char *node)
{
    struct event_log *log = calloc(1, sizeof(*log));
    if (!log) {
        return NULL;
    }
    log->store = store;
    (void)snprintf(log->node, sizeof(log->node), "%s", node);
    if (sd_event_add_time(event, &log->retry, CLOCK_MONOTONIC, 0, 0, retry_due, log) < 0 ||
        sd_event_source_set_enabled(log->retry, SD_EVENT_OFF) < 0) {
        return event_log_free(log);
    }
    return log;
}

struct event_log *event_log_free(struct event_log *log)
{
    if (log) {
        sd_event_source_disable_unref(log->retry);
        VEC_EACH(&log->queue, record) {
            record_unref(*record);
        }
        VEC_DONE(&log->queue);
        free(log);
    }
    return NULL;
}

static void written(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                    const struct error *error)
{
    struct event_log *log = userdata;
    (void)id;
    (void)revision;
    size_t len = log->in_flight;
    bool is_over = outcome == TXN_COMMITTED || outcome == TXN_REFUSED ||
                   (outcome == TXN_IMPOSSIBLE && error && error->code != -EAGAIN);
    log->in_flight = 0;
    if (!is_over) { /* the same keys with the same text again: no harm if it was written after all
                     */
        (void)sd_event_source_set_time_relative(log->retry, (uint64_t)retry_ms * 1000);
        (void)sd_event_source_set_enabled(log->retry, SD_EVENT_ONESHOT);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        record_unref(log->queue.items[0]);
        VEC_REMOVE(&log->queue, 0);
    }
    write_some(log);
}

static void write_some(struct event_log *log)
{
    if (log->in_flight > 0 || log->queue.len == 0 || log->is_held) {
        return;
    }
    struct txn txn = {0};
    size_t len = MIN(log->queue.len, (size_t)batch_max);
    for (size_t i = 0; i < len; i++) {
        txn_put(&txn, record_ref(log->queue.items[i]));
    }
    if (!txn.failed) {
        log->in_flight = len;
        store_txn(log->store, &txn, write_limit_ms, 0, written, log);
    }
    txn_done(&txn);
}

static struct record *event_of(struct event_log *log, const struct note *note)
{
    char name[name_size];
    (void)snprintf(name, sizeof(name), "%014" PRId64 "-%.*s-%06u", clock_wall_ms(), writer_chars,
                   log->node, log->number++ % 1000000);
    struct record *record = record_new(RECORD_EVENT, name, NULL);
    if (record) {
        struct event_record *event = record->event;
        event->severity = note_severity(note->code);
        (void)snprintf(event->actor, sizeof(event->actor), "%s", log->node);
        (void)snprintf(event->code, sizeof(event->code), "%s", note_code_name(note->code));
        (void)snprintf(event->subject, sizeof(event->subject), "%s", note->subject);
        event->way = note_code_way(note->code);
        event->facts = note->facts;
        event->cause = note->cause;
    }
    return record;
}

/* The journal repeats a contradiction as long as it lasts. */
static bool is_reminder(struct event_log *log, const struct note *note)
{
    bool is_same = cause_equal(&note->cause, &log->reminded);
    if (note->code == NOTE_NODE_ADOPTED || note->code == NOTE_NODE_CLEARED) {
        log->reminded = (struct cause){0}; /* it is over, and may come again */
    }
    if (note->code != NOTE_STORE_CONTRADICTS && note->code != NOTE_STORE_REFUSED) {
        return false;
    }
    log->reminded = note->cause;
    return is_same;
}

void event_log_note(struct event_log *log, const struct note *note)
{
    static const int priorities[severity_count] = {
        [SEVERITY_INFO] = LOG_INFO,
        [SEVERITY_WARNING] = LOG_WARNING,
        [SEVERITY_ERROR] = LOG_ERR,
    };
    char words[words_max];
    bool has_cause = note->cause.code != CAUSE_NONE;
    /* Codes first: anyone who watches the journal needs no word of the sentence. */
    journal_line(priorities[note_severity(note->code)], "%s %s%s%s%s: %s",
                 note_code_name(note->code), note->subject, has_cause ? " [" : "",
                 has_cause ? cause_code_name(note->cause.code) : "", has_cause ? "]" : "",
                 words_note(note, words));
    if (is_reminder(log, note)) {
        return;
    }
    struct record *record = event_of(log, note);
    struct record **place = record ? VEC_ADD(&log->queue) : NULL;
    if (!place) {
        record_unref(record);
        return;
    }
    *place = record;
    if (log->queue.len > queue_max) {
        record_unref(log->queue.items[log->in_flight]);
        VEC_REMOVE(&log->queue, log->in_flight);
        log->dropped++;
    }
    write_some(log);
}

void event_log_hold(struct event_log *log, bool is_held)
{
    if (is_held != log->is_held) {
        log->is_held = is_held;
        write_some(log);
    }
}
