/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which things look different since the last telling: what a page that shows the cluster has
 * to fetch again. Heartbeats are no change; that a node falls silent, or is heard again, is one.
 */
#pragma once

#include "api/api.h"

#define CHANGES_KIND_LIST(X)                                                                       \
    X(CHANGES_CLUSTER, "cluster") /* settings, coordinator: no names */                            \
    X(CHANGES_NODES, "nodes")     /* also their GPUs, and who holds them */                        \
    X(CHANGES_POOLS, "pools")                                                                      \
    X(CHANGES_VMS, "vms")
ENUM_DECLARE(changes_kind, CHANGES_KIND_LIST)

enum { changes_names_max = 64 };

struct changes {
    struct {
        bool any;
        bool are_many; /* more than the names, or of unknown names */
        size_t len;
        char names[changes_names_max][name_size];
    } kinds[changes_kind_count];
    VEC(struct seen_pulse) pulses; /* each node's when it was last looked at; sorted */
};

struct seen_pulse {
    char node[name_size];
    enum pulse pulse;
};

void changes_done(struct changes *changes);

/* That key was written or deleted. Whether it is a change for anybody. */
bool changes_note(struct changes *changes, const struct record_key *key);
/* Anything may have changed. */
void changes_note_all(struct changes *changes);
/* Compares each node's pulse with the last time. Whether one is another. */
bool changes_note_pulses(struct changes *changes, const struct api_view *view);

/* The server-sent event "changed" that tells them, if there are any; they are forgotten then. */
void changes_take(struct changes *changes, revision_t revision, struct buf *ret);
