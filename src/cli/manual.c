/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/manual.h"

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

static void add_options(struct buf *page, const struct option *options)
{
    char text[usage_size];
    for (; options->name; options++) {
        buf_text(page, ".TP\n");
        roff_text(page, option_usage(options, text));
        roff_text(page, options->help);
    }
}

/* One command: its words bold, its arguments not; its options indented below it. */
static void add_command(struct buf *page, const struct command *command)
{
    buf_printf(page, ".TP\n\\fBberth %s%s%s\\fR%s%s\n", command->noun, command->verb ? " " : "",
               command->verb ? command->verb : "", command->args ? " " : "",
               command->args ? command->args : "");
    roff_text(page, command->help);
    if (command->more) {
        roff_text(page, command->more);
    }
    if (command->options) {
        buf_text(page, ".RS\n");
        add_options(page, command->options);
        buf_text(page, ".RE\n");
    }
}

static void add_commands(struct buf *page)
{
    const struct command *command;
    roff_heading(page, "COMMANDS");
    for (size_t i = 0; (command = command_at(i)); i++) {
        if (command_begins_noun(i)) {
            buf_printf(page, ".SS berth %s\n", command->noun);
        }
        add_command(page, command);
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
              "berth administers a Berth cluster: its nodes, the GPUs in them, the pools that "
              "the GPUs form, and the VMs that are assigned to pools. It connects to "
              "berth-api(8) on the same host, or with --host on another one.");
    roff_paragraph(page);
    roff_text(page, "Commands that order something wait until it is done. The cluster completes an "
                    "accepted order even if the command is interrupted. Options can stand anywhere "
                    "on the command line; everything after -- is an argument. Colour and progress "
                    "appear only on terminals.");
    roff_paragraph(page);
    roff_text(page, "Nouns can be written in the plural (berth vms ls). list stands for ls, create "
                    "for add, delete and remove for rm, unless the noun has a verb of that name.");
    add_commands(page);
    roff_heading(page, "OPTIONS");
    roff_text(page, "Every command takes these options:");
    add_options(page, options_everywhere);
    add_facts(page, "EXIT STATUS", exit_codes, exit_code_len);
    add_facts(page, "ENVIRONMENT", environment_facts, environment_fact_len);
    roff_heading(page, "EXAMPLES");
    roff_text(page, "From bare hosts to a VM with a GPU:");
    roff_example(page, example);
    roff_heading(page, "SEE ALSO");
    buf_text(page, ".BR berthd (8),\n.BR berth\\-api (8),\n.BR berth.conf (5)\n");
}
