/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The keys of a cluster. Every host but a witness has the authority's key, for root alone: root on
 * one host commands the cluster anyway, and so any host can let others in. berth-api, to which
 * strangers talk, can read neither that key nor etcd's.
 */
#include "setup/internal.h"

#include "base/hex.h"
#include "http/certificate.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

enum {
    authority_days = 10 * 365,
    certificate_days = 365,
    password_bytes = 24,
};

void setup_random_hex(char *ret, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte;
        if (getrandom(&byte, 1, 0) != 1) {
            abort(); /* so few bytes never fail (getrandom(2)) */
        }
        hex_write(&byte, 1, ret + 2 * i);
    }
}

json_t *setup_make_passwords(void)
{
    static const char *const users[] = {"root", "berthd", "berth-api", "berth-witness"};
    json_t *passwords = json_object();
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        char text[2 * password_bytes + 1];
        setup_random_hex(text, password_bytes);
        (void)json_object_set_new(passwords, users[i], json_string(text));
        explicit_bzero(text, sizeof(text));
    }
    return passwords;
}

static int issue(const struct certificate_order *order, const char *certificate_name,
                 const char *key_name, json_t **ret, struct error *err)
{
    CLEANUP(freep) char *certificate = NULL;
    CLEANUP(freep) char *key = NULL;
    int r = certificate_issue(order, &certificate, &key, err);
    if (r < 0) {
        return r;
    }
    *ret = json_pack("{s:s, s:s}", certificate_name, certificate, key_name, key);
    explicit_bzero(key, strlen(key));
    return *ret ? 0 : error_set(err, -ENOMEM, "out of memory");
}

int setup_make_authority(const char *name, const char *key, json_t **ret, struct error *err)
{
    const struct certificate_order order = {
        .common_name = name, .is_authority = true, .days = authority_days, .own_key = key};
    return issue(&order, "ca", "ca_key", ret, err);
}

/* No longer than the authority's. */
static int choose_days(const char *authority, const char *authority_key, bool is_lasting)
{
    struct certificate_facts facts;
    struct error err;
    int days = is_lasting ? authority_days : certificate_days;
    return certificate_check(authority, authority_key, &facts, &err) == 0
               ? MIN(days, facts.days_left)
               : days;
}

int setup_make_certificate(const json_t *authority, const struct setup_subject *of, json_t **ret,
                           struct error *err)
{
    /* The addresses of loopback are for a connection that etcd makes to itself. */
    const char *const names[] = {of->node, of->address, "localhost", "127.0.0.1", "::1"};
    const char *ca = json_string_value(json_object_get(authority, "ca"));
    const char *ca_key = json_string_value(json_object_get(authority, "ca_key"));
    char subject[name_size + 16];
    /* With its authentication on, etcd's gateway refuses clients whose certificate has a common
     * name (etcd 3.4 and 3.5, "CommonName of client ... will be ignored"). */
    (void)snprintf(subject, sizeof(subject), "Berth host %s", of->node);
    const struct certificate_order order = {
        .organization = subject,
        .names = of->names ? of->names : names,
        .name_len = of->names ? of->name_len : ARRAY_LEN(names),
        .is_server = true,
        .is_client = true,
        .is_usage_open = of->is_for_libvirt,
        .days = choose_days(ca, ca_key, of->is_lasting),
        .authority = ca,
        .authority_key = ca_key,
        .own_key = of->own_key,
        .own_certificate = of->own_certificate,
    };
    return issue(&order, "certificate", "key", ret, err);
}

/* What is at "a" or "a.b" of the bundle, where it is written, and who may read it. */
struct secret {
    const char *section; /* NULL: at the top */
    const char *name;
    const char *file;
    const char *group;
    bool is_public;
};

static const struct secret secrets[] = {
    {NULL, "ca", SETUP_DIR "/ca.pem", NULL, true},
    {NULL, "ca_key", SETUP_DIR "/ca-key.pem", NULL, false},
    {"etcd", "certificate", SETUP_DIR "/etcd.pem", NULL, true},
    {"etcd", "key", SETUP_DIR "/etcd-key.pem", "berth-etcd", false},
    {"client", "certificate", SETUP_DIR "/client.pem", NULL, true},
    {"client", "key", SETUP_DIR "/client-key.pem", "berth-api", false},
    {"passwords", "root", SETUP_DIR "/root.password", NULL, false},
    {"passwords", "berthd", SETUP_DIR "/berthd.password", NULL, false},
    {"passwords", "berth-api", SETUP_DIR "/berth-api.password", "berth-api", false},
    {"passwords", "berth-witness", SETUP_DIR "/berth-witness.password", NULL, false},
};

int setup_write_secrets(const struct setup *setup, const json_t *bundle, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        const struct secret *secret = &secrets[i];
        const json_t *section = secret->section ? json_object_get(bundle, secret->section) : bundle;
        const char *text = json_string_value(json_object_get(section, secret->name));
        int r = text ? setup_write(setup, secret->file, text, secret->group, secret->is_public, err)
                     : 0;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
