/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Secrets of fence agents, sealed (libsodium's sealed boxes: X25519, XSalsa20-Poly1305). berth-api
 * seals a secret that it is given to the cluster's public key; only berthd, which runs the agents,
 * holds the private one. The store and its backups hold nothing but boxes.
 *
 *     host's pair      made by each berthd, its private half never leaves the host
 *     cluster's pair   its private half is in the store as *grants*: sealed to each host's key
 *     box              all secrets of one level of one node, sealed to the cluster's key
 *
 * A box also holds for whom it was made: the node, the agent, and every parameter that says where
 * the agent connects and how. It opens for nothing else, so that who can write to the store cannot
 * have the secrets sent to an address of his own. What is in a box:
 *
 *     berth-fence 1\n  node=NODE\n  agent=AGENT\n  KEY=VALUE\n ...  \n  SECRET=VALUE\n ...
 *
 * without the spaces; parameters and secrets sorted by key. As text, it is "1:PUBLIC:BOX", the
 * cluster's public key and the box in base64.
 *
 * No I/O but random numbers; any thread.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "model/record.h"

enum { seal_bytes = 32 };

struct seal_pair {
    unsigned char public_key[seal_bytes], private_key[seal_bytes];
};

/* A new one. -EIO: the library does not work here. */
int seal_pair_make(struct seal_pair *ret);
/* Of that private key. */
int seal_pair_of(const unsigned char private_key[seal_bytes], struct seal_pair *ret);
/* Wipes it. */
void seal_pair_done(struct seal_pair *pair);

/* The public key in base64. */
void seal_public_text(const struct seal_pair *pair, char ret[seal_public_size]);

/* The private key of 'pair' for the host of the public key 'to'. -EINVAL: that is none. */
int seal_grant(const struct seal_pair *pair, const char *to, char ret[seal_grant_size]);
/* The pair of 'public_text' that was granted to 'host'. -EACCES: it was not. */
int seal_grant_open(const struct seal_pair *host, const char *grant, const char *public_text,
                    struct seal_pair *ret);

/* One fence agent of a node. */
struct seal_subject {
    const char *node, *agent;
    const struct fence_parameter *parameters; /* where FENCE_SEALED stands, a secret belongs */
    size_t len;
};

typedef VEC(struct fence_parameter) fence_parameters_t;
/* Wipes them: they were secrets. */
void seal_parameters_done(fence_parameters_t *parameters);

/*
 * Puts every parameter of 'subject' that is not known to be harmless into a box to 'public_text'.
 * '*ret' gets all parameters, with FENCE_SEALED for those; '*ret_box' the box as text, the
 * caller's, or NULL if there is no secret. -EINVAL: no such key, or what cannot be sealed.
 */
int seal_close(const struct seal_subject *subject, const char *public_text, fence_parameters_t *ret,
               char **ret_box, struct error *err);

/*
 * The parameters of 'subject' with the secrets out of 'box' in their places. 'pairs': the cluster's
 * keys that are known here. -ENOKEY: it is sealed to another one. -EBADMSG: it is damaged, was made
 * for something else, or not all fits; with a sentence that holds no secret.
 */
int seal_open(const struct seal_subject *subject, const char *box, const struct seal_pair *pairs,
              size_t pair_len, fence_parameters_t *ret, struct error *err);

/* The second half of that: 'text' is what was in the box. For tests. */
int seal_letter_read(const struct seal_subject *subject, const char *text, size_t size,
                     fence_parameters_t *ret, struct error *err);
