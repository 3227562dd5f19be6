/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replies as people read them, for all commands. */
#pragma once

#include "cli/client.h"
#include "cli/table.h"

/* Pretty JSON, or YAML, on 'out'; takes over 'json'. EXIT_OK. */
int show_json(struct cli *cli, json_t *json);

/* The rows of a list, in the order of --sort; takes over 'table'. EXIT_OK; EXIT_USAGE, said, if it
 * has no such column. 'empty': as for table_print(). */
int show_table(struct cli *cli, struct table *table, const char *empty);

/* What a change answered: its message, or JSON; takes over 'json'. EXIT_OK. */
int show_change(struct cli *cli, json_t *json);

/* Says on the error stream if the reply is old. */
void show_age(const struct cli *cli, const json_t *json);

/* "  node1: ..." for each, on 'out'. */
void show_reasons(FILE *out, const json_t *reasons);

/* What needs attention, each with why and what to do; nothing if there is nothing. 'counts' are of
 * all that there are. */
void show_problems(const struct cli *cli, const json_t *problems, const json_t *counts);

/* What that VM, or node, uses now of processors and memory, in a line that begins with 'label';
 * nothing if it is not known. */
void show_use(const struct cli *cli, const char *label, bool is_vm, const char *name);

/* "2x GpuChildPool, 1x B" of a VM's needs; "-" none. */
void needs_text(const json_t *needs, struct buf *ret);
/* "0000:65:00.0 0000:66:00.0" of a VM's GPUs; "-" none. */
void gpus_text(const json_t *gpus, struct buf *ret);

/* Orders one change (arguments as client_call()'s), then says its message. */
int change(struct cli *cli, const char *method, json_t *body, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* How running VMs are to move, as OPTIONS_MIGRATION say, into 'body'. EXIT_OK; EXIT_USAGE, said. */
int put_migration(struct cli *cli, json_t *body);

/* "key=value" into 'object'; numbers and booleans as such if 'is_typed'. False: no '='. */
bool pair_into(json_t *object, const char *pair, bool is_typed);

/* Leaves in the list 'json' those items whose 'field' is what the option of that name says, if it
 * was given. For the option node: EXIT_NOT_FOUND, said, if there is no such node. */
int show_only(struct cli *cli, json_t *json, const char *option, const char *field);

/* "8.0 GiB" of so many MiB, into 'ret' of 'size' bytes; returns 'ret'. */
const char *memory_text(json_int_t mib, char *ret, size_t size);

/* "240 ms" or "12.3 s", the same way. */
const char *span_text(json_int_t ms, char *ret, size_t size);

/* EXIT_USAGE, said, if --state is given and none of 'states'. */
int check_state(struct cli *cli, const char *const *states, size_t len);

/* "90s", "30m" or "2h" as milliseconds. */
bool parse_duration(const char *text, json_int_t *ret);
