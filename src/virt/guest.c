/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks the agent in a guest whether it is there. On threads of its own: a guest that hangs takes
 * its time, and hinders no start. No answer counts only of an agent that is connected: while a
 * guest boots, or is without one, no one is there who could answer.
 */
#include "virt/internal.h"

#include "base/cleanup.h"
#include "loop/clock.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

enum { answer_limit_s = 5 }; /* libvirt waits as long for the agent to fall in step before */

/* As libvirt writes it of the channel of a domain that runs. */
#define CONNECTED "name='org.qemu.guest_agent.0' state='connected'"

static bool is_connected(virDomainPtr domain)
{
    CLEANUP(freep) char *xml = virDomainGetXMLDesc(domain, 0);
    return xml && strstr(xml, CONNECTED);
}

/* The one question that an agent answers while the file systems are frozen for a backup. Its limit
 * is of this call: virDomainAgentSetResponseTimeout() would hold for all who ask the agent, and
 * end their freezes after seconds. */
static bool ping(virDomainPtr domain)
{
    char *reply =
        virDomainQemuAgentCommand(domain, "{\"execute\":\"guest-ping\"}", answer_limit_s, 0);
    bool does_answer = reply;
    free(reply);
    return does_answer;
}

/* libvirt calls an agent unresponsive, too, which is not connected, or which it has given up on: it
 * says so at once. So no answer counts only if it was waited for. */
int virt_call_guest(struct call *call)
{
    int r;
    struct fact fact;
    CLEANUP(virt_call_domain_freep) virDomainPtr domain = virt_call_look_up(call, &r);
    r = domain ? virt_call_read_fact(call, domain, &fact) : r;
    if (r <= 0 || fact.marker.epoch != call->epoch || !is_connected(domain)) {
        return MIN(r, 0);
    }
    msec_t asked_ms = clock_monotonic_ms();
    if (ping(domain)) {
        call->guest = VIRT_GUEST_ANSWERS;
    } else if (virGetLastErrorCode() == VIR_ERR_AGENT_UNRESPONSIVE &&
               clock_monotonic_ms() - asked_ms >= answer_limit_s * 1000 - 500 &&
               is_connected(domain)) {
        call->guest = VIRT_GUEST_SILENT;
    }
    return 0;
}

static void on_answered(void *userdata, struct task *task)
{
    struct virt *virt = userdata;
    const struct call *call = (const struct call *)task;
    struct instance *instance = virt_instance_find(virt, call->vm, call->epoch);
    if (!instance) {
        return;
    }
    instance->is_asked_guest = false;
    if (instance->is_told && !instance->is_gone) {
        virt->observer->guest(virt->userdata, call->vm, call->epoch, call->guest);
    }
}

void virt_ask_guest(struct virt *virt, const char *vm, uint64_t epoch)
{
    struct instance *instance = virt_instance_find(virt, vm, epoch);
    if (!virt_link_is_up(virt) || !instance || instance->is_asked_guest) {
        return;
    }
    struct call *call = virt_call_new(CALL_GUEST, virt->conn, virt->cluster, vm, epoch);
    call->task.arrive = on_answered;
    instance->is_asked_guest = true;
    workers_submit(virt->guests, &call->task);
}
