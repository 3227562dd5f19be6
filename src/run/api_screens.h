/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The screens and serial consoles of VMs that are open: each is a process of its own
 * (screen/screen.h), which gets the WebSocket. Ends those of who might not open one any more.
 *
 * All functions: the loop's thread.
 */
#pragma once

#include "run/api_gate.h"
#include "run/config.h"

#include <systemd/sd-event.h>

struct api_screen;

struct api_screens {
    sd_event *event; /* lent */
    const struct api_gate *gate;
    char *secret; /* "BERTH_SCREEN_SECRET=..."; NULL: this host has none */
    struct api_screen *first;
};

/* 'gate' may be given later. Without a secret no screen is opened; if one should be there, the
 * journal says what is wrong. */
void api_screens_start(struct api_screens *screens, const struct config *config);
/* Once no exchange is open. */
void api_screens_done(struct api_screens *screens);

/* 'answer' is a WebSocket, and is being committed. False: it is refused already. */
bool api_screens_expect(struct api_screens *screens, struct http_exchange *exchange,
                        const struct api_answer *answer, const struct api_who *who);
/* It is committed. */
void api_screens_begin(struct api_screens *screens, struct http_exchange *exchange);
/* handler.opened, handler.closing, handler.closed; the exchange may be none of them. */
void api_screens_opened(struct api_screens *screens, struct http_exchange *exchange,
                        struct http_socket *socket, int fd);
void api_screens_close(struct api_screens *screens, const struct http_exchange *exchange);
void api_screens_forget(struct api_screens *screens, const struct http_exchange *exchange);

/* Someone's rights may have ended. */
void api_screens_check(struct api_screens *screens);
