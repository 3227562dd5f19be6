/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Users and tokens: one implementation of both; the command's noun says which. */
#include "cli/show.h"

#include "base/cleanup.h"
#include "base/parse.h"

#include <string.h>
#include <termios.h>
#include <time.h>

enum { password_size = 256, expires_days_max = 3650 };

/* ---- passwords ---- */

/* A line from standard input, which does not show on a terminal. */
static bool read_line(const struct cli *cli, const char *prompt, char *ret)
{
    struct termios before, quiet;
    bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    if (is_terminal) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
        (void)fprintf(cli->err, "%s: ", prompt);
        (void)fflush(cli->err);
    }
    bool is_there = fgets(ret, password_size, stdin) != NULL;
    if (is_terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        (void)fputc('\n', cli->err);
    }
    ret[is_there ? strcspn(ret, "\r\n") : 0] = '\0';
    return is_there;
}

/* Twice on a terminal, else once; into 'body'. */
static int read_password(const struct cli *cli, json_t *body)
{
    char password[password_size] = "", again[password_size] = "";
    int r = EXIT_OK;
    if (!read_line(cli, "Password", password)) {
        r = cli_fail(cli, EXIT_USAGE, "no password came: type it, or give it on standard input");
    } else if (isatty(STDIN_FILENO) &&
               (!read_line(cli, "Again", again) || strcmp(password, again) != 0)) {
        r = cli_fail(cli, EXIT_USAGE, "the two are not the same; nothing was changed");
    } else {
        (void)json_object_set_new(body, "password", json_string(password));
    }
    explicit_bzero(password, sizeof(password));
    explicit_bzero(again, sizeof(again));
    return r;
}

/* ---- reading ---- */

static void add_time(struct table *table, const json_t *access, const char *name)
{
    char text[40] = "never";
    struct tm parts;
    time_t seconds = (time_t)(number_at(access, name) / 1000);
    if (seconds > 0 && gmtime_r(&seconds, &parts)) {
        (void)strftime(text, sizeof(text), "%Y-%m-%d", &parts);
    }
    table_printf(table, "%s%s", text, truth_at(access, "expired") ? " (expired)" : "");
}

int run_access_ls(struct cli *cli)
{
    static const char *const headings[] = {"NAME", "ROLE", "EXPIRES", "BY", ""};
    const char *kind = cli->command->noun;
    json_t *json, *access;
    size_t i;
    int r = client_get(cli, &json, "/v1/access");
    if (r != EXIT_OK || cli->is_json) {
        return r == EXIT_OK ? show_json(cli, json) : r;
    }
    struct table table;
    show_age(cli, json);
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    json_array_foreach(json_object_get(json, "items"), i, access) {
        if (strcmp(text_at(access, "kind"), kind) != 0) {
            continue;
        }
        table_add(&table, text_at(access, "name"));
        table_add(&table, text_at(access, "role"));
        add_time(&table, access, "expires_ms");
        table_add(&table, text_at(access, "by"));
        table_add(&table, text_at(access, "note"));
    }
    json_decref(json);
    return show_table(cli, &table,
                      strcmp(kind, "token") == 0
                          ? "No token yet: \"berth token add NAME\" makes one."
                          : "No user yet: \"berth user add NAME\" adds one.");
}

static void add_moment(struct table *table, const json_t *session, const char *name)
{
    char text[40] = "";
    struct tm parts;
    time_t seconds = (time_t)(number_at(session, name) / 1000);
    if (gmtime_r(&seconds, &parts)) {
        (void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &parts);
    }
    table_add(table, text);
}

int run_session_ls(struct cli *cli)
{
    static const char *const headings[] = {"SESSION", "USER", "FROM", "BEGUN", "LAST USED"};
    json_t *json, *session;
    size_t i;
    int r = client_get(cli, &json, "/v1/sessions");
    if (r != EXIT_OK || cli->is_json) {
        return r == EXIT_OK ? show_json(cli, json) : r;
    }
    struct table table;
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    json_array_foreach(json_object_get(json, "items"), i, session) {
        table_add(&table, text_at(session, "id"));
        table_add(&table, text_at(session, "user"));
        table_add(&table, text_at(session, "peer"));
        add_moment(&table, session, "begun_ms");
        add_moment(&table, session, "used_ms");
    }
    json_decref(json);
    return show_table(cli, &table, "No one is logged in at the console of this host.");
}

/* Whether args[0] is one of the command's kind; else an exit code. */
static int check_kind(struct cli *cli)
{
    const char *kind = cli->command->noun, *name = cli->args.items[0];
    json_t *json, *access;
    size_t i;
    int r = client_get(cli, &json, "/v1/access");
    if (r != EXIT_OK) {
        return r;
    }
    r = EXIT_NOT_FOUND;
    json_array_foreach(json_object_get(json, "items"), i, access) {
        if (strcmp(text_at(access, "name"), name) == 0 &&
            strcmp(text_at(access, "kind"), kind) == 0) {
            r = EXIT_OK;
        }
    }
    json_decref(json);
    return r == EXIT_OK ? r : cli_fail(cli, r, "there is no %s \"%s\"", kind, name);
}

/* ---- changes ---- */

static int add_options(const struct cli *cli, json_t *body)
{
    const char *role = cli_option(cli, "role"), *expires = cli_option(cli, "expires");
    const char *note = cli_option(cli, "note");
    uint64_t days = 0;
    if (expires && !parse_u64(expires, expires_days_max, &days)) {
        return cli_fail(cli, EXIT_USAGE, "--expires takes days from 0 (never) to %d",
                        expires_days_max);
    }
    if (expires) {
        (void)json_object_set_new(body, "expires_days", json_integer((json_int_t)days));
    }
    if (role) {
        (void)json_object_set_new(body, "role", json_string(role));
    }
    if (note) {
        (void)json_object_set_new(body, "note", json_string(note));
    }
    return EXIT_OK;
}

int run_access_add(struct cli *cli)
{
    const char *kind = cli->command->noun;
    bool is_token = strcmp(kind, "token") == 0;
    json_t *body = json_pack("{s:s, s:s}", "name", cli->args.items[0], "kind", kind), *reply;
    int r = add_options(cli, body);
    r = r != EXIT_OK || is_token ? r : read_password(cli, body);
    if (r != EXIT_OK) {
        json_decref(body);
        return r;
    }
    r = client_call(cli, "POST", body, &reply, "/v1/access");
    if (r != EXIT_OK || cli->is_json || !is_token) {
        return r == EXIT_OK ? show_change(cli, reply) : r;
    }
    /* The token alone, so that a script can take it as it is. */
    (void)fprintf(cli->err, "%s; this is shown once:\n", text_at(reply, "message"));
    (void)fprintf(cli->out, "%s\n", text_at(reply, "token"));
    json_decref(reply);
    return EXIT_OK;
}

int run_access_set(struct cli *cli)
{
    json_t *body = json_object();
    int r = check_kind(cli);
    r = r != EXIT_OK ? r : add_options(cli, body);
    if (r == EXIT_OK && json_object_size(body) == 0) {
        r = cli_fail(cli, EXIT_USAGE, "say what to change: --role, --expires or --note");
    }
    if (r != EXIT_OK) {
        json_decref(body);
        return r;
    }
    return change(cli, "PATCH", body, "/v1/access/%s", cli->args.items[0]);
}

int run_access_rm(struct cli *cli)
{
    int r = check_kind(cli);
    return r != EXIT_OK ? r : change(cli, "DELETE", NULL, "/v1/access/%s", cli->args.items[0]);
}

int run_user_passwd(struct cli *cli)
{
    json_t *body = json_object();
    int r = check_kind(cli);
    r = r != EXIT_OK ? r : read_password(cli, body);
    if (r != EXIT_OK) {
        json_decref(body);
        return r;
    }
    return change(cli, "PATCH", body, "/v1/access/%s", cli->args.items[0]);
}

int run_session_end(struct cli *cli)
{
    return change(cli, "DELETE", NULL, "/v1/sessions/%s", cli->args.items[0]);
}
