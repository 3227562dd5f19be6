/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The web console, built into the program: a table of files and how they are served. They hold
 * nothing secret, so they need no login; what they show, they fetch from /v1.
 */
#pragma once

#include "http/http.h"

struct web_file {
    const char *path; /* "/index.html", "/assets/index-1a2b3c.js": '/' and the place below dist/ */
    const char *type; /* "text/html; charset=utf-8" */
    const char *etag; /* with its quotes: a hash of the bytes */
    const unsigned char *bytes;
    size_t size;
    const unsigned char *gzip; /* the same compressed; NULL: not worth it */
    size_t gzip_size;
};

struct web_table {
    const struct web_file *files; /* sorted by path (strcmp) */
    size_t len;                   /* 0: built without the console */
};

/* Made by web/build.sh when building. */
extern const struct web_table web_table;

/* Answers a request for one of the console's files or pages, and a browser's for a page that does
 * not exist: with 404 and the console, which says so. False: it is for the API. Below /assets/
 * everything is named by its content and kept by browsers for good. */
bool web_serve(const struct web_table *table, struct http_exchange *exchange,
               const struct http_request *request);
