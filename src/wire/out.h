/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON written straight into a buffer, for answers that are too long for a tree. Commas come by
 * themselves: what was written last says whether one is due.
 *
 *     out_open(buf, '{');
 *     out_text(buf, "name", "train1");            {"name":"train1",
 *     out_key(buf, "gpus"), out_open(buf, '[');   "gpus":[
 *     out_text(buf, NULL, "0000:65:00.0");        "0000:65:00.0"
 *     out_close(buf, ']');                        ]
 *     out_close(buf, '}');                        }
 *
 * 'key' is a member's name without anything that needs an escape; NULL: an array's element, or the
 * value after out_key().
 */
#pragma once

#include "base/buf.h"

#include <jansson.h>

void out_open(struct buf *buf, char bracket);
void out_close(struct buf *buf, char bracket);
void out_key(struct buf *buf, const char *key);
/* 'text' need not be UTF-8: what is not becomes U+FFFD. _cut: then what does not fit in 'size_max'
 * bytes is left out. */
void out_text(struct buf *buf, const char *key, const char *text);
void out_text_cut(struct buf *buf, const char *key, const char *text, size_t size_max);
void out_number(struct buf *buf, const char *key, int64_t number);
void out_bool(struct buf *buf, const char *key, bool value);
void out_null(struct buf *buf, const char *key);
/* A tree, taken over; NULL (out of memory) makes the buffer 'failed'. */
void out_tree(struct buf *buf, const char *key, json_t *json);

/* Adds 'text' as out_text_cut() would, but neither quoted nor escaped. */
void out_clean(struct buf *buf, const char *text, size_t size_max);
