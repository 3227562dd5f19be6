/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside the room. */
#pragma once

#include "http/channel.h"
#include "screen/relay.h"
#include "screen/screen.h"

#include <libvirt/libvirt.h>

static inline void screen_json_done(json_t **json)
{
    json_decref(*json);
}

/* Waits for a descriptor on libvirt's loop before the relay is there, too. -EIO. */
int screen_loop_begin(struct error *err);

/* The end of a relay that is a channel. */
struct screen_channel_end {
    struct relay_fd fd;
    struct channel *channel;
};

/* The end of a relay that is the list of the domains which libvirt has defined and Berth did not
 * start, as JSON: {"domains": [{"name", "xml", "is_active", "has_autostart"}]}. */
struct screen_domains {
    char *text; /* heap, the owner's */
    size_t size, at;
};

int screen_domains_begin(struct screen_domains *end, virConnectPtr connection,
                         struct relay_end *ret, struct error *err);

int screen_channel_begin(struct screen_channel_end *end, struct channel *channel,
                         struct relay *relay, struct relay_end *ret, struct error *err);
