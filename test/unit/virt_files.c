/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where files really are: links and images that name other images, in a folder of the test's own.
 */
#include "test/test.h"

#include "base/cleanup.h"
#include "virt/files.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct error err;

static const char *path_of(const char *name)
{
    static char path[160];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(path_of(name), "we");
    REQUIRE(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static void link_to(const char *target, const char *name)
{
    char from[160];
    (void)snprintf(from, sizeof(from), "%s", path_of(name));
    REQUIRE(symlink(target, from) == 0);
}

static void begin(void)
{
    strcpy(folder, "/tmp/berth-files-XXXXXX");
    REQUIRE(mkdtemp(folder));
    REQUIRE(mkdir(path_of("disks"), 0700) == 0 && mkdir(path_of("other"), 0700) == 0);
    write_file("disks/a.img", "x", 1);
    write_file("other/secret", "x", 1);
}

static void end(void)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    (void)!system(command); /* a test may */
}

static int check(const char *name)
{
    struct domain_policy policy = {.kind = DOMAIN_POLICY_PLAIN, .directory_len = 1};
    char xml[512];
    (void)snprintf(policy.directories[0], sizeof(policy.directories[0]), "%s", path_of("disks"));
    (void)snprintf(xml, sizeof(xml),
                   "<domain type='kvm'><devices><disk type='file'><source file='%s'/></disk>"
                   "</devices></domain>",
                   path_of(name));
    struct files *files = virt_files_new(xml, &policy);
    err.text[0] = '\0';
    int r = virt_files_check(files, &err);
    (void)virt_files_free(files);
    return r;
}

/* A qcow2 header, version 3, whose backing file is 'backing'. */
static void write_image(const char *name, const char *backing, uint8_t incompatible)
{
    uint8_t bytes[512] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3};
    size_t size = strlen(backing);
    bytes[14] = size ? 1 : 0; /* at offset 256 */
    bytes[19] = (uint8_t)size;
    bytes[79] = incompatible;
    memcpy(bytes + 256, backing, size);
    write_file(name, bytes, sizeof(bytes));
}

TEST(links_that_lead_out_of_the_directories_are_refused)
{
    begin();
    CHECK_INT(check("disks/a.img"), 0);
    link_to("a.img", "disks/inside");
    CHECK_INT(check("disks/inside"), 0);
    link_to("../other/secret", "disks/outside");
    CHECK_INT(check("disks/outside"), -EPERM);
    CHECK_HAS(err.text, "leads out of the directories of disks");
    link_to("../other", "disks/folder");
    CHECK_INT(check("disks/folder/secret"), -EPERM);
    CHECK_INT(check("disks/folder/not-there-yet"), -EPERM);
    link_to("../other/later", "disks/dangling");
    CHECK_INT(check("disks/dangling"), -EPERM);
    CHECK_INT(check("disks/not-there-yet"), 0);
    CHECK_INT(check("disks/no-folder/not-there"), 0);
    end();
}

/* A guest that writes this into its raw disk must not read the host's files by it. */
TEST(an_image_behind_an_image_is_looked_at_too)
{
    begin();
    write_image("disks/alone.qcow2", "", 0);
    CHECK_INT(check("disks/alone.qcow2"), 0);
    write_image("disks/good.qcow2", "a.img", 0);
    CHECK_INT(check("disks/good.qcow2"), 0);
    write_image("disks/absolute.qcow2", path_of("disks/a.img"), 0);
    CHECK_INT(check("disks/absolute.qcow2"), 0);
    write_image("disks/bad.qcow2", path_of("other/secret"), 0);
    CHECK_INT(check("disks/bad.qcow2"), -EPERM);
    CHECK_HAS(err.text, "the image behind it");
    write_image("disks/chain.qcow2", "bad.qcow2", 0);
    CHECK_INT(check("disks/chain.qcow2"), -EPERM);
    write_image("disks/up.qcow2", "../other/secret", 0);
    CHECK_INT(check("disks/up.qcow2"), -EPERM);
    write_image("disks/json.qcow2", "json:{\"driver\":\"file\"}", 0);
    CHECK_INT(check("disks/json.qcow2"), -EPERM);
    write_image("disks/data.qcow2", "", 4);
    CHECK_INT(check("disks/data.qcow2"), -EPERM);
    write_image("disks/loop.qcow2", "loop.qcow2", 0);
    CHECK_INT(check("disks/loop.qcow2"), -EPERM);
    CHECK_HAS(err.text, "more than 64 images");
    end();
}
