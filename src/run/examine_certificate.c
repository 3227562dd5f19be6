/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/examine_certificate.h"

#include "base/parse.h"
#include "http/certificate.h"
#include "loop/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    path_size = 512,
    file_size_max = 64 * 1024,
    /* berth cluster refresh renews with 120 days left: something keeps it from that. */
    soon_days = 60,
    /* Someone must do it. */
    last_days = 14,
};

struct certificate_look {
    struct task task;
    struct certificate_watch *watch; /* only the loop's thread touches it */
    char certificate[path_size], key[path_size];
    struct certificate_facts facts;
    struct error err; /* code 0: 'facts' is filled in */
};

int certificate_read(const char *path, char **ret, struct error *err)
{
    FILE *file = fopen(path, "re");
    char *text = must(calloc(1, file_size_max));
    if (!file) {
        free(text);
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    }
    text[fread(text, 1, file_size_max - 1, file)] = '\0';
    (void)fclose(file);
    *ret = text;
    return 0;
}

static void certificate_look_run(struct task *task)
{
    struct certificate_look *look = (struct certificate_look *)task;
    CLEANUP(freep) char *certificate = NULL;
    CLEANUP(freep) char *key = NULL;
    int r = certificate_read(look->certificate, &certificate, &look->err);
    r = r < 0 ? r : certificate_read(look->key, &key, &look->err);
    r = r < 0 ? r : certificate_check(certificate, key, &look->facts, &look->err);
    if (key) {
        explicit_bzero(key, strlen(key));
    }
    look->err.code = r;
}

static void certificate_look_release(struct task *task)
{
    free(task);
}

static void tell(const struct certificate_look *look, struct node_check *ret)
{
    *ret = (struct node_check){0};
    (void)snprintf(ret->name, sizeof(ret->name), "%s", CHECK_CERTIFICATE);
    if (look->err.code < 0) {
        (void)snprintf(ret->detail, sizeof(ret->detail),
                       "its certificate for the store cannot be used: %s", look->err.text);
    } else if (!look->facts.is_valid_now) {
        (void)snprintf(ret->detail, sizeof(ret->detail),
                       "its certificate for the store is not valid (until %s): check the date of "
                       "the host, then run berth cluster refresh there; its VMs keep running while "
                       "its connections last",
                       look->facts.until);
    } else {
        ret->is_ok = look->facts.days_left >= soon_days;
        ret->is_advice = !ret->is_ok && look->facts.days_left >= last_days;
        (void)snprintf(ret->detail, sizeof(ret->detail),
                       "its certificate for the store is valid until %s%s", look->facts.until,
                       ret->is_ok
                           ? ""
                           : ": it should have been renewed; run berth cluster refresh there, "
                             "or renew it by hand");
    }
}

static void certificate_looked_at(void *userdata, struct task *task)
{
    struct certificate_look *look = (struct certificate_look *)task;
    (void)userdata;
    look->watch->is_looking = false;
    tell(look, &look->watch->check);
}

void certificate_watch_look(struct certificate_watch *watch, struct workers *workers)
{
    if (watch->is_looking || !watch->certificate || !watch->certificate[0]) {
        return;
    }
    struct certificate_look *look = must(calloc(1, sizeof(*look)));
    look->task = (struct task){.run = certificate_look_run,
                               .arrive = certificate_looked_at,
                               .release = certificate_look_release};
    look->watch = watch;
    (void)copy_text(look->certificate, sizeof(look->certificate), watch->certificate);
    (void)copy_text(look->key, sizeof(look->key), watch->key);
    watch->is_looking = true;
    workers_submit(workers, &look->task);
}
