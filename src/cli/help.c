/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/suggest.h"
#include "cli/text.h"

const char *command_usage(const struct command *command, char *ret)
{
    (void)snprintf(ret, usage_size, "berth %s%s%s%s%s", command->noun, command->verb ? " " : "",
                   command->verb ? command->verb : "", command->args ? " " : "",
                   command->args ? command->args : "");
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

/* Where help is broken: at the edge of the terminal, but lines stay short enough to be read. */
static size_t help_columns(FILE *out)
{
    const size_t most = 100, elsewhere = 80;
    size_t columns = text_columns(out);
    return columns == 0 ? elsewhere : MIN(columns, most);
}

/* "  TERM   text", the text from column 'at' on; below its term where that is longer. */
static void entry(FILE *out, size_t at, const char *term, const char *text)
{
    size_t width = text_width(term) + 2;
    (void)fprintf(out, "  %s", term);
    if (width + 2 > at) {
        (void)fputc('\n', out);
        width = 0;
    }
    (void)fprintf(out, "%*s", (int)(at - width), "");
    text_wrap(out, help_columns(out), at, text);
}

static void footer(FILE *out)
{
    (void)fputs("\n", out);
    text_wrap(out, help_columns(out), 0,
              "Every command takes -o json (output for programs), --socket PATH or --host URL, "
              "--color WHEN, --yes and --help. See man berth for more.");
    (void)fputs("\nExit codes:\n", out);
    for (size_t i = 0; i < exit_code_len; i++) {
        entry(out, 5, exit_codes[i].name, exit_codes[i].help);
    }
}

static void line(FILE *out, const struct command *command)
{
    const size_t at = 42;
    char text[usage_size];
    entry(out, at, command_usage(command, text), command->help);
}

void help_all(FILE *out)
{
    const struct command *command;
    bool had_verb = true;
    (void)fputs("berth: keep VMs with GPUs running on a cluster of hosts\n", out);
    for (size_t i = 0; (command = command_at(i)); i++) {
        if (command_begins_noun(i) && (command->verb || had_verb)) {
            (void)fputc('\n', out);
        }
        had_verb = command->verb;
        line(out, command);
    }
    footer(out);
}

bool help_noun(FILE *out, const char *noun)
{
    size_t count = 0;
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)); i++) {
        if (strcmp(command->noun, noun) != 0) {
            continue;
        }
        if (!command->verb) {
            help_command(out, command);
            return true;
        }
        line(out, command);
        count++;
    }
    if (count > 0) {
        (void)fprintf(out, "\nFor the options of a command: berth %s VERB --help\n", noun);
    }
    return count > 0;
}

static void option_lines(FILE *out, const char *heading, const struct option *options)
{
    const size_t at = 28;
    char text[usage_size];
    (void)fprintf(out, "\n%s:\n", heading);
    for (; options->name; options++) {
        entry(out, at, option_usage(options, text), options->help);
    }
}

void help_command(FILE *out, const struct command *command)
{
    char text[usage_size];
    (void)fprintf(out, "Usage: %s%s\n\n", command_usage(command, text),
                  command->options ? " [OPTIONS]" : "");
    (void)fprintf(out, "%s.\n", command->help);
    if (command->more) {
        (void)fputc('\n', out);
        text_wrap(out, help_columns(out), 0, command->more);
    }
    if (command->options) {
        option_lines(out, "Options", command->options);
    }
    option_lines(out, "Options of every command", options_everywhere);
}

/* ---- as commands ---- */

int run_help(struct cli *cli)
{
    if (cli->args.len == 0) {
        help_all(cli->out);
        return EXIT_OK;
    }
    if (cli->args.len == 1) {
        const char *noun = noun_of(cli->args.items[0]);
        return help_noun(cli->out, noun) ? EXIT_OK : no_such_command(cli, noun, NULL);
    }
    int r = cli_find_command(cli);
    if (r == EXIT_OK) {
        help_command(cli->out, cli->command);
    }
    return r;
}

int run_version(struct cli *cli)
{
    (void)fprintf(cli->out, "berth %s\n", BERTH_VERSION);
    return EXIT_OK;
}
