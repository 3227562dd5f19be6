/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where this host's messages go: a file of root has the URL, so that no one who only administers
 * the cluster makes a host speak to an address of his choice. Both functions block; neither is
 * called on the loop's thread.
 */
#pragma once

#include "base/error.h"
#include "base/types.h"

enum { webhook_text_size = 1024 };

struct webhook {
    char url[webhook_text_size];
    char token[webhook_text_size]; /* sent as a bearer token; "": none */
};

/*
 * Reads 'path': the URL on the first line, the token, if there is one, on the second. -errno; or
 * -EINVAL: no https URL (http only to this host itself), or a line that is too long. The sentence
 * shows neither.
 */
int webhook_read(const char *path, struct webhook *ret, struct error *err);

/* Posts 'body', JSON. 0: it was accepted (2xx). -EBADMSG: it never will be (4xx, except 408 and
 * 429); -EIO: not now. The sentence does not hold the URL's path. Redirections are not followed,
 * and what is answered is not read. */
int webhook_post(const struct webhook *webhook, const char *body, size_t size, struct error *err);
