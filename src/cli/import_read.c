/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/import.h"

#include "base/cleanup.h"
#include "wire/export.h"

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

/* Every record of the configuration: a name that can be, and nothing in it that this version does
 * not know. */
static int check(struct cli *cli, const char *path, const json_t *file)
{
    CLEANUP(export_done) struct export export = {0};
    struct error err = {0};
    return export_read_configuration(file, &export, &err) < 0
               ? cli_fail(cli, EXIT_REFUSED, "%s: %s", path, err.text)
               : EXIT_OK;
}

int import_read(struct cli *cli, const char *path, struct import *ret)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct error err = {0};
    int r = read_bytes(cli, path, &text);
    if (r != EXIT_OK) {
        return r;
    }
    if (export_parse(text.data, text.size, &ret->file, &err) < 0) {
        return cli_fail(cli, EXIT_REFUSED, "%s: %s", path, err.text);
    }
    ret->configuration = json_object_get(ret->file, "configuration");
    return check(cli, path, ret->file);
}
