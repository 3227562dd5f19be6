/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/command.h"

#include <string.h>

const char *command_usage(const struct command *command, char *ret)
{
    (void)snprintf(ret, usage_size, "berth %s%s%s%s%s", command->noun, command->verb ? " " : "",
                   command->verb ? command->verb : "", command->args[0] ? " " : "", command->args);
    return ret;
}

const char *option_usage(const struct option *option, char *ret)
{
    char letter[5] = "";
    if (option->letter) {
        (void)snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    }
    (void)snprintf(ret, usage_size, "%s--%s%s%s", letter, option->name, option->value ? " " : "",
                   option->value ? option->value : "");
    return ret;
}

static void footer(FILE *out)
{
    (void)fputs("\nEverywhere: -o json for programs, --socket PATH, --color WHEN, --yes, --help.\n"
                "Exit codes:\n",
                out);
    for (size_t i = 0; i < exit_code_len; i++) {
        (void)fprintf(out, "  %s  %s\n", exit_codes[i].name, exit_codes[i].help);
    }
    (void)fputs("The manual: man berth\n", out);
}

static void line(FILE *out, const struct command *command)
{
    char text[usage_size];
    (void)fprintf(out, "  %-40s  %s\n", command_usage(command, text), command->help);
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
    footer(out);
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

/* The options of 'names'. */
static void option_lines(FILE *out, const char *names)
{
    char name[40], text[usage_size];
    for (int len = 0; sscanf(names, "%39s%n", name, &len) == 1; names += len) {
        const struct option *option = find_option(name, strlen(name));
        if (option) {
            (void)fprintf(out, "  %-28s %s\n", option_usage(option, text), option->help);
        }
    }
}

void help_command(FILE *out, const struct command *command)
{
    char text[usage_size];
    bool is_question = command->help[strlen(command->help) - 1] == '?';
    (void)fprintf(out, "usage: %s%s\n\n%s%s\n", command_usage(command, text),
                  command->options[0] ? " [options]" : "", command->help, is_question ? "" : ".");
    if (command->more) {
        (void)fprintf(out, "%s\n", command->more);
    }
    (void)fputs("\noptions:\n", out);
    option_lines(out, command->options);
    option_lines(out, options_everywhere);
}

/* ---- as commands ---- */

int run_help(struct cli *cli)
{
    if (cli->args.len == 0) {
        help_all(cli->out);
        return EXIT_OK;
    }
    return help_noun(cli->out, cli->args.items[0])
               ? EXIT_OK
               : cli_fail(cli, EXIT_USAGE, "there is no command \"%s\"; see berth help",
                          cli->args.items[0]);
}

int run_version(struct cli *cli)
{
    (void)fprintf(cli->out, "berth %s\n", BERTH_VERSION);
    return EXIT_OK;
}
