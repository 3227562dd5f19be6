/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/command.h"

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

bool has_word(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; (at = strstr(at, name)); at += len) {
        if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

const struct option *find_option(const char *name, size_t len)
{
    for (size_t i = 0; i < option_len; i++) {
        if (strlen(options[i].name) == len && strncmp(options[i].name, name, len) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

/* Whether a command that the words so far begin takes this option. */
static bool is_taken(const struct cli *cli, const struct option *option)
{
    for (size_t i = 0; i < command_len && cli->args.len > 0; i++) {
        const struct command *command = &commands[i];
        if (strcmp(command->noun, cli->args.items[0]) == 0 &&
            (!command->verb || cli->args.len < 2 ||
             strcmp(command->verb, cli->args.items[1]) == 0) &&
            has_word(command->options, option->name)) {
            return true;
        }
    }
    return false;
}

/* Two options may share a letter, on different commands: -f is --force or --follow. */
static const struct option *find_letter(const struct cli *cli, char letter)
{
    const struct option *found = NULL;
    for (size_t i = 0; i < option_len; i++) {
        if (options[i].letter == letter && (!found || is_taken(cli, &options[i]))) {
            found = &options[i];
        }
    }
    return found;
}

/* Reads the option at argv[*at] and its value; moves '*at' to the last word of it. */
static int take_option(struct cli *cli, int argc, const char *const *argv, int *at)
{
    const char *word = argv[*at];
    bool is_long = word[1] == '-';
    const char *name = is_long ? word + 2 : word + 1;
    const char *equals = is_long ? strchr(name, '=') : NULL;
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct option *option = is_long           ? find_option(name, len)
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

enum { word_max = 20, mistakes_max = 2 };

/* How many characters must be changed, added or left out to make 'b' of 'a'; more than
 * 'mistakes_max' for words that are longer than ours. */
static size_t distance(const char *a, const char *b)
{
    size_t row[word_max + 1], a_len = strlen(a), b_len = strlen(b);
    if (a_len > word_max || b_len > word_max) {
        return mistakes_max + 1;
    }
    for (size_t k = 0; k <= b_len; k++) {
        row[k] = k;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b_len; k++) {
            size_t above = row[k];
            size_t changed = diagonal + (a[i - 1] != b[k - 1]);
            row[k] = MIN(changed, MIN(above, row[k - 1]) + 1);
            diagonal = above;
        }
    }
    return row[b_len];
}

/* The noun, or with 'noun' its verb, that 'word' may have meant; NULL: none is near. */
static const char *nearest(const char *noun, const char *word)
{
    const char *best = NULL;
    size_t least = mistakes_max + 1;
    for (size_t i = 0; i < command_len; i++) {
        const char *each = noun ? commands[i].verb : commands[i].noun;
        if (!each || (noun && strcmp(commands[i].noun, noun) != 0)) {
            continue;
        }
        size_t mistakes = distance(word, each);
        if (mistakes < least && mistakes < strlen(each)) {
            least = mistakes;
            best = each;
        }
    }
    return best;
}

static int no_such_command(const struct cli *cli, const char *noun, const char *verb)
{
    const char *meant = nearest(verb ? noun : NULL, verb ? verb : noun);
    if (meant) {
        return cli_fail(cli, EXIT_USAGE,
                        "there is no command \"%s%s%s\"; did you mean berth %s%s%s?", noun,
                        verb ? " " : "", verb ? verb : "", verb ? noun : meant, verb ? " " : "",
                        verb ? meant : "");
    }
    return cli_fail(cli, EXIT_USAGE, "there is no command \"%s%s%s\"; see berth %s%s", noun,
                    verb ? " " : "", verb ? verb : "", verb ? noun : "help", verb ? " --help" : "");
}

static int find_command(struct cli *cli)
{
    const char *noun = cli->args.items[0];
    const char *verb = cli->args.len > 1 ? cli->args.items[1] : NULL;
    bool has_noun = false;
    for (size_t i = 0; i < command_len; i++) {
        if (strcmp(commands[i].noun, noun) != 0) {
            continue;
        }
        has_noun = true;
        if (commands[i].verb && (!verb || strcmp(commands[i].verb, verb) != 0)) {
            continue;
        }
        cli->command = &commands[i];
        VEC_REMOVE(&cli->args, 0);
        if (commands[i].verb) {
            VEC_REMOVE(&cli->args, 0);
        }
        return 0;
    }
    if (!has_noun) {
        return no_such_command(cli, noun, NULL);
    }
    if (!verb) {
        return cli_fail(cli, EXIT_USAGE, "%s what? See berth %s --help", noun, noun);
    }
    return no_such_command(cli, noun, verb);
}

static int check_args(const struct cli *cli)
{
    const struct command *command = cli->command;
    const char *verb = command->verb ? command->verb : "", *space = command->verb ? " " : "";
    int len = (int)cli->args.len;
    if (len < command->args_min || (command->args_max >= 0 && len > command->args_max)) {
        return cli_fail(cli, EXIT_USAGE, "usage: berth %s%s%s%s%s", command->noun, space, verb,
                        command->args[0] ? " " : "", command->args);
    }
    VEC_EACH(&cli->given, given) {
        if (!has_word(options_everywhere, given->option->name) &&
            !has_word(command->options, given->option->name)) {
            return cli_fail(
                cli, EXIT_USAGE, "--%s means nothing to berth %s%s%s; see berth %s%s%s --help",
                given->option->name, command->noun, space, verb, command->noun, space, verb);
        }
    }
    return 0;
}

static int check_output(struct cli *cli)
{
    const char *output = cli_option(cli, "output");
    if (output && strcmp(output, "json") != 0 && strcmp(output, "table") != 0) {
        return cli_fail(cli, EXIT_USAGE, "-o takes table or json, not \"%s\"", output);
    }
    cli->is_json = output && strcmp(output, "json") == 0;
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
    cli->has_colour = is_auto ? isatty(fileno(cli->out)) && (!no_colour || !no_colour[0])
                              : strcmp(when, "always") == 0;
    return 0;
}

static int show_help(struct cli *cli)
{
    if (cli->args.len < 2) {
        return run_help(cli);
    }
    int r = find_command(cli);
    if (r == 0) {
        help_command(cli->out, cli->command);
    }
    return r;
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
        return show_help(ret);
    }
    if (cli_option(ret, "version")) {
        return run_version(ret);
    }
    if (ret->args.len == 0) {
        help_all(err);
        return EXIT_USAGE;
    }
    if ((r = find_command(ret)) != 0 || (r = check_args(ret)) != 0 ||
        (r = check_output(ret)) != 0 || (r = check_colour(ret)) != 0) {
        return r;
    }
    ret->has_progress = isatty(fileno(err));
    *ret_is_done = false;
    return 0;
}
