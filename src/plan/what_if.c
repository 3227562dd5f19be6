/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/place.h"

#include <errno.h>

/* The VMs of 'nodes' into a new list. False without memory. */
static bool vms_of(const struct plan_model *model, const uint32_t *nodes, uint32_t node_len,
                   uint32_t **ret_vms, uint32_t *ret_len)
{
    uint32_t len = 0;
    for (uint32_t i = 0; i < node_len; i++) {
        for (uint32_t vm = model->nodes.items[nodes[i]].vm_first; vm != PLAN_NONE;
             vm = model->vms.items[vm].after) {
            len++;
        }
    }
    uint32_t *vms = malloc(MAX(len, 1U) * sizeof(*vms));
    if (!vms) {
        return false;
    }
    len = 0;
    for (uint32_t i = 0; i < node_len; i++) {
        for (uint32_t vm = model->nodes.items[nodes[i]].vm_first; vm != PLAN_NONE;
             vm = model->vms.items[vm].after) {
            vms[len++] = vm;
        }
    }
    *ret_vms = vms;
    *ret_len = len;
    return true;
}

int plan_what_if(struct plan_model *model, const uint32_t *nodes, uint32_t node_len,
                 enum plan_mode mode, const struct plan_request *options, struct plan *plan)
{
    struct plan_request request = options ? *options : (struct plan_request){0};
    uint32_t *vms;
    enum plan_mode *modes = malloc(MAX(node_len, 1U) * sizeof(*modes));
    if (!modes || !vms_of(model, nodes, node_len, &vms, &request.vm_len)) {
        free(modes);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < node_len; i++) {
        modes[i] = model->nodes.items[nodes[i]].mode;
        plan_node_set_mode(model, nodes[i], mode);
    }
    request.vms = vms;
    int result = place_request(model, &request, plan);
    if (result == 0) {
        plan_undo(model, plan);
    }
    for (uint32_t i = node_len; i-- > 0;) {
        plan_node_set_mode(model, nodes[i], modes[i]);
    }
    free(vms);
    free(modes);
    return result;
}
