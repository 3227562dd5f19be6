/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who changed what, in this host's journal: events in the store are bounded, and who can write to
 * the store can remove them. Under systemd each line has fields of its own (BERTH_ACTOR,
 * BERTH_LOGIN, BERTH_ROLE, BERTH_ADDRESS, BERTH_CODE, BERTH_SUBJECT, BERTH_OUTCOME), else it is one
 * line on standard error.
 */
#pragma once

#include "api/api.h"

/* 'event' is what the change would write into the log; 'outcome' one word: done, refused, unknown,
 * failed. */
void audit_tell(const struct api_actor *actor, const struct event_record *event,
                const char *outcome);

/* The account that logged in and became the user of process 'pid', as sudo does, into 'ret' of
 * name_size bytes; "" if it is 'uid' itself or not known. */
void audit_login(pid_t pid, uid_t uid, char *ret);
