/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client against three real members, some of which die. */
#include "test/live/etcd_cluster.h"
#include "test/live/loop.h"
#include "test/live/proxy.h"

#include "base/buf.h"
#include "etcd/etcd.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { limit_ms = 5000, patience_ms = 15000 };

static struct etcd_cluster cluster;

/* ---- a client and what it was told last ---- */

struct bench {
    sd_event *event;
    struct etcd *etcd;
    unsigned answers;
    enum txn_outcome outcome;
    revision_t revision;
    int error_code;
    char error[error_text_size];
    char value[200];
    int64_t version;
    revision_t kv_revision;
    size_t kv_len;
};

static void bench_open_config(struct bench *bench, const struct etcd_config *config)
{
    struct error err = {0};
    *bench = (struct bench){0};
    REQUIRE(sd_event_new(&bench->event) >= 0);
    if (etcd_new(bench->event, config, &bench->etcd, &err) < 0) {
        test_fail(__FILE__, __LINE__, "%s", err.text);
        test_abandon();
    }
}

static void bench_open(struct bench *bench, const char *const *endpoints, size_t len)
{
    bench_open_config(bench, &(struct etcd_config){.endpoints = endpoints, .endpoint_len = len});
}

static void bench_close(struct bench *bench)
{
    etcd_free(bench->etcd);
    sd_event_unref(bench->event);
}

static void answered(void *userdata, const struct etcd_reply *reply)
{
    struct bench *bench = userdata;
    bench->answers++;
    bench->outcome = reply->outcome;
    bench->revision = reply->revision;
    bench->error_code = reply->error ? reply->error->code : 0;
    bench->kv_len = reply->kv_len;
    (void)snprintf(bench->error, sizeof(bench->error), "%s",
                   reply->error ? reply->error->text : "");
    (void)snprintf(bench->value, sizeof(bench->value), "%s",
                   reply->kv_len > 0 ? reply->kvs[0].value : "");
    bench->version = reply->kv_len > 0 ? reply->kvs[0].version : 0;
    bench->kv_revision = reply->kv_len > 0 ? reply->kvs[0].revision : 0;
}

static void wait_answer(struct bench *bench)
{
    unsigned before = bench->answers;
    LOOP_UNTIL(bench->event, bench->answers > before, patience_ms);
}

/* 'value' NULL: delete. 'guard' -1: none. */
static void begin_write(struct bench *bench, const char *key, const char *value, revision_t guard,
                        msec_t limit)
{
    const struct wire_compare compare = {WIRE_BYTES(key), guard};
    const struct wire_operation operation = {.key = WIRE_BYTES(key),
                                             .value =
                                                 value ? WIRE_BYTES(value) : (struct wire_bytes){0},
                                             .is_delete = !value};
    const struct wire_transaction transaction = {&compare, guard >= 0, &operation, 1};
    etcd_txn(bench->etcd, &transaction, limit, answered, bench);
}

static enum txn_outcome write_key(struct bench *bench, const char *key, const char *value,
                                  revision_t guard)
{
    begin_write(bench, key, value, guard, limit_ms);
    wait_answer(bench);
    return bench->outcome;
}

static const char *read_key(struct bench *bench, const char *key)
{
    etcd_range(bench->etcd, &(struct wire_range){.key = WIRE_BYTES(key)}, limit_ms, answered,
               bench);
    wait_answer(bench);
    return bench->value;
}

/* ---- a watch and what it told ---- */

struct seen {
    unsigned events, puts, deletes, broken;
    revision_t progress, last, compacted;
    unsigned number; /* of the last value "0", "1", ...; they must come without a gap */
    bool has_gap;
    bool is_cut; /* progress came before all of its events, or out of order */
};

static void see_events(void *userdata, const struct wire_kv *events, size_t len)
{
    struct seen *seen = userdata;
    for (size_t i = 0; i < len; i++) {
        seen->events++;
        seen->is_cut |= events[i].revision <= seen->progress || events[i].revision < seen->last;
        seen->last = events[i].revision;
        if (!events[i].value) {
            seen->deletes++;
            continue;
        }
        unsigned number = (unsigned)strtoul(events[i].value, NULL, 10);
        seen->has_gap |= seen->puts > 0 && number != seen->number + 1;
        seen->number = number;
        seen->puts++;
    }
}

static void see_progress(void *userdata, revision_t revision)
{
    struct seen *seen = userdata;
    seen->is_cut |= revision < seen->last;
    seen->progress = revision;
}

static void see_compacted(void *userdata, revision_t revision)
{
    struct seen *seen = userdata;
    seen->compacted = revision;
}

static void see_broken(void *userdata, const struct error *error)
{
    struct seen *seen = userdata;
    (void)error;
    seen->broken++;
}

static const struct etcd_watch_handler see = {see_events, see_progress, see_compacted, see_broken};

static struct etcd_watch *watch(struct bench *bench, const char *prefix, revision_t start,
                                struct seen *seen)
{
    struct etcd_watch *ret = NULL;
    struct error err = {0};
    *seen = (struct seen){0};
    REQUIRE(etcd_watch_new(bench->etcd, prefix, start, &see, seen, &ret, &err) == 0);
    return ret;
}

/* ---- reads and transactions ---- */

TEST(values_are_put_read_and_deleted)
{
    struct bench bench;
    etcd_cluster_need(&cluster);
    bench_open(&bench, cluster.endpoints, 3);
    CHECK_INT(write_key(&bench, "/a/k", "eins", 0), TXN_COMMITTED);
    revision_t first = bench.revision;
    CHECK_STR(read_key(&bench, "/a/k"), "eins");
    CHECK_INT(write_key(&bench, "/a/k", "zwei", first), TXN_COMMITTED);
    CHECK(bench.revision > first);
    CHECK_STR(read_key(&bench, "/a/k"), "zwei");
    CHECK_INT(write_key(&bench, "/a/k", NULL, -1), TXN_COMMITTED);
    (void)read_key(&bench, "/a/k");
    CHECK_INT(bench.outcome, TXN_COMMITTED);
    CHECK_INT(bench.kv_len, 0);
    bench_close(&bench);
}

TEST(a_transaction_whose_guard_does_not_hold_writes_nothing)
{
    struct bench bench;
    etcd_cluster_need(&cluster);
    bench_open(&bench, cluster.endpoints, 3);
    CHECK_INT(write_key(&bench, "/b/k", "eins", 0), TXN_COMMITTED);
    revision_t revision = bench.revision;
    CHECK_INT(write_key(&bench, "/b/k", "zwei", 0), TXN_REFUSED);
    CHECK_INT(bench.revision, revision);
    CHECK_INT(write_key(&bench, "/b/k", "zwei", revision - 1), TXN_REFUSED);
    CHECK_STR(read_key(&bench, "/b/k"), "eins");
    bench_close(&bench);
}

TEST(a_transaction_that_etcd_does_not_take_is_impossible_with_etcds_reason)
{
    struct bench bench;
    etcd_cluster_need(&cluster);
    bench_open(&bench, cluster.endpoints, 3);
    const struct wire_operation twice[] = {{.key = WIRE_BYTES("/c"), .value = WIRE_BYTES("1")},
                                           {.key = WIRE_BYTES("/c"), .value = WIRE_BYTES("2")}};
    etcd_txn(bench.etcd, &(struct wire_transaction){NULL, 0, twice, 2}, limit_ms, answered, &bench);
    CHECK_INT(bench.answers, 0); /* never from within the call */
    wait_answer(&bench);
    CHECK_INT(bench.outcome, TXN_IMPOSSIBLE);
    CHECK_INT(bench.error_code, -EINVAL);
    CHECK_HAS(bench.error, "duplicate key");
    bench_close(&bench);
}

struct pages {
    unsigned pages, keys, dones;
    bool is_in_order;
    char last[32];
    revision_t revision;
    int error_code;
};

static void see_page(void *userdata, const struct wire_kv *kvs, size_t len)
{
    struct pages *pages = userdata;
    pages->pages++;
    for (size_t i = 0; i < len; i++) {
        pages->keys++;
        pages->is_in_order &= strcmp(pages->last, kvs[i].key) < 0;
        (void)snprintf(pages->last, sizeof(pages->last), "%s", kvs[i].key);
    }
}

static void see_done(void *userdata, revision_t revision, const struct error *error)
{
    struct pages *pages = userdata;
    pages->dones++;
    pages->revision = revision;
    pages->error_code = error ? error->code : 0;
}

TEST(a_prefix_larger_than_a_page_is_read_whole_at_one_revision)
{
    struct bench bench;
    struct wire_operation operations[100];
    char keys[100][32];
    etcd_cluster_need(&cluster);
    bench_open(&bench, cluster.endpoints, 3);
    for (int page = 0; page < 13; page++) {
        for (int i = 0; i < 100; i++) {
            (void)snprintf(keys[i], sizeof(keys[i]), "/d/%04d", page * 100 + i);
            operations[i] =
                (struct wire_operation){.key = WIRE_BYTES(keys[i]), .value = WIRE_BYTES(keys[i])};
        }
        etcd_txn(bench.etcd, &(struct wire_transaction){NULL, 0, operations, 100}, limit_ms,
                 answered, &bench);
        wait_answer(&bench);
        CHECK_INT(bench.outcome, TXN_COMMITTED);
    }
    struct pages pages = {.is_in_order = true};
    revision_t before = bench.revision;
    etcd_snapshot(bench.etcd, "/d/", limit_ms, &(struct etcd_snapshot_handler){see_page, see_done},
                  &pages);
    LOOP_UNTIL(bench.event, pages.pages == 1, patience_ms);
    /* What comes in between is not in it. */
    CHECK_INT(write_key(&bench, "/d/0000", NULL, -1), TXN_COMMITTED);
    CHECK_INT(write_key(&bench, "/d/9999", "late", 0), TXN_COMMITTED);
    LOOP_UNTIL(bench.event, pages.dones == 1, patience_ms);
    CHECK_INT(pages.error_code, 0);
    CHECK_INT(pages.keys, 1300);
    CHECK_INT(pages.pages, 3);
    CHECK(pages.is_in_order);
    CHECK_INT(pages.revision, before);
    bench_close(&bench);
}

/* ---- endpoints ---- */

TEST(an_endpoint_that_is_down_is_passed_over)
{
    struct bench bench;
    char dead[64];
    etcd_cluster_need(&cluster);
    (void)snprintf(dead, sizeof(dead), "http://127.0.0.1:%d", free_port());
    const char *const endpoints[] = {dead, cluster.endpoints[1]};
    bench_open(&bench, endpoints, 2);
    CHECK_INT(write_key(&bench, "/e/k", "eins", 0), TXN_COMMITTED);
    CHECK_STR(etcd_endpoint(bench.etcd), cluster.endpoints[1]);
    CHECK_STR(read_key(&bench, "/e/k"), "eins");
    bench_close(&bench);
}

TEST(without_any_endpoint_a_request_ends_at_its_limit_and_is_sure_not_to_be_carried_out)
{
    struct bench bench;
    char dead[64];
    (void)snprintf(dead, sizeof(dead), "http://127.0.0.1:%d", free_port());
    const char *const endpoints[] = {dead};
    bench_open(&bench, endpoints, 1);
    msec_t begun = loop_now_ms();
    begin_write(&bench, "/k", "v", -1, 500);
    wait_answer(&bench);
    CHECK(loop_now_ms() - begun <= 700);
    CHECK_INT(bench.outcome, TXN_IMPOSSIBLE);
    CHECK_INT(bench.error_code, -EAGAIN);
    CHECK_HAS(bench.error, dead);
    bench_close(&bench);
}

TEST(an_endpoint_that_hangs_costs_a_read_some_time_and_a_transaction_its_certainty)
{
    struct bench bench;
    etcd_cluster_need(&cluster);
    size_t other = (etcd_cluster_leader(&cluster) + 1) % 3;
    const char *const endpoints[] = {cluster.endpoints[other], cluster.endpoints[(other + 1) % 3]};
    bench_open(&bench, endpoints, 2);
    CHECK_INT(write_key(&bench, "/f/k", "eins", 0), TXN_COMMITTED);
    etcd_member_signal(&cluster, other, SIGSTOP);
    begin_write(&bench, "/f/k", "zwei", -1, 500);
    wait_answer(&bench);
    CHECK_INT(bench.outcome, TXN_UNKNOWN);
    CHECK_INT(write_key(&bench, "/f/k", "drei", -1), TXN_COMMITTED);
    CHECK_STR(etcd_endpoint(bench.etcd), endpoints[1]);
    etcd_member_signal(&cluster, other, SIGCONT);
    bench_close(&bench);
    bench_open(&bench, endpoints, 2);
    etcd_member_signal(&cluster, other, SIGSTOP);
    etcd_range(bench.etcd, &(struct wire_range){.key = WIRE_BYTES("/f/k")}, 1000, answered, &bench);
    wait_answer(&bench);
    etcd_member_signal(&cluster, other, SIGCONT);
    CHECK_INT(bench.outcome, TXN_COMMITTED);
    bench_close(&bench);
    etcd_cluster_heal(&cluster);
}

/* ---- lost replies ---- */

/* 'is_kept': the request goes over a connection that was used before. libcurl sends a request again
 * by itself when such a connection closes without a byte; that must not happen to a write. */
static void lose_reply(const char *key, bool is_kept)
{
    struct bench bench, direct;
    struct proxy proxy;
    etcd_cluster_need(&cluster);
    bench_open(&direct, cluster.endpoints, 3);
    bench_open(&bench, cluster.endpoints, 3);
    proxy_start(&proxy, bench.event, cluster.members[0].client_port);
    etcd_free(bench.etcd);
    const char *const endpoints[] = {proxy.url, cluster.endpoints[1]};
    const struct etcd_config config = {.endpoints = endpoints, .endpoint_len = 2};
    REQUIRE(etcd_new(bench.event, &config, &bench.etcd, NULL) == 0);
    (void)read_key(&bench, key); /* now it is known whose endpoint that is */
    CHECK_INT(proxy.accepted, 1);
    if (!is_kept) {
        proxy_cut(&proxy);
    }
    proxy.mode = PROXY_EAT_REPLY;
    CHECK_INT(write_key(&bench, key, "eins", -1), TXN_UNKNOWN);
    CHECK_HAS(bench.error, "lost");
    CHECK_INT(proxy.accepted, 2);
    proxy.mode = PROXY_PASS;
    /* It was carried out, once. */
    CHECK_STR(read_key(&direct, key), "eins");
    CHECK_INT(direct.version, 1);
    CHECK_INT(write_key(&bench, key, "zwei", -1), TXN_COMMITTED);
    CHECK_STR(etcd_endpoint(bench.etcd), cluster.endpoints[1]);
    etcd_free(bench.etcd);
    bench.etcd = NULL;
    proxy_stop(&proxy);
    bench_close(&bench);
    bench_close(&direct);
}

TEST(a_transaction_whose_reply_is_lost_is_unknown_and_was_sent_once)
{
    lose_reply("/g/fresh", false);
}

TEST(a_transaction_lost_on_a_kept_connection_is_not_sent_again_behind_our_back)
{
    lose_reply("/g/kept", true);
}

TEST(a_read_whose_reply_is_lost_is_asked_elsewhere)
{
    struct bench bench;
    struct proxy proxy;
    etcd_cluster_need(&cluster);
    bench_open(&bench, cluster.endpoints, 3);
    CHECK_INT(write_key(&bench, "/h/k", "eins", 0), TXN_COMMITTED);
    proxy_start(&proxy, bench.event, cluster.members[0].client_port);
    proxy.mode = PROXY_EAT_REPLY;
    etcd_free(bench.etcd);
    const char *const endpoints[] = {proxy.url, cluster.endpoints[1]};
    const struct etcd_config config = {.endpoints = endpoints, .endpoint_len = 2};
    REQUIRE(etcd_new(bench.event, &config, &bench.etcd, NULL) == 0);
    CHECK_STR(read_key(&bench, "/h/k"), "eins");
    CHECK_INT(proxy.accepted, 1);
    etcd_free(bench.etcd);
    bench.etcd = NULL;
    proxy_stop(&proxy);
    bench_close(&bench);
}

/* ---- watches ---- */

TEST(a_watch_tells_each_change_once_and_each_revision_whole)
{
    struct bench bench;
    struct seen seen;
    etcd_cluster_need(&cluster);
    bench_open(&bench, cluster.endpoints, 3);
    struct etcd_watch *w = NULL;
    CHECK_INT(write_key(&bench, "/i/a", "0", 0), TXN_COMMITTED);
    revision_t start = bench.revision;
    w = watch(&bench, "/i/", start, &seen);
    const struct wire_operation three[] = {{.key = WIRE_BYTES("/i/a"), .value = WIRE_BYTES("1")},
                                           {.key = WIRE_BYTES("/i/b"), .value = WIRE_BYTES("2")},
                                           {.key = WIRE_BYTES("/j/c"), .value = WIRE_BYTES("9")}};
    etcd_txn(bench.etcd, &(struct wire_transaction){NULL, 0, three, 3}, limit_ms, answered, &bench);
    wait_answer(&bench);
    CHECK_INT(write_key(&bench, "/i/a", NULL, -1), TXN_COMMITTED);
    LOOP_UNTIL(bench.event, seen.progress >= bench.revision, patience_ms);
    CHECK_INT(seen.puts, 3);
    CHECK_INT(seen.deletes, 1);
    CHECK(!seen.has_gap && !seen.is_cut);
    CHECK_INT(seen.broken, 0);
    CHECK(etcd_watch_heard_ms(w) > 0);
    etcd_watch_free(w);
    bench_close(&bench);
}

TEST(a_watch_that_is_cut_off_resumes_without_a_gap)
{
    struct bench bench;
    struct proxy proxy;
    struct seen seen;
    char value[16];
    etcd_cluster_need(&cluster);
    bench_open(&bench, cluster.endpoints, 3);
    proxy_start(&proxy, bench.event, cluster.members[0].client_port);
    const char *const endpoints[] = {proxy.url};
    struct bench far = {.event = bench.event};
    const struct etcd_config config = {.endpoints = endpoints, .endpoint_len = 1};
    REQUIRE(etcd_new(bench.event, &config, &far.etcd, NULL) == 0);
    CHECK_INT(write_key(&bench, "/k/a", "0", 0), TXN_COMMITTED);
    struct etcd_watch *w = watch(&far, "/k/", bench.revision, &seen);
    for (int i = 1; i <= 30; i++) {
        (void)snprintf(value, sizeof(value), "%d", i);
        CHECK_INT(write_key(&bench, "/k/a", value, -1), TXN_COMMITTED);
        if (i % 10 == 0) {
            LOOP_UNTIL(bench.event, seen.puts >= 1, patience_ms);
            proxy_cut(&proxy);
        }
    }
    LOOP_UNTIL(bench.event, seen.puts == 31, patience_ms);
    CHECK(!seen.has_gap && !seen.is_cut);
    CHECK(seen.broken >= 1);
    etcd_watch_free(w);
    etcd_free(far.etcd);
    proxy_stop(&proxy);
    bench_close(&bench);
}

TEST(a_watch_of_forgotten_history_says_so)
{
    struct bench bench;
    struct seen seen;
    etcd_cluster_need(&cluster);
    bench_open(&bench, cluster.endpoints, 3);
    CHECK_INT(write_key(&bench, "/l/a", "0", 0), TXN_COMMITTED);
    revision_t old = bench.revision;
    CHECK_INT(write_key(&bench, "/l/a", "1", -1), TXN_COMMITTED);
    revision_t compacted = bench.revision;
    etcd_compact(bench.etcd, compacted, limit_ms, answered, &bench);
    wait_answer(&bench);
    CHECK_INT(bench.outcome, TXN_COMMITTED);
    struct etcd_watch *w = watch(&bench, "/l/", old, &seen);
    LOOP_UNTIL(bench.event, seen.compacted > 0, patience_ms);
    CHECK_INT(seen.compacted, compacted);
    CHECK_INT(seen.events, 0);
    etcd_watch_free(w);
    etcd_range(bench.etcd, &(struct wire_range){.key = WIRE_BYTES("/l/a"), .revision = old},
               limit_ms, answered, &bench);
    wait_answer(&bench);
    CHECK_INT(bench.outcome, TXN_IMPOSSIBLE);
    CHECK_INT(bench.error_code, -ESTALE);
    bench_close(&bench);
}

TEST(a_silent_stream_is_begun_again)
{
    struct bench bench;
    struct proxy proxy;
    struct seen seen;
    etcd_cluster_need(&cluster);
    bench_open(&bench, cluster.endpoints, 3);
    proxy_start(&proxy, bench.event, cluster.members[0].client_port);
    const char *const endpoints[] = {proxy.url, cluster.endpoints[1]};
    const struct etcd_config config = {
        .endpoints = endpoints, .endpoint_len = 2, .silence_limit_ms = 1000};
    struct bench far = {.event = bench.event};
    REQUIRE(etcd_new(bench.event, &config, &far.etcd, NULL) == 0);
    CHECK_INT(write_key(&bench, "/m/a", "0", 0), TXN_COMMITTED);
    struct etcd_watch *w = watch(&far, "/m/", bench.revision, &seen);
    LOOP_UNTIL(bench.event, seen.puts == 1, patience_ms);
    proxy.mode = PROXY_SILENT;
    CHECK_INT(write_key(&bench, "/m/a", "1", -1), TXN_COMMITTED);
    LOOP_UNTIL(bench.event, seen.puts == 2, patience_ms);
    CHECK(!seen.has_gap);
    etcd_watch_free(w);
    etcd_free(far.etcd);
    proxy_stop(&proxy);
    bench_close(&bench);
}

TEST(
    a_client_and_its_watch_that_had_to_leave_the_first_endpoint_return_once_a_majority_answers_there)
{
    struct bench bench;
    struct proxy proxy;
    struct seen seen;
    etcd_cluster_need(&cluster);
    bench_open(&bench, cluster.endpoints, 3);
    proxy_start(&proxy, bench.event, cluster.members[0].client_port);
    const char *const endpoints[] = {proxy.url, cluster.endpoints[1]};
    const struct etcd_config config = {
        .endpoints = endpoints, .endpoint_len = 2, .silence_limit_ms = 60000, .home_pause_ms = 300};
    struct bench far = {.event = bench.event};
    REQUIRE(etcd_new(bench.event, &config, &far.etcd, NULL) == 0);
    CHECK_INT(write_key(&bench, "/w/a", "0", 0), TXN_COMMITTED);
    struct etcd_watch *w = watch(&far, "/w/", bench.revision, &seen);
    LOOP_UNTIL(bench.event, seen.puts == 1, patience_ms);
    proxy.mode = PROXY_EAT_REPLY;
    proxy_cut(&proxy);
    CHECK_INT(write_key(&bench, "/w/a", "1", -1), TXN_COMMITTED);
    LOOP_UNTIL(bench.event, seen.puts == 2, patience_ms);
    CHECK_STR(read_key(&far, "/w/a"), "1");
    CHECK_STR(etcd_endpoint(far.etcd), cluster.endpoints[1]);
    unsigned asked = proxy.accepted;
    LOOP_UNTIL(bench.event, proxy.accepted >= asked + 2, patience_ms);
    CHECK_STR(etcd_endpoint(far.etcd), cluster.endpoints[1]);
    proxy.mode = PROXY_PASS;
    LOOP_UNTIL(bench.event, strcmp(etcd_endpoint(far.etcd), proxy.url) == 0, patience_ms);
    unsigned broken = seen.broken;
    LOOP_UNTIL(bench.event, (proxy_cut(&proxy), seen.broken > broken), patience_ms);
    CHECK_INT(write_key(&bench, "/w/a", "2", -1), TXN_COMMITTED);
    LOOP_UNTIL(bench.event, seen.puts == 3, patience_ms);
    CHECK(!seen.has_gap && !seen.is_cut);
    etcd_watch_free(w);
    etcd_free(far.etcd);
    proxy_stop(&proxy);
    bench_close(&bench);
}

TEST(when_the_leader_is_killed_writes_work_again_and_no_event_is_lost)
{
    struct bench bench;
    struct seen seen;
    char value[16];
    int number = 0;
    etcd_cluster_need(&cluster);
    size_t leader = etcd_cluster_leader(&cluster);
    /* The client's first endpoint is the one that dies. */
    const char *const endpoints[] = {cluster.endpoints[leader], cluster.endpoints[(leader + 1) % 3],
                                     cluster.endpoints[(leader + 2) % 3]};
    bench_open(&bench, endpoints, 3);
    CHECK_INT(write_key(&bench, "/n/a", "0", 0), TXN_COMMITTED);
    struct etcd_watch *w = watch(&bench, "/n/", bench.revision, &seen);
    LOOP_UNTIL(bench.event, seen.puts == 1, patience_ms);
    etcd_member_kill(&cluster, leader);
    msec_t killed = loop_now_ms();
    revision_t last = bench.revision;
    while (number < 20) {
        REQUIRE(loop_now_ms() - killed < patience_ms);
        (void)snprintf(value, sizeof(value), "%d", number + 1);
        begin_write(&bench, "/n/a", value, last, 1000);
        wait_answer(&bench);
        if (bench.outcome == TXN_COMMITTED) {
            last = bench.revision;
            number++;
        } else {
            /* Unknown: read back, then decide. */
            (void)read_key(&bench, "/n/a");
            bool was_written = bench.kv_len > 0 && strcmp(bench.value, value) == 0;
            last = was_written ? bench.kv_revision : last;
            number += was_written;
        }
        if (number == 1) {
            printf("# leader killed to next write: %lld ms\n", (long long)(loop_now_ms() - killed));
        }
    }
    CHECK_INT(number, 20);
    LOOP_UNTIL(bench.event, seen.puts == 21, patience_ms);
    CHECK(!seen.has_gap && !seen.is_cut);
    CHECK_INT(seen.number, 20);
    etcd_watch_free(w);
    bench_close(&bench);
    etcd_cluster_heal(&cluster);
}

TEST(without_a_majority_nothing_is_committed_and_no_request_outlasts_its_limit)
{
    struct bench bench;
    etcd_cluster_need(&cluster);
    bench_open(&bench, cluster.endpoints, 3);
    CHECK_INT(write_key(&bench, "/o/a", "0", 0), TXN_COMMITTED);
    etcd_member_kill(&cluster, 1);
    etcd_member_kill(&cluster, 2);
    unsigned unknown = 0;
    for (int i = 0; i < 5; i++) {
        msec_t begun = loop_now_ms();
        begin_write(&bench, "/o/a", "1", -1, 1000);
        wait_answer(&bench);
        CHECK(loop_now_ms() - begun <= 1300);
        CHECK(bench.outcome == TXN_UNKNOWN || bench.outcome == TXN_IMPOSSIBLE);
        unknown += bench.outcome == TXN_UNKNOWN;
    }
    CHECK(unknown >= 1);
    etcd_barrier(bench.etcd, 500, answered, &bench);
    wait_answer(&bench);
    CHECK_INT(bench.outcome, TXN_IMPOSSIBLE);
    etcd_cluster_heal(&cluster);
    CHECK_INT(write_key(&bench, "/o/b", "1", 0), TXN_COMMITTED);
    bench_close(&bench);
}

/* ---- TLS and users ---- */

static void set_up_users(const struct etcd_cluster *secure)
{
    static const struct {
        const char *path, *json;
    } steps[] = {
        {"/v3/auth/user/add", "{\"name\":\"root\",\"password\":\"geheim\"}"},
        {"/v3/auth/role/add", "{\"name\":\"root\"}"},
        {"/v3/auth/user/grant", "{\"user\":\"root\",\"role\":\"root\"}"},
        {"/v3/auth/user/add", "{\"name\":\"berth\",\"password\":\"geheim\"}"},
        {"/v3/auth/role/add", "{\"name\":\"p\"}"},
        /* "/p/" to "/p0" */
        {"/v3/auth/role/grant", "{\"name\":\"p\",\"perm\":{\"permType\":\"READWRITE\","
                                "\"key\":\"L3Av\",\"range_end\":\"L3Aw\"}}"},
        {"/v3/auth/user/grant", "{\"user\":\"berth\",\"role\":\"p\"}"},
        {"/v3/auth/enable", "{}"},
    };
    char reply[500];
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        CHECK_INT(etcd_raw(secure, 0, steps[i].path, steps[i].json, NULL, reply, sizeof(reply)),
                  200);
    }
}

TEST(a_secure_store_is_used_with_certificate_name_and_password_and_a_lost_token_is_renewed)
{
    static struct etcd_cluster secure;
    struct bench bench;
    struct seen seen;
    etcd_cluster_start(&secure, &(struct etcd_cluster_options){.member_len = 1, .has_tls = true});
    set_up_users(&secure);
    struct etcd_config config = {.endpoints = secure.endpoints,
                                 .endpoint_len = 1,
                                 .ca_file = secure.ca,
                                 .cert_file = secure.cert,
                                 .key_file = secure.key,
                                 .prefix = "/p/",
                                 .username = "berth",
                                 .password = "geheim"};
    bench_open_config(&bench, &config);
    CHECK_INT(write_key(&bench, "/p/a", "0", 0), TXN_COMMITTED);
    CHECK_STR(bench.error, "");
    struct etcd_watch *w = watch(&bench, "/p/", bench.revision, &seen);
    LOOP_UNTIL(bench.event, seen.puts == 1, patience_ms);
    /* Tokens live in the member's memory. */
    etcd_member_kill(&secure, 0);
    etcd_cluster_heal(&secure);
    CHECK_INT(write_key(&bench, "/p/a", "1", -1), TXN_COMMITTED);
    CHECK_STR(bench.error, "");
    LOOP_UNTIL(bench.event, seen.puts == 2, patience_ms);
    /* A user needs no more than the prefix. */
    etcd_barrier(bench.etcd, limit_ms, answered, &bench);
    wait_answer(&bench);
    CHECK_INT(bench.outcome, TXN_COMMITTED);
    CHECK_INT(write_key(&bench, "/elsewhere", "1", -1), TXN_IMPOSSIBLE);
    CHECK_INT(bench.error_code, -EACCES);
    etcd_watch_free(w);
    bench_close(&bench);

    config.password = "falsch";
    bench_open_config(&bench, &config);
    CHECK_INT(write_key(&bench, "/p/a", "2", -1), TXN_IMPOSSIBLE);
    CHECK_INT(bench.error_code, -EINVAL);
    CHECK_HAS(bench.error, "authentication failed");
    bench_close(&bench);

    config.ca_file = config.cert_file = config.key_file = NULL;
    bench_open_config(&bench, &config);
    begin_write(&bench, "/p/a", "2", -1, 500);
    wait_answer(&bench);
    CHECK_INT(bench.outcome, TXN_IMPOSSIBLE);
    CHECK_HAS(bench.error, "certificate");
    bench_close(&bench);
    etcd_cluster_stop(&secure);
}

/* ---- configuration ---- */

static void check_config(const struct etcd_config *config, int want, const char *text)
{
    sd_event *event = NULL;
    struct etcd *etcd = NULL;
    struct error err = {0};
    REQUIRE(sd_event_new(&event) >= 0);
    CHECK_INT(etcd_new(event, config, &etcd, &err), want);
    CHECK_HAS(err.text, text);
    etcd_free(etcd);
    sd_event_unref(event);
}

TEST(a_configuration_that_cannot_be_is_refused_with_what_is_wrong)
{
    const char *good = "http://127.0.0.1:1", *bad = "127.0.0.1:1", *path = "http://a/b";
    check_config(&(struct etcd_config){0}, -EINVAL, "no endpoint");
    check_config(&(struct etcd_config){.endpoints = &bad, .endpoint_len = 1}, -EINVAL,
                 "\"127.0.0.1:1\" is not of the form");
    check_config(&(struct etcd_config){.endpoints = &path, .endpoint_len = 1}, -EINVAL, "form");
    check_config(&(struct etcd_config){.endpoints = &good, .endpoint_len = 1, .prefix = "x"},
                 -EINVAL, "prefix");
    check_config(&(struct etcd_config){.endpoints = &good, .endpoint_len = 1, .ca_file = "/no"},
                 -ENOENT, "/no");
    check_config(&(struct etcd_config){.endpoints = &good, .endpoint_len = 1, .username = "u"},
                 -EINVAL, "password");
    check_config(
        &(struct etcd_config){.endpoints = &good, .endpoint_len = 1, .key_file = "/dev/null"},
        -EINVAL, "certificate");
}

TEST(a_client_that_is_freed_drops_what_is_under_way)
{
    struct bench bench;
    struct seen seen;
    etcd_cluster_need(&cluster);
    bench_open(&bench, cluster.endpoints, 3);
    begin_write(&bench, "/q/a", "0", -1, limit_ms);
    etcd_barrier(bench.etcd, limit_ms, answered, &bench);
    etcd_refuse(bench.etcd, &(struct error){.code = -EINVAL}, answered, &bench);
    struct etcd_watch *w = watch(&bench, "/q/", 1, &seen);
    etcd_watch_free(w);
    etcd_free(bench.etcd);
    bench.etcd = NULL;
    LOOP_WHILE(bench.event, bench.answers == 0, 50);
    bench_close(&bench);
}
