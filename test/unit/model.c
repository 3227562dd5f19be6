/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/test.h"

#include "model/aperture.h"
#include "model/name.h"
#include "model/txn.h"
#include "model/division.h"
#include "model/gpu_device.h"
#include "model/live.h"
#include "model/move.h"
#include "model/world.h"

#include <errno.h>

TEST(names_are_refused_with_what_is_wrong)
{
    struct error err;
    char long_name[301];
    memset(long_name, 'a', 300);
    long_name[300] = '\0';
    CHECK_INT(name_check("pool", "GpuChildPool", &err), 0);
    CHECK_INT(name_check("pool", "", &err), -EINVAL);
    CHECK_HAS(err.text, "empty");
    CHECK_INT(name_check("pool", "a/b", &err), -EINVAL);
    CHECK_HAS(err.text, "\"a/b\"");
    CHECK_INT(name_check("pool", long_name, &err), -EINVAL);
    CHECK_HAS(err.text, "300 characters; at most 63");
    long_name[63] = '\0';
    CHECK_INT(name_check("pool", long_name, &err), 0);
    CHECK_INT(name_check("pool", "-a", &err), -EINVAL);
}

TEST(the_host_of_a_uri_is_found)
{
    static const struct {
        const char *uri, *host;
    } cases[] = {{"qemu+tls://10.0.0.1/system", "10.0.0.1"},
                 {"tcp://host2.example", "host2.example"},
                 {"tcp://host2:49152?x=a:b@c", "host2"},
                 {"qemu+tls://me@host2:16514/system?pkipath=/a@b", "host2"},
                 {"tcp://[fd00::2]:49152", "fd00::2"},
                 {"tcp://[fd00::2]", "fd00::2"}};
    char host[move_address_size];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK(move_uri_host(cases[i].uri, host));
        CHECK_STR(host, cases[i].host);
    }
    CHECK(!move_uri_host("qemu:///system", host));
    CHECK(!move_uri_host("host2", host));
}

TEST(pci_addresses_are_read_strictly_and_written_as_sysfs_does)
{
    struct pci_address address = {0};
    char text[pci_address_size];
    CHECK(pci_address_parse("0000:65:00.1", &address));
    CHECK_STR(pci_address_format(address, text), "0000:65:00.1");
    CHECK(pci_address_parse("65:1f.7", &address));
    CHECK_STR(pci_address_format(address, text), "0000:65:1f.7");
    CHECK(!pci_address_parse("65:20.0", &address));
    CHECK(!pci_address_parse("0000:65:00", &address));
    CHECK(!pci_address_parse("0000:65:00.0 ", &address));
    CHECK(!pci_address_parse("", &address));
}

TEST(gpus_of_another_model_are_told_apart_with_the_difference)
{
    struct gpu a = {.vendor = 0x1234,
                    .device = 0x1111,
                    .device_name = "Bochs",
                    .bar_size = {16 << 20, 0, 4096}};
    struct gpu b = a;
    char text[200];
    CHECK(gpu_same_model(&a, &b, text, sizeof(text)));
    b.bar_size[0] = 32 << 20;
    CHECK(!gpu_same_model(&a, &b, text, sizeof(text)));
    CHECK_HAS(text, "memory region 0 has 32768 KiB, not 16384 KiB");
    b.device = 0x5046;
    CHECK(!gpu_same_model(&a, &b, text, sizeof(text)));
    CHECK_HAS(text, "[1234:5046] is not Bochs [1234:1111]");
}

TEST(an_administrator_may_force_a_card_without_reset_but_none_of_a_shared_group)
{
    struct gpu gpu = {.verdict = GPU_NO_RESET};
    CHECK(!gpu_verdict_may_be_assigned(gpu.verdict, false));
    CHECK(gpu_verdict_may_be_assigned(gpu.verdict, true));
    gpu.verdict = GPU_SHARED_GROUP;
    CHECK(!gpu_verdict_may_be_assigned(gpu.verdict, true));
    gpu.verdict = GPU_ASSIGNABLE;
    CHECK(gpu_verdict_may_be_assigned(gpu.verdict, false));
}

TEST(gpu_mmio_is_the_sum_of_its_regions_each_a_power_of_two)
{
    struct gpu gpu = {.bar_size = {UINT64_C(80) << 30, 0, 32 << 20}};
    CHECK(gpu_mmio_size(&gpu) == (UINT64_C(128) << 30) + (32 << 20));
    gpu.bar_size[0] = 0;
    CHECK(gpu_mmio_size(&gpu) == 32 << 20);
}

static const char *usable(const char *text)
{
    static char name[name_size];
    CHECK_INT(name_check("VM", name_from_text(text, name), NULL), 0);
    return name;
}

TEST(any_text_has_a_nearest_name)
{
    char longest[400];
    CHECK_STR(usable("cad-7"), "cad-7");
    CHECK_STR(usable("Windows 10"), "Windows-10");
    CHECK_STR(usable("VM (GPU) – Büro"), "VM-GPU-Buero");
    CHECK_STR(usable("Größe Ärger"), "Groesse-Aerger");
    CHECK_STR(usable("../../leader"), "leader");
    CHECK_STR(usable(""), "vm");
    CHECK_STR(usable("日本"), "vm");
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    CHECK(strlen(usable(longest)) < name_size);
}

#define GIB(n) (UINT64_C(n) << 30)

TEST(the_aperture_holds_each_cards_window_at_its_alignment_and_is_rounded_once)
{
    const uint64_t h100 = GIB(128) + (64 << 20), h200 = GIB(256) + (48 << 20);
    uint64_t sizes[8] = {h200, h200, h200, h200, h200, h200, h200, h200};
    CHECK_INT(aperture_mib(sizes, 0), 0);
    CHECK_INT(aperture_mib(sizes, 1), 512 * 1024);
    CHECK_INT(aperture_mib(sizes, 8), 4096 * 1024);
    for (size_t i = 0; i < 4; i++) {
        sizes[i] = h100;
    }
    CHECK_INT(aperture_mib(sizes, 1), 256 * 1024);
    CHECK_INT(aperture_mib(sizes, 4), 1024 * 1024);
    uint64_t small[] = {1, GIB(31), UINT64_MAX};
    CHECK_INT(aperture_mib(small, 1), 32 * 1024);
    CHECK_INT(aperture_mib(small, 2), 32 * 1024 * 2); /* 31 GiB and the others' 1 */
    CHECK(aperture_mib(small, 3) > 0);
}

/* The small one lies behind the big one, in whichever order they come. */
TEST(cards_of_two_sizes_are_placed_the_largest_first)
{
    uint64_t up[] = {GIB(16), GIB(64)}, down[] = {GIB(64), GIB(16)};
    CHECK_INT(aperture_mib(up, 2), 128 * 1024);
    CHECK_INT(aperture_mib(down, 2), 128 * 1024);
}

TEST(the_width_of_addresses_covers_ram_and_an_aligned_aperture_and_amds_gap)
{
    CHECK_INT(aperture_address_bits(16 * 1024, 32 * 1024), 36);
    CHECK_INT(aperture_address_bits(64 * 1024, 256 * 1024), 39);
    CHECK_INT(aperture_address_bits(512 * 1024, 512 * 1024), 41); /* RAM from 1 TiB on */
    CHECK_INT(aperture_address_bits(512 * 1024, 1024 * 1024), 42);
    CHECK(aperture_address_bits(UINT64_MAX, UINT64_MAX) < 64);
}

TEST(default_settings_keep_their_own_rules_and_bad_ones_are_named)
{
    struct cluster_settings settings = cluster_settings_default;
    struct error err;
    CHECK_INT(cluster_settings_check(&settings, &err), 0);
    settings.takeover_ms = 7000;
    CHECK_INT(cluster_settings_check(&settings, &err), -EINVAL);
    CHECK_HAS(err.text, "takeover_ms must be more than");
}

TEST(settings_of_live_moves_have_edges)
{
    struct cluster_settings settings = cluster_settings_default;
    struct error err;
    settings.migrations = migrations_max;
    settings.migration_limit_ms = 10000;
    CHECK_INT(cluster_settings_check(&settings, &err), 0);
    settings.migrations = migrations_max + 1;
    CHECK_INT(cluster_settings_check(&settings, &err), -EINVAL);
    CHECK_HAS(err.text, "migrations must lie between 1 and");
    settings.migrations = 0;
    CHECK_INT(cluster_settings_check(&settings, &err), -EINVAL);
    settings.migrations = 1;
    settings.migration_limit_ms = 9999;
    CHECK_INT(cluster_settings_check(&settings, &err), -EINVAL);
    settings.migration_limit_ms = 0;
    settings.migration_pause_ms = 0;
    CHECK_INT(cluster_settings_check(&settings, &err), -EINVAL);
}

TEST(a_copied_record_shares_nothing_with_its_original)
{
    CLEANUP(record_unrefp) struct record *pool = record_new(RECORD_POOL, "p", NULL);
    *VEC_ADD(&pool->pool->members) = (struct pool_member){.node = "n1"};
    CLEANUP(record_unrefp) struct record *copy = record_copy(pool);
    pool->pool->members.items[0].node[1] = '2';
    CHECK_STR(copy->pool->members.items[0].node, "n1");
    CHECK_INT(copy->pool->members.len, 1);
}

TEST(what_a_world_cannot_read_is_marked_until_it_is_put_removed_or_read_again)
{
    struct world world = {0};
    struct record *pool = record_new(RECORD_POOL, "p", NULL);
    CHECK(world_put(&world, pool) && world_is_readable(&world, &pool->key));
    CHECK(world_mark_unreadable(&world, &pool->key) && world_mark_unreadable(&world, &pool->key));
    CHECK(!world_is_readable(&world, &pool->key) && world_find(&world, RECORD_POOL, "p") == pool);
    CHECK_INT(world.unreadable.len, 1);
    CHECK(world_put(&world, pool) && world_is_readable(&world, &pool->key));
    CHECK(world_mark_unreadable(&world, &pool->key));
    world_remove(&world, &pool->key, 5);
    CHECK(world_is_readable(&world, &pool->key));
    CHECK(world_mark_unreadable(&world, &pool->key));
    world_snapshot_begin(&world);
    CHECK(world_is_readable(&world, &pool->key));
    record_unref(pool);
    world_done(&world);
}

TEST(a_world_forgets_what_a_new_snapshot_does_not_hold_and_never_goes_back)
{
    struct world world = {0};
    CLEANUP(record_unrefp) struct record *old = record_new(RECORD_POOL, "p", NULL);
    CLEANUP(record_unrefp) struct record *new = record_new(RECORD_POOL, "p", NULL);
    CLEANUP(record_unrefp) struct record *other = record_new(RECORD_POOL, "o", NULL);
    old->revision = 3;
    new->revision = 5;
    other->revision = 4;
    CHECK(world_put(&world, new) && world_put(&world, old) && world_put(&world, other));
    CHECK(world_find(&world, RECORD_POOL, "p") == new);
    CHECK(world.records[RECORD_POOL].items[0] == other);
    world_remove(&world, &new->key, 4);
    CHECK(world_find(&world, RECORD_POOL, "p") == new);
    world_snapshot_begin(&world);
    CHECK(world_put(&world, other));
    world_snapshot_end(&world, 7);
    CHECK(!world_find(&world, RECORD_POOL, "p"));
    CHECK_INT(world.revision, 7);
    world_advance(&world, 6);
    CHECK_INT(world.revision, 7);
    world_done(&world);
}

/* Puts an inventory of 'node' that sees 'vm' (NULL: none). */
static void put_inventory(struct world *world, const char *node, const char *vm)
{
    CLEANUP(record_unrefp) struct record *record = record_new(RECORD_NODE_INVENTORY, node, NULL);
    record->revision = ++world->revision;
    if (vm) {
        struct vm_sighting *sighting = VEC_ADD(&record->inventory->sightings);
        (void)snprintf(sighting->vm, sizeof(sighting->vm), "%s", vm);
    }
    CHECK(world_put(world, record));
}

TEST(a_vm_is_seen_for_as_long_as_the_inventory_that_says_so_is_there)
{
    struct world world = {0};
    const char *node = NULL;
    put_inventory(&world, "a", NULL);
    put_inventory(&world, "c", "v");
    put_inventory(&world, "b", "w");
    CHECK(world_sighting(&world, "v", &node) && strcmp(node, "c") == 0);
    CHECK(world_sighting(&world, "w", &node) && strcmp(node, "b") == 0);
    CHECK(!world_sighting(&world, "u", &node));
    put_inventory(&world, "b", "v"); /* replaced: by another one, ... */
    CHECK(!world_sighting(&world, "w", &node));
    CHECK(world_sighting(&world, "v", &node) && strcmp(node, "b") == 0);
    put_inventory(&world, "b", NULL); /* ... by one that sees nothing, ... */
    CHECK(world_sighting(&world, "v", &node) && strcmp(node, "c") == 0);
    CHECK_INT(world.sighting.len, 1);
    const struct record_key c = {.kind = RECORD_NODE_INVENTORY, .name = "c"};
    world_remove(&world, &c, world.revision); /* ... removed, ... */
    CHECK(!world_sighting(&world, "v", &node));
    put_inventory(&world, "a", "v");
    world_snapshot_begin(&world); /* ... or not in the next snapshot */
    world_snapshot_end(&world, world.revision + 1);
    CHECK(!world_sighting(&world, "v", &node));
    world_done(&world);
}

TEST(a_world_counts_changes_by_the_kind_of_what_changed)
{
    struct world world = {0};
    CLEANUP(record_unrefp) struct record *old = record_new(RECORD_POOL, "p", NULL);
    CLEANUP(record_unrefp) struct record *new = record_new(RECORD_POOL, "p", NULL);
    new->revision = 5;
    CHECK(world_put(&world, new));
    CHECK_INT(world.changes[RECORD_POOL], 1);
    CHECK(world_put(&world, old)); /* older: none */
    world_remove(&world, &new->key, 4);
    CHECK_INT(world.changes[RECORD_POOL], 1);
    world_remove(&world, &new->key, 6);
    CHECK_INT(world.changes[RECORD_POOL], 2);
    CHECK_INT(world.changes[RECORD_VM_SPEC], 0);
    world_snapshot_begin(&world); /* what was there may be gone */
    CHECK_INT(world.changes[RECORD_POOL], 3);
    CHECK_INT(world.changes[RECORD_VM_SPEC], 1);
    world_done(&world);
}

TEST(a_slot_of_a_partition_is_written_and_read_back)
{
    struct gpu_slot slot = {{0, 0x65, 0, 0}, "11111111-1111-4111-8111-111111111111"}, back;
    char text[name_size];
    REQUIRE(gpu_slot_parse(gpu_slot_format(&slot, text), &back));
    CHECK(gpu_slot_equal(&slot, &back));
    CHECK(gpu_slot_parse("0000:65:00.0", &back));
    CHECK_STR(back.partition, "");
    CHECK(!gpu_slot_parse("0000:65:00.0+", &back));
    CHECK(gpu_slot_parse("0000:65:00.0+83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", &back));
    /* What becomes a path below sysfs, where root writes to it, leads nowhere else. */
    static const char *const bad[] = {"..", "../x", "a/b", ".x", "-x", "a b", "a\nb", "/"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char slot_text[name_size];
        (void)snprintf(slot_text, sizeof(slot_text), "0000:65:00.0+%s", bad[i]);
        CHECK(!gpu_slot_parse(slot_text, &back));
    }
}

TEST(a_partition_shares_the_fate_of_its_card_but_not_that_of_its_neighbour)
{
    struct node_inventory inventory = {0};
    const struct pci_address at = {0, 0x65, 0, 0};
    struct gpu *gpu = VEC_ADD(&inventory.gpus);
    struct gpu_partition *first = VEC_ADD(&inventory.partitions);
    struct gpu_partition *second = VEC_ADD(&inventory.partitions);
    struct gpu_device device;
    REQUIRE(gpu && first && second);
    first = inventory.partitions.items;
    *gpu = (struct gpu){.address = at, .sriov_enabled = 2, .verdict = GPU_PARTITIONED};
    *first = (struct gpu_partition){.slot = {at, "0000:65:00.1"}, .type = GPU_TYPE_VF};
    *second = (struct gpu_partition){.slot = {at, "0000:65:00.2"}, .type = GPU_TYPE_VF};
    REQUIRE(gpu_device_find(&inventory, &second->slot, &device));
    CHECK(!gpu_device_is_dismounted(&device));
    CHECK(!gpu_is_split(&inventory, gpu, 2));
    strcpy(first->driver, "vfio-pci");
    strcpy(second->driver, "vfio-pci");
    CHECK(gpu_is_split(&inventory, gpu, 2));
    CHECK(!gpu_is_split(&inventory, gpu, 1));
    first->health = GPU_QUARANTINED;
    REQUIRE(gpu_device_find(&inventory, &second->slot, &device));
    CHECK(gpu_device_is_dismounted(&device));
    CHECK(gpu_device_may_be_assigned(&device, false));
    CHECK_INT(device.health, GPU_HEALTHY);
    gpu->health = GPU_QUARANTINED;
    gpu->verdict = GPU_OFF_BUS;
    REQUIRE(gpu_device_find(&inventory, &second->slot, &device));
    CHECK_INT(device.health, GPU_QUARANTINED);
    CHECK(!gpu_device_may_be_assigned(&device, false));
    CHECK(!gpu_device_find(&inventory, &(struct gpu_slot){at, "0000:65:00.3"}, &device));
    VEC_DONE(&inventory.gpus);
    VEC_DONE(&inventory.partitions);
}

/* ---- cards that are divided into vGPUs ---- */

static struct gpu_partition *add_place(struct node_inventory *inventory, const char *function,
                                       const char *type)
{
    struct gpu_partition *place = VEC_ADD(&inventory->partitions);
    REQUIRE(place);
    *place = (struct gpu_partition){.slot.address = {0, 0x65, 0, 0},
                                    .verdict = type[0] ? GPU_ASSIGNABLE : GPU_HOST_DRIVER,
                                    .backend = type[0] ? GPU_BACKEND_VENDOR : GPU_BACKEND_NONE};
    strcpy(place->slot.partition, function);
    strcpy(place->type, type);
    return place;
}

TEST(the_first_places_of_a_card_are_its_vgpus_and_the_others_are_nothing)
{
    struct node_inventory inventory = {0};
    const struct dismount entry = {
        .address = {0, 0x65, 0, 0}, .partitions = 2, .profile = "nvidia-9"};
    struct gpu gpu = {.address = entry.address};
    struct gpu_device device;
    *VEC_ADD(&inventory.gpus) = gpu;
    add_place(&inventory, "0000:65:00.4", "");
    add_place(&inventory, "0000:65:00.5", "nvidia-9");
    add_place(&inventory, "0000:65:00.6", "");
    add_place(&inventory, "0000:65:00.7", "nvidia-9");
    CHECK(!division_is_made(&inventory, &inventory.partitions.items[0].slot));
    CHECK(division_is_made(&inventory, &inventory.partitions.items[1].slot));
    REQUIRE(gpu_device_find(&inventory, &inventory.partitions.items[0].slot, &device));
    CHECK(!gpu_device_is_dismounted(&device));
    REQUIRE(division_apply(&inventory, "node1", &entry));
    REQUIRE(inventory.partitions.len == 2);
    CHECK_STR(inventory.partitions.items[1].slot.partition, "0000:65:00.5");
    VEC_EACH(&inventory.partitions, part) {
        REQUIRE(gpu_device_find(&inventory, &part->slot, &device));
        CHECK(gpu_device_is_dismounted(&device));
        CHECK(gpu_device_may_be_assigned(&device, false));
        CHECK_STR(part->type, "nvidia-9");
    }
    CHECK(division_is_shown(&inventory, &gpu, &entry));
    add_place(&inventory, "0000:65:00.6", "");
    division_drop_places(&inventory);
    CHECK_INT(inventory.partitions.len, 2);
    /* What is wrong with a place stays wrong. */
    inventory.partitions.items[0].type[0] = '\0';
    inventory.partitions.items[0].verdict = GPU_NO_IOMMU;
    REQUIRE(division_apply(&inventory, "node1", &entry));
    CHECK_INT(inventory.partitions.items[0].verdict, GPU_NO_IOMMU);
    VEC_DONE(&inventory.partitions);
    VEC_DONE(&inventory.gpus);
}

TEST(the_places_of_a_card_have_the_profiles_of_its_division_one_after_the_other)
{
    struct node_inventory inventory = {0};
    char text[64];
    struct dismount entry = {.address = {0, 0x65, 0, 0},
                             .partitions = 1,
                             .profile = "nvidia-9",
                             .more = {{"nvidia-4", 2}, {"nvidia-2", 1}},
                             .more_len = 2};
    struct dismount other = entry;
    struct gpu gpu = {.address = entry.address};
    CHECK_INT(division_len(&entry), 4);
    CHECK_STR(division_types(&entry, text, sizeof(text)),
              "nvidia-9 (1), nvidia-4 (2), nvidia-2 (1)");
    CHECK(division_equal(&entry, &other));
    other.more[1].count = 2;
    CHECK(!division_equal(&entry, &other));
    other = entry;
    other.more_len = 1;
    CHECK(!division_equal(&entry, &other));
    CHECK(division_has(&entry, "nvidia-2") && !division_has(&entry, "nvidia-3"));
    for (int i = 4; i < 10; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "0000:65:00.%d", i);
        add_place(&inventory, name, "");
    }
    CHECK(!division_is_shown(&inventory, &gpu, &entry));
    REQUIRE(division_apply(&inventory, "node1", &entry));
    REQUIRE(inventory.partitions.len == 4);
    static const char *const types[] = {"nvidia-9", "nvidia-4", "nvidia-4", "nvidia-2"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        CHECK_STR(inventory.partitions.items[i].type, types[i]);
        CHECK_STR(division_profile_at(&entry, (uint32_t)i), types[i]);
    }
    CHECK(!division_profile_at(&entry, 4));
    CHECK(division_is_shown(&inventory, &gpu, &entry));
    inventory.partitions.len = 0; /* the same of mediated devices */
    REQUIRE(division_apply(&inventory, "node1", &entry));
    REQUIRE(inventory.partitions.len == 4);
    CHECK(division_is_shown(&inventory, &gpu, &entry));
    VEC_DONE(&inventory.partitions);
}

TEST(mediated_devices_of_a_card_have_the_same_names_each_time)
{
    struct node_inventory inventory = {0};
    const struct dismount entry = {
        .address = {0, 0x65, 0, 0}, .partitions = 3, .profile = "nvidia-474"};
    struct gpu_slot slot = division_mediated("node1", entry.address, 1), other;
    CHECK_INT(strlen(slot.partition), 36);
    CHECK_INT(slot.partition[14], '8');
    other = division_mediated("node1", entry.address, 1);
    CHECK(gpu_slot_equal(&slot, &other));
    other = division_mediated("node2", entry.address, 1);
    CHECK(!gpu_slot_equal(&slot, &other));
    REQUIRE(division_apply(&inventory, "node1", &entry));
    REQUIRE(inventory.partitions.len == 3);
    bool is_there = false;
    VEC_EACH(&inventory.partitions, part) {
        is_there |= gpu_slot_equal(&part->slot, &slot);
        CHECK_INT(part->backend, GPU_BACKEND_MDEV);
    }
    CHECK(is_there);
    VEC_DONE(&inventory.partitions);
}

/* ---- live moves ---- */

static struct record *put_new(struct world *world, enum record_kind kind, const char *name)
{
    struct record *record = record_new(kind, name, NULL);
    REQUIRE(record && world_put(world, record));
    record_unref(record);
    return world_find(world, kind, name);
}

static struct node_inventory *put_host(struct world *world, const char *name)
{
    struct node_inventory *host = put_new(world, RECORD_NODE_INVENTORY, name)->inventory;
    put_new(world, RECORD_NODE_ALIVE, name)->alive->incarnation = 2;
    host->incarnation = 2;
    strcpy(host->cpu_model, "EPYC");
    strcpy(host->migration_address, name);
    return host;
}

/* What 'node' says of 'vm', which runs there in its first epoch. */
static struct vm_status *put_running(struct world *world, const char *vm, const char *node)
{
    struct vm_placement *place = put_new(world, RECORD_VM_PLACEMENT, vm)->placement;
    struct vm_status *status = put_new(world, RECORD_VM_STATUS, vm)->status;
    strcpy(place->node, node);
    strcpy(status->node, node);
    place->phase = PLACEMENT_START;
    place->epoch = status->epoch = 1;
    status->state = VM_STATE_RUNNING;
    return status;
}

TEST(a_vm_moves_live_only_as_it_is_and_between_hosts_that_say_so_now)
{
    struct world world = {0};
    struct node_inventory *a = put_host(&world, "a"), *b = put_host(&world, "b");
    struct vm_spec *spec = put_new(&world, RECORD_VM_SPEC, "v")->vm_spec;
    struct vm_status *status = put_running(&world, "v", "a");
    CHECK(live_can_move(&world, "v", "b"));
    CHECK(!live_can_move(&world, "v", "a") && !live_can_move(&world, "v", "c"));

    spec->need_len = 1; /* a GPU of its host */
    CHECK(!live_can_move(&world, "v", "b"));
    spec->need_len = 0;
    strcpy(spec->unmovable, "<filesystem>");
    CHECK(!live_can_move(&world, "v", "b"));
    CHECK_INT(live_why_not(&world, "v", "b").code, CAUSE_LIVE_DEVICE);
    CHECK_STR(live_why_not(&world, "v", NULL).facts.detail, "<filesystem>");
    spec->unmovable[0] = '\0';
    spec->definition++; /* it would keep its old memory size, say */
    CHECK(!live_can_move(&world, "v", "b"));
    spec->definition--;
    status->state = VM_STATE_STARTING;
    CHECK(!live_can_move(&world, "v", "b"));
    status->state = VM_STATE_RUNNING;

    a->incarnation = 1; /* of before its last boot */
    CHECK(!live_can_move(&world, "v", "b"));
    a->incarnation = 2;
    strcpy(b->cpu_model, "Xeon");
    CHECK(!live_can_move(&world, "v", "b"));
    a->cpu_model[0] = b->cpu_model[0] = '\0'; /* an older version does not say */
    CHECK(!live_can_move(&world, "v", "b"));
    strcpy(a->cpu_model, "EPYC");
    strcpy(b->cpu_model, "EPYC");
    b->migration_address[0] = '\0';
    CHECK(!live_can_move(&world, "v", "b"));
    CHECK_INT(live_why_not(&world, "v", "b").code, CAUSE_LIVE_NO_ADDRESS);
    CHECK_STR(live_why_not(&world, "v", "b").facts.who, "b");
    CHECK_INT(live_why_not(&world, "v", NULL).code, CAUSE_NONE);
    world_done(&world);
}

TEST(an_order_says_how_a_vm_moves_and_else_the_vm_itself)
{
    struct vm_spec spec = {0};
    CHECK_INT(live_way(&spec, MIGRATION_DEFAULT), MIGRATION_LIVE_OR_RESTART);
    spec.migration = MIGRATION_LIVE;
    CHECK_INT(live_way(&spec, MIGRATION_DEFAULT), MIGRATION_LIVE);
    CHECK_INT(live_way(&spec, MIGRATION_RESTART), MIGRATION_RESTART);
    CHECK_INT(live_way(&spec, MIGRATION_LIVE_OR_RESTART), MIGRATION_LIVE_OR_RESTART);
}

TEST(hosts_to_which_a_vm_would_stop_are_avoided_only_where_another_takes_it)
{
    struct world world = {0};
    (void)put_host(&world, "a");
    struct node_inventory *b = put_host(&world, "b"), *c = put_host(&world, "c");
    (void)put_new(&world, RECORD_VM_SPEC, "v");
    (void)put_running(&world, "v", "a");
    strcpy(b->cpu_model, "Xeon");
    CHECK(live_shuns_stops(&world, "v", MIGRATION_LIVE_OR_RESTART));
    CHECK(live_would_stop(&world, "v", "b") && !live_would_stop(&world, "v", "c"));
    CHECK(!live_would_stop(&world, "v", "a")); /* it is there */
    CHECK(!live_shuns_stops(&world, "v", MIGRATION_RESTART));
    strcpy(c->cpu_model, "Xeon");
    CHECK(!live_shuns_stops(&world, "v", MIGRATION_LIVE_OR_RESTART));
    CHECK(live_shuns_stops(&world, "v", MIGRATION_LIVE));
    CHECK_INT(live_why_not(&world, "v", "c").code, CAUSE_LIVE_CPU);
    world_done(&world);
}
