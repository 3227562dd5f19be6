/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store as etcd is one: one revision for all keys, compare and swap on each key's last
 * revision, a watch that tells every change in order but late, history that is compacted away,
 * replies that are lost although the write was done, writes that are done long after their sender
 * gave up, no answer at all without a quorum, and no room for anything on a full disk.
 */
#include "test/sim/internal.h"

#include <assert.h>

/* etcd's --max-txn-ops, which counts guards as well as writes. */
enum { operations_max = 128, retry_snapshot_ms = 500, watch_back_ms = 50, ask_ms = 1250 };
enum { settled_ms = 240000 };
/* Of one berthd, under way at a time: 512 changes of the coordinator, and what its own host says.
 */
enum { open_max = 600 };

static void request_free(void *data)
{
    struct request *request = data;
    txn_done(&request->txn);
    free(request);
}

static void drop_kept(struct fake_store *store)
{
    VEC_EACH(&store->kept, record) {
        record_unref(*record);
    }
    VEC_DONE(&store->kept);
}

void store_done(struct sim *sim)
{
    struct fake_store *store = &sim->store;
    world_done(&store->world);
    VEC_EACH(&store->changes, change) {
        record_unref(change->record);
    }
    VEC_EACH(&store->parked, request) {
        request_free(*request);
    }
    VEC_DONE(&store->changes);
    VEC_DONE(&store->parked);
    VEC_DONE(&store->garbled);
    drop_kept(store);
}

bool store_is_garbled(const struct sim *sim, const struct record_key *key)
{
    VEC_EACH(&sim->store.garbled, garbled) {
        if (record_key_compare(garbled, key) == 0) {
            return true;
        }
    }
    return false;
}

void store_mend(struct sim *sim, const struct record_key *key)
{
    for (size_t i = sim->store.garbled.len; i-- > 0;) {
        if (record_key_compare(&sim->store.garbled.items[i], key) == 0) {
            VEC_REMOVE(&sim->store.garbled, i);
        }
    }
}

/* ---- transactions ---- */

static bool guards_hold(const struct world *world, const struct txn *txn)
{
    VEC_EACH(&txn->guards, guard) {
        if (world_revision(world, &guard->key) != guard->revision) {
            return false;
        }
    }
    return true;
}

static bool is_well_formed(const struct txn *txn)
{
    for (size_t i = 0; i < txn->writes.len; i++) {
        for (size_t j = 0; j < i; j++) {
            if (record_key_compare(&txn->writes.items[i].key, &txn->writes.items[j].key) == 0) {
                return false;
            }
        }
    }
    return txn->writes.len <= operations_max && txn->guards.len <= operations_max;
}

static void log_change(struct fake_store *store, const struct record_key *key, revision_t revision,
                       struct record *record)
{
    struct change *change = ADD_TO(&store->changes);
    *change = (struct change){*key, revision, record ? record_ref(record) : NULL};
}

static void write_all(struct sim *sim, const struct txn *txn)
{
    struct fake_store *store = &sim->store;
    revision_t revision = store->world.revision + 1;
    bool has_changed = false;
    VEC_EACH(&txn->writes, write) {
        if (write->value) {
            CLEANUP(record_unrefp) struct record *record = must(record_copy(write->value));
            record->revision = revision;
            (void)world_put(&store->world, record);
            log_change(store, &write->key, revision, record);
            has_changed = true;
        } else if (world_find_key(&store->world, &write->key)) {
            world_remove(&store->world, &write->key, revision);
            log_change(store, &write->key, revision, NULL);
            has_changed = true;
        }
    }
    if (has_changed) {
        world_advance(&store->world, revision);
    }
}

/* Which keys a watch is about: a host that does not watch all heartbeats has its own, by the name
 * that its berthd gives itself. */
static bool is_told(const struct host *host, const struct record_key *key)
{
    return key->kind != RECORD_NODE_ALIVE || host->process->has_beats ||
           strcmp(key->name, host->name) == 0;
}

/* Whether its watch has something to tell 'host' now: nothing, if others' heartbeats alone go on.
 */
static bool is_news(const struct sim *sim, const struct host *host, const struct txn *txn)
{
    VEC_EACH(&txn->writes, write) {
        if (is_told(host, &write->key)) {
            return true;
        }
    }
    return host_now(sim, host) - host->process->progress_ms >= ask_ms;
}

static void pump(struct sim *sim, const struct happening *happening);
static void pump_batch(struct sim *sim, const struct happening *happening);

/* As etcd does it when much happens: one message for all of it. */
static void tell_soon(struct sim *sim, struct host *host)
{
    if (!host->process->is_told_soon) {
        host->process->is_told_soon = true;
        later(sim, sim->scenario->batch_ms + sim_delay(sim), pump_batch, host)->life = host->life;
    }
}

static void tell_watchers(struct sim *sim, const struct txn *txn)
{
    VEC_EACH(&sim->hosts, host) {
        if (!(*host)->process || !is_news(sim, *host, txn)) {
            continue;
        }
        if (sim->scenario->batch_ms > 0) {
            tell_soon(sim, *host);
        } else {
            struct happening *happening = later(sim, sim_delay(sim), pump, *host);
            happening->life = (*host)->life;
            happening->id = (uint64_t)sim->store.world.revision;
        }
    }
}

/* etcd with its NOSPACE alarm on: anyone who asks to put is told that there is no space. */
static bool is_out_of_space(const struct sim *sim, const struct txn *txn)
{
    VEC_EACH(&txn->writes, write) {
        if (write->value && sim->store.is_full) {
            return true;
        }
    }
    return false;
}

static enum txn_outcome execute(struct sim *sim, const struct host *host, const struct txn *txn)
{
    if (!is_well_formed(txn)) {
        violation(sim, "%s sent a transaction that etcd refuses (%zu guards, %zu writes)",
                  host ? host->config->name : "the administrator", txn->guards.len,
                  txn->writes.len);
        return TXN_IMPOSSIBLE;
    }
    if (is_out_of_space(sim, txn)) {
        return TXN_IMPOSSIBLE;
    }
    if (!guards_hold(&sim->store.world, txn)) {
        return TXN_REFUSED;
    }
    check_request(sim, host, txn);
    if (host && !sim->options->truth_only) {
        check_protocol(sim, host, txn);
    }
    write_all(sim, txn);
    sim->result->statistics.transactions++;
    check_commit(sim, host, txn);
    tell_watchers(sim, txn);
    return TXN_COMMITTED;
}

void store_admin(struct sim *sim, struct txn *txn)
{
    enum txn_outcome outcome = execute(sim, NULL, txn);
    assert(outcome == TXN_COMMITTED);
    txn_done(txn);
}

/* ---- requests ---- */

static bool close_request(struct host *host, uint64_t life, uint64_t id)
{
    if (!host->process || host->life != life) {
        return false;
    }
    for (size_t i = 0; i < host->process->open.len; i++) {
        if (host->process->open.items[i] == id) {
            VEC_REMOVE(&host->process->open, i);
            return true;
        }
    }
    return false;
}

struct reply {
    enum txn_outcome outcome;
    revision_t revision;
    bool is_heartbeat;
    msec_t sent_ms;
};

static void tell_outcome(struct sim *sim, struct host *host, uint64_t id, const struct reply *reply)
{
    struct letter letter = {.event = {.kind = CORE_TXN_DONE,
                                      .id = id,
                                      .outcome = reply->outcome,
                                      .revision = reply->revision},
                            .is_heartbeat = reply->is_heartbeat && reply->outcome == TXN_COMMITTED,
                            .sent_ms = reply->sent_ms};
    process_tell(sim, host, 0, &letter);
}

/* In time to count it. */
void store_heard(struct sim *sim, struct host *host, msec_t sent_ms)
{
    msec_t limit_ms = world_settings(&sim->store.world)->heartbeat_ms;
    if (host_now(sim, host) - sent_ms <= limit_ms) {
        host->heard_ms = MAX(host->heard_ms, sent_ms);
        host->answered_ms = sim->now_ms;
        check_silence(sim, host);
    }
}

static void reply_comes(struct sim *sim, const struct happening *happening)
{
    const struct reply *reply = happening->data;
    if (!happening->host->is_in_cut &&
        close_request(happening->host, happening->life, happening->id)) {
        tell_outcome(sim, happening->host, happening->id, reply);
    }
}

static void expire(struct sim *sim, const struct happening *happening)
{
    if (close_request(happening->host, happening->life, happening->id)) {
        tell_outcome(sim, happening->host, happening->id, &(struct reply){.outcome = TXN_UNKNOWN});
    }
}

static bool is_settled(const struct sim *sim)
{
    return sim->is_healed && sim->now_ms - sim->healed_ms >= settled_ms;
}

static bool is_pulse(const struct txn *txn)
{
    return txn->writes.len > 0 && txn->writes.items[txn->writes.len - 1].key.kind == RECORD_PULSE;
}

static bool is_wrong_store(const struct request *request)
{
    const struct process *process = request->host->process;
    return process && request->life == request->host->life && process->is_in_wrong_store;
}

static void answer(struct sim *sim, const struct request *request)
{
    struct reply *reply = NEW(struct reply);
    bool is_wrong = is_wrong_store(request);
    bool is_look = !request->is_barrier && request->txn.writes.len == 0;
    reply->outcome = request->is_barrier || (is_look && is_wrong) ? TXN_COMMITTED
                     : is_wrong                                   ? TXN_REFUSED
                                : execute(sim, request->host, &request->txn);
    reply->revision = is_wrong ? 1 : sim->store.world.revision;
    if (reply->outcome == TXN_REFUSED && !is_wrong) {
        check_refused(sim, request->host);
    }
    /* That its heartbeat is not there at all keeps a host alive as its being taken does. */
    bool is_absent = is_look && !is_wrong &&
                     !world_find(&sim->store.world, RECORD_NODE_ALIVE, request->host->config->name);
    reply->is_heartbeat = request->is_heartbeat || is_absent;
    if (is_absent) {
        request->host->absent_ms = request->sent_ms;
    }
    reply->sent_ms = request->sent_ms;
    if (request->is_heartbeat && reply->outcome == TXN_COMMITTED) {
        request->host->beat_ms = MAX(request->host->beat_ms, request->sent_ms);
    }
    sim->late_requests += !request->is_heartbeat && !request->is_barrier && !is_look &&
                          !is_pulse(&request->txn) && is_settled(sim);
    if (rng_chance(&sim->rng, sim->noise.lost_reply, 1000)) {
        free(reply);
        return;
    }
    struct happening *happening = later(sim, sim_delay(sim), reply_comes, request->host);
    happening->life = request->life;
    happening->id = request->id;
    happening->data = reply;
    happening->drop = free;
}

static void arrive(struct sim *sim, const struct happening *happening)
{
    struct request *request = happening->data;
    if (!sim->store.has_quorum || request->host->is_out_cut) {
        struct request *copy = NEW(struct request);
        *copy = *request;
        request->txn = (struct txn){0};
        *ADD_TO(&sim->store.parked) = copy;
        return;
    }
    answer(sim, request);
}

/* What was on its way when it was cut off comes through after all, or is lost. */
void store_unpark(struct sim *sim)
{
    struct fake_store *store = &sim->store;
    for (size_t i = store->parked.len; i-- > 0;) {
        struct request *request = store->parked.items[i];
        if (!store->has_quorum || request->host->is_out_cut) {
            continue;
        }
        VEC_REMOVE(&store->parked, i);
        if (sim->noise.delay_ms == 0 || rng_chance(&sim->rng, 1, 2)) {
            request_free(request);
            continue;
        }
        struct happening *happening = later(sim, sim_delay(sim), arrive, request->host);
        happening->data = request;
        happening->drop = request_free;
    }
}

static void copy_txn(struct txn *to, const struct txn *from)
{
    VEC_EACH(&from->guards, guard) {
        txn_guard(to, &guard->key, guard->revision);
    }
    VEC_EACH(&from->writes, write) {
        if (write->value) {
            txn_put(to, record_ref(write->value));
        } else {
            txn_delete(to, &write->key);
        }
    }
    assert(!to->failed);
}

static bool is_heartbeat(const struct core_action *action)
{
    return action->txn.writes.len == 1 && action->txn.writes.items[0].key.kind == RECORD_NODE_ALIVE;
}

void store_send(struct sim *sim, struct host *host, const struct core_action *action)
{
    *ADD_TO(&host->process->open) = action->id;
    if (host->process->open.len > open_max) {
        violation(sim, "%s has %zu requests under way", host->config->name,
                  host->process->open.len);
    }
    if (!sim->options->truth_only) {
        check_sending(sim, host, &action->txn);
    }
    check_order_sent(sim, host, &action->txn);
    gpus_check_sent(sim, host, &action->txn);
    check_stop_sent(sim, host, &action->txn);
    struct happening *limit =
        later(sim, host_until(sim, host, host_now(sim, host) + action->limit_ms), expire, host);
    limit->life = host->life;
    limit->id = action->id;
    if (rng_chance(&sim->rng, sim->noise.lost_request, 1000)) {
        return;
    }
    struct request *request = NEW(struct request);
    *request = (struct request){.id = action->id,
                                .is_barrier = action->kind == ACTION_BARRIER,
                                .is_heartbeat = is_heartbeat(action),
                                .sent_ms = host_now(sim, host),
                                .host = host,
                                .life = host->life};
    copy_txn(&request->txn, &action->txn);
    msec_t delay_ms = sim_delay(sim);
    if (rng_chance(&sim->rng, sim->noise.late_request, 1000)) {
        delay_ms += action->limit_ms + rng_between(&sim->rng, 0, 10000);
    }
    struct happening *happening = later(sim, delay_ms, arrive, host);
    happening->data = request;
    happening->drop = request_free;
}

/* ---- watches ---- */

static void put_foreign(struct world *world, struct record *record)
{
    record->revision = 1;
    (void)must(world_put(world, record) ? world : NULL);
    record_unref(record);
}

/* The store of another cluster, where a host of the same name was declared off once. */
static void make_foreign(const struct host *host, struct world *ret)
{
    const char *name = host->config->name;
    struct record *format = must(record_new(RECORD_FORMAT, NULL, NULL));
    struct record *alive = must(record_new(RECORD_NODE_ALIVE, name, NULL));
    struct record *fence = must(record_new(RECORD_NODE_FENCE, name, NULL));
    SET_TEXT(format->format->cluster, "e1");
    format->format->number = format_number;
    format->format->oldest = format_oldest;
    SET_TEXT(alive->alive->boot_id, "boot-elsewhere");
    alive->alive->incarnation = fence->fence->incarnation = 1000;
    fence->fence->proof = PROOF_MANUAL;
    put_foreign(ret, format);
    put_foreign(ret, alive);
    put_foreign(ret, fence);
}

static void tell_snapshot(struct sim *sim, struct host *host)
{
    CLEANUP(world_done) struct world wrong = {.revision = 1};
    bool is_wrong = host->process->is_in_wrong_store;
    const struct world *world = is_wrong ? &wrong : &sim->store.world;
    if (is_wrong && host->process->is_store_foreign) {
        make_foreign(host, &wrong);
    }
    uint64_t life = host->life;
    if (!host->process->has_beats) {
        host->process->beats_ms = host_now(sim, host);
    }
    host->process->has_beats = host->process->wants_beats;
    struct core_event event = {.kind = CORE_STORE_RESET, .is_up = host->process->has_beats};
    process_step(sim, host, &event);
    for (int kind = 0; kind < record_kind_count; kind++) {
        WORLD_EACH(world, kind, record) {
            event = (struct core_event){.kind = store_is_garbled(sim, &(*record)->key)
                                                    ? CORE_STORE_UNREADABLE
                                                    : CORE_STORE_RECORD,
                                        .record = *record,
                                        .key = &(*record)->key};
            if (host->life == life && is_told(host, &(*record)->key)) {
                process_step(sim, host, &event);
            }
        }
    }
    event = (struct core_event){.kind = CORE_STORE_SYNCED, .revision = world->revision};
    if (host->life == life) {
        host->process->has_watch = true;
        host->process->seen = world->revision;
        host->process->progress_ms = host_now(sim, host);
        process_step(sim, host, &event);
    }
}

static bool hears(const struct host *host)
{
    return host->process && !host->process->is_frozen && !host->is_in_cut && !host->is_watch_cut;
}

static void begin_watch(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    if (!host->process || host->life != happening->life || host->process->has_watch) {
        return;
    }
    if (!hears(host) || host->is_out_cut || !sim->store.has_quorum) {
        later(sim, retry_snapshot_ms, begin_watch, host)->life = host->life;
        return;
    }
    tell_snapshot(sim, host);
}

void store_begin_watch(struct sim *sim, struct host *host)
{
    later(sim, sim_delay(sim), begin_watch, host)->life = host->life;
}

/* The first change after 'revision'; they are in order. */
static size_t first_after(const struct fake_store *store, revision_t revision)
{
    return VEC_BISECT(&store->changes, each, each->revision <= revision);
}

/* Whether 'host' is told that its watch has come to the revision of 'change', which is the last of
 * it. Where no watch tells anything, berthd asks how far the store is, now and then. */
static bool is_progress_told(struct sim *sim, const struct host *host, bool has_told)
{
    return has_told || host_now(sim, host) - host->process->progress_ms >= ask_ms;
}

/* All changes up to 'revision', each revision whole before its progress is told. */
static void tell_changes(struct sim *sim, struct host *host, revision_t revision)
{
    uint64_t life = host->life;
    bool has_told = false; /* something of the revision at hand */
    size_t at = first_after(&sim->store, host->process->seen);
    while (at < sim->store.changes.len && sim->store.changes.items[at].revision <= revision) {
        const struct change *change = &sim->store.changes.items[at++];
        revision_t now = change->revision;
        bool is_garbled = change->record && store_is_garbled(sim, &change->key);
        struct core_event event = {.kind = is_garbled       ? CORE_STORE_UNREADABLE
                                           : change->record ? CORE_STORE_RECORD
                                                            : CORE_STORE_REMOVED,
                                   .record = change->record,
                                   .key = &change->key,
                                   .revision = now};
        if (is_told(host, &change->key)) {
            has_told = true;
            process_step(sim, host, &event);
        }
        if (host->life != life || !hears(host) || !host->process->has_watch) {
            return;
        }
        bool is_last =
            at == sim->store.changes.len || sim->store.changes.items[at].revision > revision;
        if (is_last || sim->store.changes.items[at].revision != now) {
            host->process->seen = now;
        }
        if (sim->scenario->batch_ms > 0 && !is_last) {
            continue; /* the last of the batch tells how far all of it is */
        }
        if (is_last || sim->store.changes.items[at].revision != now) {
            event = (struct core_event){.kind = CORE_STORE_PROGRESS, .revision = now};
            if (is_progress_told(sim, host, has_told)) {
                host->process->progress_ms = host_now(sim, host);
                has_told = false;
                process_step(sim, host, &event);
            }
        }
        if (host->life != life || !hears(host) || !host->process->has_watch) {
            return;
        }
    }
}

void store_watch_beats(struct sim *sim, struct host *host, bool all)
{
    struct process *process = host->process;
    process->wants_beats = all;
    if (process->has_watch) { /* else the picture that is to come is that one */
        process->has_watch = false;
        store_begin_watch(sim, host);
    }
}

static void catch_up(struct sim *sim, struct host *host, revision_t revision)
{
    if (!hears(host) || !host->process->has_watch || host->process->is_in_wrong_store ||
        revision <= host->process->seen) {
        return;
    }
    if (host->process->seen < sim->store.compacted) {
        host->process->has_watch = false;
        store_begin_watch(sim, host);
        return;
    }
    tell_changes(sim, host, revision);
}

static void pump(struct sim *sim, const struct happening *happening)
{
    if (happening->host->life == happening->life) {
        catch_up(sim, happening->host, (revision_t)happening->id);
    }
}

static void pump_batch(struct sim *sim, const struct happening *happening)
{
    if (happening->host->life == happening->life) {
        happening->host->process->is_told_soon = false;
        catch_up(sim, happening->host, sim->store.world.revision);
    }
}

void store_catch_up(struct sim *sim, struct host *host)
{
    struct happening *happening = later(sim, watch_back_ms + sim_delay(sim), pump, host);
    happening->life = host->life;
    happening->id = (uint64_t)sim->store.world.revision;
}

void store_compact(struct sim *sim)
{
    struct fake_store *store = &sim->store;
    VEC_EACH(&store->changes, change) {
        record_unref(change->record);
    }
    store->changes.len = 0;
    store->compacted = store->world.revision;
}

void store_empty(struct sim *sim)
{
    struct fake_store *store = &sim->store;
    struct txn txn = {0};
    drop_kept(store);
    for (int kind = 0; kind < record_kind_count; kind++) {
        WORLD_EACH(&store->world, kind, record) {
            *ADD_TO(&store->kept) = record_ref(*record);
            txn_delete(&txn, &(*record)->key);
        }
    }
    store->kept_revision = store->world.revision;
    store->is_emptied = true;
    store->emptied_ms = sim->now_ms;
    write_all(sim, &txn);
    VEC_EACH(&sim->hosts, host) {
        (*host)->is_contradicted = (*host)->has_power && (*host)->joined_incarnation != 0;
    }
    VEC_EACH(&sim->acknowledged, record) {
        record_unref(*record);
    }
    sim->acknowledged.len = 0;
    tell_watchers(sim, &txn);
    txn_done(&txn);
}

void store_set_format(struct sim *sim, uint32_t number)
{
    struct record *format = world_find(&sim->store.world, RECORD_FORMAT, "");
    struct txn txn = {0};
    if (format && number > 0) {
        format = must(record_copy(format));
        format->format->number = format->format->oldest = number;
        txn_put(&txn, format);
    } else if (format) {
        txn_delete(&txn, &format->key);
    }
    store_admin(sim, &txn);
}

void store_back(struct sim *sim)
{
    struct fake_store *store = &sim->store;
    if (!store->is_emptied) {
        return;
    }
    VEC_EACH(&sim->hosts, host) { /* who sees its heartbeat again times it from now on */
        if (!world_find(&store->world, RECORD_NODE_ALIVE, (*host)->config->name)) {
            (*host)->absent_ms = host_now(sim, *host);
        }
    }
    world_snapshot_begin(&store->world);
    world_snapshot_end(&store->world, store->kept_revision);
    VEC_EACH(&store->kept, record) {
        (void)world_put(&store->world, *record);
    }
    store->is_emptied = false;
    VEC_EACH(&sim->acknowledged, record) { /* what was written meanwhile is lost, */
        record_unref(*record);
    }
    sim->acknowledged.len = 0;
    store_compact(sim);
    VEC_EACH(&sim->hosts, host) {
        if ((*host)->process) {
            (*host)->process->has_watch = false;
            store_begin_watch(sim, *host);
        }
    }
}
