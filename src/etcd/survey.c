/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A request goes to one endpoint, so an endpoint that is another cluster's, or down, goes unnoticed
 * for as long as it is not needed. Here each is asked for itself, whatever the others say.
 */
#include "etcd/internal.h"

#include <string.h>

enum { look_limit_ms = 2000 };

/* What it answered, or that it did not; the last answer stays known. */
static struct etcd_endpoint_state read_answer(const struct survey_look *look, CURLcode code)
{
    struct etcd_endpoint_state found = look->found;
    struct wire_status_reply reply;
    const struct buf *text = &look->transfer->reply;
    found.is_known = true;
    found.answers = code == CURLE_OK && transfer_status(look->transfer) == 200 &&
                    wire_status_reply_read(text->data, text->size, &reply, NULL) == 0;
    if (found.answers) {
        found.cluster = reply.cluster;
        found.member = reply.member;
        memcpy(found.version, reply.version, sizeof(found.version));
    }
    return found;
}

static bool is_same(const struct etcd_endpoint_state *a, const struct etcd_endpoint_state *b)
{
    return a->is_known == b->is_known && a->answers == b->answers && a->cluster == b->cluster &&
           a->member == b->member && strcmp(a->version, b->version) == 0;
}

static void look_done(void *userdata, CURLcode code)
{
    struct survey_look *look = userdata;
    struct etcd *etcd = look->etcd;
    struct etcd_endpoint_state found = read_answer(look, code);
    bool is_new = !is_same(&found, &look->found);
    look->transfer = transfer_free(look->transfer);
    look->found = found;
    /* Only that it is foreign: which cluster is ours, and who is known to serve it, is for requests
     * to find out. */
    if (found.answers && etcd->cluster != 0 && found.cluster != etcd->cluster) {
        (void)endpoint_is_ours(etcd, (size_t)(look - etcd->looks), found.cluster);
    }
    if (is_new && etcd->surveyed) {
        etcd->surveyed(etcd->userdata);
    }
}

void etcd_survey(struct etcd *etcd)
{
    static const struct transfer_handler handler = {.done = look_done};
    for (size_t i = 0; i < etcd->endpoint_len; i++) {
        struct survey_look *look = &etcd->looks[i];
        const struct transfer_spec spec = {.endpoint = i,
                                           .path = "/v3/maintenance/status",
                                           .body = &etcd->empty,
                                           .limit_ms = look_limit_ms,
                                           .has_token = true};
        look->etcd = etcd;
        if (!look->transfer) {
            look->transfer = transfer_new(etcd, &spec, &handler, look);
        }
    }
}

bool etcd_endpoint_state(const struct etcd *etcd, size_t i, struct etcd_endpoint_state *ret)
{
    if (i >= etcd->endpoint_len) {
        return false;
    }
    *ret = etcd->looks[i].found;
    ret->endpoint = etcd->endpoints[i];
    return true;
}

void survey_drop(struct etcd *etcd)
{
    for (size_t i = 0; i < etcd->endpoint_len; i++) {
        etcd->looks[i].transfer = transfer_free(etcd->looks[i].transfer);
    }
}
