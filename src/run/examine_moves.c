/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/examine_moves.h"

#include "base/parse.h"
#include "http/certificate.h"
#include "loop/memory.h"
#include "model/move.h"
#include "run/examine_certificate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { path_size = 256 };

struct moves_look {
    struct task task;
    struct moves_watch *watch; /* only the loop's thread touches it */
    char address[move_address_size], root[path_size];
    struct certificate_facts facts; /* of the certificate that ends first */
    bool is_found;                  /* there is something to look at */
    bool is_open;                   /* to certificates of the store */
    struct error err;               /* code 0: 'facts' is filled in, if 'is_found' */
};

static int read_below(const struct moves_look *look, const char *path, char **ret,
                      struct error *err)
{
    char full[path_size + 64];
    (void)snprintf(full, sizeof(full), "%s%s", look->root, path);
    return certificate_read(full, ret, err);
}

/* Whether qemu.conf says where the certificates are. Its lines are "key = value". */
static bool has_own_directory(const struct moves_look *look)
{
    static const char *const keys[] = {"migrate_tls_x509_cert_dir", "default_tls_x509_cert_dir"};
    CLEANUP(freep) char *text = NULL;
    if (read_below(look, "/etc/libvirt/qemu.conf", &text, NULL) < 0) {
        return false;
    }
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *word = line + strspn(line, " \t");
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
            if (strncmp(word, keys[i], strlen(keys[i])) == 0) {
                return true;
            }
        }
    }
    return false;
}

static int check_key(const struct moves_look *look, const char *path, mode_t others,
                     struct error *err)
{
    char full[path_size + 64];
    struct stat is;
    (void)snprintf(full, sizeof(full), "%s%s", look->root, path);
    return stat(full, &is) == 0 && (is.st_mode & others) != 0
               ? error_set(err, -EACCES, "%s can be read by others: chmod %s it", path,
                           others == 077 ? "0600" : "0640")
               : 0;
}

/* One of the two pairs, which is to be of 'ca' and for 'name' ("": of no matter). */
static int look_at_pair(struct moves_look *look, const char *const paths[2], const char *ca,
                        const char *name, struct error *err)
{
    CLEANUP(freep) char *certificate = NULL;
    CLEANUP(freep) char *key = NULL;
    struct certificate_facts facts;
    int r = read_below(look, paths[0], &certificate, err);
    r = r < 0 ? r : read_below(look, paths[1], &key, err);
    if (r == 0 && certificate_check(certificate, key, &facts, err) < 0) {
        r = error_wrap(err, "%s", paths[0]);
    }
    if (key) {
        explicit_bzero(key, strlen(key));
    }
    if (r < 0) {
        return r;
    }
    if (!certificate_is_from(certificate, ca)) {
        return error_set(err, -EINVAL, "%s is of another authority", paths[0]);
    }
    if (name[0] && !certificate_is_for(certificate, name)) {
        return error_set(err, -EINVAL, "%s is not for %s, as migration_address has it", paths[0],
                         name);
    }
    if (!look->is_found || facts.until_ms < look->facts.until_ms) {
        look->facts = facts;
    }
    look->is_found = true;
    return 0;
}

/* 'others' must not read the keys. */
static int look_at(struct moves_look *look, const struct move_pki *pki, const char *uri,
                   mode_t others, struct error *err)
{
    CLEANUP(freep) char *ca = NULL;
    char host[move_address_size];
    int r = read_below(look, pki->ca, &ca, err);
    for (size_t i = 0; i < 2 && r == 0; i++) {
        const char *const paths[] = {pki->certificates[i], pki->keys[i]};
        bool is_server = i == 0 && move_uri_host(uri, host);
        r = look_at_pair(look, paths, ca, is_server ? host : "", err);
        r = r < 0 ? r : check_key(look, pki->keys[i], others, err);
    }
    return r;
}

/* Whether libvirt lets in who has a certificate of the store, such as berth-api. */
static bool is_open_to_store(const struct moves_look *look)
{
    CLEANUP(freep) char *trusted = NULL;
    CLEANUP(freep) char *of_store = NULL;
    return read_below(look, move_pki_libvirt.ca, &trusted, NULL) == 0 &&
           read_below(look, "/etc/berth/cluster/ca.pem", &of_store, NULL) == 0 &&
           certificate_is_from(of_store, trusted);
}

static void moves_look_run(struct task *task)
{
    struct moves_look *look = (struct moves_look *)task;
    struct move_address to;
    int r = 0;
    look->is_found = look->is_open = is_open_to_store(look);
    if (look->is_open || !move_address_parse(look->address, &to)) {
        return; /* told elsewhere */
    }
    if (strncmp(to.libvirt, "qemu+tls:", 9) == 0 && !strstr(to.libvirt, "pkipath=")) {
        r = look_at(look, &move_pki_libvirt, to.libvirt, 077, &look->err);
    }
    if (r == 0 && to.memory[0] && !to.is_plain && !has_own_directory(look)) {
        r = look_at(look, &move_pki_qemu, to.memory, 07, &look->err);
    }
    look->err.code = r;
    look->is_found |= r < 0;
}

static void moves_look_release(struct task *task)
{
    free(task);
}

static void tell(const struct moves_look *look, struct node_check *ret)
{
    enum { soon_days = 60 }; /* berth cluster refresh renews with 120 days left */
    if (look->is_open) {
        *ret = (struct node_check){.name = CHECK_MOVES};
        (void)snprintf(ret->detail, sizeof(ret->detail),
                       "libvirt trusts the authority of the store, so berth-api could be root "
                       "here: move %s away, run berth cluster refresh and restart libvirt there",
                       move_pki_libvirt.ca);
        return;
    }
    *ret = (struct node_check){.is_ok = look->err.code == 0 && look->facts.is_valid_now &&
                                        look->facts.days_left >= soon_days};
    ret->is_advice = !ret->is_ok;
    (void)snprintf(ret->name, sizeof(ret->name), "%s", CHECK_MOVES);
    if (look->err.code < 0) {
        (void)snprintf(ret->detail, sizeof(ret->detail),
                       "no VM moves here while it runs: %s; berth cluster refresh there makes "
                       "what is missing of its own certificates",
                       look->err.text);
    } else {
        (void)snprintf(ret->detail, sizeof(ret->detail),
                       "the certificates with which running VMs move here are %svalid until %s%s",
                       look->facts.is_valid_now ? "" : "not ", look->facts.until,
                       ret->is_ok ? ""
                                  : ": run berth cluster refresh there, or renew them by hand");
    }
}

static void moves_looked_at(void *userdata, struct task *task)
{
    struct moves_look *look = (struct moves_look *)task;
    (void)userdata;
    look->watch->is_looking = false;
    look->watch->check = (struct node_check){0};
    if (look->is_found) {
        tell(look, &look->watch->check);
    }
}

void moves_watch_look(struct moves_watch *watch, struct workers *workers)
{
    if (watch->is_looking) {
        return;
    }
    struct moves_look *look = must(calloc(1, sizeof(*look)));
    look->task = (struct task){
        .run = moves_look_run, .arrive = moves_looked_at, .release = moves_look_release};
    look->watch = watch;
    (void)copy_text(look->address, sizeof(look->address), watch->address ? watch->address : "");
    (void)copy_text(look->root, sizeof(look->root), watch->root ? watch->root : "");
    watch->is_looking = true;
    workers_submit(workers, &look->task);
}
