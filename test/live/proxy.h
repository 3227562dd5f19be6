/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TCP proxy on the test's own loop that can lose what it is given. */
#pragma once

#include "base/types.h"

#include <systemd/sd-event.h>

enum proxy_mode {
    PROXY_PASS,
    PROXY_EAT_REPLY, /* what the server says is thrown away, and the connection closed at once */
    PROXY_SILENT,    /* nothing is passed in either direction, nothing is closed */
};

struct proxy {
    sd_event *event;
    sd_event_source *listener;
    struct proxy_pair *pairs;
    int port, target_port;
    char url[64];
    enum proxy_mode mode;
    unsigned accepted; /* connections so far */
};

void proxy_start(struct proxy *proxy, sd_event *event, int target_port);
void proxy_cut(struct proxy *proxy); /* closes every connection */
void proxy_stop(struct proxy *proxy);
