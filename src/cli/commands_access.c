/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands about who has access: users of the console, tokens of programs. */
#include "cli/command_options.h"

/* clang-format off */
#define OPTIONS_ACCESS                                                                             \
    OPTIONS({.name = "role", .value = "ROLE", .help = "viewer (default), operator or administrator"}, \
            {.name = "expires", .value = "DAYS", .help = "days until it expires; 0: never (a new token without it: 90)"}, \
            {.name = "note", .value = "TEXT", .help = "what it is for"})
/* clang-format on */
#define PASSWORD                                                                                   \
    "Asks for the password twice. Without a terminal, reads it from the first line of standard "   \
    "input."

static const struct command commands[] = {
    {.noun = "user",
     .verb = "ls",
     .help = "List the users of the console",
     .options = OPTIONS(OPTIONS_LIST),
     .run = run_access_ls},
    {.noun = "user",
     .verb = "add",
     .args = "USER",
     .args_min = 1,
     .args_max = 1,
     .help = "Create a user of the console",
     .more = PASSWORD,
     .options = OPTIONS_ACCESS,
     .run = run_access_add},
    {.noun = "user",
     .verb = "set",
     .args = "USER",
     .args_min = 1,
     .args_max = 1,
     .help = "Change the role, expiry or note of a user",
     .options = OPTIONS_ACCESS,
     .run = run_access_set},
    {.noun = "user",
     .verb = "passwd",
     .args = "USER",
     .args_min = 1,
     .args_max = 1,
     .help = "Change the password of a user",
     .more = PASSWORD " Ends the sessions of the user.",
     .run = run_user_passwd},
    {.noun = "user",
     .verb = "totp",
     .args = "USER",
     .args_min = 1,
     .args_max = 1,
     .help = "Set up a second factor for a user, or take it away",
     .more = "Shows a key for the user's authenticator app (TOTP), and asks for the code that the "
             "app makes of it; without a terminal, reads it from the first line of standard "
             "input. From then on the user logs in with password and code. Ends the sessions of "
             "the user.",
     .options = OPTIONS({.name = "remove", .help = "take it away: the user has lost the app"}),
     .run = run_user_totp},
    {.noun = "user",
     .verb = "rm",
     .args = "USER",
     .args_min = 1,
     .args_max = 1,
     .help = "Delete a user",
     .run = run_access_rm},

    {.noun = "session",
     .verb = "ls",
     .help = "List who is logged in at the console of this host",
     .more = "Each berth-api has its own sessions; they end when it restarts.",
     .options = OPTIONS(OPTIONS_LIST),
     .run = run_session_ls},
    {.noun = "session",
     .verb = "end",
     .args = "SESSION",
     .args_min = 1,
     .args_max = 1,
     .help = "End a session at the console of this host",
     .more = "berth session ls shows SESSION. To keep a user out, also change the password or "
             "delete the user, which ends all of the user's sessions.",
     .run = run_session_end},

    {.noun = "token",
     .verb = "ls",
     .help = "List the tokens of programs and remote command lines",
     .options = OPTIONS(OPTIONS_LIST),
     .run = run_access_ls},
    {.noun = "token",
     .verb = "add",
     .args = "TOKEN",
     .args_min = 1,
     .args_max = 1,
     .help = "Create a token and print it; it is never shown again",
     .options = OPTIONS_ACCESS,
     .run = run_access_add},
    {.noun = "token",
     .verb = "set",
     .args = "TOKEN",
     .args_min = 1,
     .args_max = 1,
     .help = "Change the role, expiry or note of a token",
     .options = OPTIONS_ACCESS,
     .run = run_access_set},
    {.noun = "token",
     .verb = "rm",
     .args = "TOKEN",
     .args_min = 1,
     .args_max = 1,
     .help = "Revoke a token",
     .run = run_access_rm},
};
const struct chapter chapter_access = {commands, ARRAY_LEN(commands)};
