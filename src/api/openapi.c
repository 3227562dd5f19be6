/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The OpenAPI document, out of the table of routes and the schemas. */
#include "api/openapi.h"

#include "api/about.h"
#include "api/schema.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Takes over 'schema'. */
static json_t *parameter(const char *in, const char *name, bool is_required, const char *what,
                         json_t *schema)
{
    return json_pack("{s:s, s:s, s:b, s:s, s:o}", "in", in, "name", name, "required", is_required,
                     "description", what, "schema", schema);
}

static json_t *type_text(void)
{
    return json_pack("{s:s}", "type", "string");
}

/* ---- the query ---- */

/* What a parameter of the query takes: text, unless its row says otherwise. */
static const struct query {
    const char *name, *about;
    const char *path;  /* only of routes whose pattern begins so; NULL: of all */
    const char *words; /* one of that list (schema_words()) */
    bool is_flag;      /* its presence counts */
    int number_max;    /* a number from 1 to this */
    bool is_members;   /* names of members of an item, with commas between them */
} queries[] = {
    {.name = "node", .about = "only of this host"},
    {.name = "pool", .about = "only of this GPU pool"},
    {.name = "state", .about = "only in this state", .path = "/v1/vms", .words = "vm_view"},
    {.name = "state", .about = "only in this state", .path = "/v1/op", .words = "operation_state"},
    {.name = "state", .about = "only in this state", .words = "gpu_state"},
    {.name = "secrets", .about = "with the passwords of fence agents", .is_flag = true},
    {.name = "limit",
     .about = "how many at most; default: 100",
     .path = "/v1/events",
     .number_max = api_page_max},
    {.name = "limit",
     .about = "how many at most; default: all. If there are more, the answer has 'continue'",
     .number_max = api_page_max},
    {.name = "continue", .about = "only those that follow: 'continue' of the answer before"},
    {.name = "fields",
     .about = "of each item only these members; all others are left out",
     .is_members = true},
    {.name = "subject", .about = "only about this host, pool or VM"},
    {.name = "code", .about = "only with this code"},
    {.name = "severity", .about = "only of this severity", .words = "severity"},
    {.name = "text", .about = "only with this in the description"},
    {.name = "after", .about = "only after the event with this id"},
    {.name = "before", .about = "only before the event with this id"},
    {.name = "follow", .about = "as a stream, as they happen", .is_flag = true},
    {.name = "changes", .about = "in a stream, also what looks different now", .is_flag = true},
};

static const struct query *find_query(const struct route *route, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        const char *path = queries[i].path;
        if (strcmp(queries[i].name, name) == 0 &&
            (!path || strncmp(route->pattern, path, strlen(path)) == 0)) {
            return &queries[i];
        }
    }
    return NULL;
}

/* The schema of the items of a list: "Vm" of "[Vm]". */
static void item_schema(const struct route *route, char ret[name_size])
{
    size_t size = strcspn(route->answer, "]");
    assert(route->answer[0] == '[' && size <= name_size);
    memcpy(ret, route->answer + 1, size - 1);
    ret[size - 1] = '\0';
}

/* ?fields=name,state */
static json_t *members_parameter(const struct route *route, const char *name, const char *about)
{
    char item[name_size];
    json_t *words = json_array();
    const char *member;
    json_t *type;
    item_schema(route, item);
    json_t *members = schema_members(item);
    json_object_foreach(members, member, type) {
        (void)json_array_append_new(words, json_string(member));
    }
    json_decref(members);
    json_t *json = parameter("query", name, false, about,
                             json_pack("{s:s, s:{s:s, s:o}}", "type", "array", "items", "type",
                                       "string", "enum", words));
    (void)json_object_set_new(json, "style", json_string("form"));
    (void)json_object_set_new(json, "explode", json_false());
    return json;
}

static json_t *query_parameter(const struct route *route, const char *name)
{
    const struct query *query = find_query(route, name);
    assert(query);
    if (query->is_members) {
        return members_parameter(route, name, query->about);
    }
    json_t *type =
        query->words ? json_pack("{s:s, s:o}", "type", "string", "enum", schema_words(query->words))
        : query->is_flag        ? json_pack("{s:s, s:[s]}", "type", "string", "enum", "1")
        : query->number_max > 0 ? json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", 1,
                                            "maximum", query->number_max)
                                : type_text();
    return parameter("query", name, false, query->about, type);
}

static bool is_change(const struct route *route)
{
    return strcmp(route->method, "GET") != 0;
}

/* ":vm" becomes "{vm}"; its parameters go into 'parameters'. */
static void path_of(const struct route *route, json_t *parameters, char *ret, size_t size)
{
    char copy[route_pattern_size];
    size_t used = 0;
    char *rest = NULL;
    (void)snprintf(copy, sizeof(copy), "%s", route->pattern);
    (void)snprintf(ret, size, "/");
    for (char *part = strtok_r(copy, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
        bool is_name = part[0] == ':';
        int written = snprintf(ret + used, size - used, is_name ? "/{%s}" : "/%s", part + is_name);
        used += (size_t)written;
        if (is_name) {
            (void)json_array_append_new(parameters,
                                        parameter("path", part + 1, true,
                                                  strcmp(part, ":address") == 0
                                                      ? "PCI address such as 0000:65:00.0"
                                                      : "a name",
                                                  type_text()));
        }
    }
}

static void add_parameters(const struct route *route, json_t *parameters)
{
    char copy[200];
    char *rest = NULL;
    (void)snprintf(copy, sizeof(copy), "%s", route->params ? route->params : "");
    for (char *name = strtok_r(copy, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        (void)json_array_append_new(parameters, query_parameter(route, name));
    }
    if (!is_change(route)) {
        (void)json_array_append_new(parameters, parameter("header", "If-None-Match", false,
                                                          "304 if the answer still has this ETag",
                                                          type_text()));
        return;
    }
    (void)json_array_append_new(parameters,
                                parameter("header", "If-Match", false,
                                          "412 unless the thing still has this ETag", type_text()));
    if (route->has_secret) {
        return;
    }
    (void)json_array_append_new(
        parameters,
        parameter("header", "Idempotency-Key", false,
                  "the same key with the same request gives the first answer again", type_text()));
}

/* What the answer is: JSON by its schema, or text. */
static json_t *content_of(const char *answer, bool has_pages)
{
    if (strcmp(answer, "text") == 0) {
        return json_pack("{s:{s:{s:s}}}", "text/plain", "schema", "type", "string");
    }
    json_t *schema =
        answer[0] != '['
            ? schema_of_type(answer)
            : json_pack("{s:s, s:{s:o, s:{s:s, s:s}, s:{s:s, s:s}}, s:[s, s]}", "type", "object",
                        "properties", "items", schema_of_type(answer), "revision", "type",
                        "integer", "description", about_field("List", "revision"), "stale_since_ms",
                        "type", "integer", "description", about_field("List", "stale_since_ms"),
                        "required", "items", "revision");
    if (has_pages) {
        (void)json_object_set_new(json_object_get(schema, "properties"), "continue",
                                  json_pack("{s:s, s:s}", "type", "string", "description",
                                            about_field("List", "continue")));
    }
    return json_pack("{s:{s:o}}", "application/json", "schema", schema);
}

static json_t *responses_of(const struct route *route)
{
    json_t *all = json_object();
    bool is_socket = strcmp(route->answer ? route->answer : "", "socket") == 0;
    if (is_socket) {
        (void)json_object_set_new(all, "101", json_pack("{s:s}", "description", route->summary));
    }
    static const char *const done[] = {"200", "201"};
    bool has_pages = route->params && strstr(route->params, "continue");
    for (size_t i = is_socket ? 2 : 0; i < (strcmp(route->method, "POST") == 0 ? 2U : 1U); i++) {
        (void)json_object_set_new(
            all, done[i],
            json_pack("{s:s, s:o}", "description", route->summary ? route->summary : "", "content",
                      content_of(route->answer ? route->answer : "any", has_pages)));
    }
    (void)json_object_set_new(all, "default",
                              json_pack("{s:s, s:o}", "description",
                                        "refused or failed; the message says why and what to do",
                                        "content", content_of("Error", false)));
    return all;
}

/* What the route is about: the last collection in its path. */
static const char *tag_of(const struct route *route)
{
    static const char *const tags[] = {"gpus",   "nodes",  "pools",   "vms",
                                       "events", "access", "session", "operations"};
    char word[32];
    for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
        (void)snprintf(word, sizeof(word), "/%s", tags[i]);
        if (strstr(route->pattern, word)) {
            return tags[i];
        }
    }
    return "cluster";
}

static json_t *operation_of(const struct route *route, json_t *parameters)
{
    add_parameters(route, parameters);
    json_t *json = json_pack("{s:s, s:[s], s:s, s:s, s:o, s:o}", "operationId", route->id, "tags",
                             tag_of(route), "summary", route->summary ? route->summary : "",
                             "x-role", api_role_name(route->role), "parameters", parameters,
                             "responses", responses_of(route));
    if (route->role == ROLE_NONE) {
        (void)json_object_set_new(json, "security", json_array());
    }
    if (is_change(route) && strcmp(route->method, "DELETE") != 0) {
        (void)json_object_set_new(json, "requestBody",
                                  json_pack("{s:{s:{s:o}}}", "content", "application/json",
                                            "schema",
                                            schema_of_type(route->body ? route->body : "Nothing")));
    }
    return json;
}

static json_t *paths_json(const struct route *table, size_t len)
{
    json_t *paths = json_object();
    for (size_t i = 0; i < len; i++) {
        char path[route_pattern_size + 16], method[8];
        json_t *parameters = json_array();
        path_of(&table[i], parameters, path, sizeof(path));
        (void)snprintf(method, sizeof(method), "%s", table[i].method);
        for (char *c = method; *c; c++) {
            *c = (char)(*c | 0x20);
        }
        if (!json_object_get(paths, path)) {
            (void)json_object_set_new(paths, path, json_object());
        }
        (void)json_object_set_new(json_object_get(paths, path), method,
                                  operation_of(&table[i], parameters));
    }
    return paths;
}

/* A token, or the cookie of a session at the console. The local socket needs neither. */
static json_t *security_json(void)
{
    return json_pack("{s:{s:s, s:s}, s:{s:s, s:s, s:s}}", "bearer", "type", "http", "scheme",
                     "bearer", "session", "type", "apiKey", "in", "cookie", "name",
                     "__Host-berth_session");
}

json_t *openapi_document(const struct route *table, size_t len)
{
    return json_pack("{s:s, s:{s:s, s:s, s:s}, s:[{s:s}], s:[{s:[]}, {s:[]}], s:o, s:{s:o, s:o}}",
                     "openapi", "3.1.0", "info", "title", "Berth", "version", "1", "description",
                     "Failover clustering for virtual machines with GPUs.", "servers", "url", "/",
                     "security", "bearer", "session", "paths", paths_json(table, len), "components",
                     "schemas", schema_all(), "securitySchemes", security_json());
}
