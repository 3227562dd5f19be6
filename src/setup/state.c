/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "setup/internal.h"

#include "base/parse.h"

#include <errno.h>

#define STATE SETUP_DIR "/cluster.json"

int setup_state_load(struct setup *setup, json_t **ret, struct error *err)
{
    CLEANUP(freep) char *text = NULL;
    int r = setup_read(setup, STATE, &text, err);
    if (r == -ENOENT || setup_is_begun(setup)) {
        return error_set(
            err, -ENOENT,
            "this host is in no cluster: run \"berth cluster init\" on the first host, "
            "and \"berth cluster join TOKEN\" on others");
    }
    CLEANUP(setup_json_done) json_t *state = r == 0 ? json_loads(text, 0, NULL) : NULL;
    const char *node, *address;
    int is_witness;
    if (r < 0) {
        return r;
    }
    if (json_unpack(state, "{s:s, s:s, s:b}", "node", &node, "address", &address, "is_witness",
                    &is_witness) < 0 ||
        !copy_text(setup->node, sizeof(setup->node), node) ||
        !copy_text(setup->address, sizeof(setup->address), address)) {
        return error_set(err, -EBADMSG, "%s" STATE " is damaged", setup->root);
    }
    setup->is_witness = is_witness != 0;
    *ret = TAKE(state);
    return 0;
}

int setup_state_save(const struct setup *setup, bool is_member, const json_t *endpoints,
                     struct error *err)
{
    CLEANUP(setup_json_done)
    json_t *state =
        json_pack("{s:s, s:s, s:b, s:b, s:O}", "node", setup->node, "address", setup->address,
                  "is_member", is_member, "is_witness", setup->is_witness, "endpoints", endpoints);
    CLEANUP(freep) char *text = state ? json_dumps(state, JSON_INDENT(1)) : NULL;
    return text ? setup_write(setup, STATE, text, NULL, true, err)
                : error_set(err, -ENOMEM, "out of memory");
}

int setup_state_store(const struct setup *setup, const json_t *state, struct setup_store **ret,
                      struct error *err)
{
    CLEANUP(freep) char *password = NULL;
    int r = setup_read(setup, SETUP_DIR "/root.password", &password, err);
    if (r == -ENOENT) {
        return error_set(err, r, "a witness cannot do this: run it on a host of the cluster");
    }
    r = r < 0 ? r : setup_store_new(setup, json_object_get(state, "endpoints"), password, ret, err);
    if (password) {
        explicit_bzero(password, strlen(password));
    }
    return r;
}
