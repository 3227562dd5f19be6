/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sets of GPUs on a fabric, by a stand-in for the host's helper that refuses wrong orders. */
#include "test/unit/host_tree.h"

#include "host/binding.h"
#include "model/fabric.h"

/* Keeps the sets in "sets", one a line: ID STATE ADDRESS...; says what it was asked in "asked". */
static const char helper[] =
    "#!/bin/sh\n"
    "cd %s || exit 9\n"
    "echo \"$@\" >> asked\n"
    "[ -e down ] && { echo 'the fabric manager does not answer' >&2; exit 5; }\n"
    "case $1 in\n"
    "list) cat sets;;\n"
    "activate)\n"
    "  gpus=$(sed -n \"s/^$2 [a-z]* //p\" sets)\n"
    "  [ \"$gpus\" ] || { echo \"no set $2\" >&2; exit 1; }\n"
    "  for gpu in $gpus; do\n"
    "    grep -v \"^$2 \" sets | grep ' active ' | grep -q \"$gpu\" &&\n"
    "      { echo \"$gpu is in an active set\" >&2; exit 2; }\n"
    "  done\n"
    "  sed -i \"s/^$2 inactive/$2 active/\" sets;;\n"
    "deactivate)\n"
    "  grep -q \"^$2 \" sets || { echo \"no set $2\" >&2; exit 1; }\n"
    "  sed -i \"s/^$2 active/$2 inactive/\" sets;;\n"
    "*) exit 3;;\n"
    "esac\n";

static void begin(struct tree *tree, const char *sets)
{
    char text[2048];
    tree_begin(tree);
    (void)snprintf(text, sizeof(text), helper, tree->config.root);
    tree_file(tree, text, "/fabric");
    tree_file(tree, sets, "/sets");
    (void)snprintf(tree->config.fabric_helper, sizeof(tree->config.fabric_helper), "%s/fabric",
                   tree->config.root);
    REQUIRE(chmod(tree->config.fabric_helper, 0700) == 0);
}

static const char board[] = "0 inactive 0000:01:00.0 0000:02:00.0 0000:03:00.0 0000:04:00.0\n"
                            "1 inactive 0000:02:00.0 0000:01:00.0\n"
                            "2 active 0000:03:00.0 0000:04:00.0\n"
                            "one 0000:01:00.0\n";

/* Without a name: there is none. */
static const struct node_check *check_of(const struct node_inventory *inventory)
{
    static const struct node_check none;
    VEC_EACH(&inventory->checks, check) {
        if (strcmp(check->name, "fabric") == 0) {
            return check;
        }
    }
    return &none;
}

static struct node_inventory look(struct tree *tree)
{
    struct node_inventory inventory = {0};
    struct error err = {0};
    REQUIRE(host_inventory_read(&tree->config, &inventory, &err) == 0);
    return inventory;
}

TEST(the_sets_of_a_fabric_are_in_the_inventory)
{
    CLEANUP(tree_done) struct tree tree;
    begin(&tree, "0 inactive 0000:01:00.0 0000:02:00.0 0000:03:00.0 0000:04:00.0\n\n"
                 "1 inactive 0000:02:00.0 0000:01:00.0\n"
                 "2 active 03:00.0 0000:04:00.0\n");
    struct node_inventory inventory = look(&tree);
    CHECK(inventory.has_fabric);
    REQUIRE(inventory.fabric_sets.len == 3);
    const struct fabric_set *pair = fabric_find(&inventory, "1"),
                            *other = fabric_find(&inventory, "2");
    REQUIRE(pair && other);
    CHECK(pair->gpu_len == 2 && !pair->is_active && other->is_active);
    CHECK(pci_address_compare(pair->gpus[0], pair->gpus[1]) < 0);
    CHECK(check_of(&inventory)->is_ok);
    CHECK_STR(check_of(&inventory)->detail, "3 sets of GPUs that can talk to each other");
    host_inventory_done(&inventory);
}

TEST(a_host_without_a_helper_has_no_fabric)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    struct node_inventory inventory = look(&tree);
    CHECK(!inventory.has_fabric && check_of(&inventory)->name[0] == '\0');
    host_inventory_done(&inventory);
}

TEST(a_host_with_switches_and_no_helper_is_told_what_it_lacks)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_file(&tree, "0x10de\n", "/sys/bus/pci/devices/0000:05:00.0/vendor");
    tree_file(&tree, "0x068000\n", "/sys/bus/pci/devices/0000:05:00.0/class");
    tree_file(&tree, "0x1022\n", "/sys/bus/pci/devices/0000:06:00.0/vendor");
    tree_file(&tree, "0x068000\n", "/sys/bus/pci/devices/0000:06:00.0/class");
    struct node_inventory inventory = look(&tree);
    CHECK(!inventory.has_fabric && !check_of(&inventory)->is_ok && check_of(&inventory)->is_advice);
    CHECK_HAS(check_of(&inventory)->detail, "1 NVSwitches, but berth.conf has no fabric_helper");
    host_inventory_done(&inventory);
}

TEST(a_helper_that_fails_leaves_a_fabric_without_sets_and_says_why)
{
    CLEANUP(tree_done) struct tree tree;
    begin(&tree, board);
    struct node_inventory inventory = look(&tree);
    CHECK(inventory.has_fabric && inventory.fabric_sets.len == 0);
    CHECK_HAS(check_of(&inventory)->detail, "its line \"one 0000:01:00.0\" is no set");
    host_inventory_done(&inventory);
    tree_file(&tree, "", "/down");
    inventory = look(&tree);
    CHECK(inventory.has_fabric && inventory.fabric_sets.len == 0);
    CHECK(!check_of(&inventory)->is_ok);
    CHECK_HAS(check_of(&inventory)->detail, "the fabric manager does not answer");
    CHECK(fabric_rules(&inventory, (struct pci_address){.bus = 1}));
    host_inventory_done(&inventory);
    tree_remove(&tree, "/down");
    tree_file(&tree, "a active 1:2\n", "/sets");
    inventory = look(&tree);
    CHECK(inventory.fabric_sets.len == 0 && !check_of(&inventory)->is_ok);
    host_inventory_done(&inventory);
    tree_file(&tree, "a active 01:00.0\na active 02:00.0\n", "/sets");
    inventory = look(&tree);
    CHECK_HAS(check_of(&inventory)->detail, "or the second of that name");
    host_inventory_done(&inventory);
}

TEST(a_helper_that_hangs_is_killed_and_the_rest_of_the_host_is_read)
{
    CLEANUP(tree_done) struct tree tree;
    begin(&tree, board);
    tree_add_display(&tree);
    tree_file(&tree, "#!/bin/sh\nsleep 60\n", "/fabric");
    tree.config.fabric_ms = 200;
    struct node_inventory inventory = look(&tree);
    CHECK(inventory.gpus.len == 1 && inventory.has_fabric);
    CHECK_HAS(check_of(&inventory)->detail, "was killed");
    host_inventory_done(&inventory);
}

TEST(a_helper_that_others_can_change_is_not_run)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    begin(&tree, board);
    REQUIRE(chmod(tree.config.fabric_helper, 0722) == 0);
    CHECK_INT(host_fabric_switch(&tree.config, "0", true, &err), -EPERM);
    CHECK(!host_exists(&tree.config, "/asked"));
}

TEST(sets_are_switched_and_the_helpers_refusal_is_told)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    begin(&tree, "0 inactive 0000:01:00.0 0000:02:00.0 0000:03:00.0 0000:04:00.0\n"
                 "1 inactive 0000:01:00.0 0000:02:00.0\n"
                 "2 inactive 0000:03:00.0 0000:04:00.0\n");
    CHECK_INT(host_fabric_switch(&tree.config, "1", true, &err), 0);
    struct node_inventory inventory = look(&tree);
    CHECK(fabric_find(&inventory, "1")->is_active && !fabric_find(&inventory, "2")->is_active);
    host_inventory_done(&inventory);
    CHECK_INT(host_fabric_switch(&tree.config, "0", true, &err), -EIO);
    CHECK_HAS(err.text, "activate ended with 2: 0000:01:00.0 is in an active set");
    CHECK_INT(host_fabric_switch(&tree.config, "1", false, &err), 0);
    CHECK_INT(host_fabric_switch(&tree.config, "0", true, &err), 0);
    tree.config.fabric_helper[0] = '\0';
    CHECK_INT(host_fabric_switch(&tree.config, "0", true, &err), -ENOENT);
}

/* ---- which sets are used ---- */

static void add(struct node_inventory *inventory, const char *id, uint32_t gpus)
{
    struct fabric_set *set = VEC_ADD(&inventory->fabric_sets);
    REQUIRE(set);
    *set = (struct fabric_set){0};
    (void)snprintf(set->id, sizeof(set->id), "%s", id);
    for (uint8_t i = 0; i < 16; i++) {
        if (gpus >> i & 1) {
            set->gpus[set->gpu_len++] = (struct pci_address){.bus = (uint8_t)(i + 1)};
        }
    }
}

TEST(sets_that_do_not_make_up_halves_of_halves_are_not_used)
{
    struct node_inventory inventory = {.has_fabric = true};
    add(&inventory, "across", 0x3c); /* part of both halves */
    add(&inventory, "half", 0x0f);
    add(&inventory, "other-half", 0xf0);
    add(&inventory, "all", 0xff);
    add(&inventory, "again", 0xff);
    add(&inventory, "pair", 0x03); /* the other three pairs are missing */
    add(&inventory, "one", 0x01);
    CHECK_INT(fabric_keep_regular(&inventory), 3);
    CHECK_INT(inventory.fabric_sets.len, 4);
    CHECK_STR(inventory.fabric_sets.items[0].id, "again"); /* of two alike the first by name */
    CHECK(fabric_find(&inventory, "half") && fabric_find(&inventory, "other-half") &&
          fabric_find(&inventory, "one"));
    VEC_DONE(&inventory.fabric_sets);
}

/* With a GPU lost, its sets are gone, and the others are as good as before. */
TEST(what_is_left_of_a_board_with_a_broken_gpu_is_used)
{
    struct node_inventory inventory = {.has_fabric = true};
    add(&inventory, "b", 0xf0);
    add(&inventory, "1", 0x0c);
    add(&inventory, "2", 0x30);
    add(&inventory, "3", 0xc0);
    add(&inventory, "g0", 0x01);
    CHECK_INT(fabric_keep_regular(&inventory), 0);
    CHECK_INT(inventory.fabric_sets.len, 5);
    CHECK(fabric_rules(&inventory, (struct pci_address){.bus = 1}));
    CHECK(!fabric_rules(&inventory, (struct pci_address){.bus = 2}));
    VEC_DONE(&inventory.fabric_sets);
}
