/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A part of shapes.c, which alone includes it: the tables of users and tokens, of the store's
 * format, of the coordinator's pulse and of its summary of heartbeats. */
#pragma once

#include "wire/shape_table.h"
#include "wire/shape_words.h"

#define OWNER struct access
static const struct field access_fields[] = {
    ENUM("kind", kind, access_kind_words, ABOUT("user or token")),
    ENUM("role", role, role_words, ABOUT("what it may do")),
    TEXT("hash", hash, ABOUT("hash of the secret")),
    U64("created_ms", created_ms, ABOUT("time of creation")),
    U64("expires_ms", expires_ms, ABOUT("time of expiry; 0: never")),
    TEXT("by", by, ABOUT("who created it")),
    TEXT("note", note, ABOUT("note")),
    TEXT("totp", totp, ABOUT("sealed secret of the second factor; empty: none"), SPARSE),
    U64("totp_step", totp_step, ABOUT("step of the last code that was used"), SPARSE),
};
SHAPE(access_shape, access_fields);
#undef OWNER

#define OWNER struct store_format
static const struct field format_fields[] = {
    TEXT("cluster", cluster, ABOUT("UUID of the cluster")),
    U32("number", number, ABOUT("format of the records in the store")),
    U32("oldest", oldest, ABOUT("oldest format that a program must know to join")),
};
SHAPE(format_shape, format_fields);
#undef OWNER

static const struct field candidate_item = {.type = FIELD_TEXT, .size = sizeof(struct vm_name)};

#define OWNER struct leader_pulse
static const struct field pulse_fields[] = {
    U64("term", term, ABOUT("term of the coordinator that writes it")),
    U64("counter", counter, ABOUT("grows with each write")),
    U64("summary", summary, ABOUT("number of the summary of heartbeats that holds")),
    LIST("candidates", candidates, candidate_item, candidates_max,
         ABOUT("hosts that watch all heartbeats")),
};
SHAPE(pulse_shape, pulse_fields);
#undef OWNER

#define OWNER struct heard_host
static const struct field heard_fields[] = {
    TEXT("name", name, ABOUT("the host")),
    ENUM("pulse", pulse, pulse_words, ABOUT("whether its heartbeat is heard")),
    SPAN("silent_ms", silent_ms, ABOUT("how long it was silent when this was written"), SPARSE),
    U64("revision", revision, ABOUT("revision of its last heartbeat")),
    U64("incarnation", incarnation, ABOUT("its incarnation")),
    U64("counter", counter, ABOUT("number of its last heartbeat")),
    BOOL("watchdog_armed", is_watchdog_armed, ABOUT("whether its watchdog is armed"), SPARSE),
    SPAN("watchdog_ms", watchdog_ms, ABOUT("timeout of its watchdog"), SPARSE),
    BOOL("left", has_left, ABOUT("whether berthd was stopped on purpose"), SPARSE),
    BOOL("going_down", is_going_down, ABOUT("whether the host is being shut down"), SPARSE),
    ENUM("on_shutdown", on_shutdown, on_shutdown_words, ABOUT("what happens to its VMs then"),
         SPARSE),
};
SHAPE(heard_shape, heard_fields);
ITEM(heard_item, heard_shape);
#undef OWNER

#define OWNER struct beat_summary
static const struct field summary_fields[] = {
    U64("term", term, ABOUT("term of the coordinator that wrote it")),
    U64("number", number, ABOUT("grows with each write")),
    LIST("hosts", hosts, heard_item, nodes_max, ABOUT("what is heard of each host")),
};
SHAPE(summary_shape, summary_fields);
#undef OWNER
