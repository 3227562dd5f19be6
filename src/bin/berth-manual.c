/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berth-manual: writes the manual pages and the completion while Berth is built. Not installed. */
#include "cli/manual.h"
#include "run/manual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool page_make(const char *name, struct buf *text)
{
    if (strcmp(name, "berth.1") == 0) {
        cli_manual(text);
    } else if (strcmp(name, "berth.bash") == 0) {
        cli_completion(text);
    } else if (strcmp(name, "berthd.8") == 0) {
        manual_program(&berthd_program, text);
    } else if (strcmp(name, "berth-api.8") == 0) {
        manual_program(&berth_api_program, text);
    } else if (strcmp(name, "berth.conf.5") == 0) {
        manual_config(text);
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct buf text = {0};
    if (argc != 2 || !page_make(argv[1], &text) || text.failed) {
        (void)fputs("usage: berth-manual "
                    "berth.1|berthd.8|berth-api.8|berth.conf.5|berth.bash > FILE\n",
                    stderr);
        return 2;
    }
    (void)fputs(buf_str(&text), stdout);
    buf_done(&text);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
