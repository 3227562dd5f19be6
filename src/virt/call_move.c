/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The calls about VMs that move while they run. */
#include "loop/memory.h"
#include "loop/retry.h"
#include "virt/call.h"

#include <errno.h>
#include <libvirt/libvirt-qemu.h>
#include <string.h>

enum { pause_most_ms = 24 * 3600 * 1000 };
/* Times that a migration is to end, a second apart, until it counts as hanging. */
enum { ends_patience = 3, look_limit_ms = 500, look_pause_ms = 20 };

/* The same domain with the marker of the copy. */
static char *xml_there(struct call *call, virDomainPtr domain)
{
    CLEANUP(buf_done) struct buf there = {0};
    CLEANUP(freep)
    char *here = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE);
    if (!here) {
        (void)virt_call_fail(call, "asking for its XML");
        return NULL;
    }
    return domain_xml_remark(here, &call->to, &there, &call->err) < 0 ? NULL
                                                                      : must(buf_take(&there));
}

/*
 * Source and target talk to each other (peer to peer), so a berthd that ends does not disturb them.
 * The copy does not run when it is whole: src/core says when it may. Without a place for the memory
 * of its own, that goes through the connection of the two libvirts, under its encryption; with one,
 * the two QEMUs encrypt it.
 */
static int migrate(struct call *call, virDomainPtr domain)
{
    unsigned flags = VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_PAUSED;
    struct move_address to;
    virTypedParameterPtr params = NULL;
    int len = 0, max = 0;
    if (!move_address_parse(call->address, &to)) { /* of a berthd of another version */
        return error_set(&call->err, -EINVAL, "\"%s\" is no migration_address", call->address);
    }
    CLEANUP(freep) char *xml = xml_there(call, domain);
    if (!xml) {
        return -EIO;
    }
    int r = virTypedParamsAddString(&params, &len, &max, VIR_MIGRATE_PARAM_DEST_XML, xml);
    if (to.memory[0]) {
        flags |= to.is_plain ? 0 : VIR_MIGRATE_TLS;
        r = r < 0 ? r
                  : virTypedParamsAddString(&params, &len, &max, VIR_MIGRATE_PARAM_URI, to.memory);
    } else {
        flags |= VIR_MIGRATE_TUNNELLED;
    }
    if (r == 0 && call->mib_s > 0) {
        r = virTypedParamsAddULLong(&params, &len, &max, VIR_MIGRATE_PARAM_BANDWIDTH, call->mib_s);
    }
    if (r == 0) {
        r = virDomainMigrateSetMaxDowntime(domain, (unsigned long long)call->pause_ms, 0);
    }
    if (r == 0) {
        r = virDomainMigrateToURI3(domain, to.libvirt, params, (unsigned)len, flags);
    }
    r = r < 0 ? virt_call_fail(call, "libvirt did not migrate it") : 0;
    virTypedParamsFree(params, len);
    return r;
}

/* Whether libvirt does something with it that takes long, such as a migration. */
static bool has_job(virDomainPtr domain)
{
    virDomainJobInfo info;
    return virDomainGetJobInfo(domain, &info) < 0 || info.type != VIR_DOMAIN_JOB_NONE;
}

/* In 'unit's, rounded up, so that what is not over does not look so. */
static uint64_t job_number(virTypedParameterPtr params, int len, const char *name, uint64_t unit)
{
    unsigned long long value = 0;
    (void)virTypedParamsGetULLong(params, len, name, &value);
    return value / unit + (value % unit != 0);
}

static int ask_progress(struct call *call, virDomainPtr domain)
{
    const uint64_t mib = 1024 * 1024;
    virTypedParameterPtr params = NULL;
    int type, len = 0;
    if (virDomainGetJobStats(domain, &type, &params, &len, 0) < 0) {
        return virt_call_fail(call, "asking how far its migration is");
    }
    struct move_progress *ret = &call->progress;
    ret->total_mib = job_number(params, len, VIR_DOMAIN_JOB_MEMORY_TOTAL, mib);
    ret->left_mib = job_number(params, len, VIR_DOMAIN_JOB_MEMORY_REMAINING, mib);
    ret->rate_mib_s = job_number(params, len, VIR_DOMAIN_JOB_MEMORY_BPS, mib);
    /* Others refuse a status with more. */
    ret->pause_ms =
        (msec_t)MIN(job_number(params, len, VIR_DOMAIN_JOB_DOWNTIME, 1), (uint64_t)pause_most_ms);
    virTypedParamsFree(params, len);
    return 0;
}

/*
 * QEMU 7.2 waits for ever for leave to switch if it is canceled just before it begins to wait, and
 * its guest stands still. This lets it go on, and it notices. In any other state QEMU refuses it.
 */
static void let_cancel(virDomainPtr domain)
{
    char *reply = NULL;
    (void)virDomainQemuMonitorCommand(
        domain, "{\"execute\":\"migrate-continue\",\"arguments\":{\"state\":\"cancelling\"}}",
        &reply, 0);
    free(reply);
}

/*
 * Once the guest stands still for the switch, it goes, if that does not take long: QEMU 7.2 does
 * not activate its disks again if it is canceled then, and dies at the next write.
 */
static int end_job(struct call *call, virDomainPtr domain, const struct fact *fact)
{
    bool is_switching = fact->pause == PAUSED_LEAVING;
    bool may_end = call->is_late || !is_switching || call->tries >= ends_patience;
    int r = may_end ? virDomainAbortJob(domain) : 0;
    if (is_switching) {
        let_cancel(domain);
    }
    if (!may_end) {
        return error_set(&call->err, -EBUSY, "its migration is about to be done");
    }
    return r == 0 ? 0 : virt_call_fail(call, "ending its migration");
}

static bool is_paused_whole(virDomainPtr domain)
{
    int state = 0, reason = 0;
    return virDomainGetState(domain, &state, &reason, 0) == 0 && state == VIR_DOMAIN_PAUSED &&
           reason == VIR_DOMAIN_PAUSED_USER;
}

/*
 * libvirt 9.0 waits for ever for the stop of a guest if QEMU undid that because it was canceled
 * just then. The guest runs, but libvirt refuses whatever else is asked of it. It looks again when
 * the guest is paused: then it notices, and lets it run on. If not, we do.
 */
static int make_look(struct call *call, virDomainPtr domain)
{
    struct retry retry = retry_begin(look_limit_ms, look_pause_ms);
    if (virDomainSuspend(domain) < 0) {
        return virt_call_fail(call, "having libvirt look at it");
    }
    while (is_paused_whole(domain) && retry_wait(&retry)) {
    }
    return !is_paused_whole(domain) || virDomainResume(domain) == 0
               ? 0
               : virt_call_fail(call, "letting it run on");
}

/*
 * That nothing is copied any more shows that QEMU canceled. Before the first end it only shows that
 * nothing has begun, so an earlier end waits: who wants it asks again. Then libvirt has some
 * seconds to notice by itself.
 */
static int end_migration(struct call *call, virDomainPtr domain, const struct fact *fact)
{
    int r = call->is_late ? 0 : ask_progress(call, domain);
    if (r < 0) {
        return r;
    }
    if (call->is_late || call->progress.total_mib > 0) {
        return end_job(call, domain, fact);
    }
    if (call->ends < ends_patience || fact->pause != PAUSED_NOT || !has_job(domain)) {
        return error_set(&call->err, -EAGAIN, "its migration has not begun, or is ending");
    }
    return make_look(call, domain);
}

int virt_call_move(struct call *call)
{
    int r;
    struct fact fact;
    CLEANUP(virt_call_domain_freep) virDomainPtr domain = virt_call_look_up(call, &r);
    r = domain ? virt_call_read_fact(call, domain, &fact) : r;
    if (r < 0) {
        return r;
    }
    if (r == 0 || fact.marker.epoch != call->epoch) {
        return error_set(&call->err, -ENOENT, "it is not here");
    }
    if (call->kind == CALL_MIGRATE) {
        return migrate(call, domain);
    }
    if (call->kind == CALL_PROGRESS) {
        return ask_progress(call, domain);
    }
    if (call->kind == CALL_ABORT) {
        return end_migration(call, domain, &fact);
    }
    bool is_stranded = fact.pause == PAUSED_LEAVING && call->is_stranded;
    bool is_left = is_stranded && !has_job(domain);
    if ((fact.pause == PAUSED_MOVING || fact.pause == PAUSED_LEAVING) && !is_left) {
        if (is_stranded) { /* not on the other side: there libvirt would have that wait */
            let_cancel(domain);
        }
        return error_set(&call->err, -EBUSY, "libvirt is not done with its migration");
    }
    return fact.pause == PAUSED_NOT || virDomainResume(domain) == 0
               ? 0
               : virt_call_fail(call, "letting it run");
}
