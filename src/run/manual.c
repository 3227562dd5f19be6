/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/manual.h"

#include "base/cleanup.h"
#include "base/roff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Paragraphs that empty lines part. */
static void paragraphs(struct buf *page, const char *text)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t size = end ? (size_t)(end - text) : strlen(text);
        CLEANUP(freep) char *one = strndup(text, size);
        roff_text(page, one ? one : "");
        if (end) {
            roff_paragraph(page);
        }
        text += size + (end ? 2 : 0);
    }
}

void manual_program(const struct program *program, struct buf *page)
{
    roff_begin(page, program->name, 8, program->summary);
    roff_heading(page, "SYNOPSIS");
    buf_printf(page, ".B %s\n[options]\n", program->name);
    roff_heading(page, "DESCRIPTION");
    roff_text(page, program->purpose);
    roff_paragraph(page);
    paragraphs(page, program->more);
    roff_heading(page, "OPTIONS");
    for (size_t i = 0; i < program_option_len; i++) {
        const struct program_option *option = &program_options[i];
        char term[60];
        if (option->is_for_host && !program->is_for_host) {
            continue;
        }
        (void)snprintf(term, sizeof(term), "--%s%s%s", option->name, option->value ? " " : "",
                       option->value ? option->value : "");
        roff_term(page, term);
        roff_text(page, option->help);
    }
    roff_heading(page, "EXIT STATUS");
    for (size_t i = 0; i < program_exit_len; i++) {
        char term[12];
        (void)snprintf(term, sizeof(term), "%d", program_exits[i].code);
        roff_term(page, term);
        roff_text(page, program_exits[i].help);
    }
    roff_heading(page, "FILES");
    roff_term(page, CONFIG_PATH_DEFAULT);
    roff_text(page, "the configuration, see berth.conf(5)");
    roff_heading(page, "SEE ALSO");
    buf_printf(page, ".BR berth (1),\n.BR %s (8),\n.BR berth.conf (5)\n",
               strcmp(program->name, "berthd") == 0 ? "berth\\-api" : "berthd");
}

void manual_config(struct buf *page)
{
    const char *section = "";
    roff_begin(page, "berth.conf", 5, "configuration of berthd and berth-api on one host");
    roff_heading(page, "SYNOPSIS");
    buf_text(page, ".I " CONFIG_PATH_DEFAULT "\n");
    roff_heading(page, "DESCRIPTION");
    roff_text(
        page,
        "Lines of the form key = value. A line that begins with # is a comment. An unknown or "
        "repeated key, a value out of its bounds and a line without = are errors, named "
        "with file and line; berthd --check-config and berth-api --check-config look "
        "for them and ask the store, and end. The file may be missing: every key has a default. It is read once, at "
        "start.");
    roff_paragraph(page);
    roff_text(page, "What the whole cluster shares (times, pools, fencing, VMs) is in the store: "
                    "see berth cluster show.");
    for (size_t i = 0; i < config_key_len(); i++) {
        struct config_key key;
        config_key(i, &key);
        if (strcmp(key.section, section) != 0) {
            section = key.section;
            roff_heading(page, section);
        }
        roff_term(page, key.name);
        roff_text(page, key.help);
        if (key.fallback[0]) {
            char text[config_text_size + 16];
            (void)snprintf(text, sizeof(text), "Default: %s.", key.fallback);
            roff_text(page, text);
        }
    }
    roff_heading(page, "SEE ALSO");
    buf_text(page, ".BR berth (1),\n.BR berthd (8),\n.BR berth\\-api (8);\n"
                   "docs/SAFETY.md on the times of fencing\n");
}
