/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/api_screens.h"

#include "base/parse.h"
#include "loop/child.h"
#include "loop/sibling.h"
#include "run/api_op.h"
#include "run/journal.h"
#include "screen/screen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    screens_max = 64, /* processes of a few MiB */
    per_actor_max = 8,
    program_size = 256,
    errors_max = 1000,
};

#define SECRET_VARIABLE "BERTH_SCREEN_SECRET="

struct api_screen {
    struct api_screens *screens;
    struct api_screen *next;
    struct http_exchange *exchange;
    struct http_socket *socket; /* NULL: not open yet, or not any more */
    struct api_who who;
    char vm[name_size];
    const char *kind; /* static */
    char address[api_screen_address_size];
    struct child *child;
};

void api_screens_start(struct api_screens *screens, const struct config *config)
{
    char password[config_text_size], secret[screen_secret_size];
    struct error err;
    if (!config_has_hosts_secret(config)) {
        return;
    }
    int r = config_read_hosts_secret(config, password, sizeof(password), &err);
    r = r < 0 ? r : screen_secret(password, secret, &err);
    if (r == 0 && asprintf(&screens->secret, SECRET_VARIABLE "%s", secret) < 0) {
        screens->secret = NULL;
        r = error_set(&err, -ENOMEM, "out of memory");
    }
    explicit_bzero(password, sizeof(password));
    explicit_bzero(secret, sizeof(secret));
    if (r < 0) {
        journal_line(LOG_ERR, "no screens and consoles of VMs: %s", err.text);
    }
}

static struct api_screen *find(struct api_screens *screens, const struct http_exchange *exchange)
{
    struct api_screen *screen = screens->first;
    while (screen && screen->exchange != exchange) {
        screen = screen->next;
    }
    return screen;
}

static void close_socket(struct api_screen *screen)
{
    screen->child = child_free(screen->child);
    if (screen->socket) {
        http_socket_close(TAKE(screen->socket));
    }
}

static void screen_free(struct api_screen *screen)
{
    struct api_screen **place = &screen->screens->first;
    while (*place != screen) {
        place = &(*place)->next;
    }
    *place = screen->next;
    close_socket(screen);
    free(screen);
}

void api_screens_done(struct api_screens *screens)
{
    while (screens->first) {
        screen_free(screens->first);
    }
    if (screens->secret) {
        explicit_bzero(screens->secret, strlen(screens->secret));
    }
    free(screens->secret);
}

bool api_screens_expect(struct api_screens *screens, struct http_exchange *exchange,
                        const struct api_answer *answer, const struct api_who *who)
{
    size_t len = 0, own_len = 0;
    for (const struct api_screen *each = screens->first; each; each = each->next) {
        len++;
        own_len += strcmp(each->who.actor.name, who->actor.name) == 0;
    }
    if (!screens->secret) {
        api_answer_refuse(exchange, 409, "no-screens",
                          "the host of this API has no secret for other hosts, so none would "
                          "show it a screen: see screen_secret_file in berth.conf(5) and the "
                          "journal of berth-api there");
        return false;
    }
    if (len >= screens_max || own_len >= per_actor_max) {
        api_answer_refuse(exchange, 429, "too-many", "too many screens are open: close one first");
        return false;
    }
    struct api_screen *screen = calloc(1, sizeof(*screen));
    if (!screen) {
        api_answer_refuse(exchange, 503, "out-of-memory", "out of memory");
        return false;
    }
    *screen = (struct api_screen){.screens = screens,
                                  .next = screens->first,
                                  .exchange = exchange,
                                  .who = *who,
                                  .kind = answer->socket_kind};
    (void)copy_text(screen->vm, sizeof(screen->vm), answer->vm);
    (void)copy_text(screen->address, sizeof(screen->address), answer->screen_address);
    screens->first = screen;
    return true;
}

void api_screens_begin(struct api_screens *screens, struct http_exchange *exchange)
{
    if (find(screens, exchange)) {
        http_begin_websocket(exchange);
    } else {
        api_answer_refuse(exchange, 503, "ended", "this session has ended");
    }
}

static void on_end(void *userdata, const struct child_result *result)
{
    struct api_screen *screen = userdata;
    if (result->errors_size > 0) {
        journal_line(LOG_WARNING, "berth-screen: %s", result->errors);
    }
    close_socket(screen);
}

void api_screens_opened(struct api_screens *screens, struct http_exchange *exchange,
                        struct http_socket *socket, int fd)
{
    struct api_screen *screen = find(screens, exchange);
    char program[program_size];
    char name[] = "berth-screen", view[] = "view", kind[16] = "";
    if (!screen) { /* it was closed meanwhile */
        http_socket_close(socket);
        return;
    }
    if (!sibling_find(name, program, sizeof(program))) {
        journal_line(LOG_ERR, "berth-screen is not installed, so no screen can be shown");
        http_socket_close(socket);
        return;
    }
    screen->socket = socket;
    (void)copy_text(kind, sizeof(kind), screen->kind);
    const char *const secret[] = {screens->secret, NULL};
    char *arguments[] = {name, view, kind, screen->vm, screen->who.actor.name, screen->address,
                         NULL};
    const struct child_order order = {
        .program = program,
        .arguments = arguments,
        .extra = secret,
        .has_socket = true,
        .socket = fd,
        .output_max = errors_max,
        .limit_ms = MSEC_NEVER,
    };
    int r = child_start(screens->event, &order, on_end, screen, &screen->child);
    if (r < 0) {
        journal_line(LOG_ERR, "berth-screen cannot be started: %s", strerror(-r));
        close_socket(screen);
    }
}

void api_screens_close(struct api_screens *screens, const struct http_exchange *exchange)
{
    struct api_screen *screen = find(screens, exchange);
    if (screen) {
        close_socket(screen);
    }
}

void api_screens_forget(struct api_screens *screens, const struct http_exchange *exchange)
{
    struct api_screen *screen = find(screens, exchange);
    if (screen) {
        screen_free(screen);
    }
}

void api_screens_check(struct api_screens *screens)
{
    for (struct api_screen *each = screens->first; each; each = each->next) {
        if (!api_gate_is_valid(screens->gate, &each->who)) {
            close_socket(each);
        }
    }
}
