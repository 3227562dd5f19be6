/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of commands, the parsing that comes from it, help and tables. */
#include "test/test.h"

#include "cli/command.h"
#include "cli/table.h"
#include "cli/text.h"

#include <stdlib.h>

static char *out_text, *err_text;
static size_t out_size, err_size;

/* Parses the words behind "berth"; the exit code (0: it would run). */
static int parse(struct cli *cli, bool *is_done, const char *const *words)
{
    int argc = 1;
    const char *argv[20] = {"berth"};
    for (; words[argc - 1]; argc++) {
        argv[argc] = words[argc - 1];
    }
    free(out_text);
    free(err_text);
    FILE *out = open_memstream(&out_text, &out_size);
    FILE *err = open_memstream(&err_text, &err_size);
    REQUIRE(out && err);
    int r = cli_parse(argc, argv, out, err, cli, is_done);
    (void)fclose(out);
    (void)fclose(err);
    return r;
}

#define PARSE(...) parse(&cli, &is_done, (const char *[]){__VA_ARGS__, NULL})

TEST(words_options_and_values_come_in_any_order)
{
    struct cli cli;
    bool is_done;
    CHECK_INT(PARSE("-o", "json", "vm", "--count=2", "assign", "v", "--socket", "/s", "P"), 0);
    REQUIRE(!is_done);
    CHECK_STR(cli.command->verb, "assign");
    CHECK_INT(cli.args.len, 2);
    CHECK_STR(cli.args.items[1], "P");
    CHECK_STR(cli_option(&cli, "count"), "2");
    CHECK_STR(cli_option(&cli, "socket"), "/s");
    CHECK(cli.is_json);
    CHECK(!cli_option(&cli, "force"));
    cli_done(&cli);
    CHECK_INT(PARSE("vm", "add", "-", "--name", "--", "v"), EXIT_USAGE); /* "--" is its value */
    cli_done(&cli);
    CHECK_INT(PARSE("vm", "show", "--", "--odd"), 0);
    CHECK_STR(cli.args.items[0], "--odd");
    cli_done(&cli);
}

TEST(one_letter_means_what_the_command_takes)
{
    struct cli cli;
    bool is_done;
    CHECK_INT(PARSE("events", "-f"), 0);
    CHECK(cli_option(&cli, "follow") && !cli_option(&cli, "force"));
    cli_done(&cli);
    CHECK_INT(PARSE("vm", "stop", "-f", "v"), 0);
    CHECK(cli_option(&cli, "force") && !cli_option(&cli, "follow"));
    cli_done(&cli);
    CHECK_INT(PARSE("vm", "ls", "-f"), EXIT_USAGE);
    cli_done(&cli);
}

TEST(colour_is_forced_or_forbidden_by_name)
{
    struct cli cli;
    bool is_done;
    CHECK_INT(PARSE("vm", "ls"), 0);
    CHECK(!cli.has_colour); /* no terminal */
    cli_done(&cli);
    CHECK_INT(PARSE("vm", "ls", "--color=always"), 0);
    CHECK(cli.has_colour);
    cli_done(&cli);
    CHECK_INT(PARSE("vm", "ls", "--color", "never"), 0);
    CHECK(!cli.has_colour);
    cli_done(&cli);
    CHECK_INT(PARSE("vm", "ls", "--color=pink"), EXIT_USAGE);
    CHECK_HAS(err_text, "auto, always or never");
    cli_done(&cli);
}

TEST(wrong_usage_is_named_and_ends_with_2)
{
    static const struct {
        const char *words[6];
        const char *says;
    } wrong[] = {
        {{"frob"}, "no command \"frob\""},
        {{"vm"}, "vm what?"},
        {{"stauts"}, "no command \"stauts\"; did you mean berth status?"},
        {{"vms", "ls"}, "did you mean berth vm?"},
        {{"vm", "strat", "v"}, "no command \"vm strat\"; did you mean berth vm start?"},
        {{"vm", "frobnicate"}, "see berth vm --help"},
        {{"vm", "frob"}, "no command \"vm frob\""},
        {{"vm", "assign", "v"}, "usage: berth vm assign VM POOL"},
        {{"status", "now"}, "usage: berth status"},
        {{"vm", "ls", "--force"}, "--force means nothing to berth vm ls"},
        {{"vm", "ls", "--frob"}, "no option --frob"},
        {{"vm", "ls", "-z"}, "no option -z"},
        {{"vm", "ls", "-oo"}, "no option -oo"},
        {{"vm", "ls", "-o", "xml"}, "table or json"},
        {{"vm", "ls", "--state"}, "--state needs a value"},
        {{"vm", "stop", "v", "--force=1"}, "--force takes no value"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct cli cli;
        bool is_done;
        const char *words[7] = {0};
        memcpy(words, wrong[i].words, sizeof(wrong[i].words));
        CHECK_INT(parse(&cli, &is_done, words), EXIT_USAGE);
        CHECK(is_done);
        CHECK_HAS(err_text, wrong[i].says);
        cli_done(&cli);
    }
}

TEST(help_is_there_for_all_for_a_noun_and_for_a_command)
{
    struct cli cli;
    bool is_done;
    CHECK_INT(PARSE("--help"), 0);
    CHECK_HAS(out_text, "berth vm start VM...");
    CHECK_HAS(out_text, "Exit codes:");
    cli_done(&cli);
    CHECK_INT(PARSE("pool", "--help"), 0);
    CHECK_HAS(out_text, "berth pool create");
    CHECK(!strstr(out_text, "berth vm"));
    cli_done(&cli);
    CHECK_INT(PARSE("vm", "start", "-h"), 0);
    CHECK_HAS(out_text, "--wait-for-gpu");
    CHECK(is_done);
    cli_done(&cli);
    CHECK_INT(PARSE("frob", "--help"), EXIT_USAGE);
    cli_done(&cli);
}

/* Every word of a command's list of options is an option, or its help would be silent about it. */
TEST(the_version_is_told_without_a_command)
{
    struct cli cli;
    bool is_done;
    CHECK_INT(PARSE("--version"), 0);
    CHECK(is_done);
    CHECK(strncmp(out_text, "berth 0.", 8) == 0);
    cli_done(&cli);
}

TEST(the_table_of_commands_is_whole)
{
    for (size_t i = 0; i < command_len; i++) {
        char name[40];
        const char *at = commands[i].options;
        CHECK(commands[i].help[0] && commands[i].run);
        CHECK(commands[i].args_max < 0 || commands[i].args_min <= commands[i].args_max);
        for (int len = 0; sscanf(at, "%39s%n", name, &len) == 1; at += len) {
            bool is_there = false;
            for (size_t k = 0; k < option_len; k++) {
                is_there |= strcmp(options[k].name, name) == 0;
            }
            if (!is_there) {
                test_fail(__FILE__, __LINE__, "berth %s %s takes --%s, which is no option",
                          commands[i].noun, commands[i].verb, name);
            }
        }
        for (size_t k = i + 1; k < command_len; k++) {
            bool is_same = strcmp(commands[i].noun, commands[k].noun) == 0 && commands[i].verb &&
                           commands[k].verb && strcmp(commands[i].verb, commands[k].verb) == 0;
            CHECK(!is_same);
        }
    }
}

TEST(columns_are_as_wide_as_their_widest_cell_in_characters)
{
    static const char *const headings[] = {"A", "LONG", ""};
    struct table table;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    table_init(&table, false, headings, 3);
    table_add(&table, "\xc3\xa4\xc3\xb6\xc3\xbc"); /* three characters of two bytes */
    table_printf(&table, "%d", 1);
    table_add(&table, "");
    table_add(&table, "x");
    table_add(&table, "y");
    table_add(&table, "z");
    table_print(&table, out, "nothing");
    (void)fclose(out);
    CHECK_STR(text, "A    LONG\n\xc3\xa4\xc3\xb6\xc3\xbc  1\nx    y     z\n");
    free(text);
    table_done(&table);
}

TEST(an_empty_table_says_what_to_do_and_colour_is_only_for_states)
{
    static const char *const headings[] = {"STATE"};
    struct table table;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    table_init(&table, true, headings, 1);
    table_print(&table, out, "No VM yet.");
    table_add(&table, "running");
    table_add(&table, "plain");
    table_print(&table, out, "No VM yet.");
    (void)fclose(out);
    CHECK_STR(text, "No VM yet.\n\033[1mSTATE\033[0m\n\033[32mrunning\033[0m\nplain\n");
    free(text);
    table_done(&table);
}

TEST(text_is_broken_at_blanks_under_its_own_beginning)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    REQUIRE(out);
    (void)fputs("ab  ", out);
    text_wrap(out, 12, 4,
              "one two \xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6 "
              "longerthanaline x");
    text_wrap(out, 0, 4, "never  broken");
    text_html(out, "<a href=\"x\">&");
    (void)fclose(out);
    CHECK_STR(text,
              "ab  one two\n    \xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\n"
              "    longerthanaline\n    x\nnever broken\n&lt;a href=&quot;x&quot;&gt;&amp;");
    free(text);
}

TEST(text_is_cut_between_characters)
{
    bool is_cut;
    CHECK_INT(text_cut("abc", 3, &is_cut), 3);
    CHECK(!is_cut);
    CHECK_INT(text_cut("\xc3\xa4\xc3\xb6\xc3\xbc", 2, &is_cut),
              2); /* one character, then the dots */
    CHECK(is_cut);
}
