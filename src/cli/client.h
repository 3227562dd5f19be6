/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests to berth-api, over its Unix socket or HTTPS, one after the other. */
#pragma once

#include "base/buf.h"
#include "cli/command.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdarg.h>

/* NULL, said, if it cannot be, with the exit code. Does not connect yet. */
struct client *client_new(const struct cli *cli, int *ret_code);
struct client *client_free(struct client *client);

/*
 * "GET" of a path made of 'format': each %s is percent-encoded. 'body' (taken over) may be NULL.
 * EXIT_OK with the reply in '*ret' (the caller's); or an exit code, the API's message and reasons
 * said on the error stream, '*ret' NULL.
 */
int client_call(struct cli *cli, const char *method, json_t *body, json_t **ret, const char *format,
                ...) __attribute__((format(printf, 5, 6)));
int client_vcall(struct cli *cli, const char *method, json_t *body, json_t **ret,
                 const char *format, va_list args) __attribute__((format(printf, 5, 0)));
int client_get(struct cli *cli, json_t **ret, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Follows '/v1/events': 'event' is called with each (lent), forever. Starts again where it was cut.
 * An exit code if it cannot even begin. */
int client_follow(struct cli *cli, void (*event)(struct cli *cli, const json_t *event));

/*
 * Connects for a protocol of the caller's own, and nothing more; the connection is lent until the
 * next request. '*ret_headers' gets the headers that say where and who we are, each with its end.
 * An exit code, said.
 */
int client_connect(struct cli *cli, CURL **ret, struct buf *ret_headers);
/* Says what berth-api refused or failed at; the exit code. */
int client_say_error(struct cli *cli, long status, const json_t *reply);

/* ---- reading replies ---- */

/* "" and 0 if it is not there. */
const char *text_at(const json_t *object, const char *name);

/* What to do, as a command: "berth gpu release node1 0000:65:00.0"; nothing without a hint. */
void hint_text(const json_t *hint, struct buf *ret);
json_int_t number_at(const json_t *object, const char *name);
bool truth_at(const json_t *object, const char *name);
const json_t *array_at(const json_t *object, const char *name);
