/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "auth/limit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static size_t limit_find(const struct auth_limit *limit, const char *key)
{
    size_t i = 0;
    while (i < auth_limit_entries_max && strcmp(limit->entries[i].key, key) != 0) {
        i++;
    }
    return i;
}

/* A free place, or the one that was not touched for longest. */
static size_t limit_place(const struct auth_limit *limit)
{
    size_t best = 0;
    for (size_t i = 0; i < auth_limit_entries_max; i++) {
        if (limit->entries[i].key[0] == '\0') {
            return i;
        }
        if (limit->entries[i].last_ms < limit->entries[best].last_ms) {
            best = i;
        }
    }
    return best;
}

/* How the delay grows with failures, and when they are forgotten. */
struct pace {
    unsigned free_len;
    msec_t delay_max_ms, forget_ms;
};

static msec_t delay_ms(unsigned failures, const struct pace *pace)
{
    msec_t delay = 1000;
    if (failures < pace->free_len) {
        return 0;
    }
    for (unsigned i = pace->free_len; i < failures && delay < pace->delay_max_ms; i++) {
        delay *= 2;
    }
    return MIN(delay, pace->delay_max_ms);
}

static msec_t limit_try(struct auth_limit *limit, const char *key, const struct pace *pace,
                        msec_t now_ms)
{
    size_t i = limit_find(limit, key);
    if (i == auth_limit_entries_max) {
        i = limit_place(limit);
        limit->entries[i].failures = 0;
        limit->entries[i].until_ms = now_ms;
        (void)snprintf(limit->entries[i].key, auth_limit_key_size, "%s", key);
    } else if (now_ms - limit->entries[i].last_ms > pace->forget_ms) {
        limit->entries[i].failures = 0;
    }
    if (limit->entries[i].until_ms > now_ms) {
        return limit->entries[i].until_ms - now_ms;
    }
    limit->entries[i].failures++;
    limit->entries[i].last_ms = now_ms;
    limit->entries[i].until_ms = now_ms + delay_ms(limit->entries[i].failures, pace);
    return 0;
}

msec_t auth_limit_try(struct auth_limit *limit, const char *key, unsigned free_len, msec_t now_ms)
{
    const struct pace pace = {free_len, auth_limit_delay_max_ms, auth_limit_forget_ms};
    return limit_try(limit, key, &pace, now_ms);
}

msec_t auth_limit_try_code(struct auth_limit *limit, const char *key, msec_t now_ms)
{
    const struct pace pace = {auth_limit_code_free_len, auth_limit_code_delay_max_ms,
                              auth_limit_code_forget_ms};
    return limit_try(limit, key, &pace, now_ms);
}

msec_t auth_limit_spend(struct auth_limit *limit, const char *key, unsigned budget,
                        msec_t window_ms, msec_t now_ms)
{
    size_t i = limit_find(limit, key);
    if (i == auth_limit_entries_max) {
        i = limit_place(limit);
        limit->entries[i].last_ms = now_ms - window_ms;
        (void)snprintf(limit->entries[i].key, auth_limit_key_size, "%s", key);
    }
    /* 'last_ms' is when the window began. */
    if (now_ms - limit->entries[i].last_ms >= window_ms) {
        limit->entries[i].last_ms = now_ms;
        limit->entries[i].failures = 0;
    }
    if (limit->entries[i].failures >= budget) {
        return limit->entries[i].last_ms + window_ms - now_ms;
    }
    limit->entries[i].failures++;
    return 0;
}

void auth_limit_forgive(struct auth_limit *limit, const char *key)
{
    size_t i = limit_find(limit, key);
    if (i < auth_limit_entries_max) {
        limit->entries[i].key[0] = '\0';
    }
}

void auth_limit_address(const char *address, char ret[static auth_limit_key_size])
{
    struct in6_addr parsed;
    char text[INET6_ADDRSTRLEN];
    bool is_v6 = inet_pton(AF_INET6, address, &parsed) == 1;
    if (is_v6 && !IN6_IS_ADDR_V4MAPPED(&parsed)) {
        memset(&parsed.s6_addr[8], 0, 8);
        address = inet_ntop(AF_INET6, &parsed, text, sizeof(text)) ? text : address;
    }
    (void)snprintf(ret, auth_limit_key_size, "from %s", address);
}
