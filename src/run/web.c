/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/web.h"

#include <string.h>

enum { path_size = 256 };

/* Pages that the console draws itself: each is index.html. */
static const char *const pages[] = {"/servers", "/gpus", "/pools", "/vms", "/events", "/login"};

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

/* "/vms" and what is below it. */
static bool is_page(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        size_t len = strlen(pages[i]);
        if (strncmp(path, pages[i], len) == 0 && (path[len] == '\0' || path[len] == '/')) {
            return true;
        }
    }
    return false;
}

/* The list of a header has this word: "gzip, br;q=0.5". */
static bool header_accepts(struct http_exchange *exchange, const char *header, const char *word)
{
    const char *list = http_header(exchange, header);
    const char *found = list ? strstr(list, word) : NULL;
    return found && strncmp(found + strlen(word), ";q=0,", 5) != 0 &&
           strcmp(found + strlen(word), ";q=0") != 0;
}

static void send_file(struct http_exchange *exchange, const struct web_file *file)
{
    const char *known = http_header(exchange, "If-None-Match");
    bool is_known = known && strstr(known, file->etag);
    bool is_gzip = file->gzip && header_accepts(exchange, "Accept-Encoding", "gzip");
    bool is_asset = strncmp(file->path, "/assets/", 8) == 0;
    http_reply(exchange,
               &(struct http_answer){
                   .status = is_known ? 304 : 200,
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

bool web_serve(const struct web_table *table, struct http_exchange *exchange,
               const struct http_request *request)
{
    char path[path_size];
    size_t len = strcspn(request->target, "?");
    bool is_read = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    if (table->len == 0 || !is_read || len == 0 || len >= sizeof(path)) {
        return false;
    }
    memcpy(path, request->target, len);
    path[len] = '\0';
    /* Programs that ask for '/' want the list of routes. */
    bool is_root = strcmp(path, "/") == 0 && header_accepts(exchange, "Accept", "text/html");
    const struct web_file *file = web_find(table, is_root || is_page(path) ? "/index.html" : path);
    if (file) {
        send_file(exchange, file);
    }
    return file != NULL;
}
