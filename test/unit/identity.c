/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who a host is, kept for its boot. */
#include "test/test.h"

#include "run/identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];
static struct identity identity;
static struct error err;

static void begin(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/berth-identity-XXXXXX");
    REQUIRE(mkdtemp(folder));
    identity = (struct identity){
        .boot_id = "boot-1", .node = "a", .incarnation = 7, .etcd = 0xfe, .cluster = "0c-1"};
    CHECK_INT(identity_keep(folder, &identity, &err), 0);
}

static void write_file(const char *text)
{
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/identity", folder);
    FILE *file = fopen(path, "w");
    REQUIRE(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

TEST(what_was_kept_is_known_for_the_rest_of_the_boot)
{
    begin();
    CHECK_INT(identity_load(folder, "boot-1", "a", &identity, &err), 0);
    CHECK_INT(identity.incarnation, 7);
    CHECK_INT(identity.etcd, 0xfe);
    CHECK_STR(identity.cluster, "0c-1");
    CHECK_INT(identity_load(folder, "boot-2", "a", &identity, &err), 0);
    CHECK_INT(identity.incarnation, 0);
    CHECK_STR(identity.cluster, "");
}

TEST(a_host_that_joined_has_no_other_name_until_it_boots)
{
    begin();
    CHECK_INT(identity_load(folder, "boot-1", "b", &identity, &err), -EBUSY);
    CHECK_HAS(err.text, "this host joined as a and is b now");
    CHECK_INT(identity_load(folder, "boot-2", "b", &identity, &err), 0);
}

TEST(a_host_keeps_the_name_that_it_joined_under_until_it_boots)
{
    char name[name_size] = "b";
    begin();
    CHECK(identity_name(folder, "boot-1", name));
    CHECK_STR(name, "a");
    CHECK(!identity_name(folder, "boot-2", strcpy(name, "b")));
    CHECK_STR(name, "b");
    write_file("boot = boot-1\n");
    CHECK(!identity_name(folder, "boot-1", name));
    CHECK_STR(name, "b");
}

TEST(the_boot_id_is_the_kernels)
{
    char boot_id[boot_id_size];
    CHECK_INT(identity_boot_id("/", boot_id, &err), 0);
    CHECK_INT(strlen(boot_id), 36);
    CHECK_INT(identity_boot_id("/nonexistent", boot_id, &err), -ENOENT);
}

TEST(a_damaged_file_is_not_taken_for_none)
{
    begin();
    write_file("boot = boot-1\nnode = a\nincarnation = 7\netcd = fe\n");
    CHECK_INT(identity_load(folder, "boot-1", "a", &identity, &err), -EBADMSG);
    write_file("");
    CHECK_INT(identity_load(folder, "boot-1", "a", &identity, &err), -EBADMSG);
}

TEST(each_new_cluster_has_an_id_of_its_own)
{
    char one[cluster_id_size], two[cluster_id_size];
    CHECK_INT(identity_make_cluster(one, &err), 0);
    CHECK_INT(identity_make_cluster(two, &err), 0);
    CHECK_INT(strlen(one), 36);
    CHECK_INT(strspn(one, "0123456789abcdef-"), 36);
    CHECK(strcmp(one, two) != 0);
}
