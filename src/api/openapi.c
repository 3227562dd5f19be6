/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The OpenAPI document, out of the table of routes and the schemas. */
#include "api/handlers.h"
#include "api/routes.h"
#include "api/schema.h"

#include <stdio.h>
#include <string.h>

static json_t *parameter(const char *in, const char *name, bool is_required, const char *what)
{
    return json_pack("{s:s, s:s, s:b, s:s, s:{s:s}}", "in", in, "name", name, "required",
                     is_required, "description", what, "schema", "type", "string");
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
                                                      : "a name"));
        }
    }
}

static void add_parameters(const struct route *route, json_t *parameters)
{
    char copy[200];
    char *rest = NULL;
    (void)snprintf(copy, sizeof(copy), "%s", route->params ? route->params : "");
    for (char *name = strtok_r(copy, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        (void)json_array_append_new(parameters, parameter("query", name, false, ""));
    }
    if (!is_change(route)) {
        (void)json_array_append_new(parameters, parameter("header", "If-None-Match", false,
                                                          "304 if the answer still has this ETag"));
        return;
    }
    (void)json_array_append_new(parameters, parameter("header", "If-Match", false,
                                                      "412 unless the thing still has this ETag"));
    if (route->has_secret) {
        return;
    }
    (void)json_array_append_new(
        parameters, parameter("header", "Idempotency-Key", false,
                              "the same key with the same request gives the first answer again"));
}

/* What the answer is: JSON by its schema, or text. */
static json_t *content_of(const char *answer)
{
    if (strcmp(answer, "text") == 0) {
        return json_pack("{s:{s:{s:s}}}", "text/plain", "schema", "type", "string");
    }
    json_t *schema =
        answer[0] != '['
            ? schema_of_type(answer)
            : json_pack("{s:s, s:{s:o, s:{s:s}, s:{s:s}}, s:[s, s], s:b}", "type", "object",
                        "properties", "items", schema_of_type(answer), "revision", "type",
                        "integer", "stale_since_ms", "type", "integer", "required", "items",
                        "revision", "additionalProperties", 0);
    return json_pack("{s:{s:o}}", "application/json", "schema", schema);
}

static json_t *responses_of(const struct route *route)
{
    json_t *all = json_object();
    static const char *const done[] = {"200", "201"};
    for (size_t i = 0; i < (strcmp(route->method, "POST") == 0 ? 2U : 1U); i++) {
        (void)json_object_set_new(all, done[i],
                                  json_pack("{s:s, s:o}", "description",
                                            route->summary ? route->summary : "", "content",
                                            content_of(route->answer ? route->answer : "any")));
    }
    (void)json_object_set_new(all, "default",
                              json_pack("{s:s, s:o}", "description",
                                        "refused or failed; the message says why and what to do",
                                        "content", content_of("Error")));
    return all;
}

static json_t *operation_of(const struct route *route, json_t *parameters)
{
    add_parameters(route, parameters);
    json_t *json = json_pack(
        "{s:s, s:s, s:o, s:o}", "summary", route->summary ? route->summary : "", "x-role",
        api_role_name(route->role), "parameters", parameters, "responses", responses_of(route));
    if (is_change(route) && strcmp(route->method, "DELETE") != 0) {
        json_t *schema = route->body
                             ? schema_of_type(route->body)
                             : json_pack("{s:s, s:i}", "type", "object", "maxProperties", 0);
        (void)json_object_set_new(
            json, "requestBody",
            json_pack("{s:{s:{s:o}}}", "content", "application/json", "schema", schema));
    }
    return json;
}

static json_t *paths_json(void)
{
    json_t *paths = json_object();
    for (size_t i = 0; i < routes_len; i++) {
        char path[route_pattern_size + 16], method[8];
        json_t *parameters = json_array();
        path_of(&routes[i], parameters, path, sizeof(path));
        (void)snprintf(method, sizeof(method), "%s", routes[i].method);
        for (char *c = method; *c; c++) {
            *c = (char)(*c | 0x20);
        }
        if (!json_object_get(paths, path)) {
            (void)json_object_set_new(paths, path, json_object());
        }
        (void)json_object_set_new(json_object_get(paths, path), method,
                                  operation_of(&routes[i], parameters));
    }
    return paths;
}

void handle_openapi(struct api_call *call)
{
    call_send(call,
              json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:{s:o}}", "openapi", "3.1.0", "info",
                        "title", "Berth", "version", "1", "description",
                        "Failover clustering for virtual machines with GPUs.", "paths",
                        paths_json(), "components", "schemas", schema_all()),
              0);
}
