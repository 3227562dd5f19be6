/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/changes.h"

#include "base/parse.h"
#include "wire/out.h"

#include <string.h>

ENUM_DEFINE(changes_kind, CHANGES_KIND_LIST)

void changes_done(struct changes *changes)
{
    VEC_DONE(&changes->pulses);
}

/* 'name' NULL: of unknown names. */
static void note(struct changes *changes, enum changes_kind kind, const char *name)
{
    changes->kinds[kind].any = true;
    for (size_t i = 0; name && i < changes->kinds[kind].len; i++) {
        if (strcmp(changes->kinds[kind].names[i], name) == 0) {
            return;
        }
    }
    if (!name || changes->kinds[kind].len == changes_names_max) {
        changes->kinds[kind].are_many = true;
        return;
    }
    (void)copy_text(changes->kinds[kind].names[changes->kinds[kind].len++], name_size, name);
}

bool changes_note(struct changes *changes, const struct record_key *key)
{
    static const struct {
        bool is_shown; /* a heartbeat is not, nor is an event */
        enum changes_kind kind;
    } shown[record_kind_count] = {
        [RECORD_CLUSTER] = {true, CHANGES_CLUSTER},
        [RECORD_LEADER] = {true, CHANGES_CLUSTER},
        [RECORD_DISARM] = {true, CHANGES_CLUSTER},
        [RECORD_NODE_SPEC] = {true, CHANGES_NODES},
        [RECORD_NODE_INVENTORY] = {true, CHANGES_NODES},
        [RECORD_NODE_FENCE] = {true, CHANGES_NODES},
        [RECORD_FENCE_TEST] = {true, CHANGES_NODES},
        [RECORD_CLAIM] = {true, CHANGES_NODES},
        [RECORD_POOL] = {true, CHANGES_POOLS},
        [RECORD_VM_SPEC] = {true, CHANGES_VMS},
        [RECORD_VM_PLACEMENT] = {true, CHANGES_VMS},
        [RECORD_VM_STATUS] = {true, CHANGES_VMS},
    };
    if (shown[key->kind].is_shown) {
        note(changes, shown[key->kind].kind, key->name[0] ? key->name : NULL);
    }
    return shown[key->kind].is_shown;
}

void changes_note_all(struct changes *changes)
{
    for (size_t kind = 0; kind < changes_kind_count; kind++) {
        note(changes, (enum changes_kind)kind, NULL);
    }
}

/* The last pulse of 'node', new ones PULSE_NONE; NULL without memory. */
static struct seen_pulse *last_pulse(struct changes *changes, const char *node)
{
    size_t place = VEC_BISECT(&changes->pulses, each, strcmp(each->node, node) < 0);
    if (place < changes->pulses.len && strcmp(changes->pulses.items[place].node, node) == 0) {
        return &changes->pulses.items[place];
    }
    struct seen_pulse *seen = VEC_INSERT(&changes->pulses, place);
    if (seen) {
        (void)copy_text(seen->node, sizeof(seen->node), node);
        seen->pulse = PULSE_NONE;
    }
    return seen;
}

bool changes_note_pulses(struct changes *changes, const struct api_view *view)
{
    bool is_change = false;
    msec_t silent_ms;
    VEC_EACH(&view->liveness->nodes, heard) {
        struct seen_pulse *seen = last_pulse(changes, heard->node);
        enum pulse pulse = liveness_pulse(view->liveness, heard->node, world_settings(view->world),
                                          view->now_ms, &silent_ms);
        if (!seen || seen->pulse == pulse) {
            continue;
        }
        seen->pulse = pulse;
        note(changes, CHANGES_NODES, heard->node);
        note(changes, CHANGES_POOLS, NULL); /* what is free there is away, or back */
        note(changes, CHANGES_VMS, NULL);
        is_change = true;
    }
    return is_change;
}

void changes_take(struct changes *changes, revision_t revision, struct buf *ret)
{
    CLEANUP(buf_done) struct buf json = {0};
    bool is_any = false;
    out_open(&json, '{');
    out_number(&json, "revision", revision);
    for (size_t kind = 0; kind < changes_kind_count; kind++) {
        const char *name = changes_kind_name((enum changes_kind)kind);
        if (changes->kinds[kind].are_many) {
            out_bool(&json, name, true);
        } else if (changes->kinds[kind].any) {
            out_key(&json, name);
            out_open(&json, '[');
            for (size_t i = 0; i < changes->kinds[kind].len; i++) {
                out_text(&json, NULL, changes->kinds[kind].names[i]);
            }
            out_close(&json, ']');
        }
        is_any |= changes->kinds[kind].any;
        changes->kinds[kind].any = changes->kinds[kind].are_many = false;
        changes->kinds[kind].len = 0;
    }
    out_close(&json, '}');
    if (is_any && !json.failed) {
        buf_printf(ret, "event: changed\ndata: %s\n\n", buf_str(&json));
    }
}
