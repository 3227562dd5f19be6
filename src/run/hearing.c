/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/hearing.h"

static void pass_on(void *userdata, struct core_event event)
{
    const struct hearing *hearing = userdata;
    hearing->hear(hearing->owner, &event);
}

static void on_reset(void *userdata)
{
    const struct hearing *hearing = userdata;
    pass_on(userdata, (struct core_event){.kind = CORE_STORE_RESET,
                                          .is_up = store_has_beats(*hearing->store)});
}

static void on_record(void *userdata, struct record *record)
{
    pass_on(userdata, (struct core_event){.kind = CORE_STORE_RECORD, .record = record});
}

static void on_removed(void *userdata, const struct record_key *key, revision_t revision)
{
    pass_on(userdata,
            (struct core_event){.kind = CORE_STORE_REMOVED, .key = key, .revision = revision});
}

static void on_unreadable(void *userdata, const struct record_key *key)
{
    pass_on(userdata, (struct core_event){.kind = CORE_STORE_UNREADABLE, .key = key});
}

static void on_synced(void *userdata, revision_t revision)
{
    pass_on(userdata, (struct core_event){.kind = CORE_STORE_SYNCED, .revision = revision});
}

static void on_progress(void *userdata, revision_t revision)
{
    pass_on(userdata, (struct core_event){.kind = CORE_STORE_PROGRESS, .revision = revision});
}

const struct store_observer hearing_observer = {
    .reset = on_reset,
    .record = on_record,
    .removed = on_removed,
    .unreadable = on_unreadable,
    .synced = on_synced,
    .progress = on_progress,
};
