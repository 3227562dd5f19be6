/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/suggest.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cli_fail(const struct cli *cli, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("berth: ", cli->err);
    (void)vfprintf(cli->err, format, args);
    (void)fputc('\n', cli->err);
    va_end(args);
    return code;
}

void cli_done(struct cli *cli)
{
    VEC_DONE(&cli->args);
    VEC_DONE(&cli->given);
}

const char *cli_option(const struct cli *cli, const char *name)
{
    VEC_EACH(&cli->given, given) {
        if (strcmp(given->option->name, name) == 0) {
            return given->value ? given->value : "";
        }
    }
    return NULL;
}

bool cli_confirm(const struct cli *cli, const char *question)
{
    char answer[16] = "";
    if (cli_option(cli, "yes")) {
        return true;
    }
    if (!isatty(STDIN_FILENO)) {
        (void)cli_fail(cli, EXIT_REFUSED, "%s Say so with --yes.", question);
        return false;
    }
    (void)fprintf(cli->err, "%s [y/N] ", question);
    (void)fflush(cli->err);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* ---- options ---- */

/* The option 'letter' of 'command' if the words so far can begin that; else NULL. */
static const struct option *find_letter_of(const struct cli *cli, const struct command *command,
                                           char letter)
{
    const char *noun = noun_of(cli->args.items[0]);
    const char *verb = cli->args.len > 1 ? verb_of(noun, cli->args.items[1]) : NULL;
    if (strcmp(command->noun, noun) != 0 ||
        (verb && command->verb && strcmp(command->verb, verb) != 0)) {
        return NULL;
    }
    for (const struct option *each = command->options; each && each->name; each++) {
        if (each->letter == letter) {
            return each;
        }
    }
    return NULL;
}

/* Two options may share a letter, on different commands: -f is --force or --follow. */
static const struct option *find_letter(const struct cli *cli, char letter)
{
    const struct command *command;
    for (const struct option *each = options_everywhere; each->name; each++) {
        if (each->letter == letter) {
            return each;
        }
    }
    for (size_t i = 0; cli->args.len > 0 && (command = command_at(i)); i++) {
        const struct option *found = find_letter_of(cli, command, letter);
        if (found) {
            return found;
        }
    }
    /* Before its command: whichever takes it. Whether the command does is checked at the end. */
    for (size_t i = 0; (command = command_at(i)); i++) {
        for (const struct option *each = command->options; each && each->name; each++) {
            if (each->letter == letter) {
                return each;
            }
        }
    }
    return NULL;
}

/* Reads the option at argv[*at] and its value; moves '*at' to the last word of it. */
static int take_option(struct cli *cli, int argc, const char *const *argv, int *at)
{
    const char *word = argv[*at];
    bool is_long = word[1] == '-';
    const char *name = is_long ? word + 2 : word + 1;
    const char *equals = is_long ? strchr(name, '=') : NULL;
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct option *option = is_long           ? find_option(NULL, name, len)
                                  : name[1] == '\0' ? find_letter(cli, *name)
                                                    : NULL;
    if (!option) {
        return cli_fail(cli, EXIT_USAGE, "there is no option %s; see berth help", word);
    }
    struct given given = {.option = option};
    if (option->value) {
        given.value = equals ? equals + 1 : *at + 1 < argc ? argv[++*at] : NULL;
        if (!given.value) {
            return cli_fail(cli, EXIT_USAGE, "--%s needs a value: --%s %s", option->name,
                            option->name, option->value);
        }
    } else if (equals) {
        return cli_fail(cli, EXIT_USAGE, "--%s takes no value", option->name);
    }
    struct given *place = VEC_ADD(&cli->given);
    if (!place) {
        return cli_fail(cli, EXIT_REFUSED, "out of memory");
    }
    *place = given;
    return 0;
}

static int split(struct cli *cli, int argc, const char *const *argv)
{
    bool is_literal = false;
    for (int i = 1; i < argc; i++) {
        if (!is_literal && strcmp(argv[i], "--") == 0) {
            is_literal = true;
            continue;
        }
        if (!is_literal && argv[i][0] == '-' && argv[i][1] != '\0') {
            int r = take_option(cli, argc, argv, &i);
            if (r != 0) {
                return r;
            }
            continue;
        }
        const char **place = VEC_ADD(&cli->args);
        if (!place) {
            return cli_fail(cli, EXIT_REFUSED, "out of memory");
        }
        *place = argv[i];
    }
    return 0;
}

/* ---- the command ---- */

/* "ls, show, add": the verbs of 'noun'. */
static void list_verbs(const char *noun, char *ret, size_t size)
{
    size_t used = 0;
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)) && used < size; i++) {
        if (strcmp(command->noun, noun) == 0) {
            used +=
                (size_t)snprintf(ret + used, size - used, "%s%s", used ? ", " : "", command->verb);
        }
    }
}

int cli_find_command(struct cli *cli)
{
    const char *noun = noun_of(cli->args.items[0]);
    const char *verb = cli->args.len > 1 ? verb_of(noun, cli->args.items[1]) : NULL;
    bool has_noun = false;
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)); i++) {
        if (strcmp(command->noun, noun) != 0) {
            continue;
        }
        has_noun = true;
        if (command->verb && (!verb || strcmp(command->verb, verb) != 0)) {
            continue;
        }
        cli->command = command;
        VEC_REMOVE(&cli->args, 0);
        if (command->verb) {
            VEC_REMOVE(&cli->args, 0);
        }
        return EXIT_OK;
    }
    if (has_noun && !verb) {
        char list[240] = "";
        list_verbs(noun, list, sizeof(list));
        return cli_fail(cli, EXIT_USAGE, "say what to do with berth %s: %s; see berth %s --help",
                        noun, list, noun);
    }
    return no_such_command(cli, noun, verb);
}

static int check_args(const struct cli *cli)
{
    const struct command *command = cli->command;
    char usage[usage_size];
    int len = (int)cli->args.len;
    if (len < command->args_min || (command->args_max >= 0 && len > command->args_max)) {
        return cli_fail(cli, EXIT_USAGE, "usage: %s", command_usage(command, usage));
    }
    VEC_EACH(&cli->given, given) {
        const char *name = given->option->name;
        if (!find_option(command, name, strlen(name))) {
            const char *space = command->verb ? " " : "", *verb = command->verb;
            return cli_fail(cli, EXIT_USAGE,
                            "berth %s%s%s has no option --%s; see berth %s%s%s --help",
                            command->noun, space, verb ? verb : "", name, command->noun, space,
                            verb ? verb : "");
        }
    }
    return EXIT_OK;
}

static int check_output(struct cli *cli)
{
    const char *output = cli_option(cli, "output");
    static const char *const outputs[] = {"table", "wide", "name", "json", "yaml"};
    size_t i = 0;
    while (output && i < ARRAY_LEN(outputs) && strcmp(output, outputs[i]) != 0) {
        i++;
    }
    if (i == ARRAY_LEN(outputs)) {
        return cli_fail(cli, EXIT_USAGE, "-o takes table, wide, name, json or yaml, not \"%s\"",
                        output);
    }
    cli->look.is_wide = i == 1;
    cli->look.is_names = i == 2;
    cli->is_yaml = i == 4;
    cli->is_json = i >= 3;
    if (cli->look.is_names && !find_option(cli->command, "sort", strlen("sort"))) {
        return cli_fail(cli, EXIT_USAGE, "-o name is for commands that list: berth vm ls -o name");
    }
    cli->look.is_headless = cli_option(cli, "no-headers");
    cli->look.sort = cli_option(cli, "sort");
    return 0;
}

static int check_colour(struct cli *cli)
{
    const char *when = cli_option(cli, "color");
    if (when && strcmp(when, "auto") != 0 && strcmp(when, "always") != 0 &&
        strcmp(when, "never") != 0) {
        return cli_fail(cli, EXIT_USAGE, "--color takes auto, always or never, not \"%s\"", when);
    }
    const char *no_colour = getenv("NO_COLOR");
    bool is_auto = !when || strcmp(when, "auto") == 0;
    cli->look.has_colour = is_auto ? isatty(fileno(cli->out)) && (!no_colour || !no_colour[0])
                                   : strcmp(when, "always") == 0;
    return 0;
}

int cli_parse(int argc, const char *const *argv, FILE *out, FILE *err, struct cli *ret,
              bool *ret_is_done)
{
    *ret = (struct cli){.out = out, .err = err};
    *ret_is_done = true;
    int r = split(ret, argc, argv);
    if (r != 0) {
        return r;
    }
    if (cli_option(ret, "help")) {
        return run_help(ret);
    }
    if (cli_option(ret, "version")) {
        return run_version(ret);
    }
    if (ret->args.len == 0) {
        help_all(err);
        return EXIT_USAGE;
    }
    if ((r = cli_find_command(ret)) != 0 || (r = check_args(ret)) != 0 ||
        (r = check_output(ret)) != 0 || (r = check_colour(ret)) != 0) {
        return r;
    }
    ret->has_progress = isatty(fileno(err));
    *ret_is_done = false;
    return 0;
}
