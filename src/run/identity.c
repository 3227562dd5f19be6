/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/identity.h"

#include "base/cleanup.h"
#include "base/parse.h"

#include <systemd/sd-id128.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { path_size = 300, text_max = 1024 };

static int write_file(const char *run_dir, const char *name, const char *text, struct error *err)
{
    char path[path_size], fresh[path_size + 8];
    (void)snprintf(path, sizeof(path), "%s/%s", run_dir, name);
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    CLEANUP(closep) int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    size_t size = strlen(text);
    if (fd < 0 || write(fd, text, size) != (ssize_t)size || rename(fresh, path) < 0) {
        return error_set(err, errno ? -errno : -EIO, "cannot write %s: %s", path, strerror(errno));
    }
    return 0;
}

/* 0 with at most 'text_max' bytes of it; -errno. */
static int read_file(const char *path, char ret[text_max])
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, ret, text_max - 1);
    if (size < 0) {
        return -errno;
    }
    ret[size] = '\0';
    return 0;
}

int identity_make_cluster(char *ret, struct error *err)
{
    sd_id128_t id;
    int r = sd_id128_randomize(&id);
    if (r < 0) {
        return error_set(err, r, "no random number for the id of a cluster: %s", strerror(-r));
    }
    (void)snprintf(ret, cluster_id_size, SD_ID128_UUID_FORMAT_STR, SD_ID128_FORMAT_VAL(id));
    return 0;
}

int identity_boot_id(const char *host_root, char *ret, struct error *err)
{
    char path[path_size], text[text_max];
    (void)snprintf(path, sizeof(path), "%s/proc/sys/kernel/random/boot_id", host_root);
    int r = read_file(path, text);
    text[r < 0 ? 0 : strcspn(text, "\n")] = '\0';
    if (r < 0 || text[0] == '\0' || !copy_text(ret, boot_id_size, text)) {
        return error_set(err, r < 0 ? r : -EIO, "the kernel does not tell its boot id");
    }
    return 0;
}

/* What 'run_dir' holds, of whatever boot. -ENOENT: nothing; -EBADMSG; -errno. */
static int read_identity(const char *run_dir, struct identity *ret, struct error *err)
{
    char path[path_size], text[text_max];
    (void)snprintf(path, sizeof(path), "%s/identity", run_dir);
    *ret = (struct identity){0};
    int r = read_file(path, text);
    if (r < 0) {
        return error_set(err, r, "cannot read %s: %s", path, strerror(-r));
    }
    int len = sscanf(text,
                     "boot = %39s\nnode = %63s\nincarnation = %" SCNu64 "\netcd = %" SCNx64
                     "\ncluster = %39s",
                     ret->boot_id, ret->node, &ret->incarnation, &ret->etcd, ret->cluster);
    return len == 5 ? 0
                    : error_set(err, -EBADMSG,
                                "%s is damaged. If no VM runs on this host, remove it; otherwise "
                                "restart the host",
                                path);
}

bool identity_name(const char *run_dir, const char *boot_id, char *ret)
{
    struct identity found;
    return read_identity(run_dir, &found, NULL) == 0 && strcmp(found.boot_id, boot_id) == 0 &&
           copy_text(ret, name_size, found.node);
}

int identity_load(const char *run_dir, const char *boot_id, const char *node, struct identity *ret,
                  struct error *err)
{
    struct identity found;
    *ret = (struct identity){0};
    (void)copy_text(ret->boot_id, sizeof(ret->boot_id), boot_id);
    (void)copy_text(ret->node, sizeof(ret->node), node);
    int r = read_identity(run_dir, &found, err);
    if (r < 0) {
        return r == -ENOENT ? 0 : r;
    }
    if (strcmp(found.boot_id, boot_id) != 0) {
        return 0;
    }
    if (strcmp(found.node, node) != 0) {
        return error_set(err, -EBUSY,
                         "this host joined as %s and is %s now: other hosts wait for %s. Set "
                         "'node = %s' in the configuration, or restart the host",
                         found.node, node, found.node, found.node);
    }
    *ret = found;
    return 0;
}

int identity_keep(const char *run_dir, const struct identity *identity, struct error *err)
{
    char text[text_max];
    (void)snprintf(text, sizeof(text),
                   "boot = %s\nnode = %s\nincarnation = %" PRIu64 "\netcd = %" PRIx64
                   "\ncluster = %s\n",
                   identity->boot_id, identity->node, identity->incarnation, identity->etcd,
                   identity->cluster);
    return write_file(run_dir, "identity", text, err);
}

int identity_resolve(const char *run_dir, bool is_adopted, struct error *err)
{
    return write_file(run_dir, "resolve", is_adopted ? "adopt" : "clear", err);
}

bool identity_take_resolve(const char *run_dir, bool *ret_is_adopted)
{
    char path[path_size], text[text_max];
    (void)snprintf(path, sizeof(path), "%s/resolve", run_dir);
    if (read_file(path, text) < 0) {
        return false;
    }
    (void)unlink(path);
    *ret_is_adopted = strcmp(text, "adopt") == 0;
    return *ret_is_adopted || strcmp(text, "clear") == 0;
}

void identity_tell(const char *run_dir, const char *why)
{
    char path[path_size];
    (void)snprintf(path, sizeof(path), "%s/contradiction", run_dir);
    if (why) {
        (void)write_file(run_dir, "contradiction", why, NULL);
    } else {
        (void)unlink(path);
    }
}

bool identity_told(const char *run_dir, char *ret, size_t size)
{
    char path[path_size], text[text_max];
    (void)snprintf(path, sizeof(path), "%s/contradiction", run_dir);
    bool is_told = read_file(path, text) == 0;
    (void)snprintf(ret, size, "%s", is_told ? text : "");
    return is_told;
}

const char *identity_look(struct identity_look *look, const char *run_dir, msec_t now_ms)
{
    enum { again_ms = 1000 };
    if (now_ms >= look->next_ms) {
        look->next_ms = now_ms + again_ms;
        look->is_told = identity_told(run_dir, look->why, sizeof(look->why));
    }
    return look->is_told ? look->why : NULL;
}
