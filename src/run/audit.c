/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/audit.h"

#include "base/parse.h"
#include "model/words.h"
#include "run/journal.h"

#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <systemd/sd-journal.h>

/* Texts of people: a line break in one must not begin another line. */
static void make_printable(char *text)
{
    for (; *text; text++) {
        *text = iscntrl((unsigned char)*text) ? '?' : *text;
    }
}

void audit_tell(const struct api_actor *actor, const struct event_record *event,
                const char *outcome)
{
    char text[words_max + 400], words[words_max];
    const char *address = actor->address[0] ? actor->address : "local";
    (void)snprintf(text, sizeof(text),
                   "audit: actor=%s login=%s role=%s address=%s code=%s subject=%s outcome=%s: %s",
                   actor->name, actor->login[0] ? actor->login : "-", api_role_name(actor->role),
                   address, event->code, event->subject[0] ? event->subject : "-", outcome,
                   words_event(event, words));
    make_printable(text);
    if (!getenv("JOURNAL_STREAM")) {
        journal_line(LOG_NOTICE, "%s", text);
        return;
    }
    (void)sd_journal_send("PRIORITY=%d", LOG_NOTICE, "MESSAGE=%s", text, "BERTH_ACTOR=%s",
                          actor->name, "BERTH_LOGIN=%s", actor->login, "BERTH_ROLE=%s",
                          api_role_name(actor->role), "BERTH_ADDRESS=%s", address, "BERTH_CODE=%s",
                          event->code, "BERTH_SUBJECT=%s", event->subject, "BERTH_OUTCOME=%s",
                          outcome, NULL);
}

void audit_login(pid_t pid, uid_t uid, char *ret)
{
    char path[48], text[16] = "";
    uint64_t login;
    ret[0] = '\0';
    (void)snprintf(path, sizeof(path), "/proc/%d/loginuid", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) {
        return;
    }
    bool is_read = fgets(text, sizeof(text), file) != NULL;
    (void)fclose(file);
    text[strcspn(text, "\n")] = '\0';
    /* All ones: no one has logged in, as for a service. */
    if (!is_read || !parse_u64(text, UINT32_MAX - 1, &login) || login == uid) {
        return;
    }
    const struct passwd *user = getpwuid((uid_t)login);
    if (!user || !copy_text(ret, name_size, user->pw_name)) {
        (void)snprintf(ret, name_size, "uid %u", (unsigned)login);
    }
}
