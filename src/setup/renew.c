/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * New certificates in time. A certificate is replaced by one for the same key: so one file changes,
 * in one step, and no program finds a key that does not belong to its certificate. etcd and the
 * daemons read theirs for each connection that they make or accept; connections that stand are not
 * touched, also when the time of a certificate is over.
 */
#include "setup/internal.h"

#include "http/certificate.h"

#include <errno.h>
#include <stdio.h>

int setup_read_authority(const struct setup *setup, json_t **ret, struct error *err)
{
    CLEANUP(freep) char *ca = NULL;
    CLEANUP(freep) char *ca_key = NULL;
    int r = setup_read(setup, SETUP_DIR "/ca.pem", &ca, err);
    r = r < 0 ? r : setup_read(setup, SETUP_DIR "/ca-key.pem", &ca_key, err);
    if (r < 0) {
        return r;
    }
    *ret = json_pack("{s:s, s:s}", "ca", ca, "ca_key", ca_key);
    explicit_bzero(ca_key, strlen(ca_key));
    return *ret ? 0 : error_set(err, -ENOMEM, "out of memory");
}

/* A third of its time is left for whatever keeps it from being renewed. */
bool setup_is_due(const struct certificate_facts *facts)
{
    return !facts->is_valid_now || facts->days_left < facts->days / 3;
}

static int write_certificate(const struct setup *setup, const char *file, const char *text,
                             struct error *err)
{
    int r = setup_write(setup, file, text, NULL, true, err);
    if (r == 0) {
        setup_say(setup, "renewed the certificate %s", file);
    }
    return r;
}

static int renew_authority(const struct setup *setup, json_t *authority, struct error *err)
{
    const char *key = json_string_value(json_object_get(authority, "ca_key"));
    CLEANUP(setup_json_done) json_t *fresh = NULL;
    struct certificate_facts facts;
    int r =
        certificate_check(json_string_value(json_object_get(authority, "ca")), key, &facts, err);
    if (r < 0 || !setup_is_due(&facts)) {
        return r;
    }
    r = setup_make_authority(SETUP_AUTHORITY, key, &fresh, err);
    if (r < 0) {
        return r;
    }
    json_t *certificate = json_object_get(fresh, "ca");
    (void)json_object_set(authority, "ca", certificate);
    setup_say(setup,
              "berth-etcd reads the certificate of the authority when it starts: restart it on "
              "one host after the other before %s",
              facts.until);
    return write_certificate(setup, SETUP_DIR "/ca.pem", json_string_value(certificate), err);
}

/* "etcd" or "client"; a host that is no member of the store has no "etcd". */
static int renew_one(const struct setup *setup, const json_t *authority, const char *name,
                     struct error *err)
{
    char path[setup_path_size], key_path[setup_path_size];
    CLEANUP(freep) char *certificate = NULL;
    CLEANUP(freep) char *key = NULL;
    CLEANUP(setup_json_done) json_t *fresh = NULL;
    struct certificate_facts facts;
    (void)snprintf(path, sizeof(path), SETUP_DIR "/%s.pem", name);
    (void)snprintf(key_path, sizeof(key_path), SETUP_DIR "/%s-key.pem", name);
    int r = setup_read(setup, path, &certificate, err);
    if (r == -ENOENT) {
        return 0;
    }
    r = r < 0 ? r : setup_read(setup, key_path, &key, err);
    r = r < 0 ? r : certificate_check(certificate, key, &facts, err);
    if (r == 0 && setup_is_due(&facts)) {
        const struct setup_subject subject = {
            .node = setup->node, .address = setup->address, .own_key = key};
        r = setup_make_certificate(authority, &subject, &fresh, err);
        r = r < 0 ? r
                  : write_certificate(
                        setup, path, json_string_value(json_object_get(fresh, "certificate")), err);
    }
    if (key) {
        explicit_bzero(key, strlen(key));
    }
    return r < 0 ? error_wrap(err, "renewing %s", path) : 0;
}

int setup_renew(const struct setup *setup, struct error *err)
{
    CLEANUP(setup_json_done) json_t *authority = NULL;
    int r = setup_read_authority(setup, &authority, err);
    if (r == -ENOENT) {
        return 0; /* a witness: witness.c */
    }
    r = r < 0 ? r : renew_authority(setup, authority, err);
    r = r < 0 ? r : renew_one(setup, authority, "etcd", err);
    return r < 0 ? r : renew_one(setup, authority, "client", err);
}
