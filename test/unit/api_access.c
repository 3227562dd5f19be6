/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Users, tokens and logins as the API sees them, and what the log says of changes. */
#include "test/unit/api_fixture.h"

#include "model/words.h"

/* The event that the last answer would write. */
static const char *told(void)
{
    static char words[words_max];
    VEC_EACH(&answer.txn.writes, write) {
        if (write->key.kind == RECORD_EVENT && write->value) {
            return words_event(write->value->event, words);
        }
    }
    return "";
}

static void add(const char *name, enum access_kind kind)
{
    struct record *record = record_new(RECORD_ACCESS, name, NULL);
    record->access->kind = kind;
    record->access->role = ROLE_VIEWER;
    (void)store(record);
}

static unsigned ask_with(const char *body, const char *hash, const char *key)
{
    struct api_request request = {
        .method = "POST",
        .target = "/v1/access",
        .body = body,
        .body_size = strlen(body),
        .idempotency_key = key,
        .actor = {.name = "root", .role = ROLE_ADMINISTRATOR, .address = "10.0.0.7"},
        .credential.secret = "5ec",
    };
    (void)snprintf(request.credential.hash, sizeof(request.credential.hash), "%s", hash);
    view.number = ++number;
    api_answer_done(&answer);
    api_handle(&view, &request, &answer);
    return answer.status;
}

TEST(a_token_asks_for_its_hash_first_and_is_then_written_and_shown_once)
{
    begin();
    static const char body[] = "{\"name\":\"ci\",\"kind\":\"token\",\"role\":\"operator\"}";
    (void)ask_with(body, "", NULL);
    CHECK_INT(answer.effect, EFFECT_HASH);
    CHECK_STR(answer.password, "");
    CHECK(!answer.has_txn);
    CHECK_INT(ask_with(body, "", "key-1"), 400); /* it would be kept with its answer */
    CHECK_HAS(text(), "secret");
    CHECK_INT(ask_with(body, "$y$hash", NULL), 201);
    CHECK(answer.has_txn);
    CHECK_HAS(text(), "\"token\":\"berth_ci_5ec\"");
    CHECK_STR(told(), "token ci was added with the role operator");
    VEC_EACH(&answer.txn.writes, write) {
        if (write->key.kind == RECORD_EVENT) {
            CHECK_STR(write->value->event->address, "10.0.0.7");
        } else {
            CHECK_STR(write->value->access->hash, "$y$hash");
            CHECK_INT(write->value->access->expires_ms,
                      view.wall_ms + UINT64_C(90) * 24 * 3600 * 1000);
        }
    }
}

TEST(what_is_wrong_with_a_user_or_token_is_said_before_anything_is_hashed)
{
    begin();
    add("there", ACCESS_TOKEN);
    static const struct {
        const char *body, *why;
    } wrong[] = {
        {"{\"kind\":\"token\"}", "name"},
        {"{\"name\":\"a\"}", "kind"},
        {"{\"name\":\"a b\",\"kind\":\"token\"}", "name"},
        {"{\"name\":\"a\",\"kind\":\"robot\"}", "kind: must be token or user"},
        {"{\"name\":\"a\",\"kind\":\"user\"}", "password"},
        {"{\"name\":\"a\",\"kind\":\"user\",\"password\":null}", "password"},
        {"{\"name\":\"a\",\"kind\":\"user\",\"password\":\"1234567\"}", "at least 8 characters"},
        {"{\"name\":\"a\",\"kind\":\"token\",\"password\":\"12345678\"}", "leave it out"},
        {"{\"name\":\"a\",\"kind\":\"token\",\"role\":\"none\"}", "role"},
        {"{\"name\":\"a\",\"kind\":\"token\",\"expires_days\":-1}", "expires_days"},
        {"{\"name\":\"there\",\"kind\":\"user\",\"password\":\"12345678\"}", "there is a token"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        unsigned status = ask_with(wrong[i].body, "", NULL);
        CHECK(status == 400 || status == 409);
        CHECK_INT(answer.effect, EFFECT_NONE);
        CHECK_HAS(text(), wrong[i].why);
    }
}

TEST(hashes_are_not_shown)
{
    begin();
    add("ci", ACCESS_TOKEN);
    strcpy(world_find(&world, RECORD_ACCESS, "ci")->access->hash, "$y$hash");
    CHECK_INT(ask("GET", "/v1/access", NULL), 200);
    CHECK_HAS(text(), "\"name\":\"ci\"");
    CHECK(!strstr(text(), "$y$"));
    CHECK_INT(ask("PATCH", "/v1/access/ci", "{\"role\":\"operator\",\"expires_days\":2}"), 200);
    CHECK_STR(told(), "token ci: role viewer -> operator, expires in 2 days");
    CHECK_INT(ask("PATCH", "/v1/access/ci", "{\"password\":\"12345678\"}"), 409);
    role = ROLE_OPERATOR;
    CHECK_INT(ask("GET", "/v1/access", NULL), 403);
}

TEST(a_login_is_left_to_the_caller_to_check)
{
    begin();
    role = ROLE_NONE;
    CHECK_INT(ask("GET", "/v1/session", NULL), 401);
    CHECK_HAS(text(), "login-needed");
    (void)ask("POST", "/v1/session", "{\"user\":\"no such\",\"password\":\"x\"}");
    CHECK_INT(answer.effect, EFFECT_LOGIN);
    CHECK_STR(answer.user, "no such");
    CHECK_STR(answer.password, "x");
    CHECK_INT(ask("POST", "/v1/session", "{\"user\":\"a\"}"), 400);
    world.is_complete = false;
    CHECK_INT(ask("POST", "/v1/session", "{\"user\":\"a\",\"password\":\"x\"}"), 503);
}

/* 'csrf' "": not in a session. */
static unsigned ask_as(const char *name, const char *csrf, const char *hash, const char *body)
{
    struct api_request request = {
        .method = "POST",
        .target = "/v1/session/password",
        .body = body,
        .body_size = strlen(body),
        .actor = {.role = ROLE_VIEWER, .address = "10.0.0.7"},
    };
    (void)snprintf(request.actor.name, sizeof(request.actor.name), "%s", name);
    (void)snprintf(request.actor.csrf, sizeof(request.actor.csrf), "%s", csrf);
    (void)snprintf(request.credential.hash, sizeof(request.credential.hash), "%s", hash);
    view.number = ++number;
    api_answer_done(&answer);
    api_handle(&view, &request, &answer);
    return answer.status;
}

static void begin_session_of_alice(void)
{
    begin();
    add("alice", ACCESS_USER);
    add("ci", ACCESS_TOKEN);
}

TEST(a_user_changes_their_own_password_once_the_present_one_has_proven_right)
{
    begin_session_of_alice();
    const char *body = "{\"password\":\"as it is\",\"new_password\":\"as it shall be\"}";
    (void)ask_as("alice", "csrf", "", body);
    CHECK_INT(answer.effect, EFFECT_PASSWORD);
    CHECK(!answer.has_txn);
    CHECK_STR(answer.user, "alice");
    CHECK_STR(answer.password, "as it is");
    CHECK_STR(answer.next_password, "as it shall be");
    CHECK_INT(ask_as("alice", "csrf", "$y$new", body), 200);
    CHECK_STR(told(), "user alice: a new password");
    CHECK(!answer.may_retry);
    VEC_EACH(&answer.txn.writes, write) {
        if (write->key.kind == RECORD_ACCESS) {
            CHECK_STR(write->key.name, "alice");
            CHECK_STR(write->value->access->hash, "$y$new");
        }
    }
}

static unsigned ask_totp(const char *target, const char *csrf, const char *totp, const char *body)
{
    struct api_request request = {
        .method = "POST",
        .target = target,
        .body = body,
        .body_size = strlen(body),
        .actor = {.name = "alice", .role = csrf[0] ? ROLE_VIEWER : ROLE_ADMINISTRATOR},
        .credential.totp_step = 77,
    };
    (void)snprintf(request.actor.csrf, sizeof(request.actor.csrf), "%s", csrf);
    (void)snprintf(request.credential.totp, sizeof(request.credential.totp), "%s", totp);
    view.number = ++number;
    api_answer_done(&answer);
    api_handle(&view, &request, &answer);
    return answer.status;
}

TEST(a_second_factor_is_sealed_first_and_one_s_own_only_with_the_password)
{
    begin_session_of_alice();
    const char *own = "{\"password\":\"mine\",\"secret\":\"KEY\",\"code\":\"123456\"}";
    const char *others = "{\"secret\":\"KEY\",\"code\":\"123456\"}";
    (void)ask_totp("/v1/session/totp", "csrf", "", own);
    CHECK_INT(answer.effect, EFFECT_TOTP);
    CHECK(answer.wants_proof && !answer.has_txn);
    CHECK_STR(answer.user, "alice");
    CHECK_STR(answer.password, "mine");
    CHECK_STR(answer.totp, "KEY");
    CHECK_STR(answer.code, "123456");
    CHECK_INT(ask_totp("/v1/session/totp", "csrf", "", others), 400);
    CHECK_INT(ask_totp("/v1/session/totp", "", "", own), 409);
    CHECK_INT(ask_totp("/v1/session/totp", "csrf", "sealed", own), 200);
    CHECK_STR(told(), "user alice: a new second factor");
    CHECK(!answer.may_retry);
    VEC_EACH(&answer.txn.writes, write) {
        if (write->key.kind == RECORD_ACCESS) {
            CHECK_STR(write->value->access->totp, "sealed");
            CHECK_INT(write->value->access->totp_step, 77);
        }
    }
    (void)ask_totp("/v1/access/alice/totp", "", "", others);
    CHECK_INT(answer.effect, EFFECT_TOTP);
    CHECK(!answer.wants_proof);
    CHECK_INT(ask_totp("/v1/access/alice/totp", "csrf", "", others), 403);
    CHECK_INT(ask_totp("/v1/access/ci/totp", "", "", others), 409);
    CHECK_INT(ask_totp("/v1/access/bob/totp", "", "", others), 404);
}

TEST(only_a_user_in_a_session_has_a_password_to_change)
{
    begin_session_of_alice();
    const char *body = "{\"password\":\"as it is\",\"new_password\":\"as it shall be\"}";
    CHECK_INT(ask_as("alice", "", "$y$new", body),
              409); /* an account of that name, at the socket */
    CHECK_INT(ask_as("ci", "csrf", "$y$new", body), 409);
    CHECK_INT(ask_as("nobody", "csrf", "$y$new", body), 409);
    CHECK_INT(ask_as("alice", "csrf", "", "{\"password\":\"as it is\",\"new_password\":\"short\"}"),
              400);
    CHECK_HAS(text(), "at least 8 characters");
}

TEST(the_log_says_what_was_before_and_after_but_no_secrets)
{
    begin_cluster();
    CHECK_INT(ask("PATCH", "/v1/cluster", "{\"reserve\":2,\"failback\":\"none\"}"), 200);
    CHECK_HAS(told(), "reserve 0 -> 2, failback as it was");
    store_readable_secret("node1", "password", "hush");
    grant_key("node1", 1, FENCE_KEY(1), "");
    CHECK_INT(ask("PATCH", "/v1/nodes/node1",
                  "{\"fencing\":\"power\",\"fence_parameters\":{\"password\":\"(sealed)\"},"
                  "\"fence_box\":\"1:" FENCE_KEY(1) ":aHVzaA==\"}"),
              200);
    CHECK_HAS(told(), "fencing watchdog -> power");
    CHECK_HAS(told(), "fence_parameters (secret) -> (secret)");
    CHECK(!strstr(told(), "hush") && !strstr(told(), "aHVz"));
}

TEST(sessions_of_others_are_shown_and_ended)
{
    static const struct api_session sessions[] = {{7, "alice", "10.0.0.7", 1000, 2000},
                                                  {9, "bob", "10.0.0.8", 1000, 1000}};
    begin();
    view.sessions = sessions;
    view.session_len = ARRAY_LEN(sessions);
    CHECK_INT(ask("GET", "/v1/sessions", NULL), 200);
    CHECK_HAS(text(), "\"id\":\"7\",\"user\":\"alice\",\"peer\":\"10.0.0.7\"");
    CHECK_INT(ask("DELETE", "/v1/sessions/9", NULL), 200);
    CHECK_INT(answer.effect, EFFECT_END_SESSION);
    CHECK_INT(answer.session, 9);
    CHECK_STR(told(), "the session of bob, begun from 10.0.0.8, was ended");
    CHECK_INT(ask("DELETE", "/v1/sessions/8", NULL), 404);
    CHECK_INT(ask("DELETE", "/v1/sessions/x", NULL), 404);
    CHECK_INT(answer.effect, EFFECT_NONE);
    role = ROLE_OPERATOR;
    CHECK_INT(ask("GET", "/v1/sessions", NULL), 403);
    CHECK_INT(ask("DELETE", "/v1/sessions/9", NULL), 403);
    CHECK_INT(answer.effect, EFFECT_NONE);
    view.sessions = NULL;
    view.session_len = 0;
}

/* Deletions in the last answer. */
static size_t dropped(void)
{
    size_t len = 0;
    VEC_EACH(&answer.txn.writes, write) {
        len += write->key.kind == RECORD_EVENT && !write->value;
    }
    return len;
}

TEST(guesses_of_strangers_push_only_each_other_out_of_the_log)
{
    const struct api_request request = {.actor = {.name = "nobody", .address = "10.0.0.9"}};
    struct note note = {.code = NOTE_LOGIN_FAILED, .subject = "alice"};
    begin();
    for (size_t i = 0; i < events_of_strangers_max; i++) {
        view.number = ++number;
        api_answer_done(&answer);
        api_note(&view, &request, &note, &answer);
        CHECK_INT(dropped(), 0);
        commit();
    }
    CHECK_INT(ask("PATCH", "/v1/cluster", "{\"reserve\":1}"), 200);
    CHECK_INT(dropped(), 0);
    commit();
    const struct record *oldest = world.records[RECORD_EVENT].items[0];
    char name[name_size];
    (void)snprintf(name, sizeof(name), "%s", oldest->key.name);
    view.number = ++number;
    api_answer_done(&answer);
    api_note(&view, &request, &note, &answer);
    CHECK_INT(dropped(), 1);
    commit();
    CHECK(!world_find(&world, RECORD_EVENT, name));
    CHECK_INT(world.records[RECORD_EVENT].len, events_of_strangers_max + 1);
}
