/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/open_store.h"

#include "run/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const char *or_null(const char *text)
{
    return text[0] ? text : NULL;
}

static void tell_bad(void *userdata, const char *key, revision_t revision,
                     const struct error *error)
{
    (void)userdata;
    journal_line(LOG_ERR, "store: %s (revision %lld) cannot be read and is passed over: %s", key,
                 (long long)revision, error->text);
}

static void tell_trouble(void *userdata, const struct error *error)
{
    (void)userdata;
    journal_line(LOG_WARNING, "store: %s", error->text);
}

static void tell_foreign(void *userdata, const char *endpoint, uint64_t is, uint64_t ours)
{
    (void)userdata;
    journal_line(LOG_ERR,
                 "store: %s is not used: it is a member of the etcd cluster %" PRIx64
                 ", and the store is %" PRIx64 ". Correct etcd_endpoints, or join that member to "
                 "the store's cluster",
                 endpoint, is, ours);
}

int store_login_read(const struct config *config, struct store_login *ret, struct error *err)
{
    *ret = (struct store_login){0};
    for (size_t i = 0; i < config->etcd_endpoint_len; i++) {
        ret->endpoints[i] = config->etcd_endpoints[i].text;
    }
    if (config->etcd_password_file[0]) {
        int r = config_read_secret("etcd_password_file", config->etcd_password_file, ret->password,
                                   sizeof(ret->password), err);
        if (r < 0) {
            return r;
        }
    }
    ret->etcd = (struct etcd_config){
        .endpoints = ret->endpoints,
        .endpoint_len = config->etcd_endpoint_len,
        .prefix = or_null(config->etcd_prefix),
        .ca_file = or_null(config->etcd_ca),
        .cert_file = or_null(config->etcd_certificate),
        .key_file = or_null(config->etcd_key),
        .username = or_null(config->etcd_user),
        .password = or_null(ret->password),
    };
    return 0;
}

int open_store(sd_event *event, const struct config *config, const struct store_observer *observer,
               uint64_t cluster, void *userdata, struct store **ret, struct error *err)
{
    struct store_login login;
    int r = store_login_read(config, &login, err);
    if (r < 0) {
        return r;
    }
    login.etcd.cluster = cluster;
    struct store_observer told = *observer;
    told.bad = tell_bad;
    told.trouble = tell_trouble;
    told.foreign = tell_foreign;
    r = store_new(event, &login.etcd, &told, userdata, ret, err);
    explicit_bzero(login.password, sizeof(login.password));
    return r;
}
