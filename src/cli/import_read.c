/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/import.h"

#include "base/cleanup.h"
#include "model/name.h"
#include "wire/record.h"

#include <errno.h>
#include <string.h>

enum { import_size_max = 256 * 1024 * 1024 }; /* 16,384 VMs of 16 KiB */

void import_done(struct import *import)
{
    VEC_EACH(&import->steps, step) {
        json_decref(step->body);
        free(step->text);
    }
    VEC_DONE(&import->steps);
    json_decref(import->file);
    import->file = NULL;
}

static int read_bytes(struct cli *cli, const char *path, struct buf *ret)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char chunk[16384];
    size_t got;
    if (!file) {
        return cli_fail(cli, EXIT_REFUSED, "%s: %s", path, strerror(errno));
    }
    while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0 && ret->size <= import_size_max) {
        buf_add(ret, chunk, got);
    }
    bool is_broken = ferror(file) != 0;
    if (file != stdin) {
        (void)fclose(file);
    }
    if (is_broken || ret->failed || ret->size > import_size_max) {
        return cli_fail(cli, EXIT_REFUSED, "%s %s", path,
                        is_broken ? "cannot be read" : "is too large to be an export");
    }
    return EXIT_OK;
}

/* One record: a name that can be, and nothing in it that this version does not know. */
static int check_record(struct cli *cli, const char *path, enum record_kind kind, const char *place,
                        const char *name, const json_t *json)
{
    struct record_key key = {.kind = kind};
    struct record *record = NULL;
    struct error err = {0};
    if (name[0] && name_check(place, name, &err) < 0) {
        return cli_fail(cli, EXIT_REFUSED, "%s: configuration.%s: %s", path, place, err.text);
    }
    (void)snprintf(key.name, sizeof(key.name), "%s", name);
    if (!json_is_object(json)) {
        return cli_fail(cli, EXIT_REFUSED, "%s: configuration.%s.%s is no object", path, place,
                        name);
    }
    if (wire_record_from_json(&key, json, WIRE_REFUSE_UNKNOWN, &record, &err) < 0) {
        return cli_fail(cli, EXIT_REFUSED, "%s: configuration.%s%s%s.%s", path, place,
                        name[0] ? "." : "", name, err.text);
    }
    record_unref(record);
    return EXIT_OK;
}

static int check_records(struct cli *cli, const char *path, const json_t *configuration,
                         enum record_kind kind, const char *place)
{
    const json_t *all = json_object_get(configuration, place);
    const char *name;
    json_t *json;
    int r = EXIT_OK;
    if (!json_is_object(all)) {
        return cli_fail(cli, EXIT_REFUSED, "%s: configuration.%s is no object", path, place);
    }
    json_object_foreach((json_t *)(uintptr_t)all, name, json) {
        r = r == EXIT_OK ? check_record(cli, path, kind, place, name[0] ? name : "?", json) : r;
    }
    return r;
}

static int check(struct cli *cli, const char *path, const json_t *configuration)
{
    const char *name;
    json_t *json;
    json_object_foreach((json_t *)(uintptr_t)configuration, name, json) {
        if (strcmp(name, "cluster") != 0 && strcmp(name, "nodes") != 0 &&
            strcmp(name, "pools") != 0 && strcmp(name, "vms") != 0) {
            return cli_fail(cli, EXIT_REFUSED,
                            "%s: configuration.%s: this version knows nothing of it", path, name);
        }
    }
    int r = check_record(cli, path, RECORD_CLUSTER, "cluster", "",
                         json_object_get(configuration, "cluster"));
    r = r == EXIT_OK ? check_records(cli, path, configuration, RECORD_NODE_SPEC, "nodes") : r;
    r = r == EXIT_OK ? check_records(cli, path, configuration, RECORD_POOL, "pools") : r;
    return r == EXIT_OK ? check_records(cli, path, configuration, RECORD_VM_SPEC, "vms") : r;
}

int import_read(struct cli *cli, const char *path, struct import *ret)
{
    CLEANUP(buf_done) struct buf text = {0};
    json_error_t error;
    int r = read_bytes(cli, path, &text);
    if (r != EXIT_OK) {
        return r;
    }
    ret->file = json_loadb(buf_str(&text), text.size, JSON_REJECT_DUPLICATES, &error);
    if (!ret->file) {
        return cli_fail(cli, EXIT_REFUSED, "%s: line %d: %s", path, error.line, error.text);
    }
    ret->configuration = json_object_get(ret->file, "configuration");
    if (!json_is_object(ret->configuration)) {
        return cli_fail(cli, EXIT_REFUSED,
                        "%s has no configuration: only what \"berth cluster export\" wrote can be "
                        "imported",
                        path);
    }
    return check(cli, path, ret->configuration);
}
