/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the control plane costs: played hosts with the production core and the production client of
 * the store, on three real members of etcd on loopback, all in one process. What a host does (VMs,
 * a watchdog) is only said, not done. bench/control starts it, once for each size.
 *
 *     BENCH_HOSTS=64 BENCH_CANDIDATES=5 BENCH_SECONDS=15 BENCH_VMS=500 control-bench
 *
 * One line of JSON after "figures ".
 */
#include "test/live/etcd_cluster.h"
#include "test/live/loop.h"

#include "core/core.h"
#include "loop/clock.h"
#include "run/hearing.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    hosts_most = 256,
    patience_ms = 120000,
    limit_ms = 5000,
    in_flight = 64,
    floor_txns = 3000,
    vms_a_txn = 100,
    host_memory_mib = 1 << 20
};

struct host {
    char name[name_size];
    struct core *core;
    struct store *store;
    struct hearing hearing;
    bool watches_all;
    msec_t wake_ms;
};

static struct etcd_cluster cluster;
static sd_event *loop;
static struct host hosts[hosts_most];
static size_t host_len;
static size_t running; /* VMs whose start was ordered */

static size_t number(const char *name, size_t fallback)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : fallback;
}

/* ---- a host ---- */

static void step(struct host *host, struct core_event event);

static void txn_over(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                     const struct error *error)
{
    (void)error;
    step(userdata, (struct core_event){
                       .kind = CORE_TXN_DONE, .id = id, .outcome = outcome, .revision = revision});
}

struct answer {
    struct host *host;
    uint64_t id, epoch;
    char vm[name_size];
};

/* What was ordered is done, a moment later: not within the step that ordered it. */
static int answer_due(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct answer *answer = userdata;
    (void)usec;
    sd_event_source_unref(source);
    if (answer->host->core && answer->vm[0]) {
        step(answer->host, (struct core_event){.kind = CORE_VM_EXISTS,
                                               .name = answer->vm,
                                               .epoch = answer->epoch,
                                               .is_up = true});
    }
    if (answer->host->core) {
        step(answer->host,
             (struct core_event){.kind = CORE_ACTION_DONE, .id = answer->id, .result = CORE_DONE});
    }
    free(answer);
    return 0;
}

static void answer_later(struct host *host, const struct core_action *action)
{
    struct answer *answer = calloc(1, sizeof(*answer));
    sd_event_source *source;
    REQUIRE(answer);
    answer->host = host;
    answer->id = action->id;
    if (action->kind == ACTION_VM_START) {
        running++;
        (void)snprintf(answer->vm, sizeof(answer->vm), "%s", action->spec->key.name);
        answer->epoch = action->placement->placement->epoch;
    }
    REQUIRE(sd_event_add_time_relative(loop, &source, CLOCK_MONOTONIC, 1000, 1000, answer_due,
                                       answer) >= 0);
}

static void perform(struct host *host, const struct core_action *action)
{
    if (action->kind == ACTION_TXN) {
        store_txn(host->store, &action->txn, action->limit_ms, action->id, txn_over, host);
    } else if (action->kind == ACTION_BARRIER) {
        store_barrier(host->store, action->limit_ms, action->id, txn_over, host);
    } else if (action->kind == ACTION_WATCH_BEATS) {
        host->watches_all = action->count > 0;
        store_watch_beats(host->store, action->count > 0);
    } else if (action->id != 0) {
        answer_later(host, action);
    }
}

static void step(struct host *host, struct core_event event)
{
    struct core_update update;
    event.now_ms = clock_boottime_ms();
    core_step(host->core, &event, &update);
    for (size_t i = 0; i < update.action_len; i++) {
        perform(host, &update.actions[i]);
    }
    host->wake_ms = update.wake_ms;
}

static void hear(void *owner, const struct core_event *event)
{
    step(owner, *event);
}

static void host_begin(struct host *host, size_t at)
{
    struct core_config config = {0};
    const char *endpoints[members_max];
    struct etcd_config etcd = {.endpoints = endpoints, .endpoint_len = members_max};
    struct error err = {0};
    for (size_t i = 0; i < members_max; i++) { /* the load is spread, as by hosts' own members */
        endpoints[i] = cluster.endpoints[(at + i) % members_max];
    }
    *host = (struct host){.hearing = {hear, host, &host->store}, .wake_ms = MSEC_NEVER};
    (void)snprintf(host->name, sizeof(host->name), "host%03zu", at);
    memcpy(config.node, host->name, sizeof(config.node));
    (void)snprintf(config.boot_id, sizeof(config.boot_id), "boot of %zu", at);
    (void)snprintf(config.fresh_cluster, sizeof(config.fresh_cluster), "0c");
    host->core = core_new(&config);
    REQUIRE(host->core &&
            store_new(loop, &etcd, &hearing_observer, &host->hearing, &host->store, &err) == 0);
    REQUIRE(store_watch_own(host->store, host->name, &err) == 0);
    CLEANUP(record_unrefp)
    struct record *inventory = record_new(RECORD_NODE_INVENTORY, host->name, NULL);
    REQUIRE(inventory);
    inventory->inventory->cpus = 128;
    inventory->inventory->memory_mib = host_memory_mib;
    struct node_check *check = VEC_ADD(&inventory->inventory->checks);
    REQUIRE(check);
    *check = (struct node_check){.name = CHECK_HYPERVISOR, .is_ok = true};
    step(host, (struct core_event){.kind = CORE_VMS_LISTED});
    step(host, (struct core_event){.kind = CORE_HYPERVISOR, .is_up = true});
    step(host, (struct core_event){.kind = CORE_WATCHDOG_FOUND, .is_up = true});
    step(host, (struct core_event){.kind = CORE_INVENTORY, .record = inventory});
}

/* As by a power failure. */
static void host_end(struct host *host)
{
    host->store = store_free(host->store);
    host->core = core_free(host->core);
}

/* ---- the loop ---- */

static void run_once(void)
{
    msec_t now = clock_boottime_ms(), wake_ms = now + 20;
    for (size_t i = 0; i < host_len; i++) {
        if (hosts[i].core && now >= hosts[i].wake_ms) {
            step(&hosts[i], (struct core_event){.kind = CORE_TICK});
        }
        wake_ms = hosts[i].core ? MIN(wake_ms, hosts[i].wake_ms) : wake_ms;
    }
    msec_t wait_ms = MAX(wake_ms - clock_boottime_ms(), 0);
    REQUIRE(sd_event_run(loop, (uint64_t)wait_ms * 1000) >= 0);
}

static void run_until(bool (*condition)(void), const char *what)
{
    msec_t end_ms = clock_boottime_ms() + patience_ms;
    while (!condition()) {
        if (clock_boottime_ms() > end_ms) {
            test_fail(__FILE__, __LINE__, "not within two minutes: %s", what);
            test_abandon();
        }
        run_once();
    }
}

static void run_for(msec_t span_ms)
{
    msec_t end_ms = clock_boottime_ms() + span_ms;
    while (clock_boottime_ms() < end_ms) {
        run_once();
    }
}

static struct host *leader(void)
{
    for (size_t i = 0; i < host_len; i++) {
        if (hosts[i].core && core_is_coordinator(hosts[i].core)) {
            return &hosts[i];
        }
    }
    return NULL;
}

static bool is_led(void)
{
    return leader() != NULL;
}

static bool are_members(void)
{
    for (size_t i = 0; i < host_len; i++) {
        if (core_incarnation(hosts[i].core) == 0) {
            return false;
        }
    }
    return is_led();
}

static const char *lost;

static size_t placed_on(const struct world *world, const char *node)
{
    size_t count = 0;
    WORLD_EACH(world, RECORD_VM_PLACEMENT, each) {
        count += strcmp((*each)->placement->node, node) == 0;
    }
    return count;
}

/* It is declared off, and its VMs are ordered elsewhere. */
static bool is_replaced(void)
{
    const struct host *by = leader();
    return by && world_is_proven_off(core_world(by->core), lost, 1) &&
           placed_on(core_world(by->core), lost) == 0;
}

/* ---- what etcd does ---- */

static double cpu_of(pid_t pid)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    REQUIRE(file && fgets(text, sizeof(text), file));
    (void)fclose(file);
    REQUIRE(sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                   &user, &system) == 2);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double etcd_cpu(void)
{
    double sum = 0;
    for (size_t i = 0; i < members_max; i++) {
        sum += cpu_of(cluster.members[i].pid);
    }
    return sum;
}

/* What the members have sent to their clients: the gateway is one of those. */
static double etcd_bytes(void)
{
    static const char *const wanted = "\netcd_network_client_grpc_sent_bytes_total ";
    static char text[1 << 20];
    double sum = 0;
    for (size_t i = 0; i < members_max; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)cluster.members[i].client_port)};
        static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        size_t size = 0;
        ssize_t got;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
        REQUIRE(write(fd, request, sizeof(request) - 1) == (ssize_t)sizeof(request) - 1);
        while ((got = read(fd, text + size, sizeof(text) - 1 - size)) > 0) {
            size += (size_t)got;
        }
        text[size] = '\0';
        (void)close(fd);
        const char *found = strstr(text, wanted);
        sum += found ? strtod(found + strlen(wanted), NULL) : 0;
    }
    return sum;
}

static double own_memory_kib(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    REQUIRE(file && fscanf(file, "%*u %lu", &pages) == 1);
    (void)fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

/* ---- what administrators write, and etcd's floor ---- */

static size_t written, unwritten;

static void wrote(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                  const struct error *error)
{
    (void)userdata;
    (void)id;
    (void)revision;
    (void)error;
    written += outcome == TXN_COMMITTED;
    unwritten += outcome != TXN_COMMITTED;
}

static size_t asked;

static bool is_room(void)
{
    return asked - written - unwritten < in_flight;
}

static bool is_all_written(void)
{
    return asked == written + unwritten;
}

/* As fast as they go, so many at a time. Transactions a second. */
static double write_all(size_t len, void (*make)(struct txn *txn, size_t i))
{
    double begun = (double)clock_boottime_ms();
    asked = written = unwritten = 0;
    for (size_t i = 0; i < len; i++) {
        struct txn txn = {0};
        make(&txn, i);
        REQUIRE(!txn.failed);
        asked++;
        store_txn(hosts[0].store, &txn, limit_ms, 0, wrote, NULL);
        txn_done(&txn);
        run_until(is_room, "a transaction is answered");
    }
    run_until(is_all_written, "all transactions are answered");
    return 1000.0 * (double)written / MAX((double)clock_boottime_ms() - begun, 1.0);
}

/* Of the size of a placement, with as many guards, and two keys written. */
static void make_plain(struct txn *txn, size_t i)
{
    char name[name_size];
    struct record_key key = {.kind = RECORD_LEADER};
    (void)snprintf(name, sizeof(name), "plain%zu", i);
    struct record *fence = record_new(RECORD_NODE_FENCE, name, NULL);
    struct record *standing = record_new(RECORD_NODE_STANDING, name, NULL);
    REQUIRE(fence && standing);
    txn_guard(txn, &key, world_revision(core_world(hosts[0].core), &key));
    txn_guard(txn, &fence->key, 0);
    txn_guard(txn, &standing->key, 0);
    txn_put(txn, fence);
    txn_put(txn, standing);
}

static size_t vms;

/* The next hundred: so that what is measured is what Berth does with them. */
static void make_vms(struct txn *txn, size_t i)
{
    for (size_t vm = i * vms_a_txn; vm < vms && vm < (i + 1) * vms_a_txn; vm++) {
        char name[name_size];
        (void)snprintf(name, sizeof(name), "vm%05zu", vm);
        struct record *spec = record_new(RECORD_VM_SPEC, name, NULL);
        REQUIRE(spec);
        spec->vm_spec->xml = strdup("<domain/>");
        /* Half of the hosts take all of them: more than the coordinator's, and one may be lost. */
        spec->vm_spec->memory_mib = (uint64_t)host_memory_mib * host_len / (2 * vms);
        spec->vm_spec->cpus = 1;
        spec->vm_spec->desired = VM_STARTED;
        spec->vm_spec->start_order = 1;
        txn_put(txn, spec);
    }
}

static void make_settings(struct txn *txn, size_t i)
{
    struct record *record = record_new(RECORD_CLUSTER, NULL, NULL);
    REQUIRE(record);
    record->cluster->candidates = (uint32_t)number("BENCH_CANDIDATES", 5);
    record->cluster->concurrent_starts = 32;
    (void)i;
    txn_put(txn, record);
}

static bool are_running(void)
{
    return running >= vms;
}

/* ---- the measurement ---- */

static msec_t lose(struct host *host)
{
    char name[name_size];
    memcpy(name, host->name, sizeof(name));
    lost = name;
    msec_t begun = clock_boottime_ms();
    host_end(host);
    run_until(is_replaced, "a lost host is declared off, and its VMs have another one");
    lost = NULL;
    return clock_boottime_ms() - begun;
}

/* One that does not coordinate, with VMs if there are any. */
static struct host *ordinary(void)
{
    struct host *by = leader(), *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < host_len; i++) {
        size_t count = placed_on(core_world(by->core), hosts[i].name);
        if (&hosts[i] != by && (!best || count >= most)) {
            best = &hosts[i];
            most = count;
        }
    }
    REQUIRE(best && (most > 0 || vms == 0));
    return best;
}

/* How many VMs are begun a second, from when they are wanted until the last one is ordered. */
static double start_all(void)
{
    double begun = (double)clock_boottime_ms();
    (void)write_all((vms + vms_a_txn - 1) / vms_a_txn, make_vms);
    run_until(are_running, "all VMs are started");
    return 1000.0 * (double)vms / MAX((double)clock_boottime_ms() - begun, 1.0);
}

TEST(the_control_plane_is_measured)
{
    size_t count = MIN(number("BENCH_HOSTS", 8), (size_t)hosts_most);
    double span = (double)number("BENCH_SECONDS", 15), memory = own_memory_kib();
    vms = number("BENCH_VMS", 0);
    etcd_cluster_start(&cluster, &(struct etcd_cluster_options){.member_len = members_max});
    REQUIRE(sd_event_new(&loop) >= 0);
    for (; host_len < count; host_len++) {
        host_begin(&hosts[host_len], host_len);
        run_for(20);
    }
    run_until(are_members, "all hosts are members");
    (void)write_all(1, make_settings);
    run_for(14000); /* until those who need not watch have stopped */
    size_t watching = 0;
    for (size_t i = 0; i < host_len; i++) {
        watching += hosts[i].watches_all;
    }
    memory = own_memory_kib() - memory;
    double etcd = etcd_cpu(), own = cpu_of(getpid()), bytes = etcd_bytes();
    run_for((msec_t)(span * 1000));
    etcd = etcd_cpu() - etcd;
    own = cpu_of(getpid()) - own;
    bytes = etcd_bytes() - bytes;
    double starts = 0, floor = 0;
    if (vms > 0) {
        floor = write_all(floor_txns, make_plain);
        starts = start_all();
    }
    msec_t host_ms = lose(ordinary());
    msec_t leader_ms = lose(leader());
    etcd_member_kill(&cluster, etcd_cluster_leader(&cluster));
    msec_t both_ms = lose(leader());
    printf("figures {\"hosts\": %zu, \"watching\": %zu, \"etcd_cpu\": %.4f, "
           "\"bytes_per_host\": %.0f, \"berthd_cpu\": %.5f, \"berthd_kib\": %.0f, "
           "\"loss_ms\": %lld, \"coordinator_loss_ms\": %lld, \"both_loss_ms\": %lld, "
           "\"starts\": %.0f, \"floor\": %.0f}\n",
           count, watching, etcd / span, bytes / span / (double)count, own / span / (double)count,
           memory / (double)count, (long long)host_ms, (long long)leader_ms, (long long)both_ms,
           starts, floor);
    for (size_t i = 0; i < host_len; i++) {
        if (hosts[i].core) {
            host_end(&hosts[i]);
        }
    }
    sd_event_unref(loop);
    etcd_cluster_stop(&cluster);
}
