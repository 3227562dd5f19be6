/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store as berthd sees it, on three real members, some of which die. */
#include "test/live/etcd_cluster.h"
#include "test/live/loop.h"
#include "test/live/proxy.h"

#include "base/buf.h"
#include "model/world.h"
#include "run/store.h"
#include "wire/etcd_json.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { limit_ms = 5000, patience_ms = 15000 };

static struct etcd_cluster cluster;

/* ---- a daemon: a store, a world, and what it was told ---- */

struct daemon {
    sd_event *event;
    struct store *store;
    struct world world;
    unsigned resets, syncs, bads, troubles, stales, foreigns, surveys;
    uint64_t cluster; /* that the store must be; 0: whichever answers first */
    bool is_snapshot; /* between reset and synced */
    bool is_broken;   /* told something in an order that cannot be */
    bool is_stale;
    bool is_apart; /* a heartbeat is watched apart from the rest, and may come later */
    char bad_key[200], bad_text[400];
    unsigned answers;
    uint64_t id;
    enum txn_outcome outcome;
    revision_t revision;
    int error_code;
    char error_text[error_text_size];
};

static void on_reset(void *userdata)
{
    struct daemon *daemon = userdata;
    daemon->resets++;
    daemon->is_broken |= daemon->is_snapshot;
    daemon->is_snapshot = true;
    world_snapshot_begin(&daemon->world);
}

static void on_record(void *userdata, struct record *record)
{
    struct daemon *daemon = userdata;
    daemon->is_broken |=
        !daemon->is_snapshot && !daemon->is_apart && record->revision <= daemon->world.revision;
    daemon->is_broken |= daemon->syncs == 0 && !daemon->is_snapshot;
    REQUIRE(world_put(&daemon->world, record));
}

static void on_removed(void *userdata, const struct record_key *key, revision_t revision)
{
    struct daemon *daemon = userdata;
    daemon->is_broken |=
        daemon->is_snapshot || (!daemon->is_apart && revision <= daemon->world.revision);
    world_remove(&daemon->world, key, revision);
}

static void on_synced(void *userdata, revision_t revision)
{
    struct daemon *daemon = userdata;
    daemon->syncs++;
    daemon->is_broken |= !daemon->is_snapshot;
    daemon->is_snapshot = false;
    world_snapshot_end(&daemon->world, revision);
}

static void on_progress(void *userdata, revision_t revision)
{
    struct daemon *daemon = userdata;
    daemon->is_broken |= daemon->is_snapshot || revision < daemon->world.revision;
    world_advance(&daemon->world, revision);
}

static void on_stale(void *userdata, bool is_stale)
{
    struct daemon *daemon = userdata;
    daemon->is_broken |= is_stale == daemon->is_stale;
    daemon->is_stale = is_stale;
    daemon->stales++;
}

static void on_unreadable(void *userdata, const struct record_key *key)
{
    struct daemon *daemon = userdata;
    daemon->is_broken |= daemon->syncs == 0 && !daemon->is_snapshot;
    REQUIRE(world_mark_unreadable(&daemon->world, key));
}

static void on_bad(void *userdata, const char *key, revision_t revision, const struct error *error)
{
    struct daemon *daemon = userdata;
    (void)revision;
    daemon->bads++;
    (void)snprintf(daemon->bad_key, sizeof(daemon->bad_key), "%s", key);
    (void)snprintf(daemon->bad_text, sizeof(daemon->bad_text), "%.390s", error->text);
}

static void on_trouble(void *userdata, const struct error *error)
{
    struct daemon *daemon = userdata;
    (void)error;
    daemon->troubles++;
}

static void on_foreign(void *userdata, const char *endpoint, uint64_t is, uint64_t ours)
{
    struct daemon *daemon = userdata;
    (void)endpoint;
    daemon->foreigns++;
    CHECK(is != ours && ours == store_cluster(daemon->store));
}

static void on_surveyed(void *userdata)
{
    struct daemon *daemon = userdata;
    daemon->surveys++;
}

static const struct store_observer observer = {
    .foreign = on_foreign,
    .surveyed = on_surveyed,
    .reset = on_reset,
    .record = on_record,
    .removed = on_removed,
    .unreadable = on_unreadable,
    .synced = on_synced,
    .progress = on_progress,
    .stale = on_stale,
    .bad = on_bad,
    .trouble = on_trouble,
};

static void answered(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                     const struct error *error)
{
    struct daemon *daemon = userdata;
    daemon->answers++;
    daemon->id = id;
    daemon->outcome = outcome;
    daemon->revision = revision;
    daemon->error_code = error ? error->code : 0;
    (void)snprintf(daemon->error_text, sizeof(daemon->error_text), "%s", error ? error->text : "");
}

static void daemon_open(struct daemon *daemon, const char *prefix, const char *const *endpoints,
                        size_t len)
{
    struct error err = {0};
    const struct etcd_config config = {.endpoints = endpoints,
                                       .endpoint_len = len,
                                       .prefix = prefix,
                                       .stale_limit_ms = 1500,
                                       .cluster = daemon->cluster};
    if (!daemon->event) {
        REQUIRE(sd_event_new(&daemon->event) >= 0);
    }
    daemon->is_stale = true;
    REQUIRE(store_new(daemon->event, &config, &observer, daemon, &daemon->store, &err) == 0);
}

static void daemon_start(struct daemon *daemon, const char *prefix)
{
    etcd_cluster_need(&cluster);
    *daemon = (struct daemon){0};
    daemon_open(daemon, prefix, cluster.endpoints, 3);
    LOOP_UNTIL(daemon->event, daemon->syncs == 1, patience_ms);
}

static void daemon_stop(struct daemon *daemon)
{
    CHECK(!daemon->is_broken);
    store_free(daemon->store);
    world_done(&daemon->world);
    sd_event_unref(daemon->event);
}

static struct record *alive(const char *node, uint64_t counter)
{
    struct record *record = record_new(RECORD_NODE_ALIVE, node, NULL);
    REQUIRE(record);
    record->alive->counter = counter;
    return record;
}

/* Sends 'txn' and frees it at once: the store keeps what it needs. */
static void send_txn(struct daemon *daemon, struct txn *txn, msec_t limit)
{
    static uint64_t id;
    store_txn(daemon->store, txn, limit, ++id, answered, daemon);
    txn_done(txn);
}

static enum txn_outcome finish_txn(struct daemon *daemon, struct txn *txn)
{
    unsigned before = daemon->answers;
    send_txn(daemon, txn, limit_ms);
    CHECK_INT(daemon->answers, before);
    LOOP_UNTIL(daemon->event, daemon->answers > before, patience_ms);
    return daemon->outcome;
}

static enum txn_outcome put_alive(struct daemon *daemon, const char *node, uint64_t counter)
{
    struct txn txn = {0};
    txn_put(&txn, alive(node, counter));
    return finish_txn(daemon, &txn);
}

static void wait_world(struct daemon *daemon, revision_t revision)
{
    LOOP_UNTIL(daemon->event, daemon->world.revision >= revision, patience_ms);
}

static uint64_t counter_of(const struct daemon *daemon, const char *node)
{
    const struct record *record = world_find(&daemon->world, RECORD_NODE_ALIVE, node);
    return record ? record->alive->counter : 0;
}

static void put_raw_in(const struct etcd_cluster *where, const char *key, const char *value)
{
    CLEANUP(buf_done) struct buf json = {0};
    char reply[500];
    buf_text(&json, "{\"key\":\"");
    wire_base64(key, strlen(key), &json);
    buf_text(&json, "\",\"value\":\"");
    wire_base64(value, strlen(value), &json);
    buf_text(&json, "\"}");
    REQUIRE(etcd_raw(where, 0, "/v3/kv/put", buf_str(&json), NULL, reply, sizeof(reply)) == 200);
}

static void put_raw(const char *key, const char *value)
{
    put_raw_in(&cluster, key, value);
}

/* ---- which heartbeats are told ---- */

static bool knows_leader(const struct daemon *daemon, uint64_t term)
{
    const struct record *leader = world_find(&daemon->world, RECORD_LEADER, "");
    return leader && leader->leader->term == term;
}

static void put_leader(struct daemon *daemon, uint64_t term)
{
    struct txn txn = {0};
    struct record *leader = record_new(RECORD_LEADER, NULL, NULL);
    REQUIRE(leader);
    leader->leader->term = term;
    txn_put(&txn, leader);
    CHECK_INT(finish_txn(daemon, &txn), TXN_COMMITTED);
}

TEST(a_host_that_watches_its_own_heartbeat_hears_no_other_until_it_asks_for_all)
{
    struct daemon all, own = {.is_apart = true};
    struct error err;
    daemon_start(&all, "/beats/");
    CHECK_INT(put_alive(&all, "n1", 1), TXN_COMMITTED);
    CHECK_INT(put_alive(&all, "n10", 1), TXN_COMMITTED); /* its key begins with that of n1 */
    daemon_open(&own, "/beats/", cluster.endpoints, 3);
    REQUIRE(store_watch_own(own.store, "n1", &err) == 0);
    LOOP_UNTIL(own.event, own.syncs == 1, patience_ms);
    CHECK(!store_has_beats(own.store));
    CHECK_INT(counter_of(&own, "n1"), 1);
    CHECK(!world_find(&own.world, RECORD_NODE_ALIVE, "n10"));
    /* Others' heartbeats go on, and nothing else happens: the picture is fresh all the same. */
    for (uint64_t i = 2; i < 20; i++) {
        CHECK_INT(put_alive(&all, "n10", i), TXN_COMMITTED);
        LOOP_WHILE(own.event, !own.is_broken, 150);
    }
    CHECK(!own.is_stale && own.troubles == 0);
    CHECK(own.world.revision + 10 > all.revision);
    CHECK_INT(put_alive(&all, "n1", 2), TXN_COMMITTED);
    put_leader(&all, 7);
    LOOP_UNTIL(own.event, counter_of(&own, "n1") == 2 && knows_leader(&own, 7), patience_ms);
    CHECK(!world_find(&own.world, RECORD_NODE_ALIVE, "n10"));
    store_watch_beats(own.store, true);
    LOOP_UNTIL(own.event, own.syncs == 2, patience_ms);
    CHECK(store_has_beats(own.store));
    CHECK_INT(counter_of(&own, "n10"), 19);
    CHECK_INT(put_alive(&all, "n10", 99), TXN_COMMITTED);
    LOOP_UNTIL(own.event, counter_of(&own, "n10") == 99, patience_ms);
    store_watch_beats(own.store, false);
    store_watch_beats(own.store, true); /* while that is on its way: the last word counts */
    LOOP_UNTIL(own.event, own.syncs == 3 && store_has_beats(own.store), patience_ms);
    store_watch_beats(own.store, false);
    LOOP_UNTIL(own.event, own.syncs == 4, patience_ms);
    CHECK(!store_has_beats(own.store) && !world_find(&own.world, RECORD_NODE_ALIVE, "n10"));
    CHECK_INT(counter_of(&own, "n1"), 2);
    daemon_stop(&all);
    daemon_stop(&own);
}

TEST(berth_api_hears_of_the_summary_and_of_no_heartbeat)
{
    struct daemon all, api = {0}, own = {.is_apart = true};
    struct txn txn = {0};
    struct error err;
    daemon_start(&all, "/summary/");
    CHECK_INT(put_alive(&all, "n1", 1), TXN_COMMITTED);
    txn_put(&txn, record_new(RECORD_BEAT_SUMMARY, NULL, NULL));
    CHECK_INT(finish_txn(&all, &txn), TXN_COMMITTED);
    daemon_open(&own, "/summary/", cluster.endpoints, 3);
    REQUIRE(store_watch_own(own.store, "n1", &err) == 0);
    daemon_open(&api, "/summary/", cluster.endpoints, 3);
    store_watch_summary(api.store);
    LOOP_UNTIL(own.event, own.syncs == 1, patience_ms);
    LOOP_UNTIL(api.event, api.syncs == 1, patience_ms);
    struct record *summary = record_new(RECORD_BEAT_SUMMARY, NULL, NULL);
    REQUIRE(summary);
    summary->summary->number = 7;
    txn_put(&txn, summary);
    CHECK_INT(finish_txn(&all, &txn), TXN_COMMITTED);
    CHECK_INT(put_alive(&all, "n1", 2), TXN_COMMITTED);
    put_leader(&all, 7);
    LOOP_UNTIL(own.event, knows_leader(&own, 7) && counter_of(&own, "n1") == 2, patience_ms);
    LOOP_UNTIL(api.event, knows_leader(&api, 7), patience_ms);
    CHECK(!world_find(&own.world, RECORD_BEAT_SUMMARY, "")); /* for a host it is nothing */
    CHECK(!world_find(&api.world, RECORD_NODE_ALIVE, "n1"));
    REQUIRE(world_find(&api.world, RECORD_BEAT_SUMMARY, ""));
    CHECK_INT(world_find(&api.world, RECORD_BEAT_SUMMARY, "")->summary->number, 7);
    CHECK_INT(counter_of(&all, "n1"), 2);
    CHECK(api.syncs == 1 && api.troubles == 0);
    daemon_stop(&all);
    daemon_stop(&own);
    daemon_stop(&api);
}

/* ---- records ---- */

TEST(what_is_written_arrives_in_the_world_with_its_revision)
{
    struct daemon daemon;
    struct txn txn = {0};
    daemon_start(&daemon, "/a/");
    CHECK(!daemon.is_stale && !store_is_stale(daemon.store));
    txn_guard(&txn, &(struct record_key){.kind = RECORD_NODE_ALIVE, .name = "n1"}, 0);
    txn_put(&txn, alive("n1", 1));
    txn_put(&txn, alive("n2", 2));
    CHECK_INT(finish_txn(&daemon, &txn), TXN_COMMITTED);
    wait_world(&daemon, daemon.revision);
    CHECK_INT(counter_of(&daemon, "n1"), 1);
    CHECK_INT(counter_of(&daemon, "n2"), 2);
    CHECK_INT(world_find(&daemon.world, RECORD_NODE_ALIVE, "n1")->revision, daemon.revision);
    txn_delete(&txn, &(struct record_key){.kind = RECORD_NODE_ALIVE, .name = "n2"});
    CHECK_INT(finish_txn(&daemon, &txn), TXN_COMMITTED);
    wait_world(&daemon, daemon.revision);
    CHECK(!world_find(&daemon.world, RECORD_NODE_ALIVE, "n2"));
    daemon_stop(&daemon);
}

TEST(of_two_who_plan_from_the_same_revision_one_is_refused_and_nothing_of_it_is_written)
{
    struct daemon daemon;
    struct txn first = {0}, second = {0};
    const struct record_key claim = {.kind = RECORD_CLAIM, .name = "n1", .second = "0000:65:00.0"};
    daemon_start(&daemon, "/b/");
    struct record *mine = record_new(RECORD_CLAIM, claim.name, claim.second);
    struct record *theirs = record_copy(mine);
    (void)snprintf(mine->claim->vm, name_size, "mine");
    (void)snprintf(theirs->claim->vm, name_size, "theirs");
    txn_guard(&first, &claim, 0);
    txn_put(&first, mine);
    txn_guard(&second, &claim, 0);
    txn_put(&second, theirs);
    txn_put(&second, alive("n9", 9));
    send_txn(&daemon, &first, limit_ms);
    LOOP_UNTIL(daemon.event, daemon.answers == 1, patience_ms);
    CHECK_INT(daemon.outcome, TXN_COMMITTED);
    revision_t committed = daemon.revision;
    CHECK_INT(finish_txn(&daemon, &second), TXN_REFUSED);
    CHECK(daemon.revision >= committed);
    wait_world(&daemon, daemon.revision);
    CHECK_STR(world_find_key(&daemon.world, &claim)->claim->vm, "mine");
    CHECK(!world_find(&daemon.world, RECORD_NODE_ALIVE, "n9"));
    daemon_stop(&daemon);
}

TEST(a_transaction_that_cannot_be_made_bytes_of_is_impossible_and_says_so_later)
{
    struct daemon daemon;
    struct txn txn = {0};
    daemon_start(&daemon, "/c/");
    struct record *bad = alive("n1", UINT64_MAX);
    txn_put(&txn, bad);
    CHECK_INT(finish_txn(&daemon, &txn), TXN_IMPOSSIBLE);
    CHECK_INT(daemon.error_code, -ERANGE);
    CHECK_HAS(daemon.error_text, "counter");
    txn.failed = true;
    CHECK_INT(finish_txn(&daemon, &txn), TXN_IMPOSSIBLE);
    txn_delete(&txn, &(struct record_key){.kind = RECORD_POOL, .name = "a/b"});
    CHECK_INT(finish_txn(&daemon, &txn), TXN_IMPOSSIBLE);
    CHECK_INT(daemon.error_code, -EINVAL);
    daemon_stop(&daemon);
}

TEST(a_barrier_tells_a_revision_that_holds_all_that_was_written_before)
{
    struct daemon daemon;
    daemon_start(&daemon, "/d/");
    CHECK_INT(put_alive(&daemon, "n1", 1), TXN_COMMITTED);
    revision_t written = daemon.revision;
    unsigned before = daemon.answers;
    store_barrier(daemon.store, limit_ms, 77, answered, &daemon);
    CHECK_INT(daemon.answers, before);
    LOOP_UNTIL(daemon.event, daemon.answers > before, patience_ms);
    CHECK_INT(daemon.outcome, TXN_COMMITTED);
    CHECK_INT(daemon.id, 77);
    CHECK(daemon.revision >= written);
    daemon_stop(&daemon);
}

static bool is_readable(const struct daemon *daemon, const char *node)
{
    struct record_key key = {.kind = RECORD_NODE_ALIVE};
    (void)snprintf(key.name, sizeof(key.name), "%s", node);
    return world_is_readable(&daemon->world, &key);
}

TEST(a_document_that_cannot_be_read_is_reported_once_and_the_rest_goes_on)
{
    struct daemon daemon;
    etcd_cluster_need(&cluster);
    put_raw("/e/beat/n1", "{\"counter\":\"many\"}");
    put_raw("/e/beat/n2", "{\"counter\":2}");
    put_raw("/e/something/newer", "not even JSON");
    daemon_start(&daemon, "/e/");
    CHECK_INT(daemon.bads, 1);
    CHECK_STR(daemon.bad_key, "/e/beat/n1");
    CHECK_HAS(daemon.bad_text, "counter: must be a whole number, not a string");
    CHECK(!is_readable(&daemon, "n1") && is_readable(&daemon, "n2"));
    CHECK_INT(counter_of(&daemon, "n2"), 2);
    put_raw("/e/beat/n2", "\x01");
    put_raw("/e/beat/n3", "{\"counter\":3}");
    LOOP_UNTIL(daemon.event, counter_of(&daemon, "n3") == 3, patience_ms);
    CHECK_INT(daemon.bads, 2);
    CHECK_INT(counter_of(&daemon, "n2"), 2); /* what was there stays */
    CHECK(!is_readable(&daemon, "n2"));
    put_raw("/e/beat/n1", "{\"counter\":1}");
    LOOP_UNTIL(daemon.event, counter_of(&daemon, "n1") == 1, patience_ms);
    CHECK_INT(daemon.bads, 2);
    CHECK(is_readable(&daemon, "n1"));
    CHECK(!daemon.is_broken);
    daemon_stop(&daemon);
}

/* ---- another etcd cluster behind an endpoint ---- */

static struct etcd_cluster foreign;

/* Whether no one but the test has written into the foreign store. */
static void check_untouched(void)
{
    char reply[1000];
    REQUIRE(etcd_raw(&foreign, 0, "/v3/kv/range", "{\"key\":\"AA==\",\"range_end\":\"AA==\"}", NULL,
                     reply, sizeof(reply)) == 200);
    CHECK_HAS(reply, "\"revision\":\"3\""); /* the start of the member, and the test */
}

TEST(an_endpoint_of_another_etcd_cluster_is_reported_and_feeds_and_acknowledges_nothing)
{
    struct daemon daemon = {0}, next = {0};
    etcd_cluster_need(&cluster);
    etcd_cluster_start(&foreign, &(struct etcd_cluster_options){.member_len = 1});
    const char *const endpoints[] = {cluster.endpoints[0], foreign.endpoints[0]};
    const char *const turned[] = {foreign.endpoints[0], cluster.endpoints[0]};
    put_raw_in(&foreign, "/h/beat/n1", "{\"counter\":99}");
    put_raw("/h/beat/n1", "{\"counter\":1}");
    daemon_open(&daemon, "/h/", endpoints, 2);
    LOOP_UNTIL(daemon.event, daemon.syncs == 1, patience_ms);
    etcd_member_kill(&cluster, 0);
    while (put_alive(&daemon, "n1", 2) == TXN_UNKNOWN) { /* it was on its way to the dead one */
    }
    CHECK_INT(daemon.outcome, TXN_IMPOSSIBLE);
    LOOP_UNTIL(daemon.event, daemon.is_stale, patience_ms);
    CHECK_INT(counter_of(&daemon, "n1"), 1);
    CHECK_INT(daemon.syncs, 1);
    CHECK_INT(daemon.foreigns, 1);
    check_untouched();
    etcd_cluster_heal(&cluster);
    LOOP_UNTIL(daemon.event, !daemon.is_stale, patience_ms);
    CHECK_INT(put_alive(&daemon, "n1", 3), TXN_COMMITTED);

    /* A berthd that is restarted knows whose store it was, whichever answers first. */
    next.cluster = store_cluster(daemon.store);
    daemon_open(&next, "/h/", turned, 2);
    LOOP_UNTIL(next.event, next.syncs == 1, patience_ms);
    CHECK_INT(counter_of(&next, "n1"), 3);
    CHECK_INT(put_alive(&next, "n1", 4), TXN_COMMITTED);
    check_untouched();
    CHECK(!store_trust_next(next.store)); /* ours answers */
    daemon_stop(&next);
    daemon_stop(&daemon);
    etcd_cluster_stop(&foreign);
}

TEST(each_endpoint_says_which_member_of_which_cluster_it_is_though_one_alone_serves)
{
    struct daemon daemon = {0};
    struct etcd_endpoint_state state;
    bool is_foreign;
    etcd_cluster_need(&cluster);
    etcd_cluster_start(&foreign, &(struct etcd_cluster_options){.member_len = 1});
    const char *const endpoints[] = {cluster.endpoints[0], foreign.endpoints[0],
                                     "http://127.0.0.1:1"};
    daemon_open(&daemon, "/e/", endpoints, 3);
    LOOP_UNTIL(daemon.event, daemon.surveys >= 3, patience_ms);
    REQUIRE(store_endpoint_state(daemon.store, 0, &state, &is_foreign));
    CHECK(state.answers && !is_foreign && state.member != 0);
    CHECK(state.cluster == store_cluster(daemon.store));
    CHECK(state.version[0] != '\0');
    REQUIRE(store_endpoint_state(daemon.store, 1, &state, &is_foreign));
    CHECK(state.answers && is_foreign);
    CHECK_STR(state.endpoint, foreign.endpoints[0]);
    REQUIRE(store_endpoint_state(daemon.store, 2, &state, &is_foreign));
    CHECK(state.is_known && !state.answers && !is_foreign);
    CHECK(!store_endpoint_state(daemon.store, 3, &state, &is_foreign));
    CHECK_INT(daemon.foreigns, 1);
    daemon_stop(&daemon);
    etcd_cluster_stop(&foreign);
}

/* ---- faults ---- */

TEST(forgotten_history_leads_to_a_new_snapshot_in_which_the_deleted_are_gone)
{
    struct daemon daemon, other;
    struct proxy proxy;
    char body[64], reply[200];
    daemon_start(&other, "/f/");
    put_raw("/f/beat/n9", "[]");
    CHECK_INT(put_alive(&other, "n1", 1), TXN_COMMITTED);
    daemon = (struct daemon){0};
    REQUIRE(sd_event_new(&daemon.event) >= 0);
    proxy_start(&proxy, daemon.event, cluster.members[0].client_port);
    const char *const endpoints[] = {proxy.url};
    daemon_open(&daemon, "/f/", endpoints, 1);
    LOOP_UNTIL(daemon.event, daemon.syncs == 1 && counter_of(&daemon, "n1") == 1, patience_ms);
    /* It hears nothing while a node goes, another comes, and history is forgotten. */
    proxy.mode = PROXY_SILENT;
    struct txn txn = {0};
    txn_delete(&txn, &(struct record_key){.kind = RECORD_NODE_ALIVE, .name = "n1"});
    CHECK_INT(finish_txn(&other, &txn), TXN_COMMITTED);
    CHECK_INT(put_alive(&other, "n2", 2), TXN_COMMITTED);
    CHECK_INT(put_alive(&other, "n2", 3), TXN_COMMITTED);
    (void)snprintf(body, sizeof(body), "{\"revision\":\"%lld\"}", (long long)other.revision);
    CHECK_INT(etcd_raw(&cluster, 0, "/v3/kv/compaction", body, NULL, reply, sizeof(reply)), 200);
    proxy.mode = PROXY_PASS;
    proxy_cut(&proxy);
    LOOP_UNTIL(daemon.event, daemon.syncs == 2, patience_ms);
    CHECK(!is_readable(&daemon, "n9")); /* said in each snapshot, and to people once */
    CHECK_INT(daemon.bads, 1);
    CHECK(!world_find(&daemon.world, RECORD_NODE_ALIVE, "n1"));
    CHECK_INT(counter_of(&daemon, "n2"), 3);
    CHECK_INT(put_alive(&other, "n2", 4), TXN_COMMITTED);
    LOOP_UNTIL(daemon.event, counter_of(&daemon, "n2") == 4, patience_ms);
    store_free(daemon.store);
    daemon.store = NULL;
    proxy_stop(&proxy);
    daemon_stop(&daemon);
    daemon_stop(&other);
}

TEST(a_store_that_is_not_there_yet_is_waited_for)
{
    struct daemon daemon = {0};
    struct etcd_cluster late;
    etcd_cluster_need(&cluster);
    etcd_cluster_start(&late, &(struct etcd_cluster_options){.member_len = 1});
    etcd_member_kill(&late, 0);
    daemon_open(&daemon, "/a/", late.endpoints, 1);
    LOOP_UNTIL(daemon.event, daemon.troubles >= 1, patience_ms);
    CHECK_INT(daemon.syncs, 0);
    CHECK(store_is_stale(daemon.store));
    etcd_cluster_heal(&late);
    LOOP_UNTIL(daemon.event, daemon.syncs == 1 && !daemon.is_stale, patience_ms);
    CHECK_INT(put_alive(&daemon, "n1", 1), TXN_COMMITTED);
    daemon_stop(&daemon);
    etcd_cluster_stop(&late);
}

TEST(a_lost_majority_is_reported_as_stale_and_its_return_goes_on_without_a_gap)
{
    struct daemon daemon;
    daemon_start(&daemon, "/g/");
    CHECK_INT(put_alive(&daemon, "n1", 1), TXN_COMMITTED);
    etcd_member_kill(&cluster, 1);
    etcd_member_kill(&cluster, 2);
    msec_t killed = loop_now_ms();
    struct txn txn = {0};
    txn_put(&txn, alive("n1", 2));
    unsigned before = daemon.answers;
    send_txn(&daemon, &txn, 1000);
    LOOP_UNTIL(daemon.event, daemon.answers > before, 1300);
    CHECK(daemon.outcome == TXN_UNKNOWN || daemon.outcome == TXN_IMPOSSIBLE);
    LOOP_UNTIL(daemon.event, daemon.is_stale, 5000);
    printf("# majority lost to stale: %lld ms (limit 1500)\n", (long long)(loop_now_ms() - killed));
    CHECK_INT(daemon.syncs, 1); /* the world stays */
    CHECK_INT(counter_of(&daemon, "n1"), 1);
    etcd_cluster_heal(&cluster);
    LOOP_UNTIL(daemon.event, !daemon.is_stale, patience_ms);
    CHECK_INT(put_alive(&daemon, "n1", 3), TXN_COMMITTED);
    LOOP_UNTIL(daemon.event, counter_of(&daemon, "n1") == 3, patience_ms);
    CHECK_INT(daemon.resets, 1);
    daemon_stop(&daemon);
}

TEST(a_watch_that_is_stuck_is_noticed_by_asking_a_majority_and_left)
{
    struct daemon daemon = {0}, other;
    struct proxy proxy;
    daemon_start(&other, "/h/");
    REQUIRE(sd_event_new(&daemon.event) >= 0);
    proxy_start(&proxy, daemon.event, cluster.members[0].client_port);
    const char *const endpoints[] = {proxy.url, cluster.endpoints[1]};
    daemon_open(&daemon, "/h/", endpoints, 2);
    LOOP_UNTIL(daemon.event, daemon.syncs == 1, patience_ms);
    /* The stream stays open and says nothing more; new connections work. */
    proxy.mode = PROXY_SILENT;
    LOOP_WHILE(daemon.event, daemon.syncs == 1, 50);
    CHECK_INT(put_alive(&other, "n1", 1), TXN_COMMITTED);
    msec_t begun = loop_now_ms();
    LOOP_UNTIL(daemon.event, counter_of(&daemon, "n1") == 1, 9000);
    printf("# stuck watch to its change: %lld ms\n", (long long)(loop_now_ms() - begun));
    CHECK_INT(daemon.syncs, 1);
    store_free(daemon.store);
    daemon.store = NULL;
    proxy_stop(&proxy);
    daemon_stop(&daemon);
    daemon_stop(&other);
}

TEST(an_idle_store_is_not_stale_and_other_peoples_writes_do_not_make_it_so)
{
    struct daemon daemon;
    daemon_start(&daemon, "/i/");
    CHECK(!daemon.is_stale);
    unsigned stales = daemon.stales;
    LOOP_WHILE(daemon.event, daemon.stales == stales, 3000);
    revision_t before = daemon.world.revision;
    put_raw("/elsewhere", "x");
    LOOP_UNTIL(daemon.event, daemon.world.revision > before, 9000);
    CHECK_INT(daemon.resets, 1);
    LOOP_WHILE(daemon.event, daemon.stales == stales, 2000);
    daemon_stop(&daemon);
}

/* ---- cost ---- */

static msec_t cpu_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (msec_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct record *sample(enum record_kind kind, const char *name)
{
    struct record *record = record_new(kind, name, NULL);
    REQUIRE(record);
    if (kind == RECORD_VM_SPEC) {
        char xml[2001];
        memset(xml, 'x', sizeof(xml) - 1);
        xml[sizeof(xml) - 1] = '\0';
        record->vm_spec->xml = strdup(xml);
    }
    return record;
}

TEST(eight_thousand_vms_are_read_in_a_second_or_two_of_cpu)
{
    static const enum record_kind kinds[] = {RECORD_VM_SPEC, RECORD_VM_PLACEMENT, RECORD_VM_STATUS};
    enum { vms = 8000, batch = 40 };
    struct daemon writer, reader;
    daemon_start(&writer, "/j/");
    for (int vm = 0; vm < vms;) {
        struct txn txn = {0};
        for (int i = 0; i < batch; i++, vm++) {
            char name[name_size];
            (void)snprintf(name, sizeof(name), "vm-%05d", vm);
            for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
                txn_put(&txn, sample(kinds[k], name));
            }
        }
        REQUIRE(finish_txn(&writer, &txn) == TXN_COMMITTED);
    }
    daemon_stop(&writer);
    msec_t begun = loop_now_ms(), cpu = cpu_ms();
    daemon_start(&reader, "/j/");
    cpu = cpu_ms() - cpu;
    printf("# snapshot of %d keys: %lld ms of CPU, %lld ms in all\n", 3 * vms, (long long)cpu,
           (long long)(loop_now_ms() - begun));
    CHECK_INT(reader.world.records[RECORD_VM_SPEC].len, vms);
    CHECK_INT(reader.world.records[RECORD_VM_STATUS].len, vms);
    /* A busy neighbor makes a second of CPU longer. */
    CHECK(cpu < (IS_SANITIZED ? 10000 : 3000));
    daemon_stop(&reader);
}

static int compare_ints(const void *a, const void *b)
{
    return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

TEST(a_heartbeat_costs_little_and_its_times_are_shown)
{
    enum { rounds = 300 };
    struct daemon daemon;
    int answer[rounds], seen[rounds];
    daemon_start(&daemon, "/k/");
    CHECK_INT(put_alive(&daemon, "n1", 1000), TXN_COMMITTED);
    wait_world(&daemon, daemon.revision);
    msec_t cpu = cpu_ms();
    for (int i = 0; i < rounds; i++) {
        struct txn txn = {0};
        txn_guard(&txn, &(struct record_key){.kind = RECORD_NODE_FENCE, .name = "n1"}, 0);
        txn_put(&txn, alive("n1", (uint64_t)i));
        unsigned before = daemon.answers;
        int64_t begun = now_us();
        int answered_us = 0, seen_us = 0;
        send_txn(&daemon, &txn, limit_ms);
        while (!answered_us || !seen_us) {
            REQUIRE(sd_event_run(daemon.event, 1000000) >= 0);
            if (!answered_us && daemon.answers > before) {
                answered_us = (int)(now_us() - begun);
            }
            if (!seen_us && counter_of(&daemon, "n1") == (uint64_t)i) {
                seen_us = (int)(now_us() - begun);
            }
        }
        answer[i] = answered_us;
        seen[i] = seen_us;
    }
    cpu = cpu_ms() - cpu;
    qsort(answer, rounds, sizeof(int), compare_ints);
    qsort(seen, rounds, sizeof(int), compare_ints);
    printf("# heartbeat: answered %d us median, %d us at 99 %%; seen by the watch %d / %d us; CPU "
           "%lld us\n",
           answer[rounds / 2], answer[rounds * 99 / 100], seen[rounds / 2], seen[rounds * 99 / 100],
           (long long)(cpu * 1000 / rounds));
    CHECK(cpu * 1000 / rounds < 5000);
    daemon_stop(&daemon);
}
