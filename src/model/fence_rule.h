/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which fence agents and which of their parameters Berth accepts. An agent is a program on the
 * hosts, and several parameters of the fence-agents project name further programs, scripts and
 * files. Only root may choose those. The API asks these rules when a parameter is set, berthd
 * asks them again before it runs an agent: a writer of the store must not become root.
 */
#pragma once

#include "base/error.h"
#include "model/record.h"

/* 0; or -EINVAL with a sentence: not "fence_" and lower-case letters, digits or '_'. */
int fence_agent_check(const char *agent, struct error *err);

/* 0; or -EINVAL with a sentence: 'key' is no name of a parameter, names a program, script, file
 * or options of a program, or would weaken the proof; or 'value' holds what could become a path
 * or a second argument of a program. */
int fence_parameter_check(const struct fence_parameter *parameter, struct error *err);

/* True if the argument of parameter 'key' is a program, script, file or a list of options of the
 * host, by its 'kind' in the agent's metadata ("[path]"). */
bool fence_kind_is_refused(const char *key, const char *kind);

/* Stands where a value is in the box of its fence agent. */
#define FENCE_SEALED "(sealed)"
/* Stands for a secret in answers of the API. */
#define FENCE_HIDDEN "(hidden)"

/* True if the value of 'key' can be shown to each user: addresses, names and switches. All else is
 * taken for a secret. */
bool fence_parameter_is_harmless(const char *key);

/* True if such a parameter says to what an agent connects, and as whom: a harmless one that is not
 * only about patience and words. Secrets are sealed for just these (seal/seal.h). */
bool fence_parameter_is_bound(const char *key);

/* True if 'value' stands for the value of the secret 'key', which is in a box. */
bool fence_parameter_is_sealed(const char *key, const char *value);

/* The first secret of 'level' that anyone can read, lent; NULL: there is none. */
const struct fence_parameter *fence_level_readable_secret(const struct fence_level *level);

/* The box in the text of one ("1:PUBLIC:BOX") and the public key that it is sealed to; NULL: the
 * text has not that form. */
const char *fence_box_read(const char *text, char ret_key[seal_public_size]);
