/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* WebSocket's frames, as RFC 6455 has them. */
#include "test/test.h"
#include "wire/websocket.h"

#include <errno.h>
#include <string.h>

enum { room = 70 * 1024 };

/* Reads 'bytes' in pieces of 'step'. The payload of messages into 'to', its size; -EBADMSG. */
static int64_t read_all(struct websocket *websocket, const uint8_t *bytes, size_t size, size_t step,
                        uint8_t *to, enum websocket_opcode *ret_control)
{
    size_t got = 0;
    *ret_control = WEBSOCKET_CONTINUED;
    for (size_t at = 0; at < size;) {
        size_t one, used;
        enum websocket_opcode control;
        int r = websocket_read(websocket, bytes + at, MIN(step, size - at), to + got, &one, &used,
                               &control, NULL);
        if (r < 0) {
            return r;
        }
        got += one;
        at += used;
        *ret_control = control ? control : *ret_control;
    }
    return (int64_t)got;
}

#define READ(is_server_, step, ...)                                                                \
    read_all(&(struct websocket){.is_server = (is_server_)}, (const uint8_t[]){__VA_ARGS__},       \
             sizeof((const uint8_t[]){__VA_ARGS__}), step, to, &control)

TEST(websocket_reads_the_frames_of_the_standard)
{
    uint8_t to[64];
    enum websocket_opcode control;
    /* The examples of 5.7, with binary for text, whole and byte by byte. */
    for (size_t step = 1; step <= 64; step += 63) {
        CHECK_INT(READ(false, step, 0x82, 0x05, 'H', 'e', 'l', 'l', 'o'), 5);
        CHECK(memcmp(to, "Hello", 5) == 0);
        memset(to, 0, sizeof(to));
        CHECK_INT(
            READ(true, step, 0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58), 5);
        CHECK(memcmp(to, "Hello", 5) == 0);
        CHECK_INT(READ(false, step, 0x02, 0x03, 'H', 'e', 'l', 0x80, 0x02, 'l', 'o'), 5);
        CHECK(memcmp(to, "Hello", 5) == 0);
        /* A ping within a message in pieces, and frames without a payload. */
        CHECK_INT(
            READ(false, step, 0x02, 0x01, 'H', 0x89, 0x02, 'a', 'b', 0x80, 0x01, 'i', 0x82, 0x00),
            2);
        CHECK(memcmp(to, "Hi", 2) == 0);
        CHECK_INT(control, WEBSOCKET_PING);
        CHECK_INT(READ(false, step, 0x8a, 0x00), 0);
        CHECK_INT(control, WEBSOCKET_PONG);
    }
}

TEST(websocket_refuses_what_breaks_the_protocol)
{
    uint8_t to[64];
    enum websocket_opcode control;
    CHECK_INT(READ(true, 64, 0x82, 0x01, 'a'), -EBADMSG);              /* not masked */
    CHECK_INT(READ(false, 64, 0x82, 0x81, 1, 2, 3, 4, 'a'), -EBADMSG); /* masked */
    CHECK_INT(READ(false, 64, 0x81, 0x01, 'a'), -EBADMSG);             /* text */
    CHECK_INT(READ(false, 64, 0x83, 0x01, 'a'), -EBADMSG);             /* no such opcode */
    CHECK_INT(READ(false, 64, 0x8b, 0x00), -EBADMSG);
    CHECK_INT(READ(false, 64, 0xc2, 0x01, 'a'), -EBADMSG);        /* an extension's bit */
    CHECK_INT(READ(false, 64, 0x80, 0x01, 'a'), -EBADMSG);        /* continues nothing */
    CHECK_INT(READ(false, 64, 0x02, 0x00, 0x82, 0x00), -EBADMSG); /* two messages at once */
    CHECK_INT(READ(false, 64, 0x09, 0x00), -EBADMSG);             /* a control frame in pieces */
    CHECK_INT(READ(false, 64, 0x89, 126, 0, 126), -EBADMSG);      /* ... that is too long */
    CHECK_INT(READ(false, 64, 0x82, 126, 0, 125), -EBADMSG);      /* not the shortest length */
    CHECK_INT(READ(false, 64, 0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff), -EBADMSG);
    CHECK_INT(READ(false, 64, 0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0), -EBADMSG);
}

TEST(websocket_reads_what_it_wrote_at_each_edge_of_the_length)
{
    static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 69000};
    static const uint8_t mask[websocket_mask_size] = {0xde, 0xad, 0x00, 0x7f};
    static uint8_t frame[room + websocket_header_max], to[room];
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (int is_server = 0; is_server < 2; is_server++) {
            enum websocket_opcode control;
            size_t size =
                websocket_header(WEBSOCKET_BINARY, sizes[i], is_server ? mask : NULL, frame);
            for (size_t at = 0; at < sizes[i]; at++) {
                frame[size + at] = (uint8_t)(at * 7);
            }
            if (is_server) {
                websocket_mask(frame + size, sizes[i], mask);
            }
            struct websocket websocket = {.is_server = is_server};
            REQUIRE(read_all(&websocket, frame, size + sizes[i], 1000, to, &control) ==
                    (int64_t)sizes[i]);
            for (size_t at = 0; at < sizes[i]; at++) {
                REQUIRE(to[at] == (uint8_t)(at * 7));
            }
            CHECK(!websocket.is_in_frame && !websocket.is_in_message);
        }
    }
}

TEST(websocket_tells_why_it_closes)
{
    uint8_t frame[websocket_header_max + websocket_control_max], to[4];
    uint8_t payload[websocket_control_max];
    char reason[websocket_control_max], words[300];
    unsigned status;
    memset(words, 'x', sizeof(words));
    words[sizeof(words) - 1] = '\0';
    const char *reasons[] = {"", "the VM stopped", words};
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        size_t size = websocket_close_make(WEBSOCKET_STATUS_FAILED, reasons[i], payload);
        size_t header = websocket_header(WEBSOCKET_CLOSE, size, NULL, frame);
        enum websocket_opcode control;
        struct websocket websocket = {0};
        memcpy(frame + header, payload, size);
        REQUIRE(read_all(&websocket, frame, header + size, 1000, to, &control) == 0);
        CHECK_INT(control, WEBSOCKET_CLOSE);
        websocket_close_read(&websocket, &status, reason);
        CHECK_INT(status, WEBSOCKET_STATUS_FAILED);
        CHECK(strncmp(reason, reasons[i], websocket_control_max - 2) == 0);
    }
    websocket_close_read(&(struct websocket){.control_size = 1}, &status, reason);
    CHECK_INT(status, WEBSOCKET_STATUS_NONE);
}
