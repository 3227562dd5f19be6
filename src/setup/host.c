/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "setup/internal.h"

#include "base/parse.h"
#include "loop/retry.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

enum {
    etcd_limit_ms = 30 * 1000,
    node_limit_ms = 60 * 1000,
    pause_ms = 200,
};

/* The address with which this host would talk to another network; nothing is sent. */
static int find_address(char *ret, size_t size)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    socklen_t len = sizeof(to);
    CLEANUP(closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
    return fd >= 0 && connect(fd, (void *)&to, sizeof(to)) == 0 &&
                   getsockname(fd, (void *)&to, &len) == 0 &&
                   inet_ntop(AF_INET, &to.sin_addr, ret, (socklen_t)size)
               ? 0
               : -ENETUNREACH;
}

int setup_may(const struct setup *setup, struct error *err)
{
    return setup_is_real(setup) && geteuid() != 0 ? error_set(err, -EPERM, "run this as root") : 0;
}

int setup_complete(struct setup *setup, struct error *err)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    if (!setup->node[0]) {
        (void)gethostname(setup->node, sizeof(setup->node) - 1);
        setup->node[strcspn(setup->node, ".")] = '\0';
    }
    if (!setup->address[0] && find_address(setup->address, sizeof(setup->address)) < 0) {
        return error_set(err, -EINVAL, "name this host's address with --address");
    }
    if (inet_pton(AF_INET, setup->address, bytes) != 1 &&
        inet_pton(AF_INET6, setup->address, bytes) != 1) {
        return error_set(err, -EINVAL,
                         "--address takes a numeric address such as 10.0.0.1, not \"%s\"",
                         setup->address);
    }
    return 0;
}

int setup_prepare(struct setup *setup, struct error *err)
{
    CLEANUP(freep) char *conf = NULL;
    if (setup_is_begun(setup)) {
        setup_say(setup, "removing what an interrupted attempt left here");
        setup_undo(setup);
    }
    if (setup_exists(setup, SETUP_DIR "/cluster.json")) {
        return error_set(err, -EALREADY,
                         "this host is in a cluster already: see \"berth cluster status\"; to take "
                         "it out: \"berth cluster leave\"");
    }
    if (setup_exists(setup, SETUP_DATA "/data")) {
        return error_set(err, -EEXIST,
                         "%s" SETUP_DATA "/data holds the data of an earlier store: move it away",
                         setup->root);
    }
    if (setup_read(setup, SETUP_CONF, &conf, err) == 0 && setup_conf_has_store(conf)) {
        return error_set(err, -EEXIST,
                         "%s" SETUP_CONF
                         " leads to another store: remove its etcd_ lines, or go on "
                         "by hand",
                         setup->root);
    }
    return setup_check(setup, err);
}

int setup_start_etcd(const struct setup *setup, struct error *err)
{
    setup_say(setup, "starting the store (berth-etcd.service)");
    int r = setup_systemctl(setup, "enable", "berth-etcd.service", err);
    r = r < 0 ? r : setup_wait_port(setup->address, setup_client_port, etcd_limit_ms, err);
    return r < 0 ? error_wrap(err, "the store does not start; see \"journalctl -u berth-etcd\"")
                 : 0;
}

int setup_start_daemons(const struct setup *setup, const json_t *state, struct error *err)
{
    CLEANUP(setup_store_freep) struct setup_store *store = NULL;
    char key[name_size + 16];
    bool is_there = false;
    struct error why;
    setup_say(setup, "starting berthd and berth-api");
    int r = setup_systemctl(setup, "enable", "berthd.service", err);
    r = r < 0 ? r : setup_systemctl(setup, "enable", "berth-api.service", err);
    if (r == 0 && setup_systemctl(setup, "enable", "berth-screen.socket", &why) < 0) {
        setup_say(setup, "the screens of VMs are not shown, is port 8645 in use? %s", why.text);
    }
    r = r < 0 ? r : setup_systemctl(setup, "enable", "berth-refresh.timer", err);
    r = r < 0 ? r : setup_state_store(setup, state, &store, err);
    (void)snprintf(key, sizeof(key), "seen/nodes/%s", setup->node);
    if (r < 0) {
        return r;
    }
    struct retry retry = retry_begin(node_limit_ms, pause_ms);
    do {
        /* The store may be electing; what counts is what it says at last. */
        if (setup_store_has(store, key, &is_there, err) == 0 && is_there) {
            return 0;
        }
    } while (retry_wait(&retry));
    return error_set(err, -ETIME,
                     "berthd did not report to the store within %d s; see \"journalctl -u "
                     "berthd\"",
                     node_limit_ms / 1000);
}

/* All files and data of the cluster; berth.conf is as it was before, or, after a commit, loses the
 * lines that setup wrote. */
static void remove_files(const struct setup *setup)
{
    CLEANUP(freep) char *text = NULL;
    char full[setup_path_size];
    if (setup_is_begun(setup)) {
        if (setup_read(setup, SETUP_BEGUN, &text, NULL) == 0 && text[0]) {
            (void)setup_write(setup, SETUP_CONF, text, NULL, true, NULL);
        } else {
            (void)unlink(setup_path(setup, SETUP_CONF, full));
        }
    } else if (setup_read(setup, SETUP_CONF, &text, NULL) == 0) {
        CLEANUP(freep) char *left = setup_strip_conf(text);
        if (left) {
            (void)setup_write(setup, SETUP_CONF, left, NULL, true, NULL);
        }
    }
    if (!setup->keeps_vms) { /* else what runs here is still that cluster's */
        (void)unlink(setup_path(setup, "/run/berthd/identity", full));
    }
    setup_moves_remove(setup);
    setup_remove_tree(setup, SETUP_DATA);
    setup_remove_tree(setup, SETUP_DIR);
}

void setup_undo(const struct setup *setup)
{
    static const char *const units[] = {"berth-refresh.timer", "berth-screen.socket",
                                        "berth-api.service", "berthd.service",
                                        "berth-etcd.service"};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        (void)setup_systemctl(setup, "disable", units[i], NULL);
    }
    remove_files(setup);
}
