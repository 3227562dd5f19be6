/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/command.h"

#include <string.h>

static const char footer[] =
    "\n"
    "Everywhere: -o json for programs, --socket PATH, --yes, --help.\n"
    "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 no such thing, 4 berth-api or its\n"
    "store does not answer, 5 ordered but not done in time.\n";

/* "berth vm assign VM POOL" */
static void usage(const struct command *command, char *ret, size_t size)
{
    (void)snprintf(ret, size, "berth %s%s%s%s%s", command->noun, command->verb ? " " : "",
                   command->verb ? command->verb : "", command->args[0] ? " " : "", command->args);
}

static void line(FILE *out, const struct command *command)
{
    char text[100];
    usage(command, text, sizeof(text));
    (void)fprintf(out, "  %-40s %s\n", text, command->help);
}

void help_all(FILE *out)
{
    (void)fputs("berth: keep VMs with GPUs running on a cluster of hosts\n", out);
    for (size_t i = 0; i < command_len; i++) {
        if (i == 0 || strcmp(commands[i].noun, commands[i - 1].noun) != 0) {
            if (i == 0 || commands[i].verb || commands[i - 1].verb) {
                (void)fputc('\n', out);
            }
        }
        line(out, &commands[i]);
    }
    (void)fputs(footer, out);
}

bool help_noun(FILE *out, const char *noun)
{
    size_t count = 0;
    const struct command *last = NULL;
    for (size_t i = 0; i < command_len; i++) {
        if (strcmp(commands[i].noun, noun) == 0) {
            last = &commands[i];
            count++;
        }
    }
    if (count == 1) {
        help_command(out, last);
        return true;
    }
    for (size_t i = 0; i < command_len; i++) {
        if (strcmp(commands[i].noun, noun) == 0) {
            line(out, &commands[i]);
        }
    }
    if (count > 0) {
        (void)fprintf(out, "\nberth %s VERB --help says more of one.\n", noun);
    }
    return count > 0;
}

static void option_line(FILE *out, const struct option *option)
{
    char text[60], letter[5] = "";
    if (option->letter) {
        (void)snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    }
    (void)snprintf(text, sizeof(text), "%s--%s%s%s", letter, option->name, option->value ? " " : "",
                   option->value ? option->value : "");
    (void)fprintf(out, "  %-28s %s\n", text, option->help);
}

void help_command(FILE *out, const struct command *command)
{
    char text[100], name[40];
    usage(command, text, sizeof(text));
    bool is_question = command->help[strlen(command->help) - 1] == '?';
    (void)fprintf(out, "usage: %s%s\n\n%s%s\n", text, command->options[0] ? " [options]" : "",
                  command->help, is_question ? "" : ".");
    if (command->more) {
        (void)fprintf(out, "%s\n", command->more);
    }
    (void)fputs("\noptions:\n", out);
    const char *at = command->options;
    for (int len = 0; sscanf(at, "%39s%n", name, &len) == 1; at += len) {
        for (size_t i = 0; i < option_len; i++) {
            if (strcmp(options[i].name, name) == 0) {
                option_line(out, &options[i]);
            }
        }
    }
    for (size_t i = 0; i < 4; i++) { /* those that are understood everywhere come first */
        option_line(out, &options[i]);
    }
}
