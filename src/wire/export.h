/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cluster as one JSON document, which is records by name and nothing else:
 *
 *     {"schema": 2,
 *      "configuration": {"cluster": {}, "nodes": {}, "pools": {}, "vms": {}},
 *      "state": {"nodes": {}, "inventories": {}, "standings": {}, "placements": {},
 *                "statuses": {}, "unreadable": []}}
 *
 * The configuration is what administrators want: a cluster can be built again from it. The state is
 * what else the planner knows. docs/state-file.md describes both. The tables below drive writing
 * and reading, so an export and a file made by hand have one vocabulary: the records'. Pure.
 */
#pragma once

#include "base/error.h"
#include "model/world.h"

#include <jansson.h>

struct export_section {
    const char *name;
    const char *what; /* one of them, for name_check(); NULL: there is only one, without a name */
    enum record_kind kind;
};

enum { export_schema = 2, export_configuration_len = 4, export_state_len = 4 };

extern const struct export_section export_configuration[export_configuration_len];
extern const struct export_section export_state[export_state_len];

/* A node that runs nothing and takes nothing, and why, as the exporting cluster knew it. */
struct export_down {
    char node[name_size];
    struct cause why;
};

struct export
{
    struct world world;
    VEC(struct export_down) down; /* by node */
    /* A cluster wrote it in schema 1, which did not say where a moving VM goes or what a removed
     * one still holds: what is planned on it may be wrong. */
    bool is_doubtful;
};

/* Parses a file that an administrator names: like wire_json_parse(), but as large as it is. '*ret'
 * is the caller's (json_decref). -EBADMSG, -ENOMEM. */
int export_parse(const void *bytes, size_t size, json_t **ret, struct error *err);

/* Reads the configuration strictly. 0; -EBADMSG with the place of the first fault ("configuration.
 * vms.a.priority: ..."), -ENOMEM. In either case '*ret' is the caller's (export_done()). */
int export_read_configuration(const json_t *file, struct export *ret, struct error *err);

/* Reads the state, too. */
int export_read(const json_t *file, struct export *ret, struct error *err);

/* A file of schema 1 as one of schema 2. '*ret' is the caller's (json_decref). -EBADMSG, -ENOMEM.
 */
int export_from_schema1(const json_t *file, json_t **ret, struct error *err);

void export_done(struct export *export);
