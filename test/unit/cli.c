/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of commands, the parsing that comes from it, help and tables. */
#include "test/test.h"

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/suggest.h"
#include "cli/table.h"
#include "cli/tame.h"
#include "cli/text.h"
#include "cli/yaml.h"

#include <errno.h>
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
    CHECK(!cli.look.has_colour); /* no terminal */
    cli_done(&cli);
    CHECK_INT(PARSE("vm", "ls", "--color=always"), 0);
    CHECK(cli.look.has_colour);
    cli_done(&cli);
    CHECK_INT(PARSE("vm", "ls", "--color", "never"), 0);
    CHECK(!cli.look.has_colour);
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
        {{"frob"}, "no command \"berth frob\"; see berth help"},
        {{"vm"}, "say what to do with berth vm: ls, show, xml, add,"},
        {{"stauts"}, "no command \"berth stauts\"; did you mean berth status?"},
        {{"vmz", "ls"}, "did you mean berth vm?"},
        {{"vm", "lst"}, "no command \"berth vm lst\"; did you mean berth vm ls?"},
        {{"vm", "strat", "v"}, "no command \"berth vm strat\"; did you mean berth vm start?"},
        {{"vm", "frobnicate"}, "see berth vm --help"},
        {{"vm", "frob"}, "no command \"berth vm frob\""},
        {{"vm", "reboot", "v"}, "use: berth vm restart VM"},
        {{"node", "maintenance", "n"}, "use: berth node drain NODE"},
        {{"host", "ls"}, "no command \"berth host\"; use: berth node"},
        {{"start", "v"}, "no command \"berth start\"; did you mean berth vm start?"},
        {{"get", "vms"}, "no command \"berth get\"; did you mean berth vm ls?"},
        {{"list", "nodes"}, "did you mean berth node ls?"},
        {{"delete", "pool", "P"}, "did you mean berth pool rm?"},
        {{"ls"}, "no command \"berth ls\"; see berth help"},
        {{"vm", "assign", "v"}, "usage: berth vm assign VM POOL"},
        {{"status", "now"}, "usage: berth status"},
        {{"vm", "ls", "--force"}, "berth vm ls has no option --force; see berth vm ls --help"},
        {{"status", "-f"}, "berth status has no option --"},
        {{"vm", "ls", "--frob"}, "no option --frob"},
        {{"vm", "ls", "-z"}, "no option -z"},
        {{"vm", "ls", "-oo"}, "no option -oo"},
        {{"vm", "ls", "-o", "xml"}, "table, wide, name, json or yaml"},
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

TEST(the_version_is_printed_without_a_command)
{
    struct cli cli;
    bool is_done;
    CHECK_INT(PARSE("--version"), 0);
    CHECK(is_done);
    CHECK(strncmp(out_text, "berth 0.", 8) == 0);
    cli_done(&cli);
}

TEST(help_explains_an_option_in_the_words_of_its_command)
{
    struct cli cli;
    bool is_done;
    CHECK_INT(PARSE("vm", "import", "--help"), 0);
    CHECK_HAS(out_text, "every VM that is shut down");
    CHECK_HAS(out_text, "name of this host");
    CHECK(!strstr(out_text, "all nodes"));
    cli_done(&cli);
    CHECK_INT(PARSE("gpu", "dismount", "--help"), 0);
    CHECK_HAS(out_text, "of all nodes");
    cli_done(&cli);
}

TEST(help_is_broken_before_the_80th_column)
{
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)); i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        REQUIRE(out);
        help_command(out, command);
        (void)fclose(out);
        for (const char *at = text; *at; at += strcspn(at, "\n") + (at[strcspn(at, "\n")] != 0)) {
            if (strcspn(at, "\n") > 80) {
                test_fail(__FILE__, __LINE__, "%.*s", (int)strcspn(at, "\n"), at);
            }
        }
        free(text);
    }
}

TEST(another_word_for_a_command_is_taken)
{
    static const struct {
        const char *words[4];
        const char *noun, *verb;
    } taken[] = {
        {{"vms", "list"}, "vm", "ls"},
        {{"nodes", "ls"}, "node", "ls"},
        {{"vm", "create", "x"}, "vm", "add"},
        {{"vm", "delete", "v"}, "vm", "rm"},
        {{"vm", "remove", "v"}, "vm", "rm"},
        {{"pools", "delete", "P"}, "pool", "rm"},
        {{"pool", "add", "P"}, "pool", "add"}, /* its own verb, about GPUs */
        {{"token", "create", "t"}, "token", "add"},
    };
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        struct cli cli;
        bool is_done;
        CHECK_INT(parse(&cli, &is_done, taken[i].words), 0);
        REQUIRE(!is_done);
        CHECK_STR(cli.command->noun, taken[i].noun);
        CHECK_STR(cli.command->verb, taken[i].verb);
        cli_done(&cli);
    }
    struct cli cli;
    bool is_done;
    CHECK_INT(PARSE("pool", "remove", "P"), EXIT_USAGE); /* takes GPUs out, so it needs some */
    cli_done(&cli);
    CHECK_INT(PARSE("vms", "delete", "-h"), 0);
    CHECK_HAS(out_text, "Usage: berth vm rm");
    cli_done(&cli);
}

static bool is_command(const char *noun, const char *verb)
{
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)); i++) {
        if (strcmp(command->noun, noun) == 0 &&
            (!verb || (command->verb && strcmp(command->verb, verb) == 0))) {
            return true;
        }
    }
    return false;
}

TEST(advice_stands_for_no_command_and_leads_to_one)
{
    for (size_t i = 0; i < advice_len; i++) {
        const struct advice *advice = &advices[i];
        if (is_command(advice->noun, advice->verb)) {
            test_fail(__FILE__, __LINE__, "berth %s %s is a command", advice->noun, advice->verb);
        }
        for (const char *at = advice->instead; (at = strstr(at, "berth ")); at++) {
            char noun[20] = "", verb[20] = "";
            (void)sscanf(at, "berth %19[a-z-] %19[a-z-]", noun, verb);
            if (!is_command(noun, verb[0] ? verb : NULL)) {
                test_fail(__FILE__, __LINE__, "%s: there is no berth %s %s", advice->instead, noun,
                          verb);
            }
        }
    }
}

/* Options are read before the command is known. */
static void check_alike(const struct option *a, const struct option *b)
{
    if (strcmp(a->name, b->name) == 0 && (a->letter != b->letter || !a->value != !b->value)) {
        test_fail(__FILE__, __LINE__, "--%s is two things", a->name);
    }
}

TEST(an_option_has_one_letter_and_one_kind_on_all_commands)
{
    const struct command *command, *other;
    for (size_t i = 0; (command = command_at(i)); i++) {
        for (const struct option *a = command->options; a && a->name; a++) {
            for (const struct option *b = options_everywhere; b->name; b++) {
                CHECK(strcmp(a->name, b->name) != 0);
                CHECK(!a->letter || a->letter != b->letter);
            }
            for (size_t k = 0; (other = command_at(k)); k++) {
                for (const struct option *b = other->options; b && b->name; b++) {
                    check_alike(a, b);
                }
            }
        }
    }
}

static bool ends_a_sentence(const char *text)
{
    char last = text[strlen(text) - 1];
    return last == '.' || last == '?';
}

TEST(the_table_of_commands_is_whole)
{
    const struct command *command, *other;
    for (size_t i = 0; (command = command_at(i)); i++) {
        CHECK(command->help[0] >= 'A' && command->help[0] <= 'Z');
        CHECK(!ends_a_sentence(command->help) && command->run);
        CHECK(!command->more || ends_a_sentence(command->more));
        CHECK(command->args_max < 0 || command->args_min <= command->args_max);
        CHECK(!command->args == (command->args_max == 0));
        for (const struct option *each = command->options; each && each->name; each++) {
            CHECK(each->help[0] && !strchr(each->help, '\n') && !ends_a_sentence(each->help));
        }
        for (size_t k = i + 1; (other = command_at(k)); k++) {
            bool is_same = strcmp(command->noun, other->noun) == 0 && command->verb &&
                           other->verb && strcmp(command->verb, other->verb) == 0;
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
    table_init(&table, &(struct table_look){0}, headings, 3);
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

/* What three hosts look like so. */
static char *shown(const struct table_look *look, size_t name_columns, int expected)
{
    static const char *const headings[] = {"NODE", "ADDRESS", "STATE", ""};
    static const char *const cells[] = {"node10", "a", "up",    "",  "node2", "b",
                                        "up",     "",  "node1", "c", "down",  "x"};
    struct table table;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    REQUIRE(out);
    table_init(&table, look, headings, ARRAY_LEN(headings));
    table.name_columns = name_columns;
    for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
        table_add(&table, cells[i]);
    }
    CHECK_INT(table_sort(&table), expected);
    table_print(&table, out, "none");
    table_done(&table);
    (void)fclose(out);
    return text;
}

TEST(a_list_is_sorted_by_a_column_in_natural_order)
{
    CLEANUP(freep) char *up = shown(&(struct table_look){.is_names = true, .sort = "node"}, 1, 0);
    CHECK_STR(up, "node1\nnode2\nnode10\n");
    CLEANUP(freep)
    char *down = shown(&(struct table_look){.is_names = true, .sort = "-NODE"}, 1, 0);
    CHECK_STR(down, "node10\nnode2\nnode1\n");
    CLEANUP(freep)
    char *same = shown(&(struct table_look){.is_names = true, .sort = "-state"}, 1, 0);
    CHECK_STR(same, "node10\nnode2\nnode1\n"); /* those that are alike as they were */
    free(shown(&(struct table_look){.sort = "size"}, 1, -EINVAL));
    free(shown(&(struct table_look){.sort = ""}, 1, -EINVAL));
}

TEST(names_are_what_commands_take_and_a_headless_list_is_rows_alone)
{
    CLEANUP(freep) char *names = shown(&(struct table_look){.is_names = true}, 2, 0);
    CHECK_STR(names, "node10/a\nnode2/b\nnode1/c\n");
    CLEANUP(freep) char *rows = shown(&(struct table_look){.is_headless = true}, 1, 0);
    CHECK_STR(rows, "node10  a  up\nnode2   b  up\nnode1   c  down  x\n");
}

TEST(an_empty_list_for_scripts_is_empty)
{
    static const char *const headings[] = {"VM"};
    static const struct table_look looks[] = {{.is_headless = true}, {.is_names = true}};
    for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
        struct table table;
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        REQUIRE(out);
        table_init(&table, &looks[i], headings, 1);
        table_print(&table, out, "No VM yet.");
        table_done(&table);
        (void)fclose(out);
        CHECK_STR(text, "");
        free(text);
    }
}

TEST(only_lists_have_names_and_outputs_are_known)
{
    struct cli cli;
    bool is_done;
    CHECK_INT(PARSE("vm", "ls", "-o", "name", "--sort", "-state", "--no-headers"), 0);
    CHECK(cli.look.is_names && cli.look.is_headless && !cli.is_json);
    CHECK_STR(cli.look.sort, "-state");
    cli_done(&cli);
    CHECK_INT(PARSE("vm", "show", "v", "-o", "yaml"), 0);
    CHECK(cli.is_json && cli.is_yaml);
    cli_done(&cli);
    CHECK_INT(PARSE("vm", "show", "v", "-o", "name"), EXIT_USAGE);
    CHECK_HAS(err_text, "commands that list");
    cli_done(&cli);
    CHECK_INT(PARSE("vm", "ls", "-o", "xml"), EXIT_USAGE);
    CHECK_HAS(err_text, "yaml");
    cli_done(&cli);
    CHECK_INT(PARSE("vm", "start", "v", "--watch"), EXIT_USAGE);
    cli_done(&cli);
}

TEST(yaml_says_what_the_json_says)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    json_t *json = json_loads("{\"items\": [{\"name\": \"no\", \"on\": 1.5, \"x-y\": [], \"gpus\": "
                              "[\"01:00\", [true, null]]}, \"a\\nb: c\", {}], \"none\": \"\"}",
                              0, NULL);
    REQUIRE(out && json);
    CHECK(yaml_print(json, out));
    CHECK(yaml_print(json_object_get(json, "none"), out));
    json_decref(json);
    (void)fclose(out);
    CHECK_STR(text, "items:\n"
                    "  - name: \"no\"\n"
                    "    \"on\": 1.5\n"
                    "    \"x-y\": []\n"
                    "    gpus:\n"
                    "      - \"01:00\"\n"
                    "      - - true\n"
                    "        - null\n"
                    "  - \"a\\nb: c\"\n"
                    "  - {}\n"
                    "none: \"\"\n"
                    "\"\"\n");
    free(text);
}

TEST(an_empty_table_says_what_to_do_and_colour_is_only_for_states)
{
    static const char *const headings[] = {"STATE"};
    struct table table;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    table_init(&table, &(struct table_look){.has_colour = true}, headings, 1);
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

TEST(control_characters_of_others_are_shown_and_not_obeyed)
{
    json_t *json = json_pack("{s:[{s:s, s:s}], s:s, s:i}", "items", "detail",
                             "a\x1b[2Jb\n\xc2\x9b"
                             "1m\x7f",
                             "name", "f\xc3\xa9\xc2\xa0z", "xml", "<a>\n\t</a>", "count", 3);
    tame(json);
    const json_t *item = json_array_get(json_object_get(json, "items"), 0);
    CHECK_STR(text_at(item, "detail"), "a\\x1b[2Jb\\x0a\\x9b"
                                       "1m\\x7f");
    CHECK_STR(text_at(item, "name"), "f\xc3\xa9\xc2\xa0z");
    CHECK_STR(text_at(json, "xml"), "<a>\n\t</a>");
    CHECK_INT(number_at(json, "count"), 3);
    json_decref(json);
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
