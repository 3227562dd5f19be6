/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/test.h"

#include "base/cleanup.h"
#include "wire/etcd_json.h"

#include <errno.h>
#include <stdlib.h>

TEST(base64_survives_writing_and_reading_at_every_length)
{
    unsigned char bytes[300];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(i * 37);
    }
    for (size_t size = 0; size < sizeof(bytes); size++) {
        CLEANUP(buf_done) struct buf text = {0};
        CLEANUP(freep) char *again = NULL;
        size_t again_size = 0;
        wire_base64(bytes, size, &text);
        CHECK_INT(wire_base64_read(buf_str(&text), text.size, &again, &again_size), 0);
        CHECK_INT(again_size, size);
        CHECK(again && memcmp(again, bytes, size) == 0 && again[size] == '\0');
    }
}

TEST(base64_is_as_the_rfc_has_it_and_refuses_what_it_has_not)
{
    static const char *const bad[] = {"a", "Zg=", "Zg", "Z===", "Zm9v!mFy", "Zg==Zg==", "=Zg="};
    CLEANUP(buf_done) struct buf text = {0};
    wire_base64("foobar", 6, &text);
    CHECK_STR(buf_str(&text), "Zm9vYmFy");
    wire_base64("f", 1, &text);
    CHECK_STR(buf_str(&text), "Zm9vYmFyZg==");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *bytes;
        size_t size;
        CHECK_INT(wire_base64_read(bad[i], strlen(bad[i]), &bytes, &size), -EBADMSG);
    }
}

TEST(requests_are_what_the_gateway_reads)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct wire_compare compare = {WIRE_BYTES("k"), 7};
    struct wire_operation operations[] = {{.key = WIRE_BYTES("k"), .value = WIRE_BYTES("v")},
                                          {.key = WIRE_BYTES("d"), .is_delete = true}};
    struct wire_transaction transaction = {&compare, 1, operations, 2};
    wire_transaction_request(&transaction, &text);
    CHECK_STR(buf_str(&text),
              "{\"compare\":[{\"key\":\"aw==\",\"target\":\"MOD\",\"result\":\"EQUAL\","
              "\"mod_revision\":\"7\"}],\"success\":[{\"request_put\":{\"key\":\"aw==\","
              "\"value\":\"dg==\"}},{\"request_delete_range\":{\"key\":\"ZA==\"}}]}");
    buf_clear(&text);
    /* It reads, and not from an old copy, so a majority answers. */
    wire_transaction_request(&(struct wire_transaction){&compare, 1, NULL, 0}, &text);
    CHECK_STR(buf_str(&text),
              "{\"compare\":[{\"key\":\"aw==\",\"target\":\"MOD\",\"result\":\"EQUAL\","
              "\"mod_revision\":\"7\"}],\"success\":[{\"request_range\":{\"key\":\"aw==\","
              "\"count_only\":true}}]}");
    buf_clear(&text);
    wire_range_request(
        &(struct wire_range){
            .key = WIRE_BYTES("a"), .end = WIRE_BYTES("b"), .revision = 5, .limit = 10},
        &text);
    CHECK_STR(buf_str(&text),
              "{\"key\":\"YQ==\",\"range_end\":\"Yg==\",\"revision\":\"5\",\"limit\":\"10\"}");
    buf_clear(&text);
    wire_watch_request(WIRE_BYTES("a"), WIRE_BYTES("b"), 6, &text);
    CHECK_STR(buf_str(&text), "{\"create_request\":{\"key\":\"YQ==\",\"range_end\":\"Yg==\","
                              "\"start_revision\":\"6\",\"progress_notify\":true}}");
    buf_clear(&text);
    CHECK(wire_authenticate_request("ro\"ot", "p", &text));
    CHECK_STR(buf_str(&text), "{\"name\":\"ro\\\"ot\",\"password\":\"p\"}");
}

TEST(the_end_of_a_prefix_is_the_next_one_of_its_length)
{
    CLEANUP(buf_done) struct buf end = {0};
    wire_prefix_end(WIRE_BYTES("/berth/"), &end);
    CHECK_STR(buf_str(&end), "/berth0");
    buf_clear(&end);
    wire_prefix_end(WIRE_BYTES("a\xff\xff"), &end);
    CHECK_STR(buf_str(&end), "b");
    buf_clear(&end);
    wire_prefix_end(WIRE_BYTES("\xff"), &end);
    CHECK(end.size == 1 && end.data[0] == '\0');
}

TEST(a_range_reply_gives_keys_values_and_revisions)
{
    static const char text[] =
        "{\"header\":{\"cluster_id\":\"1\",\"revision\":\"42\"},\"kvs\":[{\"key\":\"aw==\","
        "\"create_revision\":\"2\",\"mod_revision\":\"40\",\"version\":\"3\",\"value\":\"dg==\"},"
        "{\"key\":\"ZA==\",\"mod_revision\":\"41\"}],\"more\":true,\"count\":\"9\"}";
    struct wire_range_reply reply = {0};
    struct error err = {0};
    REQUIRE(wire_range_reply_read(text, strlen(text), &reply, &err) == 0);
    CHECK_INT(reply.revision, 42);
    CHECK_INT(reply.kvs.len, 2);
    CHECK_STR(reply.kvs.items[0].key, "k");
    CHECK_STR(reply.kvs.items[0].value, "v");
    CHECK_INT(reply.kvs.items[0].revision, 40);
    CHECK_INT(reply.kvs.items[0].version, 3);
    CHECK_INT(reply.kvs.items[1].value_size, 0);
    CHECK(reply.has_more);
    CHECK_INT(reply.count, 9);
    wire_range_reply_done(&reply);
}

TEST(long_values_and_values_that_look_like_our_own_marks_are_read_right)
{
    CLEANUP(buf_done) struct buf text = {0};
    char value[500];
    struct wire_range_reply reply = {0};
    memset(value, 'v', sizeof(value));
    buf_text(&text, "{\"header\":{\"revision\":\"4\"},\"kvs\":[");
    for (size_t size = 0; size < sizeof(value); size++) {
        buf_printf(&text, "%s{\"key\":\"aw==\",\"mod_revision\":\"4\",\"value\":\"",
                   size > 0 ? "," : "");
        wire_base64(value, size, &text);
        buf_text(&text, "\"}");
    }
    buf_text(&text, "]}");
    REQUIRE(wire_range_reply_read(buf_str(&text), text.size, &reply, NULL) == 0);
    REQUIRE(reply.kvs.len == sizeof(value));
    for (size_t size = 0; size < sizeof(value); size++) {
        CHECK_INT(reply.kvs.items[size].value_size, size);
        CHECK(memcmp(reply.kvs.items[size].value, value, size) == 0);
    }
    wire_range_reply_done(&reply);
    static const char *const forged[] = {
        "@0:999999", "@99999999:1", "@1:2x", "@", "@-1:4", "@18446744073709551615:2", "@0:3"};
    for (size_t i = 0; i < ARRAY_LEN(forged); i++) {
        buf_clear(&text);
        buf_printf(&text,
                   "{\"header\":{\"revision\":\"4\"},\"kvs\":[{\"key\":\"%s\","
                   "\"mod_revision\":\"4\"}]}",
                   forged[i]);
        CHECK_INT(wire_range_reply_read(buf_str(&text), text.size, &reply, NULL), -EBADMSG);
    }
}

TEST(a_transaction_that_was_refused_lacks_the_word_succeeded)
{
    static const char yes[] =
        "{\"header\":{\"revision\":\"5\"},\"succeeded\":true,\"responses\":[]}";
    static const char no[] = "{\"header\":{\"revision\":\"5\"}}";
    struct wire_transaction_reply reply = {0};
    CHECK_INT(wire_transaction_reply_read(yes, strlen(yes), &reply, NULL), 0);
    CHECK(reply.is_committed);
    CHECK_INT(reply.revision, 5);
    CHECK_INT(wire_transaction_reply_read(no, strlen(no), &reply, NULL), 0);
    CHECK(!reply.is_committed);
}

TEST(a_member_says_which_one_it_is_of_which_cluster)
{
    static const char text[] =
        "{\"header\":{\"cluster_id\":\"14841639068965178418\",\"member_id\":\"10276657743932975437\","
        "\"revision\":\"1\",\"raft_term\":\"2\"},\"version\":\"3.4.23\",\"dbSize\":\"20480\"}";
    static const char *const bad[] = {"", "{}", "{\"header\":{},\"version\":\"3.4.23\"}",
                                      "{\"header\":{\"cluster_id\":\"-1\"}}"};
    struct wire_status_reply reply;
    REQUIRE(wire_status_reply_read(text, strlen(text), &reply, NULL) == 0);
    CHECK(reply.cluster == UINT64_C(14841639068965178418));
    CHECK(reply.member == UINT64_C(10276657743932975437));
    CHECK_STR(reply.version, "3.4.23");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK_INT(wire_status_reply_read(bad[i], strlen(bad[i]), &reply, NULL), -EBADMSG);
    }
}

TEST(a_reply_without_a_revision_is_none)
{
    static const char *const bad[] = {"{}",
                                      "{\"header\":{}}",
                                      "{\"header\":{\"revision\":\"-5\"}}",
                                      "{\"header\":{\"revision\":\"5x\"}}",
                                      "",
                                      "[1]",
                                      "{\"header\":5}",
                                      "{\"header\":{\"revision\":true}}",
                                      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["};
    struct wire_transaction_reply reply;
    struct wire_range_reply range;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK_INT(wire_transaction_reply_read(bad[i], strlen(bad[i]), &reply, NULL), -EBADMSG);
        CHECK_INT(wire_range_reply_read(bad[i], strlen(bad[i]), &range, NULL), -EBADMSG);
    }
}

TEST(watch_messages_tell_puts_deletes_progress_and_compaction_apart)
{
    static const char events[] =
        "{\"result\":{\"header\":{\"revision\":\"9\"},\"events\":[{\"kv\":{\"key\":\"aw==\","
        "\"mod_revision\":\"8\",\"version\":\"1\",\"value\":\"dg==\"}},{\"type\":\"DELETE\",\"kv\":"
        "{\"key\":\"ZA==\",\"mod_revision\":\"9\"}}]}}";
    static const char compacted[] = "{\"result\":{\"header\":{\"revision\":\"50\"},\"canceled\":"
                                    "true,\"compact_revision\":\"30\"}}";
    static const char created[] = "{\"result\":{\"header\":{\"revision\":\"9\"},\"created\":true}}";
    struct wire_watch_reply reply = {0};
    REQUIRE(wire_watch_reply_read(events, strlen(events), &reply, NULL) == 0);
    CHECK_INT(reply.events.len, 2);
    CHECK_STR(reply.events.items[0].value, "v");
    CHECK(!reply.events.items[1].value);
    CHECK_INT(reply.events.items[1].revision, 9);
    CHECK(!reply.is_created && !reply.is_canceled);
    wire_watch_reply_done(&reply);
    REQUIRE(wire_watch_reply_read(compacted, strlen(compacted), &reply, NULL) == 0);
    CHECK(reply.is_canceled);
    CHECK_INT(reply.compact_revision, 30);
    wire_watch_reply_done(&reply);
    REQUIRE(wire_watch_reply_read(created, strlen(created), &reply, NULL) == 0);
    CHECK(reply.is_created);
    CHECK_INT(reply.revision, 9);
    wire_watch_reply_done(&reply);
}

TEST(a_watch_that_ends_with_an_error_says_why)
{
    static const char text[] =
        "{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":"
        "\"etcdserver: no leader\",\"http_status\":\"Service Unavailable\"}}";
    struct wire_watch_reply reply = {0};
    REQUIRE(wire_watch_reply_read(text, strlen(text), &reply, NULL) == 0);
    CHECK(reply.is_canceled);
    CHECK_INT(reply.compact_revision, 0);
    CHECK_STR(reply.reason, "etcdserver: no leader");
    wire_watch_reply_done(&reply);
}

TEST(errors_of_both_forms_are_read)
{
    static const char old[] = "{\"error\":\"etcdserver: too many requests\",\"code\":8}";
    static const char new[] = "{\"code\":3,\"message\":\"etcdserver: user name is empty\"}";
    char text[100];
    int code = 0;
    CHECK(wire_error_reply_read(old, strlen(old), &code, text, sizeof(text)));
    CHECK_INT(code, 8);
    CHECK_STR(text, "etcdserver: too many requests");
    CHECK(wire_error_reply_read(new, strlen(new), &code, text, sizeof(text)));
    CHECK_INT(code, 3);
    CHECK_STR(text, "etcdserver: user name is empty");
    CHECK(!wire_error_reply_read("404 page not found", 18, &code, text, sizeof(text)));
}

TEST(a_token_that_would_break_a_header_is_refused)
{
    static const char good[] = "{\"header\":{},\"token\":\"abc.12\"}";
    static const char bad[] = "{\"token\":\"abc\\r\\nHost: evil\"}";
    char token[64];
    CHECK_INT(wire_authenticate_reply_read(good, strlen(good), token, sizeof(token), NULL), 0);
    CHECK_STR(token, "abc.12");
    CHECK_INT(wire_authenticate_reply_read(bad, strlen(bad), token, sizeof(token), NULL), -EBADMSG);
    CHECK_INT(wire_authenticate_reply_read("{}", 2, token, sizeof(token), NULL), -EBADMSG);
}
