/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/list.h"

#include "api/schema.h"
#include "api/show.h"
#include "base/natural.h"
#include "base/parse.h"
#include "wire/out.h"

#include <assert.h>
#include <string.h>

bool list_limit(struct api_call *call, uint64_t *ret)
{
    const char *text = call_param(call, "limit");
    uint64_t limit;
    if (!text) {
        return true;
    }
    if (!parse_u64(text, api_page_max, &limit) || limit == 0) {
        call_tell(call, "field", "limit", NULL);
        call_tell_number(call, "max", api_page_max);
        call_refuse(call, 400, "bad-request", "limit must be a number from 1 to %d", api_page_max);
        return false;
    }
    *ret = limit;
    return true;
}

/* "name, state, node" */
static void refuse_field(struct api_call *call, const char *field, json_t *members)
{
    CLEANUP(buf_done) struct buf known = {0};
    const char *name;
    json_t *type;
    json_object_foreach(members, name, type) {
        buf_printf(&known, "%s%s", known.size > 0 ? ", " : "", name);
    }
    call_tell(call, "field", "fields", NULL);
    call_refuse(call, 400, "bad-request", "fields: there is no \"%.40s\" here; there are: %s",
                field, buf_str(&known));
}

static bool has_field(const struct list *list, const char *name)
{
    for (size_t i = 0; i < list->field_len; i++) {
        if (strcmp(list->fields[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* '?fields=name,state', each once or more often. False: answered. */
static bool take_fields(struct list *list, const char *schema)
{
    const char *text = call_param(list->call, "fields");
    if (!text) {
        return true;
    }
    json_t *members = schema_members(schema);
    char *rest = NULL;
    bool is_good = copy_text(list->names, sizeof(list->names), text);
    assert(is_good); /* as long as the whole target at most */
    for (char *name = strtok_r(list->names, ",", &rest); name && is_good;
         name = strtok_r(NULL, ",", &rest)) {
        if (has_field(list, name)) {
            continue;
        }
        is_good = json_object_get(members, name) && list->field_len < list_fields_max;
        if (is_good) {
            list->fields[list->field_len++] = name;
        } else {
            refuse_field(list->call, name, members);
        }
    }
    if (is_good && list->field_len == 0) {
        is_good = false;
        refuse_field(list->call, "", members);
    }
    json_decref(members);
    return is_good;
}

bool list_begin(struct list *list, struct api_call *call, const char *schema)
{
    *list = (struct list){.call = call, .after = call_param(call, "continue")};
    if (!list_limit(call, &list->limit) || !take_fields(list, schema)) {
        return false;
    }
    out_open(&list->out, '{');
    out_key(&list->out, "items");
    out_open(&list->out, '[');
    return true;
}

bool list_has_room(struct list *list, const char *place)
{
    if (list->limit > 0 && list->len == list->limit) {
        list->has_more = true;
        return false;
    }
    list->len++;
    (void)copy_text(list->last, sizeof(list->last), place);
    return true;
}

bool list_takes(struct list *list, const char *place)
{
    return (!list->after || natural_compare(place, list->after) > 0) && list_has_room(list, place);
}

struct buf *list_item(struct list *list)
{
    return list->field_len > 0 ? &list->item : &list->out;
}

/* ---- members ---- */

/* Behind the text that begins at 'at'. */
static const char *behind_text(const char *at)
{
    for (at++; *at != '"'; at++) {
        at += *at == '\\';
    }
    return at + 1;
}

/* Behind the value that begins at 'at', of JSON that we wrote ourselves: it is sound, and has no
 * blanks. */
static const char *behind_value(const char *at)
{
    size_t depth = 0;
    while (depth > 0 || (*at != ',' && *at != '}' && *at != ']')) {
        assert(*at != '\0');
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        at = *at == '"' ? behind_text(at) : at + 1;
    }
    return at;
}

static bool is_chosen(const struct list *list, const char *name, size_t size)
{
    for (size_t i = 0; i < list->field_len; i++) {
        if (strlen(list->fields[i]) == size && memcmp(list->fields[i], name, size) == 0) {
            return true;
        }
    }
    return false;
}

/* Adds the object 'text' with only the members that were chosen. */
static void add_chosen(struct list *list, const char *text)
{
    struct buf *out = &list->out;
    assert(text[0] == '{');
    out_open(out, '{');
    for (const char *at = text + 1; *at == '"'; at += *at == ',') {
        const char *member = at, *value = behind_text(at) + 1;
        at = behind_value(value);
        if (is_chosen(list, member + 1, (size_t)(value - member) - 3)) {
            if (out->data[out->size - 1] != '{') {
                buf_text(out, ",");
            }
            buf_add(out, member, (size_t)(at - member));
        }
    }
    out_close(out, '}');
}

void list_item_end(struct list *list)
{
    if (list->field_len > 0 && !list->item.failed && !list->out.failed) {
        add_chosen(list, buf_str(&list->item));
    }
    list->out.failed |= list->item.failed;
    buf_clear(&list->item);
}

/* ---- the answer ---- */

void list_send(struct list *list)
{
    out_close(&list->out, ']');
    if (list->has_more) { /* before the revision: a page that has become the last is another one */
        out_text(&list->out, "continue", list->last);
    }
    out_number(&list->out, "revision", list->call->world->revision);
    call_send_members(list->call, &list->out, 0);
    buf_done(&list->out);
    buf_done(&list->item);
}

void list_send_trees(struct api_call *call, json_t *items, const char *schema)
{
    struct list list;
    size_t i;
    json_t *item;
    if (!items) {
        call_send(call, NULL, 0);
    } else if (list_begin(&list, call, schema)) {
        json_array_foreach(items, i, item) {
            const char *name = json_string_value(json_object_get(item, "name"));
            if (name && list_takes(&list, name)) {
                out_tree(list_item(&list), NULL, json_incref(item));
                list_item_end(&list);
            }
        }
        list_send(&list);
    }
    json_decref(items);
}
