/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What clients say about themselves in the headers of a request. Whatever a header holds, it is
 * read within its bounds or not at all. Pure. */
#pragma once

#include "base/types.h"
#include "model/limits.h"

enum {
    auth_secret_len = 64, /* 256 random bits as hexadecimal digits: of tokens, sessions, CSRF */
    auth_secret_size = auth_secret_len + 1,
};

struct auth_token {
    char name[name_size];
    char secret[auth_secret_size];
};

/* "Bearer berth_NAME_SECRET". False, '*ret' empty: it is something else. */
bool auth_bearer(const char *header, struct auth_token *ret);

/* The value of the cookie 'name' in "a=1; b=2", which must be a secret as above. False, 'ret' of
 * auth_secret_size bytes empty: it is not there or something else. */
bool auth_cookie(const char *header, const char *name, char *ret);

/* Whether a page from 'origin' ("https://HOST:PORT") is one of the server that was asked as 'host'
 * (the header of that name; may be NULL). */
bool auth_origin_is(const char *origin, const char *host);
