/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The certificates with which hosts hand running VMs to each other. Who may hand a VM to a host's
 * libvirt is root there, so libvirt must trust neither the certificates of the store, of which
 * berth-api has one, nor those of QEMU, which a guest may break into. Each of the three has an
 * authority with a name of its own. All have one key, which only root has on every host: a
 * certificate is good only where the authority that it names is trusted (RFC 5280, 6.1.3).
 *
 * The files are where libvirt and QEMU look by themselves; links to SETUP_DIR would not do, for
 * AppArmor lets QEMU read nothing there. Whose they are is told by the authority's key and name:
 * without ours, an administrator laid them down, and they stay. The key alone does not tell: with
 * the certificate of another of our authorities there, what that signed would open libvirt.
 */
#include "setup/internal.h"

#include "http/certificate.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>

/* That it exists says that libvirt has new certificates which it did not take up yet. */
#define TO_RELOAD SETUP_DIR "/reload-libvirt"

enum { names_max = 4 }; /* this host's own two, and those of its migration_address */

/* One of the two that use certificates. */
struct user {
    const struct move_pki *pki;
    const char *directory; /* of it we say that we wrote there */
    /* The authority's certificate once more. Without Berth's programs, the script that purges the
     * package knows by it what is ours. */
    const char *copy;
    bool is_qemu;
};

static const struct user libvirt = {&move_pki_libvirt, "/etc/pki/libvirt",
                                    SETUP_DIR "/moves-libvirt.pem", false};
static const struct user qemu = {&move_pki_qemu, "/etc/pki/qemu", SETUP_DIR "/moves-qemu.pem",
                                 true};

/* What this host is called where VMs come to. */
struct place {
    char hosts[2][move_address_size];
    const char *names[names_max];
    size_t name_len;
    bool is_qemu_needed; /* the memory goes to QEMU by itself, and encrypted */
    bool is_set;         /* there is a migration_address */
};

static void add_name(struct place *place, const char *name)
{
    for (size_t i = 0; i < place->name_len; i++) {
        if (strcmp(place->names[i], name) == 0) {
            return;
        }
    }
    place->names[place->name_len++] = name;
}

static void read_place(const struct setup *setup, struct place *ret)
{
    CLEANUP(freep) char *conf = NULL;
    char address[move_address_size] = "";
    struct move_address to;
    *ret = (struct place){.names = {setup->node, setup->address}, .name_len = 2};
    if (setup_read(setup, SETUP_CONF, &conf, NULL) == 0) {
        setup_conf_value(conf, "migration_address", address, sizeof(address));
    }
    if (!move_address_parse(address, &to)) {
        return;
    }
    ret->is_set = true;
    ret->is_qemu_needed = to.memory[0] && !to.is_plain;
    if (move_uri_host(to.libvirt, ret->hosts[0])) {
        add_name(ret, ret->hosts[0]);
    }
    if (move_uri_host(to.memory, ret->hosts[1])) {
        add_name(ret, ret->hosts[1]);
    }
}

/* The group that QEMU is in, and no person; NULL: there is none. */
static const char *group_of_qemu(const struct setup *setup)
{
    static const char *const groups[] = {"libvirt-qemu", "qemu"}; /* Debian's, Fedora's */
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (!setup_is_real(setup) || getgrnam(groups[i])) {
            return groups[i];
        }
    }
    return NULL;
}

/* ---- whose they are ---- */

static bool has_any(const struct setup *setup, const struct move_pki *pki)
{
    bool is_there = setup_exists(setup, pki->ca);
    for (size_t i = 0; i < 2; i++) {
        is_there |= setup_exists(setup, pki->certificates[i]) || setup_exists(setup, pki->keys[i]);
    }
    return is_there;
}

/* Nothing at 'path', or one of 'ca'. */
static bool is_free_or_from(const struct setup *setup, const char *path, const char *ca)
{
    CLEANUP(freep) char *certificate = NULL;
    int r = setup_read(setup, path, &certificate, NULL);
    return r == -ENOENT || (r == 0 && certificate_is_from(certificate, ca));
}

static bool is_ours(const struct setup *setup, const struct move_pki *pki, const char *key)
{
    CLEANUP(freep) char *ca = NULL;
    struct certificate_facts facts;
    struct error why;
    return setup_read(setup, pki->ca, &ca, NULL) == 0 &&
           certificate_check(ca, key, &facts, &why) == 0 &&
           certificate_is_called(ca, pki->authority) &&
           is_free_or_from(setup, pki->certificates[0], ca) &&
           is_free_or_from(setup, pki->certificates[1], ca);
}

bool setup_moves_is_ours(const struct setup *setup, const struct move_pki *pki)
{
    CLEANUP(setup_json_done) json_t *authority = NULL;
    struct error why;
    return setup_read_authority(setup, &authority, &why) == 0 &&
           is_ours(setup, pki, json_string_value(json_object_get(authority, "ca_key")));
}

/* ---- laid down ---- */

/* The authority, ours or missing, as {"ca", "ca_key"}; its certificate first: by it we know what is
 * ours. */
static int ensure_authority(const struct setup *setup, const struct user *user, const char *key,
                            json_t **ret, bool *changed, struct error *err)
{
    CLEANUP(freep) char *ca = NULL;
    struct certificate_facts facts;
    int r = setup_read(setup, user->pki->ca, &ca, err);
    r = r < 0 ? r : certificate_check(ca, key, &facts, err);
    if (r == 0 && !setup_is_due(&facts)) {
        *ret = json_pack("{s:s, s:s}", "ca", ca, "ca_key", key);
        return *ret ? 0 : error_set(err, -ENOMEM, "out of memory");
    }
    r = setup_make_authority(user->pki->authority, key, ret, err);
    *changed = true;
    return r < 0 ? r
                 : setup_write(setup, user->pki->ca, json_string_value(json_object_get(*ret, "ca")),
                               NULL, true, err);
}

/* Good for a while, for this key and for all these names. */
static bool is_good(const char *certificate, const char *key, const char *ca,
                    const struct place *place)
{
    struct certificate_facts facts;
    struct error why;
    bool is_good = certificate_check(certificate, key, &facts, &why) == 0 &&
                   !setup_is_due(&facts) && certificate_is_from(certificate, ca);
    for (size_t i = 0; i < place->name_len && is_good; i++) {
        is_good = certificate_is_for(certificate, place->names[i]);
    }
    return is_good;
}

/* {"certificate", "key"}: those that are there if they are good, else a certificate for the key
 * that is there. */
static int choose_pair(const struct setup *setup, const struct user *user, const json_t *authority,
                       const struct place *place, json_t **ret, struct error *err)
{
    CLEANUP(freep) char *certificate = NULL;
    CLEANUP(freep) char *key = NULL;
    const char *ca = json_string_value(json_object_get(authority, "ca"));
    struct setup_subject subject = {.node = setup->node,
                                    .names = place->names,
                                    .name_len = place->name_len,
                                    .is_for_libvirt = true};
    int r = setup_read(setup, user->pki->keys[0], &key, err);
    subject.own_key = r == 0 ? key : NULL;
    if (r == 0 && setup_read(setup, user->pki->certificates[0], &certificate, err) == 0 &&
        is_good(certificate, key, ca, place)) {
        *ret = json_pack("{s:s, s:s}", "certificate", certificate, "key", key);
        r = *ret ? 0 : error_set(err, -ENOMEM, "out of memory");
    } else {
        r = setup_make_certificate(authority, &subject, ret, err);
    }
    if (key) {
        explicit_bzero(key, strlen(key));
    }
    return r;
}

/* Writes what is not there as it should be. */
static int lay_down(const struct setup *setup, const char *path, const char *text,
                    const char *group, bool is_public, bool *changed, struct error *err)
{
    CLEANUP(freep) char *have = NULL;
    bool is_same = setup_read(setup, path, &have, err) == 0 && strcmp(have, text) == 0;
    if (have) {
        explicit_bzero(have, strlen(have));
    }
    *changed |= !is_same;
    return is_same ? 0 : setup_write(setup, path, text, group, is_public, err);
}

static int ensure(const struct setup *setup, const struct user *user, const char *authority_key,
                  const struct place *place, bool *changed, struct error *err)
{
    CLEANUP(setup_json_done) json_t *authority = NULL;
    CLEANUP(setup_json_done) json_t *pair = NULL;
    const char *group = user->is_qemu ? group_of_qemu(setup) : NULL;
    if (user->is_qemu && !group) {
        return error_set(err, -ENOENT, "there is no group libvirt-qemu or qemu");
    }
    int r = ensure_authority(setup, user, authority_key, &authority, changed, err);
    r = r < 0 ? r
              : setup_write(setup, user->copy, json_string_value(json_object_get(authority, "ca")),
                            NULL, true, err);
    r = r < 0 ? r : choose_pair(setup, user, authority, place, &pair, err);
    for (size_t i = 0; i < 2 && r == 0; i++) {
        r = lay_down(setup, user->pki->keys[i], json_string_value(json_object_get(pair, "key")),
                     group, false, changed, err);
        r = r < 0 ? r
                  : lay_down(setup, user->pki->certificates[i],
                             json_string_value(json_object_get(pair, "certificate")), NULL, true,
                             changed, err);
    }
    return r;
}

/* libvirtd reads its own once; QEMU reads them for each move. Until it has, the file says so. */
static void reload(const struct setup *setup)
{
    char full[setup_path_size];
    struct error why;
    if (setup_reload_libvirt(setup, &why) == 0) {
        (void)unlink(setup_path(setup, TO_RELOAD, full));
    } else {
        setup_say(setup, "restart libvirt on this host, so that it shows its new certificate: %s",
                  why.text);
    }
}

static void keep_up(const struct setup *setup, const struct user *user, const char *authority_key,
                    const struct place *place, bool is_new)
{
    char full[setup_path_size];
    struct error why;
    bool is_changed = false, was_there = has_any(setup, user->pki);
    if (was_there && !is_ours(setup, user->pki, authority_key)) {
        if (is_new) {
            setup_say(setup, "%s has certificates that Berth did not make: they stay",
                      user->directory);
        }
        return;
    }
    /* Marked before anything changes: if this ends in between, the next one reloads libvirt. */
    bool is_due = !user->is_qemu && setup_exists(setup, TO_RELOAD);
    if (!user->is_qemu && was_there) {
        (void)setup_write(setup, TO_RELOAD, "", NULL, false, &why);
    }
    if (ensure(setup, user, authority_key, place, &is_changed, &why) < 0) {
        setup_say(setup, "the certificates for moves of running VMs in %s are not complete: %s",
                  user->directory, why.text);
    } else if (is_changed) {
        setup_say(setup, "%s the certificates for moves of running VMs in %s",
                  was_there ? "renewed" : "made", user->directory);
    }
    if (is_due || (!user->is_qemu && was_there && is_changed)) {
        reload(setup);
    } else if (!user->is_qemu) {
        (void)unlink(setup_path(setup, TO_RELOAD, full));
    }
}

/* That libvirt is reached from the network is for an administrator to decide. */
static void say_what_is_left(const struct setup *setup, const struct place *place)
{
    const char *daemon = setup_systemctl_says(setup, "is-active", "virtqemud.socket") &&
                                 !setup_systemctl_says(setup, "is-active", "libvirtd.socket")
                             ? "virtproxyd"
                             : "libvirtd";
    char socket[40];
    (void)snprintf(socket, sizeof(socket), "%s-tls.socket", daemon);
    if (place->is_set && setup_systemctl_says(setup, "is-active", socket)) {
        return;
    }
    setup_say(setup,
              "VMs move by a stop. To let them come to this host while they run, open 16514/tcp to "
              "the other hosts, add \"migration_address = %s\" to " SETUP_CONF
              ", restart berthd, and let libvirt listen:",
              setup->address);
    setup_say(setup,
              "  systemctl enable %s && systemctl stop %s.service %s{,-ro,-admin}.socket && "
              "systemctl start %s %s.socket %s.service",
              socket, daemon, daemon, socket, daemon, daemon);
}

void setup_moves(const struct setup *setup, bool is_new)
{
    CLEANUP(setup_json_done) json_t *authority = NULL;
    struct error why;
    struct place place;
    int r = setup_read_authority(setup, &authority, &why);
    if (r < 0) {
        if (r != -ENOENT) { /* a witness has none, and no VMs */
            setup_say(setup, "the certificates for moves are not looked at: %s", why.text);
        }
        return;
    }
    const char *key = json_string_value(json_object_get(authority, "ca_key"));
    read_place(setup, &place);
    keep_up(setup, &libvirt, key, &place, is_new);
    if (place.is_qemu_needed) {
        keep_up(setup, &qemu, key, &place, is_new);
    }
    if (is_new) {
        say_what_is_left(setup, &place);
    }
}

/* What libvirt has read stays with it. */
static void say_who_still_trusts(const struct setup *setup)
{
    static const char *const daemons[] = {"libvirtd", "virtproxyd"};
    for (size_t i = 0; i < ARRAY_LEN(daemons); i++) {
        char socket[40];
        (void)snprintf(socket, sizeof(socket), "%s-tls.socket", daemons[i]);
        if (setup_systemctl_says(setup, "is-active", socket)) {
            setup_say(setup,
                      "The hosts of the cluster can still reach libvirt here, until you close it "
                      "to them: systemctl disable --now %s && systemctl restart %s.service",
                      socket, daemons[i]);
        }
    }
}

void setup_moves_remove(const struct setup *setup)
{
    static const struct user *const users[] = {&libvirt, &qemu};
    char full[setup_path_size];
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        const struct move_pki *pki = users[i]->pki;
        if (setup_moves_is_ours(setup, pki)) {
            for (size_t j = 0; j < 2; j++) {
                (void)unlink(setup_path(setup, pki->certificates[j], full));
                (void)unlink(setup_path(setup, pki->keys[j], full));
            }
            (void)unlink(setup_path(setup, users[i]->copy, full));
            (void)unlink(setup_path(setup, pki->ca, full)); /* last: by it we know them */
            if (!users[i]->is_qemu) {
                say_who_still_trusts(setup);
            }
        }
    }
}
