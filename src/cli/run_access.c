/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Users and tokens: one implementation of both; the command's noun says which. */
#include "cli/show.h"

#include "base/cleanup.h"
#include "base/parse.h"

#include <string.h>
#include <sys/random.h>
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

/* ---- the second factor ---- */

enum {
    totp_bytes = 20,
    totp_key_size = totp_bytes / 5 * 8 + 1
}; /* 160 bits, as RFC 4226 advises */

static bool make_key(char ret[static totp_key_size])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    unsigned char bytes[totp_bytes];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        return false;
    }
    for (size_t i = 0; i < totp_key_size - 1; i++) {
        size_t bit = 5 * i;
        unsigned two = (unsigned)bytes[bit / 8] << 8;
        two |= bit / 8 + 1 < sizeof(bytes) ? bytes[bit / 8 + 1] : 0U;
        ret[i] = digits[(two >> (11 - bit % 8)) & 31];
    }
    ret[totp_key_size - 1] = '\0';
    explicit_bzero(bytes, sizeof(bytes));
    return true;
}

/* What an app is given; names of clusters and users need no escape. */
static int show_key(struct cli *cli, const char *key)
{
    json_t *json;
    int r = client_get(cli, &json, "/v1/cluster");
    if (r != EXIT_OK) {
        return r;
    }
    const char *name = text_at(json, "name");
    (void)fprintf(cli->out,
                  "Key for the authenticator app:\n    %s\nThe same as a link:\n"
                  "    otpauth://totp/Berth%%20%s:%s?secret=%s&issuer=Berth%%20%s\n",
                  key, name, cli->args.items[0], key, name);
    (void)fflush(cli->out);
    json_decref(json);
    return EXIT_OK;
}

static int set_up_totp(struct cli *cli, json_t *body)
{
    char key[totp_key_size], code[password_size] = "";
    if (!make_key(key)) {
        return cli_fail(cli, EXIT_REFUSED, "the kernel gives no random numbers");
    }
    int r = show_key(cli, key);
    if (r == EXIT_OK && !read_line(cli, "Code of the app", code)) {
        r = cli_fail(cli, EXIT_USAGE, "no code came; nothing was changed");
    }
    (void)json_object_set_new(body, "secret", json_string(key));
    (void)json_object_set_new(body, "code", json_string(code));
    explicit_bzero(key, sizeof(key));
    return r;
}

int run_user_totp(struct cli *cli)
{
    int r = check_kind(cli);
    if (r != EXIT_OK || cli_option(cli, "remove")) {
        return r != EXIT_OK ? r
                            : change(cli, "DELETE", NULL, "/v1/access/%s/totp", cli->args.items[0]);
    }
    json_t *body = json_object();
    r = set_up_totp(cli, body);
    if (r != EXIT_OK) {
        json_decref(body);
        return r;
    }
    return change(cli, "POST", body, "/v1/access/%s/totp", cli->args.items[0]);
}

int run_session_end(struct cli *cli)
{
    return change(cli, "DELETE", NULL, "/v1/sessions/%s", cli->args.items[0]);
}
