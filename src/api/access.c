/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Users and tokens: who may come over HTTPS, as what. A secret is seen here once, its hash never
 * leaves. */
#include "api/access.h"

#include "api/commit.h"
#include "api/handlers.h"
#include "api/requests.h"
#include "api/show.h"
#include "base/parse.h"

#include <stdio.h>
#include <string.h>

enum {
    token_days_default = 90, /* one that was forgotten ends by itself */
    access_max = 256,
};

#define DAY_MS (UINT64_C(24) * 3600 * 1000)

static json_t *access_json(const struct record *record, uint64_t wall_ms)
{
    const struct access *access = record->access;
    return json_pack("{s:s, s:s, s:s, s:I, s:o*, s:b, s:b, s:o, s:o}", "name", record->key.name,
                     "kind", access_kind_name(access->kind), "role", api_role_name(access->role),
                     "created_ms", (json_int_t)access->created_ms, "expires_ms",
                     access->expires_ms ? json_integer((json_int_t)access->expires_ms) : NULL,
                     "expired", access_has_expired(access, wall_ms), "totp",
                     access->totp[0] != '\0', "by", text_json(access->by), "note",
                     text_json(access->note));
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

/* What holds of both requests; false: it is answered. */
static bool are_wishes_sound(struct api_call *call, const struct shape *shape, uint64_t given,
                             const struct access_request *asked)
{
    if (request_has(shape, given, "role") && asked->role == ROLE_NONE) {
        request_refuse(call, "role", "must be viewer, operator or administrator");
        return false;
    }
    return !request_has(shape, given, "password") ||
           request_has_good_password(call, "password", asked->password);
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

static void access_put_new(struct api_call *call, const struct access_request *asked)
{
    const struct api_credential *credential = &call->request->credential;
    struct record *record = record_new(RECORD_ACCESS, asked->name, NULL);
    CLEANUP(buf_done) struct buf token = {0};
    json_t *extra = json_pack("{s:s, s:s, s:s}", "name", asked->name, "kind",
                              access_kind_name(asked->kind), "role", api_role_name(asked->role));
    if (record) {
        struct access *access = record->access;
        access->kind = asked->kind;
        access->role = asked->role;
        access->created_ms = call->view->wall_ms;
        access->expires_ms = expiry(call, asked->expires_days);
        (void)copy_text(access->hash, sizeof(access->hash), credential->hash);
        (void)copy_text(access->by, sizeof(access->by), call->request->actor.name);
        (void)copy_text(access->note, sizeof(access->note), asked->note);
    }
    if (asked->kind == ACCESS_TOKEN) {
        buf_printf(&token, "berth_%s_%s", asked->name, credential->secret);
        (void)json_object_set_new(extra, "token", json_string(buf_str(&token)));
    }
    call_put(call, record);
    struct note note = call_note(NOTE_ACCESS_ADDED, asked->name);
    (void)facts_set(&note.facts, NULL, access_kind_name(asked->kind), NULL);
    (void)copy_text(note.facts.label, sizeof(note.facts.label), api_role_name(asked->role));
    call_commit_with(call, 201, extra, &note);
}

/* A user has a password, a token's secret is made here. */
static bool is_secret_right(struct api_call *call, const struct access_request *asked)
{
    if (asked->kind == ACCESS_USER && !asked->password[0]) {
        request_refuse(call, "password", "is missing");
        return false;
    }
    if (asked->kind == ACCESS_TOKEN && asked->password[0]) {
        request_refuse(call, "password", "the secret of a token is generated; leave it out");
        return false;
    }
    return true;
}

static void try_add(struct api_call *call, struct access_request *asked)
{
    uint64_t given;
    if (!request_read_given(call, &request_access_add, asked, &given) ||
        !are_wishes_sound(call, &request_access_add, given, asked) ||
        !is_secret_right(call, asked)) {
        return;
    }
    if (asked->kind == ACCESS_TOKEN && !request_has(&request_access_add, given, "expires_days")) {
        asked->expires_days = token_days_default;
    }
    const struct record *there = world_find(call->world, RECORD_ACCESS, asked->name);
    if (there) {
        call_tell(call, "field", "name", "name", asked->name, NULL);
        call_refuse(call, 409, "exists", "there is a %s %s already: remove it first, or change it",
                    access_kind_name(there->access->kind), asked->name);
    } else if (call->world->records[RECORD_ACCESS].len >= access_max) {
        call_tell_number(call, "max", access_max);
        call_refuse(call, 409, "too-many", "there are %d users and tokens already; remove some",
                    access_max);
    } else if (has_hash(call, asked->password)) {
        access_put_new(call, asked);
    }
}

void handle_access_add(struct api_call *call)
{
    struct access_request asked = {.role = ROLE_VIEWER};
    try_add(call, &asked);
    shape_done(&request_access_add, &asked);
}

/* The record of the path, or it is answered. */
static const struct record *access_find(struct api_call *call)
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
static void apply(struct api_call *call, uint64_t given, const struct access_request *asked,
                  struct access *next, struct buf *what)
{
    const struct shape *shape = &request_access_patch;
    if (request_has(shape, given, "role") && next->role != asked->role) {
        buf_printf(what, ", role %s -> %s", api_role_name(next->role), api_role_name(asked->role));
        next->role = asked->role;
    }
    if (asked->password[0]) {
        buf_text(what, ", a new password");
        (void)copy_text(next->hash, sizeof(next->hash), call->request->credential.hash);
    }
    if (request_has(shape, given, "expires_days")) {
        buf_printf(what, asked->expires_days ? ", expires in %u days" : ", never expires",
                   asked->expires_days);
        next->expires_ms = expiry(call, asked->expires_days);
    }
    if (request_has(shape, given, "note") && strcmp(asked->note, next->note) != 0) {
        buf_text(what, ", another note");
        (void)copy_text(next->note, sizeof(next->note), asked->note);
    }
}

static void change(struct api_call *call, const struct record *record, uint64_t given,
                   const struct access_request *asked)
{
    CLEANUP(buf_done) struct buf what = {0};
    struct record *next = record_copy(record);
    if (next) {
        apply(call, given, asked, next->access, &what);
    }
    if (next && what.size == 0) {
        call_unchanged(call, record->key.name, "%s is so already", record->key.name);
        record_unref(next);
        return;
    }
    call_put(call, next);
    struct note note = call_note(NOTE_ACCESS_CHANGED, record->key.name);
    (void)facts_set(&note.facts, NULL, access_kind_name(record->access->kind),
                    what.size > 2 ? buf_str(&what) + 2 : NULL);
    call_commit(call, &note);
}

static void try_change(struct api_call *call, struct access_request *asked)
{
    uint64_t given;
    if (!request_read_given(call, &request_access_patch, asked, &given) ||
        !are_wishes_sound(call, &request_access_patch, given, asked)) {
        return;
    }
    const struct record *record = access_find(call);
    if (!record) {
        return;
    }
    if (asked->password[0] && record->access->kind == ACCESS_TOKEN) {
        call_refuse(call, 409, "is-token",
                    "%s is a token, whose secret is never changed: remove it and add another",
                    record->key.name);
    } else if (!asked->password[0] || has_hash(call, asked->password)) {
        change(call, record, given, asked);
    }
}

void handle_access_patch(struct api_call *call)
{
    struct access_request asked = {.role = ROLE_NONE};
    try_change(call, &asked);
    shape_done(&request_access_patch, &asked);
}

void handle_access_delete(struct api_call *call)
{
    const struct record *record = access_find(call);
    if (record) {
        call_delete(call, &record->key);
        struct note note = call_note(NOTE_ACCESS_REMOVED, record->key.name);
        (void)facts_set(&note.facts, NULL, access_kind_name(record->access->kind), NULL);
        call_commit(call, &note);
    }
}

/* ---- the second factor ---- */

static void put_totp(struct api_call *call, const struct record *record, const char *totp,
                     uint64_t step)
{
    struct record *next = record_copy(record);
    if (next) {
        (void)copy_text(next->access->totp, sizeof(next->access->totp), totp);
        next->access->totp_step = step;
    }
    call_put(call, next);
    struct note note = call_note(NOTE_ACCESS_CHANGED, record->key.name);
    (void)facts_set(&note.facts, NULL, access_kind_name(ACCESS_USER),
                    totp[0] ? "a new second factor" : "no second factor");
    call_commit(call, &note);
    call->answer->may_retry = false; /* what was proven was proven of this record */
}

void access_set_totp(struct api_call *call, const struct record *record,
                     const struct totp_request *asked, bool wants_proof)
{
    const struct api_credential *made = &call->request->credential;
    struct api_answer *answer = call->answer;
    if (made->totp[0]) {
        put_totp(call, record, made->totp, made->totp_step);
    } else if (copy_text(answer->user, sizeof(answer->user), record->key.name) &&
               copy_text(answer->password, sizeof(answer->password), asked->password) &&
               copy_text(answer->totp, sizeof(answer->totp), asked->secret) &&
               copy_text(answer->code, sizeof(answer->code), asked->code)) {
        answer->wants_proof = wants_proof;
        answer->effect = EFFECT_TOTP;
    }
}

void handle_access_totp(struct api_call *call)
{
    struct totp_request asked = {0};
    const struct record *record = access_find(call);
    if (record && record->access->kind == ACCESS_TOKEN) {
        call_refuse(call, 409, "is-token", "%s is a token: only users have a second factor",
                    record->key.name);
    } else if (record && request_read(call, &request_totp, &asked)) {
        access_set_totp(call, record, &asked, false);
    }
    shape_done(&request_totp, &asked);
    explicit_bzero(&asked, sizeof(asked));
}

void handle_access_totp_delete(struct api_call *call)
{
    const struct record *record = access_find(call);
    if (record && !record->access->totp[0]) {
        call_unchanged(call, record->key.name, "%s has no second factor", record->key.name);
    } else if (record) {
        put_totp(call, record, "", 0);
    }
}
