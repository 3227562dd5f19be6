/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of this room share; nothing else includes it. */
#pragma once

#include "base/buf.h"
#include "fence/agent.h"
#include "fence/watchdog.h"

/* ---- watchdog_sysfs.c ---- */

/* The device file that 'config' means ("auto" resolved), without the root. -ENOENT. */
int watchdog_find(const struct watchdog_config *config, char *ret, struct error *err);

/* Whether a kernel parameter keeps softdog from resetting anything. */
bool watchdog_is_toothless(const struct watchdog_config *config,
                           const struct watchdog_state *state);

/* ---- keeper.c ---- */

/* Starts the process that holds 'fd' for 'holder'; nothing if one answers already. */
int keeper_start(const char *path, int fd, const char *device, const struct watchdog_holder *holder,
                 struct error *err);

/* A descriptor of the kept device for 'holder'; its name into 'ret_device' (watchdog_path_size),
 * for whom it is kept into '*ret_holder'. -ENOENT; -EBUSY: it is another's. */
int keeper_take(const char *path, const struct watchdog_holder *holder, int *ret_fd,
                char *ret_device, struct watchdog_holder *ret_holder, struct error *err);

/* It holds the device for 'holder' now. -ENOENT: there is none. */
int keeper_hold_for(const char *path, const struct watchdog_holder *holder);

/* Ends the keeper, which closes its descriptor. -ENOENT: there is none. */
int keeper_end(const char *path);

/* ---- request.c ---- */

enum { fence_program_size = 256 };

/* What a run needs of its request: nothing in it is lent. */
struct fence_plan {
    enum fence_action action;
    char agent[name_size];
    char program[fence_program_size];
    struct buf input; /* the parameters as "key=value\n" lines, secrets in them */
    VEC(struct fence_parameter) parameters;
    VEC(struct fence_parameter) secrets; /* those whose values are shown to no one */
    msec_t limit_ms;
};

/* Checks and copies. Errors of fence_check(). */
int fence_plan_make(const struct fence_request *request, struct fence_plan *ret, struct error *err);
void fence_plan_done(struct fence_plan *plan);

/* The last line that says something in 'errors' or 'output', printable, without secrets, into
 * 'ret'; "" if there is none, or none that can be shown. */
const char *fence_plan_quote(const struct fence_plan *plan, const char *errors, const char *output,
                             char *ret, size_t size);

/* ---- sandbox.c ---- */

enum { fence_arguments_max = 64 };

/* How an agent is run so that it is never root: see sandbox.c. */
struct fence_sandbox {
    char *arguments[fence_arguments_max]; /* the first is the program; NULL behind the last */
    char user[24], limit[40];             /* lent to 'arguments' */
};

/* Fills '*ret', which must not be moved afterwards, with what runs 'program', lent. 'is_unit':
 * systemd runs units here. */
void fence_sandbox_make(char *program, msec_t limit_ms, bool is_unit, struct fence_sandbox *ret);

/* Whether systemd is this host's first process and can be asked to run a unit. */
bool fence_sandbox_has_units(void);
