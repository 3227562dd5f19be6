/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The routes, and the way of a request to its handler: path, method, role, names, store. */
#include "api/api.h"

#include "api/handlers.h"
#include "api/repeat.h"
#include "api/routes.h"
#include "base/hash.h"
#include "base/parse.h"
#include "model/name.h"

#include <stdio.h>
#include <string.h>

/* ---- the target ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX in place; '+' too in a query. False: a bad escape, or one of a NUL. */
static bool decode(char *text, bool is_query)
{
    char *to = text;
    for (const char *from = text; *from; from++, to++) {
        *to = is_query && *from == '+' ? ' ' : *from;
        if (*from != '%') {
            continue;
        }
        int high = hex_digit(from[1]);
        int low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || high * 16 + low == 0) {
            return false;
        }
        *to = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
    return true;
}

static bool split_path(struct api_call *call, char *path)
{
    char *rest = NULL;
    for (char *part = strtok_r(path, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
        if (call->part_len == api_parts_max || !decode(part, false)) {
            return false;
        }
        call->parts[call->part_len++] = part;
    }
    return true;
}

static bool split_query(struct api_call *call, char *query)
{
    char *rest = NULL;
    for (char *pair = strtok_r(query, "&", &rest); pair; pair = strtok_r(NULL, "&", &rest)) {
        char *equals = strchr(pair, '=');
        if (call->param_len == api_params_max) {
            return false;
        }
        if (equals) {
            *equals++ = '\0';
        }
        if (!decode(pair, true) || (equals && !decode(equals, true))) {
            return false;
        }
        call->params[call->param_len++] = (struct api_param){pair, equals ? equals : ""};
    }
    return true;
}

static bool split_target(struct api_call *call)
{
    if (call->request->target[0] != '/' ||
        !copy_text(call->text, sizeof(call->text), call->request->target)) {
        return false;
    }
    char *query = strchr(call->text, '?');
    if (query) {
        *query++ = '\0';
    }
    return split_path(call, call->text) && (!query || split_query(call, query));
}

/* ---- the route ---- */

/* Whether the path has the pattern's form; fills args. */
static bool has_form(struct api_call *call, const char *pattern)
{
    char copy[route_pattern_size];
    size_t at = 0, arg = 0;
    char *rest = NULL;
    (void)copy_text(copy, sizeof(copy), pattern);
    for (char *part = strtok_r(copy, "/", &rest); part; part = strtok_r(NULL, "/", &rest), at++) {
        if (at == call->part_len || (part[0] != ':' && strcmp(part, call->parts[at]) != 0)) {
            return false;
        }
        if (part[0] == ':') {
            call->args[arg++] = call->parts[at];
        }
    }
    return at == call->part_len;
}

static const struct route *find_route(struct api_call *call, bool *ret_has_path)
{
    const char *method = strcmp(call->request->method, "HEAD") == 0 ? "GET" : call->request->method;
    *ret_has_path = false;
    for (size_t i = 0; i < routes_len; i++) {
        if (!has_form(call, routes[i].pattern)) {
            continue;
        }
        *ret_has_path = true;
        if (strcmp(routes[i].method, method) == 0) {
            return &routes[i];
        }
    }
    return NULL;
}

/* Names and addresses of the path are well formed, or it is answered. */
static bool check_args(struct api_call *call, const char *pattern)
{
    char copy[route_pattern_size];
    size_t arg = 0;
    char *rest = NULL;
    (void)copy_text(copy, sizeof(copy), pattern);
    for (char *part = strtok_r(copy, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
        if (part[0] != ':') {
            continue;
        }
        const char *value = call->args[arg++];
        call_tell(call, part + 1, value, NULL);
        struct error err;
        struct gpu_slot slot;
        if (strcmp(part, ":address") == 0) {
            if (!gpu_slot_parse(value, &slot)) {
                call_tell(call, "field", part + 1, NULL);
                call_refuse(call, 400, "bad-address",
                            "\"%.40s\" is no PCI address such as 0000:65:00.0", value);
                return false;
            }
            continue;
        }
        const char *what = strcmp(part, ":vm") == 0     ? "VM"
                           : strcmp(part, ":name") == 0 ? "user's or token's"
                                                        : part + 1;
        if (name_check(what, value, &err) < 0) {
            call_tell(call, "field", part + 1, NULL);
            call_refuse(call, 400, "bad-name", "%s", err.text);
            return false;
        }
    }
    return true;
}

static bool may(struct api_call *call, const struct route *route)
{
    if (call->request->actor.role >= route->role) {
        return true;
    }
    if (call->request->actor.role == ROLE_NONE) {
        call_refuse(call, 401, "login-needed",
                    "log in first, or send a token: Authorization: Bearer TOKEN");
        return false;
    }
    call_tell(call, "role", api_role_name(route->role), NULL);
    call_refuse(call, 403, "forbidden", "%s may not do this: it takes the role %s",
                call->request->actor.name, api_role_name(route->role));
    return false;
}

/* A screen that is opened is an event, and is not opened without it. */
static bool is_change(const struct route *route)
{
    return strcmp(route->answer, "socket") == 0 ||
           (strcmp(route->method, "GET") != 0 && route->handle != handle_plan);
}

/* What must be true of the store for this request, or it is answered. */
static bool store_serves(struct api_call *call, const struct route *route)
{
    if (route->role == ROLE_NONE) {
        return true;
    }
    if (!call->world->is_complete) {
        call_refuse(call, 503, "store-down",
                    "the store has not answered since this API started; see that etcd runs and "
                    "that etcd_endpoints in berth.conf name it, then try again");
        return false;
    }
    if (is_change(route) && call->view->stale_since_ms != MSEC_NEVER) {
        call_refuse(call, 503, "store-down",
                    "nothing was changed: the store has not answered for %lld s; see that a "
                    "majority of the etcd members runs, then try again",
                    (long long)(call->view->now_ms - call->view->stale_since_ms) / 1000);
        return false;
    }
    const struct record *format = world_find(call->world, RECORD_FORMAT, "");
    if (is_change(route) && format && format->format->oldest > (uint32_t)format_number) {
        call_refuse(call, 503, "too-old",
                    "nothing was changed: the cluster has been upgraded, and this berth-api is "
                    "older. Upgrade Berth on this host");
        return false;
    }
    if (is_change(route) && !format) {
        call_refuse(call, 503, "no-cluster",
                    "nothing was changed: no host has joined this store yet, so there is no "
                    "cluster. Start berthd on a host, and see that etcd_endpoints and etcd_prefix "
                    "in berth.conf are right");
        return false;
    }
    return true;
}

static bool is_param(const struct route *route, const char *name)
{
    size_t size = strlen(name);
    const char *at = size > 0 ? route->params : NULL;
    while (at && (at = strstr(at, name))) {
        if ((at == route->params || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0')) {
            return true;
        }
        at++;
    }
    return false;
}

/* A parameter that is not read is a typing error: what came would be something else than what was
 * meant. */
static bool check_params(struct api_call *call, const struct route *route)
{
    for (size_t i = 0; i < call->param_len; i++) {
        if (!is_param(route, call->params[i].name)) {
            call_tell(call, "field", call->params[i].name, NULL);
            call_refuse(call, 400, "bad-request", "?%.40s: no such parameter here; there are%s%s",
                        call->params[i].name, route->params ? ": " : " none",
                        route->params ? route->params : "");
            return false;
        }
    }
    return true;
}

/* A list ends with the store's revision, which moves with each heartbeat and is no change of it. */
static size_t shown_size(const struct route *route, const struct buf *body)
{
    static const char revision[] = ",\"revision\":";
    size_t size = sizeof(revision) - 1, at = body->size;
    if (route->answer[0] != '[' || body->size < size) {
        return body->size;
    }
    for (at -= size; at > 0 && memcmp(body->data + at, revision, size) != 0;) {
        at--; /* the last one in it: items may have theirs */
    }
    return at > 0 ? at : body->size;
}

/* The size of a compressed answer tells whether words in it that someone else could choose, such as
 * a title, occur in the rest of it, too (BREACH). So what is compressed are lists and overviews
 * that every viewer sees alike, in which there are no secrets; never what may have some: a session,
 * its users and tokens, or a VM's XML, which administrators see whole, and with it the export. */
static bool may_pack(const struct route *route)
{
    static const char *const overviews[] = {"Status", "Problems", "SurvivalByHost", "Validation",
                                            "VmExplained"};
    bool is_packed = route->answer[0] == '[' || route->handle == handle_metrics ||
                     route->handle == handle_openapi;
    for (size_t i = 0; i < ARRAY_LEN(overviews); i++) {
        is_packed |= strcmp(route->answer, overviews[i]) == 0;
    }
    return is_packed && route->role == ROLE_VIEWER && !route->has_secret;
}

/* What is read has an ETag, and need not be sent to who has it. */
static void tag(struct api_call *call, const struct route *route)
{
    struct api_answer *answer = call->answer;
    char etag[api_etag_size];
    const char *have = call->request->if_none_match;
    if (strcmp(route->method, "GET") != 0 || answer->status != 200 || answer->is_stream) {
        return;
    }
    answer->has_etag = true;
    answer->may_pack = may_pack(route);
    answer->hash = hash_bytes(hash_begin, answer->body.data, shown_size(route, &answer->body)) | 1;
    if (have && strstr(have, api_etag_text(answer, etag))) {
        answer->status = 304;
        buf_clear(&answer->body);
    }
}

static void handle(struct api_call *call, const struct route *route)
{
    if (route->has_secret && call->request->idempotency_key) {
        call_refuse(call, 400, "bad-request",
                    "Idempotency-Key: not here, where a secret would have to be kept with it");
    } else if (!is_change(route) || !repeat_answers(call)) {
        route->handle(call);
    }
}

static void dispatch(struct api_call *call)
{
    bool has_path;
    if (call->request->body_size > api_body_size_max) {
        call_tell_number(call, "max", api_body_size_max);
        call_refuse(call, 413, "too-large", "the body has more than %d KiB",
                    api_body_size_max / 1024);
        return;
    }
    if (!split_target(call)) {
        call_refuse(call, 400, "bad-request", "the address is malformed or too long");
        return;
    }
    const struct route *route = find_route(call, &has_path);
    if (!route && has_path) {
        call_refuse(call, 405, "bad-method", "%.16s is not possible here", call->request->method);
    } else if (!route) {
        call_refuse(call, 404, "no-such-path",
                    "there is nothing at this address; GET /v1 lists "
                    "what there is");
    } else if (may(call, route) && check_args(call, route->pattern) && check_params(call, route) &&
               store_serves(call, route)) {
        handle(call, route);
        tag(call, route);
    }
}

const char *api_etag_text(const struct api_answer *answer, char ret[api_etag_size])
{
    (void)snprintf(ret, api_etag_size, answer->hash ? "\"%lld-%016llx\"" : "\"%lld\"",
                   (long long)answer->etag, (unsigned long long)answer->hash);
    return ret;
}

void api_handle(const struct api_view *view, const struct api_request *request,
                struct api_answer *ret)
{
    *ret = (struct api_answer){.may_retry = true};
    CLEANUP(freep) struct api_call *call = calloc(1, sizeof(*call));
    if (!call) {
        api_answer_error(ret, 500, "out-of-memory", "out of memory");
        return;
    }
    call->view = view;
    call->world = view->world;
    call->request = request;
    call->answer = ret;
    dispatch(call);
    json_decref(call->hint);
    json_decref(call->parameters);
}
