/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/web.h"

#include <string.h>

enum { path_size = 256 };

/* Pages that the console draws itself, each with what is below it: index.html. */
static const char *const pages[] = {"/servers",    "/gpus",   "/pools",    "/vms",  "/what-if",
                                    "/validation", "/events", "/settings", "/login"};

/* What the API answers itself, also to a browser. */
static const char *const api_paths[] = {"/v1", "/metrics", "/healthz", "/openapi.json", "/assets"};

/* Scripts, styles and all else only from here; no one may frame it, nothing may be sent away. */
static const struct http_field page_fields[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
     "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
     "frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Vary", "Accept-Encoding"},
    {"Content-Encoding", "gzip"}, /* last: left out where it is not so */
};

static const struct web_file *web_find(const struct web_table *table, const char *path)
{
    for (size_t i = 0; i < table->len; i++) {
        if (strcmp(table->files[i].path, path) == 0) {
            return &table->files[i];
        }
    }
    return NULL;
}

/* Whether 'path' is one of these or below it: "/vms", "/vms/train1". */
static bool is_under(const char *path, const char *const *roots, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        size_t root_len = strlen(roots[i]);
        if (strncmp(path, roots[i], root_len) == 0 &&
            (path[root_len] == '\0' || path[root_len] == '/')) {
            return true;
        }
    }
    return false;
}

static void send_file(struct http_exchange *exchange, const struct web_file *file, unsigned status)
{
    const char *known = http_header(exchange, "If-None-Match");
    bool is_known = status == 200 && known && strstr(known, file->etag);
    bool is_gzip = file->gzip && http_accepts(exchange, "Accept-Encoding", "gzip");
    bool is_asset = strncmp(file->path, "/assets/", 8) == 0;
    http_reply(exchange,
               &(struct http_answer){
                   .status = is_known ? 304 : status,
                   .content_type = file->type,
                   .etag = file->etag,
                   .body = is_gzip ? file->gzip : file->bytes,
                   .body_size = is_known  ? 0
                                : is_gzip ? file->gzip_size
                                          : file->size,
                   .is_static = true,
                   .cache_control = is_asset ? "public, max-age=31536000, immutable" : "no-cache",
                   .fields = page_fields,
                   .field_len = ARRAY_LEN(page_fields) - (is_gzip ? 0 : 1),
               });
}

/* What answers 'path', and with which status. NULL: the API does. */
static const struct web_file *file_of(const struct web_table *table, const char *path,
                                      bool is_person, unsigned *ret_status)
{
    const struct web_file *file = web_find(table, path);
    bool is_page = is_under(path, pages, ARRAY_LEN(pages));
    *ret_status = 200;
    if (file || (!is_page && (!is_person || is_under(path, api_paths, ARRAY_LEN(api_paths))))) {
        return file;
    }
    if (!is_page && strcmp(path, "/") != 0) {
        *ret_status = 404; /* the console says so in its own words */
    }
    return web_find(table, "/index.html");
}

bool web_serve(const struct web_table *table, struct http_exchange *exchange,
               const struct http_request *request)
{
    char path[path_size];
    unsigned status;
    size_t len = strcspn(request->target, "?");
    bool is_read = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    if (table->len == 0 || !is_read || len == 0 || len >= sizeof(path)) {
        return false;
    }
    memcpy(path, request->target, len);
    path[len] = '\0';
    /* Programs that ask for '/', or for what is not there, want JSON; people want a page. */
    bool is_person = http_accepts(exchange, "Accept", "text/html");
    const struct web_file *file = file_of(table, path, is_person, &status);
    if (file) {
        send_file(exchange, file, status);
    }
    return file != NULL;
}
