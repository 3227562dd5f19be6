/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of commands, and one parsed command line. */
#pragma once

#include "base/vec.h"
#include "cli/exit_code.h"
#include "cli/table.h"

#include <stdio.h>

struct client;

/* An option in the words of one command, or of every command. The same name has the same letter and
 * takes a value, or none, wherever it stands: options are read before the command is known. */
struct option {
    const char *name;  /* "pool": --pool; NULL ends a list */
    char letter;       /* 0: none */
    const char *value; /* "NAME"; NULL: a switch */
    const char *help;
};
#define OPTIONS(...) ((const struct option[]){__VA_ARGS__, {0}})

struct given {
    const struct option *option;
    const char *value; /* NULL for a switch */
};

/* One parsed command line; all texts are argv's. */
struct cli {
    const struct command *command;
    VEC(const char *) args;
    VEC(struct given) given;
    FILE *out, *err;
    struct client *client;
    bool is_json, is_yaml; /* for programs: yaml is json in other clothes, and both are set */
    struct table_look look;
    int64_t if_revision; /* only change what still has this revision; 0: whatever it has */
    bool has_progress;   /* 'err' is a terminal */
};

/* Texts are one string each; they are wrapped when they are printed. */
struct command {
    const char *noun;
    const char *verb;             /* NULL: the noun alone */
    const char *args;             /* for people: "VM POOL"; NULL: none */
    int args_min, args_max;       /* -1: any number */
    const char *help;             /* one line, without a full stop */
    const char *more;             /* sentences for its own help; NULL: nothing */
    const struct option *options; /* its own, ended by an empty row; NULL: none */
    int (*run)(struct cli *cli);
};

/* The commands of one or a few nouns, in the order of the help. */
struct chapter {
    const struct command *commands;
    size_t len;
};

extern const struct chapter chapter_cluster, chapter_node, chapter_gpu, chapter_vm, chapter_access;
extern const struct option options_everywhere[]; /* ended by an empty row */

/* The command at 'index' in the order of the help; NULL: behind the last. */
const struct command *command_at(size_t index);
/* Whether its noun is another one than that of the command before. */
bool command_begins_noun(size_t index);

/* The option called 'name', the first 'len' bytes of it, as 'command' takes it (NULL: any command,
 * in whichever words come first); NULL: there is none. */
const struct option *find_option(const struct command *command, const char *name, size_t len);

/* What ends with which code, and what the environment says: for help and manual. */
struct fact {
    const char *name;
    const char *help;
};

extern const struct fact exit_codes[], environment_facts[];
extern const size_t exit_code_len, environment_fact_len;

/* Fills '*ret' from the command line. 0; or an exit code, with what is wrong (or the help that was
 * asked for, EXIT_OK) written and '*ret_is_done' true. cli_done() in either case. */
int cli_parse(int argc, const char *const *argv, FILE *out, FILE *err, struct cli *ret,
              bool *ret_is_done);
void cli_done(struct cli *cli);

/* The option's value, or "" for a switch that was given; NULL: not given. */
const char *cli_option(const struct cli *cli, const char *name);

/* "berth: ..." on the error stream; returns 'code'. */
int cli_fail(const struct cli *cli, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Asks for y on a terminal; true at once with --yes. Off a terminal without --yes: false, said. */
bool cli_confirm(const struct cli *cli, const char *question);

/* "berth vm assign VM POOL" into 'ret' of usage_size bytes; returns 'ret'. */
enum { usage_size = 120 };
const char *command_usage(const struct command *command, char *ret);
/* "-o, --output table|json", the same way. */
const char *option_usage(const struct option *option, char *ret);

/* Moves the command that the first words name from 'args' to 'command'. Else the exit code, said.
 */
int cli_find_command(struct cli *cli);

/* help.c: everything; one noun; one command. */
void help_all(FILE *out);
bool help_noun(FILE *out, const char *noun);
void help_command(FILE *out, const struct command *command);

/* ---- what the commands do ---- */

int run_status(struct cli *cli);
int run_problems(struct cli *cli);
int run_validate(struct cli *cli);
int run_help(struct cli *cli);
int run_version(struct cli *cli);
int run_events(struct cli *cli);

int run_cluster_init(struct cli *cli);
int run_cluster_token(struct cli *cli);
int run_cluster_join(struct cli *cli);
int run_cluster_leave(struct cli *cli);
int run_cluster_status(struct cli *cli);
int run_cluster_refresh(struct cli *cli);
int run_cluster_backup(struct cli *cli);
int run_cluster_restore(struct cli *cli);
int run_cluster_show(struct cli *cli);
int run_cluster_set(struct cli *cli);
int run_cluster_disarm(struct cli *cli);
int run_cluster_arm(struct cli *cli);
int run_cluster_export(struct cli *cli);
int run_cluster_import(struct cli *cli);

int run_node_ls(struct cli *cli);
int run_node_show(struct cli *cli);
int run_node_pause(struct cli *cli);
int run_node_drain(struct cli *cli);
int run_node_shutdown(struct cli *cli);
int run_node_reboot(struct cli *cli);
int run_update(struct cli *cli);
int run_node_resume(struct cli *cli);
int run_node_rm(struct cli *cli);
int run_node_confirm_off(struct cli *cli);
int run_node_set(struct cli *cli);
int run_notify_test(struct cli *cli);
int run_fence_test(struct cli *cli);

int run_gpu_ls(struct cli *cli);
int run_gpu_show(struct cli *cli);
int run_gpu_dismount(struct cli *cli);
int run_gpu_mount(struct cli *cli);
int run_gpu_partition(struct cli *cli);
int run_device_ls(struct cli *cli);
int run_device_watch(struct cli *cli);
int run_device_unwatch(struct cli *cli);
int run_gpu_release(struct cli *cli);

int run_access_ls(struct cli *cli);
int run_session_ls(struct cli *cli);
int run_session_end(struct cli *cli);
int run_access_add(struct cli *cli);
int run_access_set(struct cli *cli);
int run_access_rm(struct cli *cli);
int run_user_passwd(struct cli *cli);
int run_user_totp(struct cli *cli);

int run_pool_ls(struct cli *cli);
int run_pool_show(struct cli *cli);
int run_pool_create(struct cli *cli);
int run_pool_add(struct cli *cli);
int run_pool_remove(struct cli *cli);
int run_pool_set(struct cli *cli);
int run_pool_rm(struct cli *cli);

int run_vm_ls(struct cli *cli);
int run_vm_show(struct cli *cli);
int run_vm_xml(struct cli *cli);
int run_vm_add(struct cli *cli);
int run_vm_import(struct cli *cli);
int run_vm_edit(struct cli *cli);
int run_vm_assign(struct cli *cli);
int run_vm_unassign(struct cli *cli);
int run_vm_start(struct cli *cli);
int run_vm_stop(struct cli *cli);
int run_vm_restart(struct cli *cli);
int run_vm_reset(struct cli *cli);
int run_vm_console(struct cli *cli);
int run_vm_move(struct cli *cli);
int run_vm_adopt(struct cli *cli);
int run_vm_confirm_gone(struct cli *cli);
int run_vm_rm(struct cli *cli);
int run_vm_set(struct cli *cli);
int run_vm_explain(struct cli *cli);

int run_plan_fail(struct cli *cli);
int run_plan_drain(struct cli *cli);
int run_plan_start(struct cli *cli);
