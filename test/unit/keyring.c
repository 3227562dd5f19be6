/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Some hosts and their store: what each would write is written, until none writes any more. */
#include "test/test.h"

#include "base/parse.h"
#include "model/fence_rule.h"
#include "run/api_seal.h"
#include "run/keyring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { host_len = 4 };

struct cluster {
    struct world world;
    struct seal_pair hosts[host_len];
};

static void cluster_done(struct cluster *cluster)
{
    world_done(&cluster->world);
}

static const char *name_of(size_t i)
{
    static const char *const names[host_len] = {"a", "b", "c", "d"};
    return names[i];
}

static void put(struct cluster *cluster, struct record *record)
{
    REQUIRE(record);
    record->revision = ++cluster->world.revision;
    REQUIRE(world_put(&cluster->world, record));
    record_unref(record);
}

static void lead(struct cluster *cluster, const char *node)
{
    struct record *record = record_new(RECORD_LEADER, NULL, NULL);
    (void)copy_text(record->leader->node, name_size, node);
    put(cluster, record);
}

/* Makes the host's key, and tells it. */
static void join(struct cluster *cluster, size_t i)
{
    struct record *record = record_new(RECORD_NODE_INVENTORY, name_of(i), NULL);
    REQUIRE(seal_pair_make(&cluster->hosts[i]) == 0);
    seal_public_text(&cluster->hosts[i], record->inventory->seal_key);
    put(cluster, record);
}

static void want_key(struct cluster *cluster, uint64_t number)
{
    struct record *record = record_new(RECORD_CLUSTER, NULL, NULL);
    record->cluster->fence_key = number;
    put(cluster, record);
}

/* What host 'i' writes now; whether that was anything. */
static bool turn(struct cluster *cluster, size_t i)
{
    const struct keyring ring = {&cluster->world, name_of(i), &cluster->hosts[i]};
    struct txn txn = {0};
    bool has_written = keyring_plan(&ring, &txn);
    REQUIRE(!txn.failed && has_written == (txn.writes.len > 0));
    VEC_EACH(&txn.guards, guard) {
        CHECK_INT(guard->revision, world_revision(&cluster->world, &guard->key));
    }
    VEC_EACH(&txn.writes, write) {
        put(cluster, record_ref(write->value));
    }
    txn_done(&txn);
    return has_written;
}

static void settle(struct cluster *cluster)
{
    bool is_quiet = false;
    for (int round = 0; round < 20 && !is_quiet; round++) {
        is_quiet = true;
        for (size_t i = 0; i < host_len; i++) {
            is_quiet &= !turn(cluster, i);
        }
    }
    CHECK(is_quiet);
}

static size_t open_on(const struct cluster *cluster, size_t i, struct seal_pair ret[2])
{
    const struct keyring ring = {&cluster->world, name_of(i), &cluster->hosts[i]};
    memset(ret, 0, 2 * sizeof(*ret));
    return keyring_open(&ring, ret);
}

static bool have_same_key(const struct cluster *cluster, size_t i, size_t j)
{
    struct seal_pair here[2], there[2];
    return open_on(cluster, i, here) > 0 && open_on(cluster, j, there) > 0 &&
           memcmp(&here[0], &there[0], sizeof(here[0])) == 0;
}

static void set_box(struct cluster *cluster, const char *node, const char *public_key)
{
    char text[128];
    struct record *record = record_new(RECORD_NODE_SPEC, node, NULL);
    (void)snprintf(text, sizeof(text), "1:%s:QUJD", public_key);
    (void)copy_text(record->node_spec->fence_agent, name_size, "fence_ipmilan");
    record->node_spec->fence_box = strdup(text);
    put(cluster, record);
}

/* Three hosts, of which a coordinates. */
static void begin(struct cluster *cluster)
{
    *cluster = (struct cluster){0};
    for (size_t i = 0; i < 3; i++) {
        join(cluster, i);
    }
    lead(cluster, "a");
    settle(cluster);
}

TEST(the_coordinator_makes_the_key_and_every_host_can_open_it)
{
    CLEANUP(cluster_done) struct cluster cluster;
    struct seal_pair pairs[2];
    char text[seal_public_size];
    begin(&cluster);
    CHECK(have_same_key(&cluster, 0, 1) && have_same_key(&cluster, 0, 2));
    CHECK_INT(open_on(&cluster, 0, pairs), 1);
    const struct record *current = world_fence_key(&cluster.world);
    REQUIRE(current);
    CHECK_INT(current->node_key->number, 1);
    seal_public_text(&pairs[0], text);
    CHECK_STR(current->node_key->public_key, text);
}

TEST(who_does_not_coordinate_writes_nothing)
{
    CLEANUP(cluster_done) struct cluster cluster = {0};
    join(&cluster, 0);
    join(&cluster, 1);
    CHECK(!turn(&cluster, 0)); /* no one coordinates */
    lead(&cluster, "b");
    CHECK(!turn(&cluster, 0));
    CHECK(turn(&cluster, 1));
    CHECK(!turn(&cluster, 0));
}

TEST(a_host_that_joins_is_granted_the_key_also_if_it_coordinates_itself)
{
    CLEANUP(cluster_done) struct cluster cluster;
    begin(&cluster);
    join(&cluster, 3);
    lead(&cluster, "d");
    settle(&cluster);
    CHECK(have_same_key(&cluster, 0, 3));
    CHECK_INT(world_fence_key(&cluster.world)->node_key->number, 1);
}

TEST(a_host_that_was_installed_again_is_granted_the_key_again)
{
    CLEANUP(cluster_done) struct cluster cluster;
    struct seal_pair pairs[2];
    begin(&cluster);
    join(&cluster, 0);
    CHECK_INT(open_on(&cluster, 0, pairs), 0);
    settle(&cluster);
    CHECK(have_same_key(&cluster, 0, 1));
}

TEST(when_no_host_can_open_the_key_there_is_a_new_one)
{
    CLEANUP(cluster_done) struct cluster cluster;
    begin(&cluster);
    for (size_t i = 0; i < 3; i++) {
        join(&cluster, i);
    }
    CHECK(!world_fence_key(&cluster.world));
    settle(&cluster);
    CHECK(have_same_key(&cluster, 0, 1) && have_same_key(&cluster, 1, 2));
    CHECK_INT(world_fence_key(&cluster.world)->node_key->number, 2);
}

TEST(a_new_key_leaves_the_old_one_as_long_as_something_is_sealed_to_it)
{
    CLEANUP(cluster_done) struct cluster cluster;
    struct seal_pair before[2], after[2];
    char text[seal_public_size];
    begin(&cluster);
    REQUIRE(open_on(&cluster, 1, before) == 1);
    seal_public_text(&before[0], text);
    set_box(&cluster, "c", text);
    want_key(&cluster, 2);
    settle(&cluster);
    CHECK(have_same_key(&cluster, 0, 1) && have_same_key(&cluster, 0, 2));
    REQUIRE(open_on(&cluster, 1, after) == 2);
    CHECK(memcmp(&after[0], &before[0], sizeof(after[0])) != 0);
    CHECK(memcmp(&after[1], &before[0], sizeof(after[0])) == 0);

    want_key(&cluster, 3); /* not yet: the first would be lost */
    settle(&cluster);
    REQUIRE(open_on(&cluster, 1, after) == 2);
    CHECK_INT(world_fence_key(&cluster.world)->node_key->number, 2);
    CHECK(memcmp(&after[1], &before[0], sizeof(after[0])) == 0);

    set_box(&cluster, "c", world_fence_key(&cluster.world)->node_key->public_key);
    settle(&cluster);
    CHECK_INT(world_fence_key(&cluster.world)->node_key->number, 3);
    CHECK_INT(open_on(&cluster, 1, after), 2);
    set_box(&cluster, "c", world_fence_key(&cluster.world)->node_key->public_key);
    settle(&cluster);
    CHECK_INT(open_on(&cluster, 1, after), 1);
}

TEST(a_host_that_tells_no_key_is_granted_none)
{
    CLEANUP(cluster_done) struct cluster cluster;
    begin(&cluster);
    put(&cluster, record_new(RECORD_NODE_INVENTORY, "d", NULL));
    struct record *bad = record_new(RECORD_NODE_INVENTORY, "e", NULL);
    (void)copy_text(bad->inventory->seal_key, seal_public_size, "no key");
    put(&cluster, bad);
    settle(&cluster);
    CHECK(!world_find(&cluster.world, RECORD_NODE_KEY, "d"));
    CHECK(!world_find(&cluster.world, RECORD_NODE_KEY, "e"));
}

TEST(the_key_of_a_host_is_made_once_and_read_by_its_owner_alone)
{
    char folder[] = "/tmp/berth-keyring-XXXXXX", inner[48], path[64];
    struct seal_pair first, again;
    struct error err = {0};
    struct stat stat_;
    REQUIRE(mkdtemp(folder));
    (void)snprintf(inner, sizeof(inner), "%s/berthd", folder);
    (void)snprintf(path, sizeof(path), "%s/host.key", inner);
    CHECK_INT(keyring_load(path, &first, &err), 0);
    REQUIRE(stat(inner, &stat_) == 0);
    CHECK_INT(stat_.st_mode & 07777, 0700);
    REQUIRE(stat(path, &stat_) == 0);
    CHECK_INT(stat_.st_mode & 07777, 0600);
    CHECK_INT(keyring_load(path, &again, &err), 0);
    CHECK(memcmp(&first, &again, sizeof(first)) == 0);
    REQUIRE(chmod(path, 0640) == 0);
    CHECK_INT(keyring_load(path, &again, &err), -EPERM);
    CHECK_HAS(err.text, "others than root");
    REQUIRE(chmod(path, 0600) == 0 && truncate(path, 31) == 0);
    CHECK_INT(keyring_load(path, &again, &err), -EBADMSG);
    REQUIRE(unlink(path) == 0 && symlink("/etc/hostname", path) == 0);
    CHECK(keyring_load(path, &again, &err) < 0);
    (void)unlink(path);
    (void)rmdir(inner);
    (void)rmdir(folder);
}

TEST(secrets_that_were_stored_readably_are_sealed)
{
    CLEANUP(cluster_done) struct cluster cluster;
    struct seal_pair pairs[2];
    struct error err = {0};
    struct txn txn = {0};
    begin(&cluster);
    struct record *plain = record_new(RECORD_NODE_SPEC, "b", NULL);
    (void)copy_text(plain->node_spec->fence_agent, name_size, "fence_ipmilan");
    *VEC_ADD(&plain->node_spec->fence_parameters) = (struct fence_parameter){"ip", "10.0.0.1"};
    *VEC_ADD(&plain->node_spec->fence_parameters) = (struct fence_parameter){"password", "geheim"};
    put(&cluster, plain);
    /* Not while a host is upgraded, whose berthd could not open it: it has no key, or none yet. */
    put(&cluster, record_new(RECORD_NODE_INVENTORY, name_of(3), NULL));
    CHECK(!api_seal_plan(&cluster.world, &txn));
    join(&cluster, 3);
    CHECK(!api_seal_plan(&cluster.world, &txn));
    settle(&cluster);
    const char *node = api_seal_plan(&cluster.world, &txn);
    REQUIRE(node && txn.writes.len == 1 && txn.guards.len == 1);
    CHECK_STR(node, "b");
    struct record *next = record_ref(txn.writes.items[0].value);
    txn_done(&txn);
    const struct fence_level level = node_spec_fence_level(next->node_spec, 0);
    CHECK_STR(level.parameters[1].value, FENCE_SEALED);
    const struct seal_subject subject = {"b", level.agent, level.parameters, level.parameter_len};
    CLEANUP(seal_parameters_done) fence_parameters_t opened = {0};
    REQUIRE(open_on(&cluster, 2, pairs) == 1);
    CHECK_INT(seal_open(&subject, level.box, pairs, 1, &opened, &err), 0);
    REQUIRE(opened.len == 2);
    CHECK_STR(opened.items[1].value, "geheim");
    put(&cluster, next);
    CHECK(!api_seal_plan(&cluster.world, &txn));
    txn_done(&txn);
}

/* What the API has taken is readable in its transaction, for the last time. */
TEST(a_secret_that_is_set_leaves_berth_api_sealed_at_each_level)
{
    CLEANUP(cluster_done) struct cluster cluster;
    CLEANUP(txn_done) struct txn txn = {0};
    struct error err = {0};
    begin(&cluster);
    settle(&cluster);
    struct record *next = record_new(RECORD_NODE_SPEC, "b", NULL);
    struct node_spec *spec = next->node_spec;
    (void)copy_text(spec->fence_agent, name_size, "fence_ipmilan");
    (void)copy_text(spec->fence_more[0].agent, name_size, "fence_apc");
    *VEC_ADD(&spec->fence_parameters) = (struct fence_parameter){"password", "geheim"};
    *VEC_ADD(&spec->fence_more[0].parameters) = (struct fence_parameter){"community", "geheim"};
    *VEC_ADD(&spec->fence_more[1].parameters) = (struct fence_parameter){"token", "geheim"};
    txn_put(&txn, next);
    CHECK_INT(api_seal_txn(&cluster.world, &txn, &err), 0);
    for (uint32_t i = 0; i < fence_levels_max; i++) {
        const struct fence_level level = node_spec_fence_level(spec, i);
        CHECK_STR(level.parameters[0].value, FENCE_SEALED);
        CHECK(level.box[0] != '\0');
    }
    (void)copy_text(spec->fence_parameters.items[0].value, 4, "new");
    spec->fence_more[0].box[0] = '\0';
    (void)copy_text(spec->fence_more[0].parameters.items[0].key, name_size, "no key");
    (void)copy_text(spec->fence_more[0].parameters.items[0].value, 4, "new");
    CHECK(api_seal_txn(&cluster.world, &txn, &err) < 0); /* then nothing of it is sent */
}
