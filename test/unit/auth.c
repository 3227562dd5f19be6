/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/test.h"

#include "auth/header.h"
#include "auth/known.h"
#include "auth/limit.h"
#include "auth/session.h"
#include "auth/totp.h"
#include "auth/worker.h"

#include <stdio.h>

#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* ---- headers ---- */

TEST(a_token_is_read_out_of_its_header_and_nothing_else_is)
{
    static const char *const wrong[] = {
        "",
        "Bearer",
        "Bearer ",
        "Basic berth_ci_" SECRET,
        "Bearer berth_" SECRET,
        "Bearer berth__" SECRET,
        "Bearer ci_" SECRET,
        "Bearer berth_ci_" SECRET "0",
        "Bearer berth_ci_" SECRET " x",
        "Bearer berth_c/i_" SECRET,
        "Bearer berth_ci-" SECRET,
    };
    struct auth_token token;
    REQUIRE(auth_bearer("Bearer berth_ci_" SECRET, &token));
    CHECK_STR(token.name, "ci");
    CHECK_STR(token.secret, SECRET);
    REQUIRE(auth_bearer("bearer   berth_my_ci.1_" SECRET " ", &token));
    CHECK_STR(token.name, "my_ci.1");
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CHECK(!auth_bearer(wrong[i], &token));
        CHECK_STR(token.name, "");
    }
}

TEST(a_token_with_a_name_or_digits_that_cannot_be_is_refused)
{
    struct auth_token token;
    char text[300];
    char name[name_size + 1];
    memset(name, 'n', name_size);
    name[name_size] = '\0';
    (void)snprintf(text, sizeof(text), "Bearer berth_%s_" SECRET, name);
    CHECK(!auth_bearer(text, &token));
    name[name_size - 1] = '\0';
    (void)snprintf(text, sizeof(text), "Bearer berth_%s_" SECRET, name);
    CHECK(auth_bearer(text, &token));
    (void)snprintf(text, sizeof(text), "Bearer berth_ci_" SECRET);
    text[strlen(text) - 1] = 'F'; /* one secret, one text */
    CHECK(!auth_bearer(text, &token));
}

TEST(a_cookie_is_found_among_others_by_its_whole_name)
{
    char id[auth_secret_size];
    CHECK(auth_cookie("a=1; berth_session=" SECRET "; b=2", "berth_session", id));
    CHECK_STR(id, SECRET);
    CHECK(auth_cookie("berth_session=" SECRET, "berth_session", id));
    CHECK(!auth_cookie("xberth_session=" SECRET, "berth_session", id));
    CHECK(!auth_cookie("berth_session=", "berth_session", id));
    CHECK(!auth_cookie("berth_session=" SECRET "0", "berth_session", id));
    CHECK(!auth_cookie("; ;;berth_session", "berth_session", id));
    CHECK_STR(id, "");
}

TEST(an_origin_is_ours_if_it_is_https_and_the_host_that_was_asked)
{
    CHECK(auth_origin_is("https://node1:8643", "node1:8643"));
    CHECK(auth_origin_is("HTTPS://Node1:8643", "node1:8643"));
    CHECK(!auth_origin_is("http://node1:8643", "node1:8643"));
    CHECK(!auth_origin_is("https://node1:8643.example", "node1:8643"));
    CHECK(!auth_origin_is("https://node1", "node1:8643"));
    CHECK(!auth_origin_is("null", "null"));
    CHECK(!auth_origin_is("https://", ""));
    CHECK(!auth_origin_is("https://a", NULL));
}

/* ---- guesses ---- */

TEST(after_some_guesses_each_further_one_waits_twice_as_long)
{
    static struct auth_limit limit;
    const msec_t want[] = {0, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    msec_t now = 1000000;
    limit = (struct auth_limit){0};
    for (unsigned i = 0; i < 2; i++) {
        CHECK_INT(auth_limit_try(&limit, "alice", 3, now), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        if (want[i] > 0) {
            CHECK_INT(auth_limit_try(&limit, "alice", 3, now), want[i]);
            CHECK_INT(auth_limit_try(&limit, "alice", 3, now + want[i] - 1), 1);
        }
        now += want[i];
        CHECK_INT(auth_limit_try(&limit, "alice", 3, now), 0);
    }
    CHECK_INT(auth_limit_try(&limit, "bob", 3, now), 0);
    auth_limit_forgive(&limit, "alice");
    CHECK_INT(auth_limit_try(&limit, "alice", 3, now), 0);
    CHECK_INT(auth_limit_try(&limit, "alice", 3, now), 0);
}

TEST(guesses_are_forgotten_after_a_while_and_a_flood_of_names_stays_bounded)
{
    static struct auth_limit limit;
    char name[20];
    limit = (struct auth_limit){0};
    CHECK_INT(auth_limit_try(&limit, "alice", 1, 1000), 0);
    CHECK_INT(auth_limit_try(&limit, "alice", 1, 1000), 1000);
    CHECK_INT(auth_limit_try(&limit, "alice", 1, 2000), 0);
    CHECK_INT(auth_limit_try(&limit, "alice", 1, 2000), 2000);
    CHECK_INT(auth_limit_try(&limit, "alice", 1, 2001 + auth_limit_forget_ms), 0);
    CHECK_INT(auth_limit_try(&limit, "alice", 1, 2001 + auth_limit_forget_ms), 1000);
    for (unsigned i = 0; i < 3 * auth_limit_entries_max; i++) {
        (void)snprintf(name, sizeof(name), "n%u", i);
        CHECK_INT(auth_limit_try(&limit, name, 1, 3000 + auth_limit_forget_ms + i), 0);
    }
}

TEST(guesses_at_a_code_come_down_to_one_an_hour)
{
    static struct auth_limit limit;
    msec_t now = 1000, wait_ms = 0;
    unsigned len = 0;
    limit = (struct auth_limit){0};
    for (; now < 24 * 3600 * 1000; now += wait_ms) {
        wait_ms = auth_limit_try_code(&limit, "code user alice", now);
        len += wait_ms == 0;
    }
    CHECK(len > 24 && len <= 24 + 17);
    CHECK_INT(auth_limit_try_code(&limit, "code user alice", now), 0);
    CHECK_INT(auth_limit_try_code(&limit, "code user alice", now), auth_limit_code_delay_max_ms);
    now += auth_limit_code_forget_ms;
    CHECK_INT(auth_limit_try_code(&limit, "code user alice", now + 1), 0);
    CHECK_INT(auth_limit_try_code(&limit, "code user alice", now + 1), 0);
}

TEST(addresses_of_one_ipv6_subscriber_are_one)
{
    char a[auth_limit_key_size], b[auth_limit_key_size];
    auth_limit_address("2001:db8:1:2::7", a);
    auth_limit_address("2001:db8:1:2:ffff::1", b);
    CHECK_STR(a, b);
    auth_limit_address("2001:db8:1:3::7", b);
    CHECK(strcmp(a, b) != 0);
    auth_limit_address("::ffff:10.0.0.1", a);
    auth_limit_address("::ffff:10.0.0.2", b);
    CHECK(strcmp(a, b) != 0);
}

/* ---- sessions ---- */

enum { idle_ms = 30 * 60 * 1000 };

TEST(a_session_ends_when_it_was_idle_and_when_it_is_old)
{
    struct auth_sessions sessions = {.idle_ms = idle_ms};
    const struct auth_session *session = auth_session_begin(&sessions, "alice", "192.0.2.1", 7, 0);
    REQUIRE(session);
    const uint64_t number = session->number;
    char id[auth_secret_size];
    memcpy(id, session->id, sizeof(id));
    CHECK(strcmp(session->id, session->csrf) != 0);
    CHECK(!auth_session_find(&sessions, SECRET, true, 1));
    msec_t now = 0;
    for (; now < auth_session_age_ms; now += idle_ms - 1) {
        CHECK(auth_session_find(&sessions, id, true, now));
    }
    CHECK(!auth_session_find(&sessions, id, true, auth_session_age_ms));
    CHECK(!auth_session_is_live(&sessions, number, auth_session_age_ms));
    session = auth_session_begin(&sessions, "alice", "192.0.2.1", 7, now);
    memcpy(id, session->id, sizeof(id));
    CHECK(!auth_session_find(&sessions, id, true, now + idle_ms));
    auth_sessions_done(&sessions);
}

TEST(what_a_page_asks_by_itself_does_not_keep_its_session)
{
    struct auth_sessions sessions = {.idle_ms = idle_ms};
    const struct auth_session *session = auth_session_begin(&sessions, "alice", "192.0.2.1", 7, 0);
    REQUIRE(session);
    char id[auth_secret_size];
    memcpy(id, session->id, sizeof(id));
    for (msec_t now = 0; now < idle_ms; now += 4000) {
        CHECK(auth_session_find(&sessions, id, false, now));
    }
    CHECK(!auth_session_find(&sessions, id, false, idle_ms));
    CHECK(!auth_session_find(&sessions, id, true, idle_ms));
    auth_sessions_done(&sessions);
}

TEST(too_many_sessions_of_one_user_end_the_oldest_of_them_only)
{
    struct auth_sessions sessions = {.idle_ms = idle_ms};
    const uint64_t bob = auth_session_begin(&sessions, "bob", "192.0.2.1", 1, 0)->number;
    const uint64_t first = auth_session_begin(&sessions, "alice", "192.0.2.1", 1, 1)->number;
    const uint64_t second = auth_session_begin(&sessions, "alice", "192.0.2.1", 1, 2)->number;
    for (int i = 2; i < auth_sessions_per_user_max + 1; i++) {
        (void)auth_session_begin(&sessions, "alice", "192.0.2.1", 1, 3 + i);
    }
    CHECK(!auth_session_is_live(&sessions, first, 100));
    CHECK(auth_session_is_live(&sessions, second, 100));
    CHECK(auth_session_is_live(&sessions, bob, 100));
    auth_session_end(&sessions, bob);
    CHECK(!auth_session_is_live(&sessions, bob, 100));
    auth_sessions_done(&sessions);
}

/* ---- hashes ---- */

TEST(what_was_right_is_known_for_that_name_revision_and_secret_only)
{
    static struct auth_known known;
    char secret[20];
    REQUIRE(auth_known_init(&known));
    auth_known_add(&known, "ci", 7, "secret");
    CHECK(auth_known_has(&known, "ci", 7, "secret"));
    CHECK(!auth_known_has(&known, "ci", 8, "secret"));
    CHECK(!auth_known_has(&known, "cj", 7, "secret"));
    CHECK(!auth_known_has(&known, "ci", 7, "secreT"));
    for (int i = 0; i < auth_known_max; i++) {
        (void)snprintf(secret, sizeof(secret), "s%d", i);
        auth_known_add(&known, "ci", 7, secret);
    }
    CHECK(!auth_known_has(&known, "ci", 7, "secret"));
    CHECK(auth_known_has(&known, "ci", 7, secret));
}

struct told {
    unsigned count;
    bool is_right[8];
    char hash[access_hash_size];
};

static void on_done(void *userdata, uint64_t id, bool is_right, const char *hash)
{
    struct told *told = userdata;
    told->count++;
    told->is_right[id % 8] = is_right;
    if (hash[0]) {
        (void)snprintf(told->hash, sizeof(told->hash), "%s", hash);
    }
}

static void run_until(sd_event *event, const struct told *told, unsigned count)
{
    while (told->count < count) {
        REQUIRE(sd_event_run(event, 20 * 1000 * 1000) > 0);
    }
}

TEST(hashes_are_salted_and_only_the_right_secret_fits)
{
    sd_event *event = NULL;
    struct auth_worker *worker = NULL;
    struct told told = {0};
    struct error err;
    char first[access_hash_size];
    REQUIRE(sd_event_new(&event) == 0);
    REQUIRE(auth_worker_new(event, on_done, &told, &worker, &err) == 0);
    CHECK(auth_worker_hash(worker, 1, "secret"));
    run_until(event, &told, 1);
    (void)snprintf(first, sizeof(first), "%s", told.hash);
    CHECK(strncmp(first, "$y$", 3) == 0);
    CHECK(auth_worker_hash(worker, 1, "secret"));
    CHECK(auth_worker_check(worker, 2, "secret", first));
    CHECK(auth_worker_check(worker, 3, "Secret", first));
    CHECK(auth_worker_check(worker, 4, "secret", NULL));
    CHECK(auth_worker_check(worker, 5, "nobody", NULL));
    CHECK(auth_worker_check(worker, 6, "secret", "no hash"));
    run_until(event, &told, 7);
    CHECK(strcmp(first, told.hash) != 0);
    CHECK(told.is_right[2]);
    CHECK(!told.is_right[3] && !told.is_right[4] && !told.is_right[5] && !told.is_right[6]);
    auth_worker_free(worker);
    sd_event_unref(event);
}

TEST(the_queue_of_hashes_has_an_end_and_may_be_left_with_work_in_it)
{
    sd_event *event = NULL;
    struct auth_worker *worker = NULL;
    struct told told = {0};
    struct error err;
    REQUIRE(sd_event_new(&event) == 0);
    REQUIRE(auth_worker_new(event, on_done, &told, &worker, &err) == 0);
    for (uint64_t i = 0; i < auth_queue_max; i++) {
        CHECK(auth_worker_check(worker, i, "secret", NULL));
    }
    CHECK(!auth_worker_check(worker, 99, "secret", NULL));
    auth_worker_free(worker);
    CHECK_INT(told.count, 0);
    sd_event_unref(event);
}

TEST(a_budget_is_full_again_in_the_next_window)
{
    static struct auth_limit limit;
    limit = (struct auth_limit){0};
    for (unsigned i = 0; i < 3; i++) {
        CHECK_INT(auth_limit_spend(&limit, "user alice", 3, 1000, 5000 + i), 0);
    }
    CHECK_INT(auth_limit_spend(&limit, "user alice", 3, 1000, 5400), 600);
    CHECK_INT(auth_limit_spend(&limit, "user bob", 3, 1000, 5400), 0);
    CHECK_INT(auth_limit_spend(&limit, "user alice", 3, 1000, 6000), 0);
    auth_limit_forgive(&limit, "user alice");
    CHECK_INT(auth_limit_spend(&limit, "user alice", 3, 1000, 6001), 0);
}

/* ---- the second factor ---- */

/* "12345678901234567890", the secret of RFC 6238, appendix B, as people type it. */
#define RFC_SECRET "GEZD GNBV GY3T QOJQ gezd gnbv gy3t qojq"

TEST(codes_are_those_of_rfc_6238)
{
    /* Its codes for SHA-1 have eight digits: ours are the last six of them. */
    static const struct {
        uint64_t seconds;
        const char *code;
    } vectors[] = {
        {59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
        {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"},
    };
    struct totp_secret secret;
    REQUIRE(totp_secret_read(RFC_SECRET, &secret));
    CHECK_INT(secret.size, 20);
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        char code[totp_code_len + 1];
        totp_code(&secret, vectors[i].seconds * 1000 / totp_step_ms, code);
        CHECK_STR(code, vectors[i].code);
    }
}

TEST(a_code_is_good_half_a_minute_around_its_time_and_once)
{
    struct totp_secret secret;
    uint64_t step = 0;
    const uint64_t now = 2000000000 / 30;
    REQUIRE(totp_secret_read(RFC_SECRET, &secret));
    for (uint64_t at = now - 3; at <= now + 3; at++) {
        bool is_near = at >= now - 1 && at <= now + 1;
        CHECK_INT(totp_matches(&secret, "279037", at, 0, &step), is_near);
    }
    CHECK_INT(step, now);
    CHECK(totp_matches(&secret, "279037", now, now - 1, &step));
    CHECK(!totp_matches(&secret, "279037", now, now, &step));
    CHECK(!totp_matches(&secret, "279037", now, now + 1, &step));
    CHECK(!totp_matches(&secret, "279038", now, 0, &step));
    CHECK(!totp_matches(&secret, "27903", now, 0, &step));
    CHECK(!totp_matches(&secret, "2790370", now, 0, &step));
    CHECK(!totp_matches(&secret, "", now, 0, &step));
}

TEST(a_secret_of_base32_is_read_and_what_is_none_or_too_short_or_long_is_not)
{
    static const char *const wrong[] = {
        "",
        "GEZDGNBVGY3TQOJQGEZDGNBV", /* 120 bits */
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1",
        "GEZDGNBVGY3TQOJQ-GEZDGNBVGY3TQOJQ",
        "GEZDGNBVGY3TQOJQ=GEZDGNBVGY3TQOJQ",
    };
    struct totp_secret secret;
    char text[200];
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CHECK(!totp_secret_read(wrong[i], &secret));
    }
    REQUIRE(totp_secret_read("GEZDGNBVGY3TQOJQGEZDGNBVGY======", &secret)); /* 128 bits */
    CHECK_INT(secret.size, 16);
    CHECK(memcmp(secret.bytes, "1234567890123456", 16) == 0);
    for (size_t len = 0; len < sizeof(text); len++) {
        memset(text, 'A', len);
        text[len] = '\0';
        CHECK_INT(totp_secret_read(text, &secret), len * 5 / 8 >= 16 && len * 5 / 8 <= 64);
    }
}

TEST(a_sealed_secret_opens_for_its_user_under_its_key_and_for_no_one_else)
{
    struct totp_key key, other;
    struct totp_secret secret, opened;
    char sealed[access_totp_size], again[access_totp_size];
    REQUIRE(totp_key_make("password of the hosts", &key));
    REQUIRE(totp_key_make("password of the host", &other));
    REQUIRE(totp_secret_read(RFC_SECRET, &secret));
    REQUIRE(totp_seal(&key, "alice", &secret, sealed));
    REQUIRE(totp_seal(&key, "alice", &secret, again));
    CHECK(strcmp(sealed, again) != 0);
    REQUIRE(totp_open(&key, "alice", sealed, &opened));
    CHECK_INT(opened.size, secret.size);
    CHECK(memcmp(opened.bytes, secret.bytes, secret.size) == 0);
    CHECK(!totp_open(&key, "bob", sealed, &opened));
    CHECK(!totp_open(&other, "alice", sealed, &opened));
    for (size_t i = 0; sealed[i]; i++) {
        char was = sealed[i];
        sealed[i] = was == '0' ? '1' : '0';
        CHECK(!totp_open(&key, "alice", sealed, &opened));
        sealed[i] = '\0';
        CHECK(!totp_open(&key, "alice", sealed, &opened));
        sealed[i] = was;
    }
    CHECK(totp_open(&key, "alice", sealed, &opened));
    secret.size = totp_secret_max;
    CHECK(totp_seal(&key, "alice", &secret, sealed));
    CHECK(totp_open(&key, "alice", sealed, &opened) && opened.size == totp_secret_max);
}
