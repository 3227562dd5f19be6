/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What strangers send to say who they are: Authorization, Cookie, Origin. Whatever it is, what is
 * taken out of it has the form that is promised. */
#include "test/fuzz/fuzz.h"

#include "auth/header.h"
#include "auth/limit.h"
#include "model/name.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void check_secret(const char *secret)
{
    assert(strlen(secret) == auth_secret_len);
    assert(strspn(secret, "0123456789abcdef") == auth_secret_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct auth_token token;
    char id[auth_secret_size], key[auth_limit_key_size];
    char *text = malloc(size + 1); /* of its own size: reading beyond it is seen */
    assert(text);
    if (size > 0) {
        memcpy(text, bytes, size);
    }
    text[size] = '\0';
    if (auth_bearer(text, &token)) {
        check_secret(token.secret);
        assert(name_check("token", token.name, NULL) == 0 && strstr(text, token.name));
    } else {
        assert(!token.name[0] && !token.secret[0]);
    }
    if (auth_cookie(text, "berth_session", id)) {
        check_secret(id);
        assert(strstr(text, id));
    } else {
        assert(!id[0]);
    }
    (void)auth_origin_is(text, "node1:8643");
    (void)auth_origin_is("https://node1:8643", text);
    auth_limit_address(text, key);
    assert(strlen(key) < sizeof(key));
    free(text);
    return 0;
}
