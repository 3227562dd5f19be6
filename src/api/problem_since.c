/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Since when a problem has been there: records have no wall clock, events have. */
#include "api/problem.h"
#include "api/show.h"

#include <stdlib.h>
#include <string.h>

/* The event that tells of the problem: the newest of that code, or where it is told again and again
 * the first one since the VM's last change. */
static const struct {
    enum trouble_code code;
    const char *event;
    bool is_repeated;
} begins[] = {
    {TROUBLE_DISARMED, "cluster-disarm-asked", false},
    {TROUBLE_NODE_CONTRADICTED, "store-contradicts", false},
    {TROUBLE_NODE_UNWATCHED, "watchdog-not-armed", false},
    {TROUBLE_NODE_QUARANTINED, "node-quarantined", false},
    {TROUBLE_NODE_PAUSED, "node-paused", false},
    {TROUBLE_NODE_DRAINED, "node-drain", false},
    {TROUBLE_GPU_QUARANTINED, "gpu-quarantined", false},
    {TROUBLE_VM_FAILED, "vm-failed", false},
    {TROUBLE_VM_AWAY, "vm-away", false},
    {TROUBLE_VM_UNENDABLE, "vm-cannot-be-ended", false},
    {TROUBLE_VM_DEGRADED, "gpu-quarantined", false}, /* of its host */
    {TROUBLE_VM_UNSTOPPABLE, "vm-stop-refused", true},
    {TROUBLE_VM_WAITING, "vm-waiting", true},
    {TROUBLE_VM_STRANDED, "vm-cannot-move", true},
};

/* What was told before one of these is of an earlier problem of the same VM. */
static const char *const changes[] = {"vm-placed",      "vm-running",    "vm-stopped",
                                      "vm-start-asked", "vm-stop-asked", "vm-move-asked"};

struct search {
    const char *subject; /* of its events: node or VM, or "cluster" */
    char device[name_size];
    struct trouble *trouble;
    const char *event;
    bool is_repeated;
    bool is_over;
};
typedef VEC(struct search) searches_t;

static int compare(const void *a, const void *b)
{
    const struct search *x = a, *y = b;
    return strcmp(x->subject, y->subject);
}

/* "node1/0000:65:00.0": the events are about the node, and say which device. */
static bool search_add(searches_t *searches, struct trouble *trouble, const char *event,
                       bool is_repeated)
{
    struct search *search = VEC_ADD(searches);
    if (!search) {
        return false;
    }
    *search = (struct search){
        .subject = trouble->subject,
        .trouble = trouble,
        .event = event,
        .is_repeated = is_repeated,
    };
    const char *slash = strchr(trouble->subject, '/');
    if (trouble_thing(trouble->code) == TROUBLE_OF_GPU && slash) {
        (void)copy_text(search->device, sizeof(search->device), slash + 1);
        (void)copy_text(trouble->facts.node, (size_t)(slash - trouble->subject) + 1,
                        trouble->subject);
        search->subject = trouble->facts.node;
    } else if (trouble->code == TROUBLE_VM_DEGRADED) {
        (void)copy_text(search->device, sizeof(search->device), trouble->facts.device);
        search->subject = trouble->facts.node;
    } else if (trouble_thing(trouble->code) == TROUBLE_OF_CLUSTER) {
        search->subject = "cluster";
    }
    return true;
}

static void look_for(struct search *search, const struct record *record)
{
    const struct event_record *event = record->event;
    if (search->is_over || (search->device[0] && strcmp(search->device, event->facts.who) != 0)) {
        return;
    }
    if (strcmp(event->code, search->event) == 0) {
        search->trouble->since_ms = event_wall_ms(record);
        search->is_over = !search->is_repeated;
    }
    for (size_t i = 0; search->is_repeated && i < ARRAY_LEN(changes); i++) {
        search->is_over |= strcmp(event->code, changes[i]) == 0;
    }
}

/* The first of those with that subject. */
static size_t first_of(const searches_t *searches, const char *subject)
{
    return VEC_BISECT(searches, each, strcmp(each->subject, subject) < 0);
}

void troubles_date(struct troubles *troubles)
{
    const struct world *world = troubles->call->world;
    searches_t searches = {0};
    VEC_EACH(&troubles->list, each) {
        for (size_t i = 0; each->since_ms == 0 && i < ARRAY_LEN(begins); i++) {
            if (begins[i].code == each->code &&
                !search_add(&searches, each, begins[i].event, begins[i].is_repeated)) {
                break; /* without memory: not known */
            }
        }
    }
    if (searches.len > 0) {
        qsort(searches.items, searches.len, sizeof(*searches.items), compare);
    }
    for (size_t i = world->records[RECORD_EVENT].len; searches.len > 0 && i-- > 0;) {
        const struct record *event = world->records[RECORD_EVENT].items[i];
        const char *subject = event->event->subject;
        for (size_t at = first_of(&searches, subject);
             at < searches.len && strcmp(searches.items[at].subject, subject) == 0; at++) {
            look_for(&searches.items[at], event);
        }
    }
    VEC_DONE(&searches);
}
