/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Users and tokens: who may come over HTTPS, as what. A secret is seen here once, its hash never
 * leaves. */
#include "api/body.h"
#include "api/handlers.h"
#include "api/show.h"
#include "base/parse.h"

#include <stdio.h>
#include <string.h>

enum {
    access_max = 256,
    expires_days_max = 3650,
    password_len_min = api_password_len_min,
};

#define DAY_MS (UINT64_C(24) * 3600 * 1000)

static json_t *access_json(const struct record *record, uint64_t wall_ms)
{
    const struct access *access = record->access;
    return json_pack("{s:s, s:s, s:s, s:I, s:o*, s:b, s:o, s:o}", "name", record->key.name, "kind",
                     access_kind_name(access->kind), "role", api_role_name(access->role),
                     "created_ms", (json_int_t)access->created_ms, "expires_ms",
                     access->expires_ms ? json_integer((json_int_t)access->expires_ms) : NULL,
                     "expired", access_has_expired(access, wall_ms), "by", text_json(access->by),
                     "note", text_json(access->note));
}

void handle_access_get(struct api_call *call)
{
    json_t *list = json_array();
    WORLD_EACH(call->world, RECORD_ACCESS, each) {
        (void)json_array_append_new(list, access_json(*each, call->view->wall_ms));
    }
    call_send_list(call, in_order(list, "name"));
}

/* ---- what a body may say ---- */

struct wishes {
    const char *role, *password, *note;
    enum api_role role_value;
    bool has_expiry;
    uint64_t expires_days; /* 0: never */
};

static void read_wishes(struct body *body, struct wishes *ret)
{
    *ret = (struct wishes){.role_value = ROLE_VIEWER};
    ret->role = body_text(body, "role", name_size);
    ret->password = body_text(body, "password", api_password_size);
    ret->note = body_text(body, "note", reason_size);
    ret->has_expiry = body_number(body, "expires_days", 0, expires_days_max, &ret->expires_days);
    if (ret->role &&
        (!api_role_parse(ret->role, &ret->role_value) || ret->role_value == ROLE_NONE)) {
        body_fault(body, "$.role", "must be viewer, operator or administrator");
    }
    if (ret->password && strlen(ret->password) < password_len_min) {
        body_fault(body, "$.password", "must have at least %d characters", password_len_min);
    }
}

static uint64_t expiry(const struct api_call *call, uint64_t days)
{
    return days > 0 ? call->view->wall_ms + days * DAY_MS : 0;
}

/* Hashing takes time, which this room has not: the caller does it and comes again. */
static bool has_hash(struct api_call *call, const char *password)
{
    if (call->request->credential.hash[0]) {
        return true;
    }
    (void)copy_text(call->answer->password, sizeof(call->answer->password),
                    password ? password : "");
    call->answer->effect = EFFECT_HASH;
    return false;
}

/* ---- changes ---- */

static void add(struct api_call *call, const char *name, enum access_kind kind,
                const struct wishes *wishes)
{
    const struct api_credential *credential = &call->request->credential;
    struct record *record = record_new(RECORD_ACCESS, name, NULL);
    CLEANUP(buf_done) struct buf token = {0};
    json_t *extra = json_pack("{s:s, s:s, s:s}", "name", name, "kind", access_kind_name(kind),
                              "role", api_role_name(wishes->role_value));
    if (record) {
        struct access *access = record->access;
        access->kind = kind;
        access->role = wishes->role_value;
        access->created_ms = call->view->wall_ms;
        access->expires_ms = expiry(call, wishes->expires_days);
        (void)copy_text(access->hash, sizeof(access->hash), credential->hash);
        (void)copy_text(access->by, sizeof(access->by), call->request->actor.name);
        (void)copy_text(access->note, sizeof(access->note), wishes->note ? wishes->note : "");
    }
    if (kind == ACCESS_TOKEN) {
        buf_printf(&token, "berth_%s_%s", name, credential->secret);
        (void)json_object_set_new(extra, "token", json_string(buf_str(&token)));
    }
    call_put(call, record);
    call_commit_with(call, 201, extra, "access-added", name, "%s %s was added with the role %s",
                     access_kind_name(kind), name, api_role_name(wishes->role_value));
}

void handle_access_add(struct api_call *call)
{
    CLEANUP(body_done) struct body body;
    struct wishes wishes;
    enum access_kind kind = ACCESS_TOKEN;
    body_init(&body, call);
    body_need(&body, "name");
    body_need(&body, "kind");
    const char *name = body_name(&body, "name", "user's or token's");
    const char *word = body_text(&body, "kind", name_size);
    read_wishes(&body, &wishes);
    if (word && !access_kind_parse(word, &kind)) {
        body_fault(&body, "$.kind", "must be token or user");
    }
    if (kind == ACCESS_USER) {
        body_need(&body, "password");
    } else if (wishes.password) {
        body_fault(&body, "$.password", "a token's secret is made here; leave it out");
    }
    if (!body_end(&body, call)) {
        return;
    }
    if (!name || !word || (kind == ACCESS_USER && !wishes.password)) {
        call_refuse(call, 400, "bad-request", "$: name, kind and password must be strings");
        return;
    }
    const struct record *there = world_find(call->world, RECORD_ACCESS, name);
    if (there) {
        call_refuse(call, 409, "exists", "there is a %s %s already: remove it first, or change it",
                    access_kind_name(there->access->kind), name);
    } else if (call->world->records[RECORD_ACCESS].len >= access_max) {
        call_refuse(call, 409, "too-many", "there are %d users and tokens already; remove some",
                    access_max);
    } else if (has_hash(call, wishes.password)) {
        add(call, name, kind, &wishes);
    }
}

/* The record of the path, or it is answered. */
static const struct record *find(struct api_call *call)
{
    const struct record *record = world_find(call->world, RECORD_ACCESS, call->args[0]);
    if (!record) {
        call_refuse(call, 404, "no-such-access",
                    "there is no user or token \"%s\"; GET /v1/access lists them", call->args[0]);
        return NULL;
    }
    return call_matches(call, record) ? record : NULL;
}

/* Puts the changes into 'next' and tells them, without secrets. */
static void apply(struct api_call *call, const struct wishes *wishes, struct access *next,
                  struct buf *what)
{
    if (wishes->role && next->role != wishes->role_value) {
        buf_printf(what, ", role %s -> %s", api_role_name(next->role), wishes->role);
        next->role = wishes->role_value;
    }
    if (wishes->password) {
        buf_text(what, ", a new password");
        (void)copy_text(next->hash, sizeof(next->hash), call->request->credential.hash);
    }
    if (wishes->has_expiry) {
        buf_printf(what, wishes->expires_days ? ", expires in %llu days" : ", never expires",
                   (unsigned long long)wishes->expires_days);
        next->expires_ms = expiry(call, wishes->expires_days);
    }
    if (wishes->note && strcmp(wishes->note, next->note) != 0) {
        buf_text(what, ", another note");
        (void)copy_text(next->note, sizeof(next->note), wishes->note);
    }
}

void handle_access_patch(struct api_call *call)
{
    CLEANUP(body_done) struct body body;
    CLEANUP(buf_done) struct buf what = {0};
    struct wishes wishes;
    body_init(&body, call);
    read_wishes(&body, &wishes);
    if (!body_end(&body, call)) {
        return;
    }
    const struct record *record = find(call);
    if (!record) {
        return;
    }
    if (wishes.password && record->access->kind == ACCESS_TOKEN) {
        call_refuse(call, 409, "is-token",
                    "%s is a token, whose secret is never changed: remove it and add another",
                    record->key.name);
        return;
    }
    if (wishes.password && !has_hash(call, wishes.password)) {
        return;
    }
    struct record *next = record_copy(record);
    if (next) {
        apply(call, &wishes, next->access, &what);
    }
    if (next && what.size == 0) {
        call_unchanged(call, record->key.name, "%s is so already", record->key.name);
        record_unref(next);
        return;
    }
    call_put(call, next);
    call_commit(call, "access-changed", record->key.name, "%s %s: %s",
                access_kind_name(record->access->kind), record->key.name,
                what.size > 2 ? buf_str(&what) + 2 : "");
}

void handle_access_delete(struct api_call *call)
{
    const struct record *record = find(call);
    if (record) {
        call_delete(call, &record->key);
        call_commit(call, "access-removed", record->key.name, "%s %s was removed",
                    access_kind_name(record->access->kind), record->key.name);
    }
}
