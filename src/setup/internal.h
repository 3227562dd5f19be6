/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside the room. */
#pragma once

#include "base/buf.h"
#include "base/cleanup.h"
#include "http/channel.h"
#include "model/move.h"
#include "setup/setup.h"

#include <sys/types.h>

#define SETUP_DIR  "/etc/berth/cluster"
#define SETUP_DATA "/var/lib/berth-etcd"
#define SETUP_LOST "/var/lib/berth-etcd.lost"
#define SETUP_CONF "/etc/berth/berth.conf"
/* berth.conf as it was before; that it exists says that an attempt is under way. */
#define SETUP_BEGUN SETUP_DIR "/begun"

enum {
    setup_path_size = 512,
    setup_client_port = 2379,
    setup_peer_port = 2380,
    setup_join_port = 8644,
    setup_url_size = 100,
    setup_members_max = 3, /* a store of more costs each write more, and is for experts */
    setup_endpoints_max = 16,
};

/* ---- say.c ---- */

void setup_say(const struct setup *setup, const char *format, ...) PRINTF_LIKE(2, 3);
bool setup_is_real(const struct setup *setup); /* no test's directory */

/* "https://10.0.0.1:2379", "https://[fd00::1]:2379" into 'ret' of setup_url_size bytes. */
const char *setup_url(const char *address, unsigned port, char *ret);

/* ---- files.c ---- */

const char *setup_path(const struct setup *setup, const char *path, char *ret);
bool setup_exists(const struct setup *setup, const char *path);

/* The file's text, the caller's; -ENOENT. */
int setup_read(const struct setup *setup, const char *path, char **ret, struct error *err);
/* All of it or nothing, on the disk when it returns. 'group' may read it, too; NULL: root alone,
 * or all if 'is_public'. */
int setup_write(const struct setup *setup, const char *path, const char *text, const char *group,
                bool is_public, struct error *err);

/* Begins the change of this host: from now on setup_undo() takes it back. */
int setup_begin(const struct setup *setup, struct error *err);
/* It is done: there is nothing to take back any more. */
int setup_commit(const struct setup *setup, struct error *err);
/* Whether an attempt was begun and neither committed nor taken back. */
bool setup_is_begun(const struct setup *setup);
/* A directory and all in it. */
void setup_remove_tree(const struct setup *setup, const char *path);

/* ---- command.c ---- */

/* systemctl VERB UNIT. */
int setup_systemctl(const struct setup *setup, const char *verb, const char *unit,
                    struct error *err);
/* Quietly: whether "systemctl VERB UNIT" says yes. */
bool setup_systemctl_says(const struct setup *setup, const char *verb, const char *unit);
/* Lets libvirtd show its new certificate to the next that connects. */
int setup_reload_libvirt(const struct setup *setup, struct error *err);
/* Whether there is such a program on the PATH. */
bool setup_has_program(const char *name);

/* ---- store.c ---- */

struct setup_store;
/* With this host's certificate and, if 'password' is not NULL, as etcd's root with its password, or
 * on a witness as berth-witness. */
int setup_store_new(const struct setup *setup, const json_t *endpoints, const char *password,
                    struct setup_store **ret, struct error *err);
struct setup_store *setup_store_free(struct setup_store *store);
CLEANUP_POINTER(struct setup_store, setup_store_free)
/* POST of 'body' (taken over) to /v3/PATH; the answer is the caller's, and may be NULL. */
int setup_store_call(struct setup_store *store, const char *path, json_t *body, json_t **ret,
                     struct error *err);
/* The same for a change of the members: tries again while the store says that it cannot now. */
int setup_store_change(struct setup_store *store, const char *path, json_t *body, json_t **ret,
                       struct error *err);
/* How long the last call took. */
double setup_store_latency_ms(const struct setup_store *store);
struct certificate_facts; /* http/certificate.h */
/* What the member showed, after the first call. -ENOENT, or -EINVAL. */
int setup_store_certificate(const struct setup_store *store, struct certificate_facts *ret,
                            struct error *err);
/* {"members": [...]}; the caller's. */
int setup_store_members(struct setup_store *store, json_t **ret, struct error *err);
/* Later calls go to the leader, as long as it is there. */
int setup_store_turn_to_leader(struct setup_store *store, struct error *err);
/* Waits until a read is answered. */
int setup_store_wait(struct setup_store *store, msec_t limit_ms, struct error *err);
/* Whether there is such a key below /berth/. */
int setup_store_has(struct setup_store *store, const char *key, bool *ret, struct error *err);
/* A text as etcd's gateway takes it, and one of its answers (the caller's); NULL: it is none. */
json_t *setup_encode(const char *text, size_t size);
char *setup_decode(const json_t *text);
/* The users and roles of docs/SECURITY.md, and authentication on. */
int setup_store_secure(struct setup_store *store, const json_t *passwords, struct error *err);

/* ---- member.c ---- */

enum { setup_member_size = 24 }; /* of a member's id */

/* How many of 'members' vote. */
size_t setup_voters(const json_t *members, bool *ret_has_learner);
/* Adds the etcd of 'node' without a vote; its id of setup_member_size bytes, and
 * "a=https://...,b=https://..." for its first start. */
int setup_member_add(struct setup_store *store, const char *node, const char *address, char *ret_id,
                     struct buf *ret_initial, struct error *err);
/* Gives it a vote as soon as it has everything. */
int setup_member_promote(struct setup_store *store, const char *id, struct error *err);
int setup_member_remove(struct setup_store *store, const char *id, struct error *err);
/* Makes this host a member where another one was before. On failure it is none, as before. */
int setup_take_place(const struct setup *setup, struct setup_store *store, struct error *err);

/* ---- secrets.c ---- */

#define SETUP_AUTHORITY "Berth cluster authority"
/* {"ca", "ca_key"} of an authority called 'name'; the caller's. For the 'key' of an earlier one,
 * what that signed stays good; NULL: a key is made. */
int setup_make_authority(const char *name, const char *key, json_t **ret, struct error *err);

/* Whose certificate it is. */
struct setup_subject {
    const char *node, *address;
    const char *const *names; /* that it is for, 'name_len' of them; NULL: its own and loopback's */
    size_t name_len;
    bool is_for_libvirt;         /* ... or QEMU, which are particular (struct certificate_order) */
    bool is_lasting;             /* as long as the authority's: no one renews it */
    const char *own_key;         /* for this key; NULL: one that is made */
    const char *own_certificate; /* for the key of this one, without having it; NULL: as above */
};
/* {"certificate", "key"} that 'authority' signs; the caller's. */
int setup_make_certificate(const json_t *authority, const struct setup_subject *of, json_t **ret,
                           struct error *err);
/* {"ca", "ca_key"} of the files of SETUP_DIR; the caller's. -ENOENT: a witness has none. */
int setup_read_authority(const struct setup *setup, json_t **ret, struct error *err);
/* {"root", "berthd", "berth-api", "berth-witness"}; NULL without memory. */
json_t *setup_make_passwords(void);
/* So many random bytes as hexadecimal digits. */
void setup_random_hex(char *ret, size_t bytes);

/* What a host must have, as the files of SETUP_DIR:
 * {"ca", "ca_key", "etcd": {certificate, key}, "client": {...}, "passwords": {...}}: what is not in
 * there is not written. */
int setup_write_secrets(const struct setup *setup, const json_t *bundle, struct error *err);

/* ---- backup.c ---- */

/* The records of a backup, those of a disarmed cluster: {key below /berth/: text}; the caller's. */
int setup_backup_read(const char *path, json_t **ret_keys, struct error *err);
/* Puts them into a store that has no users yet. */
int setup_store_fill(struct setup_store *store, const json_t *keys, struct error *err);

/* ---- renew.c ---- */

/* Gives the authority, etcd and the daemons new certificates for the keys that they have, if more
 * than two thirds of the time of the old ones are over. Needs no store. What cannot be renewed is
 * said. */
int setup_renew(const struct setup *setup, struct error *err);

/* Whether it is time for the next one: two thirds are over. */
bool setup_is_due(const struct certificate_facts *facts);

/* ---- moves.c ---- */

/* Lays down and renews what libvirt and, if it is to carry the memory, QEMU need to move VMs of
 * this host while they run. An administrator's own certificates stay. What fails is said; nothing
 * else depends on it. 'is_new': says also what is left to do. */
void setup_moves(const struct setup *setup, bool is_new);
/* Takes away what setup_moves() laid down; needs the authority's key. */
void setup_moves_remove(const struct setup *setup);
/* Whether what is at 'pki' is ours. */
bool setup_moves_is_ours(const struct setup *setup, const struct move_pki *pki);

/* ---- witness.c ---- */

/* Puts the certificate of a witness where it is renewed from now on. */
int setup_witness_admit(struct setup_store *store, const char *node, const char *address,
                        const char *certificate, const char *ca, struct error *err);
/* Renews it no more. */
int setup_witness_forget(struct setup_store *store, const char *node, struct error *err);
/* On a host: new certificates for all witnesses, if it is time. What fails is said; nothing else
 * depends on it. */
void setup_witness_renew(const struct setup *setup, struct setup_store *store);
/* On a witness: takes its new certificate, if there is one. */
int setup_witness_refresh(const struct setup *setup, const json_t *state, struct error *err);

/* ---- checks.c ---- */

/* Says what is good and what is not; -EINVAL: something must be fixed first. */
int setup_check(const struct setup *setup, struct error *err);
/* Waits until something accepts connections there. */
int setup_wait_port(const char *address, unsigned port, msec_t limit_ms, struct error *err);

/* ---- conf.c ---- */

/* berth.conf with the lines that lead to the store; 'endpoints' in this order. 'is_new': also with
 * where the screens of its VMs are reached, which is kept as it is later. */
int setup_write_conf(const struct setup *setup, const json_t *endpoints, bool is_new,
                     bool *ret_is_changed, struct error *err);
/* 'text' without the keys that setup writes. NULL without memory. */
char *setup_strip_conf(const char *text);
/* Whether 'text' leads to a store that setup did not make. */
bool setup_conf_has_store(const char *text);
/* The value of 'key' in 'text', into 'ret' of 'size' bytes; "": there is none. */
void setup_conf_value(const char *text, const char *key, char *ret, size_t size);
int setup_write_etcd(const struct setup *setup, const char *initial_cluster, bool is_new,
                     struct error *err);

/* ---- state.c ---- */

/* cluster.json: {"node", "address", "is_member", "is_witness", "endpoints"}. -ENOENT: this host is
 * in no cluster. 'setup' takes node, address and is_witness of it. */
int setup_state_load(struct setup *setup, json_t **ret, struct error *err);
int setup_state_save(const struct setup *setup, bool is_member, const json_t *endpoints,
                     struct error *err);
/* A client of the store of our cluster, as its root. */
int setup_state_store(const struct setup *setup, const json_t *state, struct setup_store **ret,
                      struct error *err);

/* ---- channel.c ---- */

/* Waits up to 'limit_ms' for a connection that knows 'secret'. Others are told to 'setup' and
 * dropped. 'fd' listens. */
int setup_channel_accept(const struct setup *setup, int fd, const char *secret, msec_t limit_ms,
                         struct channel **ret, struct error *err);
int setup_channel_connect(const char *address, unsigned port, const char *secret,
                          struct channel **ret, struct error *err);
int setup_channel_listen(const char *address, unsigned port, int *ret_fd, struct error *err);

/* ---- host.c ---- */

int setup_prepare(struct setup *setup, struct error *err); /* checks; clears what was left */
int setup_start_etcd(const struct setup *setup, struct error *err);
/* berthd and berth-api; waits until this node is in the store. */
int setup_start_daemons(const struct setup *setup, const json_t *state, struct error *err);
/* Stops the services and removes the files: as if it had never been. */
void setup_undo(const struct setup *setup);

static inline void setup_json_done(json_t **json)
{
    json_decref(*json);
}
