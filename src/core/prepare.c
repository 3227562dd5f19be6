/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/prepare.h"

#include "core/clean.h"
#include "core/fabric.h"
#include "core/vgpu.h"

#include <assert.h>

ENUM_DEFINE(prepare, PREPARE_LIST)

static enum prepare prepare_fabric(struct core *core, const char *vm,
                                   const struct vm_placement *placement, struct cause *ret_why)
{
    switch (fabric_prepare(core, vm, placement, ret_why)) {
    case FABRIC_READY:
        return PREPARE_READY;
    case FABRIC_NOT_YET:
        return PREPARE_NOT_YET;
    case FABRIC_FAILED:
        break;
    }
    return PREPARE_REFUSED;
}

enum prepare prepare_devices(struct core *core, const char *vm,
                             const struct vm_placement *placement, struct gpu_slot *ret_culprit,
                             struct cause *ret_why)
{
    struct clean_step step;
    assert(placement->phase == PLACEMENT_START); /* else the next VM's devices are touched */
    enum clean_state clean = clean_admit(core, vm, placement, &step);
    if (clean == CLEAN_FAILED) {
        *ret_culprit = step.slot;
        *ret_why = step.why;
        return PREPARE_FAILED;
    }
    if (clean == CLEAN_NOT_YET) {
        return PREPARE_NOT_YET;
    }
    switch (vgpu_prepare(core, vm, placement, ret_culprit, ret_why)) {
    case VGPU_READY:
        return prepare_fabric(core, vm, placement, ret_why);
    case VGPU_NOT_YET:
        return PREPARE_NOT_YET;
    case VGPU_FAILED:
        break;
    }
    return PREPARE_FAILED;
}
