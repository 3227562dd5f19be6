/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/manual.h"

#include "base/cleanup.h"
#include "base/roff.h"
#include "cli/command.h"

#include <string.h>

static const char example[] = "berth gpu ls\n"
                              "berth gpu dismount --all --model 10de:20b5\n"
                              "berth pool create GpuChildPool --all\n"
                              "berth vm add train1.xml\n"
                              "berth vm assign train1 GpuChildPool\n"
                              "berth vm start train1\n"
                              "berth status\n";

/* "Options: --a, --b." of a command. */
static void options_of(struct buf *page, const struct command *command)
{
    char name[40];
    const char *at = command->options;
    CLEANUP(buf_done) struct buf text = {0};
    for (int len = 0; sscanf(at, "%39s%n", name, &len) == 1; at += len) {
        buf_printf(&text, "%s--%s", text.size ? ", " : "Options: ", name);
    }
    if (text.size) {
        buf_text(page, ".br\n");
        buf_char(&text, '.');
        roff_text(page, buf_str(&text));
    }
}

/* One command: its words bold, its arguments not. */
static void add_command(struct buf *page, const struct command *command)
{
    bool is_question = command->help[strlen(command->help) - 1] == '?';
    CLEANUP(buf_done) struct buf help = {0};
    buf_printf(page, ".TP\n\\fBberth %s%s%s\\fR%s%s\n", command->noun, command->verb ? " " : "",
               command->verb ? command->verb : "", command->args[0] ? " " : "", command->args);
    buf_printf(&help, "%s%s", command->help, is_question ? "" : ".");
    roff_text(page, buf_str(&help));
    if (command->more) {
        roff_text(page, command->more);
    }
    options_of(page, command);
}

static void add_commands(struct buf *page)
{
    const char *noun = NULL;
    roff_heading(page, "COMMANDS");
    for (size_t i = 0; i < command_len; i++) {
        if (!noun || strcmp(commands[i].noun, noun) != 0) {
            noun = commands[i].noun;
            buf_printf(page, ".SS berth %s\n", noun);
        }
        add_command(page, &commands[i]);
    }
}

static void add_options(struct buf *page)
{
    char text[usage_size];
    roff_heading(page, "OPTIONS");
    roff_text(page, "Every command takes these:");
    for (int is_everywhere = 1; is_everywhere >= 0; is_everywhere--) {
        if (!is_everywhere) {
            roff_paragraph(page);
            roff_text(page, "Some take of these what stands with them:");
        }
        for (size_t i = 0; i < option_len; i++) {
            if (has_word(options_everywhere, options[i].name) == (is_everywhere == 1)) {
                buf_text(page, ".TP\n");
                roff_text(page, option_usage(&options[i], text));
                roff_text(page, options[i].help);
            }
        }
    }
}

static void add_facts(struct buf *page, const char *heading, const struct fact *facts, size_t len)
{
    roff_heading(page, heading);
    for (size_t i = 0; i < len; i++) {
        roff_term(page, facts[i].name);
        roff_text(page, facts[i].help);
    }
}

void cli_manual(struct buf *page)
{
    roff_begin(page, "berth", 1, "keep VMs with GPUs running on a cluster of hosts");
    roff_heading(page, "SYNOPSIS");
    buf_text(page, ".B berth\n.I NOUN\n[\\fIVERB\\fR] [\\fIarguments\\fR] [\\fIoptions\\fR]\n");
    roff_heading(page, "DESCRIPTION");
    roff_text(page,
              "berth administers a Berth cluster from any of its hosts: its nodes, the GPUs in "
              "them, the pools that they form, and the VMs that are assigned to pools. It speaks "
              "to berth-api(8) on the same host.");
    roff_paragraph(page);
    roff_text(page, "What takes time is waited for; an order that was taken goes on by itself, "
                    "whether somebody waits or not. Options may stand anywhere; what follows -- is "
                    "no option. Colour and progress are for terminals.");
    add_commands(page);
    add_options(page);
    add_facts(page, "EXIT STATUS", exit_codes, exit_code_len);
    add_facts(page, "ENVIRONMENT", environment_facts, environment_fact_len);
    roff_heading(page, "EXAMPLES");
    roff_text(page, "From bare hosts to a VM with a GPU:");
    roff_example(page, example);
    roff_heading(page, "SEE ALSO");
    buf_text(page, ".BR berthd (8),\n.BR berth\\-api (8),\n.BR berth.conf (5)\n");
}
