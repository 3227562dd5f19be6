/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/body.h"

#include "model/name.h"
#include "wire/record.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void body_init(struct body *body, const struct api_call *call)
{
    *body = (struct body){0};
    struct error err;
    if (call->request->body_size == 0) {
        body->root = json_object();
        return;
    }
    if (wire_json_parse(call->request->body, call->request->body_size, &body->root, &err) < 0) {
        body_fault(body, "$", "%s", err.text);
    }
}

void body_done(struct body *body)
{
    json_decref(body->root);
    body->root = NULL;
    buf_done(&body->known);
    buf_done(&body->words);
}

void body_fault(struct body *body, const char *path, const char *format, ...)
{
    if (body->fault.code != 0) {
        return;
    }
    va_list args;
    va_start(args, format);
    CLEANUP(buf_done) struct buf text = {0};
    buf_vprintf(&text, format, args);
    va_end(args);
    (void)error_set(&body->fault, -EINVAL, "%s: %s", path, buf_str(&text));
    buf_printf(&body->words, "%s: %s", path, buf_str(&text));
}

/* The field's value and that it is known; NULL: absent, null, or there was a fault. */
static json_t *get(struct body *body, const char *field)
{
    assert(body->asked_len < body_fields_max);
    body->asked[body->asked_len++] = field;
    json_t *value = body->fault.code == 0 ? json_object_get(body->root, field) : NULL;
    return json_is_null(value) ? NULL : value;
}

void body_know(struct body *body, const char *field)
{
    (void)get(body, field);
}

static void fault(struct body *body, const char *field, const char *what)
{
    CLEANUP(buf_done) struct buf path = {0};
    buf_printf(&path, "$.%s", field);
    body_fault(body, buf_str(&path), "%s", what);
}

bool body_has(struct body *body, const char *field)
{
    return body->fault.code == 0 && json_object_get(body->root, field) != NULL;
}

const char *body_text(struct body *body, const char *field, size_t size_max)
{
    const json_t *value = get(body, field);
    if (!value) {
        return NULL;
    }
    if (!json_is_string(value)) {
        fault(body, field, "must be a string");
        return NULL;
    }
    if (json_string_length(value) >= size_max) {
        CLEANUP(buf_done) struct buf text = {0};
        buf_printf(&text, "must be shorter than %zu bytes", size_max);
        fault(body, field, buf_str(&text));
        return NULL;
    }
    return json_string_value(value);
}

const char *body_name(struct body *body, const char *field, const char *what)
{
    struct error err;
    const char *name = body_text(body, field, 4096);
    if (name && name_check(what, name, &err) < 0) {
        fault(body, field, err.text);
        return NULL;
    }
    return name;
}

bool body_bool(struct body *body, const char *field, bool *ret)
{
    const json_t *value = get(body, field);
    if (value && !json_is_boolean(value)) {
        fault(body, field, "must be true or false");
        return false;
    }
    if (value) {
        *ret = json_is_true(value);
    }
    return value != NULL;
}

bool body_number(struct body *body, const char *field, uint64_t min, uint64_t max, uint64_t *ret)
{
    const json_t *value = get(body, field);
    if (!value) {
        return false;
    }
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (uint64_t)number < min || (uint64_t)number > max) {
        CLEANUP(buf_done) struct buf text = {0};
        buf_printf(&text, "must be a whole number from %llu to %llu", (unsigned long long)min,
                   (unsigned long long)max);
        fault(body, field, buf_str(&text));
        return false;
    }
    *ret = (uint64_t)number;
    return true;
}

json_t *body_array(struct body *body, const char *field, size_t len_max)
{
    json_t *value = get(body, field);
    if (value && !json_is_array(value)) {
        fault(body, field, "must be an array");
        return NULL;
    }
    if (value && json_array_size(value) > len_max) {
        fault(body, field, "has too many elements");
        return NULL;
    }
    return value;
}

json_t *body_object(struct body *body, const char *field, size_t len_max)
{
    json_t *value = get(body, field);
    if (value && !json_is_object(value)) {
        fault(body, field, "must be an object");
        return NULL;
    }
    if (value && json_object_size(value) > len_max) {
        fault(body, field, "has too many members");
        return NULL;
    }
    return value;
}

void body_need(struct body *body, const char *field)
{
    if (!body->missing && !body_has(body, field)) {
        body->missing = field;
    }
}

const char *fields_text(const char *const *fields, size_t len, struct buf *ret)
{
    buf_clear(ret);
    buf_text(ret, len > 0 ? "there are: " : "there are none");
    for (size_t i = 0; i < len; i++) {
        buf_printf(ret, "%s%s", i > 0 ? ", " : "", fields[i]);
    }
    return buf_str(ret);
}

static bool is_asked(const struct body *body, const char *field)
{
    for (size_t i = 0; i < body->asked_len; i++) {
        if (strcmp(body->asked[i], field) == 0) {
            return true;
        }
    }
    return false;
}

static void find_unknown(struct body *body)
{
    const char *field;
    json_t *value;
    json_object_foreach(body->root, field, value) {
        if (!is_asked(body, field)) {
            CLEANUP(buf_done) struct buf path = {0};
            buf_printf(&path, "$.%.60s", field);
            body_fault(body, buf_str(&path), "no such field here; %s",
                       fields_text(body->asked, body->asked_len, &body->known));
            return;
        }
    }
}

bool body_end(struct body *body, struct api_call *call)
{
    /* Unknown before missing: a name that is misspelt is both. */
    if (body->fault.code == 0) {
        find_unknown(body);
    }
    if (body->missing) {
        fault(body, body->missing, "is missing");
    }
    if (body->fault.code == 0) {
        return true;
    }
    call_refuse(call, 400, "bad-request", "%s", buf_str(&body->words));
    return false;
}
