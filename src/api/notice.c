/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/notice.h"

#include "base/parse.h"
#include "model/words.h"
#include "wire/out.h"

#include <stdlib.h>
#include <string.h>

/* A host can fail several checks, each of which is a problem of its own. */
static bool is_same(const struct notice *notice, const struct trouble *trouble)
{
    return notice->code == trouble->code && strcmp(notice->subject, trouble->subject) == 0 &&
           (notice->code != TROUBLE_NODE_CHECK ||
            strcmp(notice->facts.label, trouble->facts.label) == 0);
}

static struct notice *find(struct notices *notices, const struct trouble *trouble)
{
    VEC_EACH(&notices->list, each) {
        if (is_same(each, trouble)) {
            return each;
        }
    }
    return NULL;
}

/* ---- what cannot be seen ---- */

static bool is_current(const struct api_view *view)
{
    return liveness_is_current(view->liveness, world_settings(view->world), view->now_ms);
}

static bool is_unknown(const struct api_view *view, const char *name)
{
    struct node_facts node;
    return node_facts(view, name, &node) && node.pulse == PULSE_UNKNOWN;
}

static bool is_any_unknown(const struct api_view *view)
{
    WORLD_EACH(view->world, RECORD_NODE_INVENTORY, each) {
        if (is_unknown(view, (*each)->key.name)) {
            return true;
        }
    }
    return false;
}

/* Whether it follows from heartbeats. */
static bool is_by_pulse(enum trouble_code code)
{
    return trouble_thing(code) != TROUBLE_OF_CLUSTER || code == TROUBLE_RESERVE;
}

/* The coordinator is away, or so new that it cannot say yet whether the host concerned is there:
 * its problems are not in the list then, and not over. */
static bool is_hidden(const struct api_view *view, const struct notice *notice)
{
    char node[trouble_subject_size];
    if (!is_by_pulse(notice->code)) {
        return false;
    }
    if (!is_current(view)) {
        return true;
    }
    switch (trouble_thing(notice->code)) {
    case TROUBLE_OF_CLUSTER:
        return is_any_unknown(view);
    case TROUBLE_OF_NODE:
    case TROUBLE_OF_GPU: /* "node1/0000:65:00.0" */
        (void)copy_text(node, sizeof(node), notice->subject);
        node[strcspn(node, "/")] = '\0';
        return is_unknown(view, node);
    case TROUBLE_OF_VM:
        return is_unknown(view, notice->facts.node);
    }
    return false;
}

/* There are more than the list holds. */
static bool is_left_out(const struct troubles *troubles, const struct notice *notice)
{
    return troubles_count(troubles, trouble_severity(notice->code)) > troubles_told_max;
}

/* ---- what is there ---- */

/* A berth-api that has just begun tells nothing again of what was there long before. */
static bool is_old(const struct notices *notices, const struct api_view *view,
                   const struct trouble *trouble)
{
    bool has_looked = is_by_pulse(trouble->code) ? notices->has_seen : notices->has_looked;
    return !has_looked &&
           (trouble->since_ms == 0 || trouble->since_ms + notice_hand_over_ms < view->wall_ms);
}

static bool keep_trouble(struct notices *notices, const struct api_view *view,
                         const struct trouble *trouble)
{
    struct notice *notice = find(notices, trouble);
    if (!notice) {
        notice = VEC_ADD(&notices->list);
        if (!notice) {
            return false;
        }
        *notice = (struct notice){.code = trouble->code,
                                  .first_ms = view->now_ms,
                                  .is_told = is_old(notices, view, trouble)};
        (void)copy_text(notice->subject, sizeof(notice->subject), trouble->subject);
    }
    if (notice->has_ended) { /* it begins again */
        notice->first_ms = view->now_ms;
        notice->has_ended = notice->is_told = false;
    }
    notice->facts = trouble->facts;
    notice->is_here = true;
    return true;
}

static bool is_due(const struct notice *notice, const struct api_view *view)
{
    return notice->is_here && !notice->is_told &&
           view->now_ms - notice->first_ms >= notice_settle_ms;
}

static const char *sentence(const struct notice *notice, char ret[words_max])
{
    return words_trouble(notice->code, notice->subject, &notice->facts, ret);
}

static void write_head(const struct api_view *view, struct buf *out)
{
    out_open(out, '{');
    out_text(out, "source", "berth");
    out_text(out, "cluster", world_settings(view->world)->name);
    out_text(out, "node", view->node ? view->node : "");
    out_number(out, "time_ms", (int64_t)view->wall_ms);
}

static void write_one(struct buf *out, const struct notice *notice)
{
    char words[words_max];
    out_open(out, '{');
    out_text(out, "code", trouble_code_name(notice->code));
    out_text(out, "severity", severity_name(trouble_severity(notice->code)));
    out_text(out, "of", trouble_of_name(trouble_thing(notice->code)));
    out_text(out, "subject", notice->subject);
    if (notice->code == TROUBLE_NODE_CHECK) {
        out_text(out, "check", notice->facts.label);
    }
    out_text(out, "text", sentence(notice, words));
    out_close(out, '}');
}

/* So long that the host that tells has told it, whichever that was. */
static bool has_lasted(const struct notice *notice)
{
    return notice->last_ms - notice->first_ms >= notice_settle_ms;
}

typedef bool pick_fn(const struct notice *notice, const struct api_view *view);

static bool is_over(const struct notice *notice, const struct api_view *view)
{
    (void)view;
    return !notice->is_here && (notice->is_told || has_lasted(notice));
}

/* The list 'key' of those that 'pick' takes, the worst first; each as a line into 'text', too. */
static size_t write_list(const struct notices *notices, const struct api_view *view,
                         const char *key, pick_fn *pick, struct buf *out, struct buf *text)
{
    static const enum severity order[] = {SEVERITY_ERROR, SEVERITY_WARNING};
    size_t len = 0;
    char words[words_max];
    out_key(out, key);
    out_open(out, '[');
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        VEC_EACH(&notices->list, each) {
            if (trouble_severity(each->code) != order[i] || !pick(each, view) ||
                len++ >= notice_items_max) {
                continue;
            }
            write_one(out, each);
            buf_printf(text, "\n%s: %s", pick == is_over ? "over" : severity_name(order[i]),
                       sentence(each, words));
        }
    }
    out_close(out, ']');
    if (len > notice_items_max) {
        buf_printf(text, "\nand %zu more%s", len - notice_items_max,
                   pick == is_over ? " are over" : "");
    }
    return len;
}

static bool write_message(const struct notices *notices, const struct api_view *view,
                          struct notice_message *ret)
{
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(buf_done) struct buf text = {0};
    buf_printf(&text, "Berth, cluster %s:", world_settings(view->world)->name);
    write_head(view, &out);
    size_t begun = write_list(notices, view, "begun", is_due, &out, &text);
    size_t over = write_list(notices, view, "over", is_over, &out, &text);
    out_number(&out, "begun_count", (int64_t)begun);
    out_number(&out, "over_count", (int64_t)over);
    out_text(&out, "text", buf_str(&text));
    out_close(&out, '}');
    if (out.failed || text.failed) {
        return false;
    }
    if (begun + over > 0) {
        notice_message_done(ret);
        *ret = (struct notice_message){.json = out, .text = text};
        out = text = (struct buf){0};
    }
    return true;
}

/* Whether one that is over may still have to be told, by another host that will tell from now on.
 */
static bool is_worth_keeping(const struct notice *notice, const struct api_view *view,
                             bool is_teller)
{
    return !is_teller && (notice->is_told || has_lasted(notice)) &&
           view->now_ms - notice->last_ms <= notice_hand_over_ms;
}

/* What was said is remembered, what is over forgotten. */
static void remember_told(struct notices *notices, const struct api_view *view, bool is_teller)
{
    size_t kept = 0;
    VEC_EACH(&notices->list, each) {
        bool is_old_news = view->now_ms - each->first_ms > notice_hand_over_ms;
        each->is_told |= is_teller ? is_due(each, view) : is_old_news;
        each->has_ended = !each->is_here;
        each->last_ms = each->is_here ? view->now_ms : each->last_ms;
        if (each->is_here || is_worth_keeping(each, view, is_teller)) {
            notices->list.items[kept++] = *each;
        }
    }
    notices->list.len = kept;
}

bool notices_look(struct notices *notices, const struct api_view *view, bool is_teller,
                  struct notice_message *ret)
{
    CLEANUP(troubles_done) struct troubles troubles = {0};
    CLEANUP(freep) struct api_call *call = calloc(1, sizeof(*call));
    const struct api_request request = {.method = "GET", .target = "/v1/problems"};
    bool is_stale = view->stale_since_ms != MSEC_NEVER;
    bool is_blind = is_stale || !is_current(view) || is_any_unknown(view);
    if (!call) {
        return false;
    }
    call->view = view;
    call->world = view->world;
    call->request = &request;
    bool is_done = troubles_find(call, &troubles);
    VEC_EACH(&notices->list, each) { /* not seen now is not over */
        each->is_here =
            !each->has_ended && (is_stale || is_hidden(view, each) || is_left_out(&troubles, each));
    }
    VEC_EACH(&troubles.list, trouble) {
        is_done = is_done && keep_trouble(notices, view, trouble);
    }
    if (!is_done || (is_teller && !write_message(notices, view, ret))) {
        return false;
    }
    remember_told(notices, view, is_teller);
    notices->has_looked |= !is_stale;
    notices->has_seen |= !is_blind;
    return true;
}

void notices_done(struct notices *notices)
{
    VEC_DONE(&notices->list);
}

void notice_message_done(struct notice_message *message)
{
    buf_done(&message->json);
    buf_done(&message->text);
}

void notice_test(const struct api_view *view, struct notice_message *ret)
{
    buf_printf(&ret->text, "Berth, cluster %s: a test message from %s",
               world_settings(view->world)->name, view->node ? view->node : "a host");
    write_head(view, &ret->json);
    out_text(&ret->json, "text", buf_str(&ret->text));
    out_close(&ret->json, '}');
}
