/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/node_secret.h"

#include "api/handlers.h"
#include "api/show.h"
#include "api/validate.h"
#include "model/fence_rule.h"

#include <stdlib.h>
#include <string.h>

static bool has_place(const struct fence_level *level)
{
    for (size_t i = 0; i < level->parameter_len; i++) {
        if (fence_parameter_is_sealed(level->parameters[i].key, level->parameters[i].value)) {
            return true;
        }
    }
    return false;
}

static const char *value_of(const struct fence_level *level, const char *key)
{
    for (size_t i = 0; i < level->parameter_len; i++) {
        if (strcmp(level->parameters[i].key, key) == 0) {
            return level->parameters[i].value;
        }
    }
    return NULL;
}

/* Whether each parameter of 'a' that 'counts' has the same value in 'b'. */
static bool is_within(const struct fence_level *a, const struct fence_level *b,
                      bool counts(const char *key))
{
    for (size_t i = 0; i < a->parameter_len; i++) {
        const struct fence_parameter *each = &a->parameters[i];
        const char *other = counts(each->key) ? value_of(b, each->key) : each->value;
        if (!other || strcmp(other, each->value) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_secret(const char *key)
{
    return !fence_parameter_is_harmless(key);
}

/* Whether what is sealed in 'a' opens for 'b' as well, and neither has another secret. */
static bool is_same(const struct fence_level *a, const struct fence_level *b)
{
    return strcmp(a->agent, b->agent) == 0 && strcmp(a->box, b->box) == 0 &&
           is_within(a, b, fence_parameter_is_bound) && is_within(b, a, fence_parameter_is_bound) &&
           is_within(a, b, is_secret) && is_within(b, a, is_secret);
}

/* Whether a host can open what is sealed to 'public_key'. */
static bool is_known(const struct world *world, const char *public_key)
{
    WORLD_EACH(world, RECORD_NODE_KEY, each) {
        const struct node_key *key = (*each)->node_key;
        if (world_key_is_held(world, *each) && (strcmp(key->public_key, public_key) == 0 ||
                                                strcmp(key->old_public_key, public_key) == 0)) {
            return true;
        }
    }
    return false;
}

static bool refuse_parameters(struct api_call *call, const char *message, const char *key)
{
    call_tell(call, "field", "fence_parameters", NULL);
    call_refuse(call, 400, "bad-fencing", "the fence parameter %s: %s", key, message);
    return false;
}

/* Whether the readable 'secret' of 'level' can be put into a box before it is stored. */
static bool can_be_sealed(struct api_call *call, const struct fence_level *level,
                          const struct fence_parameter *secret)
{
    const struct record *key = world_fence_key(call->world);
    const char *without = key ? world_without_fence_key(call->world, key) : NULL;
    if (strcmp(secret->value, FENCE_HIDDEN) == 0) {
        return refuse_parameters(call, "give the secret itself, not what stands for it",
                                 secret->key);
    }
    if (has_place(level)) {
        return refuse_parameters(
            call, "the secrets of an agent are sealed together: give all of them", secret->key);
    }
    if (!level->agent[0]) {
        return refuse_parameters(call, "name the fence agent whose secret it is", secret->key);
    }
    if (!key) {
        call_refuse(call, 503, "no-fence-key",
                    "%s is a secret, and no host has made the key yet that secrets are sealed to: "
                    "berthd makes it when it starts",
                    secret->key);
    } else if (without) {
        call_refuse(call, 503, "no-fence-key",
                    "%s is a secret, and %s cannot open sealed secrets: upgrade berthd there, or "
                    "see its checks; remove the host if it is gone",
                    secret->key, without);
    }
    return key && !without;
}

/* Whether the box of 'after', which is not as 'before', is one that the hosts can open. */
static bool is_box_good(struct api_call *call, const struct fence_level *before,
                        const struct fence_level *after)
{
    char key[seal_public_size];
    if (!after->agent[0]) {
        return true; /* nothing opens it */
    }
    if (before->box[0] && strcmp(before->box, after->box) == 0) {
        call_tell(call, "field", "fence_parameters", NULL);
        call_refuse(call, 400, "bad-fencing",
                    "secrets are sealed for the agent, address and user that they were given for: "
                    "to change one of these, give the secrets again");
        return false;
    }
    if (!fence_box_read(after->box, key) || !is_known(call->world, key)) {
        call_tell(call, "field", "fence_box", NULL);
        call_refuse(call, 400, "bad-fencing",
                    "the box is not sealed to a key of this cluster: give the secrets themselves");
        return false;
    }
    return true;
}

bool secrets_accept(struct api_call *call, const struct node_spec *before, struct node_spec *after)
{
    for (uint32_t i = 0; i < fence_levels_max; i++) {
        const struct fence_level old = node_spec_fence_level(before, i);
        const struct fence_level new = node_spec_fence_level(after, i);
        const struct fence_parameter *secret = fence_level_readable_secret(&new);
        if (is_same(&old, &new)) {
            continue;
        }
        if (secret ? !can_be_sealed(call, &new, secret)
                   : has_place(&new) && !is_box_good(call, &old, &new)) {
            return false;
        }
        if (secret || !has_place(&new)) { /* it belongs to what was there before */
            char **box = node_spec_fence_box(after, i);
            free(*box);
            *box = NULL;
        }
    }
    return true;
}

void handle_fence_key(struct api_call *call)
{
    const struct record *key = world_fence_key(call->world);
    if (!key) {
        call_refuse(call, 503, "no-fence-key",
                    "no host has made the key yet that secrets are sealed to: it is made when "
                    "berthd of this version runs on the coordinator; see the validation");
        return;
    }
    call_send_dated(call,
                    json_pack("{s:s, s:I, s:I}", "public_key", key->node_key->public_key, "number",
                              (json_int_t)key->node_key->number, "revision",
                              (json_int_t)call->world->revision),
                    0);
}

enum secrets_state secrets_state(const struct world *world, const struct node_spec *spec,
                                 const char **ret_subject)
{
    const struct record *current = world_fence_key(world);
    enum secrets_state state = SECRETS_NONE;
    for (uint32_t i = 0; i < fence_levels_max; i++) {
        const struct fence_level level = node_spec_fence_level(spec, i);
        const struct fence_parameter *secret = fence_level_readable_secret(&level);
        char key[seal_public_size];
        enum secrets_state here =
            secret                                                     ? SECRETS_READABLE
            : !has_place(&level) && !level.box[0]                      ? SECRETS_NONE
            : !fence_box_read(level.box, key) || !is_known(world, key) ? SECRETS_LOST
            : strcmp(current->node_key->public_key, key) != 0          ? SECRETS_OLD
                                                                       : SECRETS_SEALED;
        if (here > state) {
            state = here;
            *ret_subject = secret ? secret->key : level.agent;
        }
    }
    return state;
}

void validate_secrets(struct validation *v, const struct node_facts *node)
{
    const char *subject = "";
    switch (secrets_state(v->call->world, node->spec, &subject)) {
    case SECRETS_NONE:
        return;
    case SECRETS_SEALED:
        validation_add(v, FINDING_OK, node->name, "secrets",
                       "those of its fence agents are sealed: only berthd can read them");
        return;
    case SECRETS_OLD:
        validation_add(v, FINDING_WARNING, node->name, "secrets",
                       "the secrets of %s are sealed to the key before this one: change them at "
                       "the device, and set them again",
                       subject);
        return;
    case SECRETS_READABLE:
        validation_add(v, FINDING_FAILED, node->name, "secrets",
                       "the parameter %s of its fence agent is stored readably: berth-api seals "
                       "it once every host can open it; if it stays, set it again",
                       subject);
        return;
    case SECRETS_LOST:
        validation_add(v, FINDING_FAILED, node->name, "secrets",
                       "no host can open the secrets of %s: set them again", subject);
        return;
    }
}
