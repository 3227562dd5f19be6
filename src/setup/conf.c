/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "setup/internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#define HEADING "# Written by berth cluster init or join, and kept by berth cluster refresh:"

/* The keys that lead to the store and to this host: ours, once it is in a cluster. */
static const char *const keys[] = {
    "node",          "etcd_endpoints",         "etcd_ca",        "etcd_certificate",
    "etcd_key",      "etcd_insecure",          "etcd_user",      "etcd_password_file",
    "api_etcd_user", "api_etcd_password_file", "screen_address",
};

/* Whether the line sets 'key'; its value, up to the end of the line, in '*ret_value'. */
static bool sets(const char *line, const char *key, const char **ret_value)
{
    size_t len = strlen(key);
    line += strspn(line, " \t");
    if (strncmp(line, key, len) != 0) {
        return false;
    }
    line += len;
    line += strspn(line, " \t");
    if (*line != '=') {
        return false;
    }
    *ret_value = line + 1 + strspn(line + 1, " \t");
    return true;
}

static bool is_ours(const char *line)
{
    const char *value;
    if (strncmp(line, HEADING, strlen(HEADING)) == 0) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (sets(line, keys[i], &value)) {
            return true;
        }
    }
    return false;
}

char *setup_strip_conf(const char *text)
{
    CLEANUP(buf_done) struct buf left = {0};
    buf_text(&left, "");
    while (*text) {
        size_t len = strcspn(text, "\n");
        len += text[len] == '\n';
        if (!is_ours(text)) {
            buf_add(&left, text, len);
        }
        text += len;
    }
    return left.size > 0 ? buf_take(&left) : strdup("");
}

bool setup_conf_has_store(const char *text)
{
    const char *value;
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
        if (sets(text, "etcd_endpoints", &value) &&
            strncmp(value, "http://127.0.0.1:2379\n", 22) != 0) {
            return true;
        }
    }
    return false;
}

void setup_conf_value(const char *text, const char *key, char *ret, size_t size)
{
    const char *value;
    ret[0] = '\0';
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
        if (sets(text, key, &value)) {
            (void)snprintf(ret, size, "%.*s", (int)strcspn(value, "\n"), value);
        }
    }
}

static void add_path(const struct setup *setup, const char *key, const char *path, struct buf *text)
{
    char full[setup_path_size];
    buf_printf(text, "%s = %s\n", key, setup_path(setup, path, full));
}

/* Written once: an administrator may name another one, or none. */
static void add_screen_address(const struct setup *setup, const char *before, bool is_new,
                               struct buf *text)
{
    char value[200];
    setup_conf_value(before, "screen_address", value, sizeof(value));
    if (is_new) {
        buf_printf(
            text, strchr(setup->address, ':') ? "screen_address = [%s]\n" : "screen_address = %s\n",
            setup->address);
    } else if (value[0]) {
        buf_printf(text, "screen_address = %s\n", value);
    }
}

int setup_write_conf(const struct setup *setup, const json_t *endpoints, bool is_new,
                     bool *ret_is_changed, struct error *err)
{
    CLEANUP(freep) char *before = NULL;
    CLEANUP(buf_done) struct buf text = {0};
    size_t i;
    json_t *endpoint;
    int r = setup_read(setup, SETUP_CONF, &before, err);
    if (r < 0 && r != -ENOENT) {
        return r;
    }
    CLEANUP(freep) char *left = setup_strip_conf(before ? before : "");
    if (!left) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    buf_printf(&text, "%s%s" HEADING "\nnode = %s\netcd_endpoints =", left,
               left[0] && left[strlen(left) - 1] != '\n' ? "\n" : "", setup->node);
    json_array_foreach((json_t *)(uintptr_t)endpoints, i, endpoint) {
        buf_printf(&text, " %s", json_string_value(endpoint));
    }
    buf_char(&text, '\n');
    add_path(setup, "etcd_ca", SETUP_DIR "/ca.pem", &text);
    add_path(setup, "etcd_certificate", SETUP_DIR "/client.pem", &text);
    add_path(setup, "etcd_key", SETUP_DIR "/client-key.pem", &text);
    buf_text(&text, "etcd_user = berthd\n");
    add_path(setup, "etcd_password_file", SETUP_DIR "/berthd.password", &text);
    buf_text(&text, "api_etcd_user = berth-api\n");
    add_path(setup, "api_etcd_password_file", SETUP_DIR "/berth-api.password", &text);
    add_screen_address(setup, before ? before : "", is_new, &text);
    if (text.failed) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    *ret_is_changed = !before || strcmp(before, buf_str(&text)) != 0;
    return *ret_is_changed ? setup_write(setup, SETUP_CONF, buf_str(&text), NULL, true, err) : 0;
}

int setup_write_etcd(const struct setup *setup, const char *initial_cluster, bool is_new,
                     struct error *err)
{
    char client[setup_url_size], peer[setup_url_size];
    CLEANUP(buf_done) struct buf text = {0};
    setup_url(setup->address, setup_client_port, client);
    setup_url(setup->address, setup_peer_port, peer);
    buf_printf(&text,
               "# Written by berth cluster init or join; read by berth-etcd.service.\n"
               "ETCD_NAME=%s\nETCD_DATA_DIR=%s" SETUP_DATA "/data\n"
               "ETCD_LISTEN_CLIENT_URLS=%s\nETCD_ADVERTISE_CLIENT_URLS=%s\n"
               "ETCD_LISTEN_PEER_URLS=%s\nETCD_INITIAL_ADVERTISE_PEER_URLS=%s\n"
               "ETCD_INITIAL_CLUSTER=%s\nETCD_INITIAL_CLUSTER_STATE=%s\n"
               "ETCD_INITIAL_CLUSTER_TOKEN=berth\n",
               setup->node, setup->root, client, client, peer, peer, initial_cluster,
               is_new ? "new" : "existing");
    /* One certificate to clients and to other members; neither gets in without one of its own. */
    buf_printf(&text,
               "ETCD_CLIENT_CERT_AUTH=true\nETCD_PEER_CLIENT_CERT_AUTH=true\n"
               "ETCD_TRUSTED_CA_FILE=%s" SETUP_DIR "/ca.pem\n"
               "ETCD_PEER_TRUSTED_CA_FILE=%s" SETUP_DIR "/ca.pem\n"
               "ETCD_CERT_FILE=%s" SETUP_DIR "/etcd.pem\n"
               "ETCD_PEER_CERT_FILE=%s" SETUP_DIR "/etcd.pem\n"
               "ETCD_KEY_FILE=%s" SETUP_DIR "/etcd-key.pem\n"
               "ETCD_PEER_KEY_FILE=%s" SETUP_DIR "/etcd-key.pem\n",
               setup->root, setup->root, setup->root, setup->root, setup->root, setup->root);
    /* Every heartbeat is a revision; and a member that returns must force no election. */
    buf_text(&text, "ETCD_AUTO_COMPACTION_MODE=periodic\nETCD_AUTO_COMPACTION_RETENTION=1h\n"
                    "ETCD_PRE_VOTE=true\n");
    return text.failed ? error_set(err, -ENOMEM, "out of memory")
                       : setup_write(setup, SETUP_DIR "/etcd.env", buf_str(&text), NULL, true, err);
}
