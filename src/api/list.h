/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A list as an answer: one page of it, if '?limit=' asks for that, and of each item the members
 * that '?fields=' names. A page says with 'continue' behind which item the next one begins, by its
 * name and not by a number: what comes and goes meanwhile shifts nothing.
 *
 *     if (list_begin(&list, call, "Vm")) {
 *         for each in natural order { if (list_takes(&list, name)) { vm_write(list_item(&list), …);
 *                                                                   list_item_end(&list); } }
 *         list_send(&list);
 *     }
 */
#pragma once

#include "api/call.h"

enum { list_place_size = 2 * name_size, list_fields_max = 32 };

struct list {
    struct api_call *call;
    const char *after; /* the place of the last item that the client has; NULL: it has none */
    uint64_t limit;    /* 0: none */
    uint64_t len;      /* items on this page */
    bool has_more;     /* ... and some that are not */
    char last[list_place_size]; /* the place of the last item on this page */
    const char *fields[list_fields_max];
    size_t field_len;                /* 0: all */
    char names[api_target_size_max]; /* holds what 'fields' points to */
    struct buf out, item;
};

/* 'schema': of its items (schemas.c). False: the request is answered, for a parameter is wrong. */
bool list_begin(struct list *list, struct api_call *call, const char *schema);

/* Whether the item at 'place' is on this page: not one that the client has. Items come in the
 * natural order of their places, which are their names. */
bool list_takes(struct list *list, const char *place);
/* The same where the caller has left out what the client has. */
bool list_has_room(struct list *list, const char *place);

/* Where an item that is taken is to be written, and the end of that. */
struct buf *list_item(struct list *list);
void list_item_end(struct list *list);

/* Answers with it; the list is over then. */
void list_send(struct list *list);

/* The page of 'items', taken over, in order of their "name". */
void list_send_trees(struct api_call *call, json_t *items, const char *schema);

/* '?limit=', from 1 to api_page_max; '*ret' stays without one. False: answered. */
bool list_limit(struct api_call *call, uint64_t *ret);
