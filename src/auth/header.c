/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "auth/header.h"

#include "model/name.h"

#include <ctype.h>
#include <strings.h>

/* Lower-case digits only: one secret, one text. */
static bool is_secret(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)text[i]) && (text[i] < 'a' || text[i] > 'f')) {
            return false;
        }
    }
    return len == auth_secret_len;
}

static const char *skip_spaces(const char *text)
{
    return text + strspn(text, " \t");
}

bool auth_bearer(const char *header, struct auth_token *ret)
{
    static const char scheme[] = "Bearer ", prefix[] = "berth_";
    *ret = (struct auth_token){0};
    if (strncasecmp(header, scheme, sizeof(scheme) - 1) != 0) {
        return false;
    }
    const char *token = skip_spaces(header + sizeof(scheme) - 1);
    size_t len = strcspn(token, " \t");
    if (*skip_spaces(token + len) != '\0' || strncmp(token, prefix, sizeof(prefix) - 1) != 0) {
        return false;
    }
    const char *name = token + sizeof(prefix) - 1, *secret = token + len - auth_secret_len;
    if (len < sizeof(prefix) - 1 + 1 + 1 + auth_secret_len || secret[-1] != '_' ||
        !is_secret(secret, auth_secret_len)) {
        return false;
    }
    size_t name_len = (size_t)(secret - 1 - name);
    if (name_len >= sizeof(ret->name)) {
        return false;
    }
    struct auth_token found = {0};
    memcpy(found.name, name, name_len);
    memcpy(found.secret, secret, auth_secret_len);
    if (name_check("token", found.name, NULL) < 0) {
        return false;
    }
    *ret = found;
    return true;
}

bool auth_cookie(const char *header, const char *name, char *ret)
{
    size_t name_len = strlen(name);
    ret[0] = '\0';
    for (const char *at = skip_spaces(header); *at;) {
        size_t len = strcspn(at, ";");
        if (len > name_len && strncmp(at, name, name_len) == 0 && at[name_len] == '=') {
            const char *value = at + name_len + 1;
            size_t size = strcspn(value, "; \t");
            bool is_good = is_secret(value, size);
            if (is_good) {
                memcpy(ret, value, size);
                ret[size] = '\0';
            }
            return is_good;
        }
        at = skip_spaces(at + len + (at[len] == ';' ? 1 : 0));
    }
    return false;
}

bool auth_origin_is(const char *origin, const char *host)
{
    static const char scheme[] = "https://";
    return host && host[0] && strncasecmp(origin, scheme, sizeof(scheme) - 1) == 0 &&
           strcasecmp(origin + sizeof(scheme) - 1, host) == 0;
}
