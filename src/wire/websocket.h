/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * WebSocket's frames (RFC 6455, 5), for a stream of bytes: binary messages, whose borders mean
 * nothing. Text is refused. A frame is never held in memory, so none is too long.
 */
#pragma once

#include "base/error.h"
#include "base/types.h"

enum {
    websocket_header_max = 14,
    websocket_control_max = 125,
    websocket_mask_size = 4,
};

enum websocket_opcode {
    WEBSOCKET_CONTINUED = 0,
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10,
};

/* What the status of a close means (7.4.1). */
enum websocket_status {
    WEBSOCKET_STATUS_NORMAL = 1000,
    WEBSOCKET_STATUS_PROTOCOL = 1002,
    WEBSOCKET_STATUS_NONE = 1005,
    WEBSOCKET_STATUS_FAILED = 1011,
};

/* What comes from the other end. Start with {0} and 'is_server'. */
struct websocket {
    bool is_server; /* the other end is a client: its frames must be masked, and a server's not */
    uint8_t header[websocket_header_max];
    size_t header_size; /* so much of it is here */
    bool is_in_frame;   /* the header is whole */
    enum websocket_opcode opcode;
    bool is_in_message; /* more frames of a binary message follow */
    uint64_t left;      /* of the frame's payload */
    size_t mask_at;
    uint8_t control[websocket_control_max];
    size_t control_size;
};

/*
 * Reads from 'bytes' up to their end or that of a control frame, whose opcode is then in
 * '*ret_control' (else WEBSOCKET_CONTINUED) and whose payload is 'control'. The bytes of messages
 * go to 'to', which has room for 'size'. '*ret_used' of 'bytes' were read. -EBADMSG: this is no
 * WebSocket; nothing further can be read.
 */
int websocket_read(struct websocket *websocket, const uint8_t *bytes, size_t size, uint8_t *to,
                   size_t *ret_size, size_t *ret_used, enum websocket_opcode *ret_control,
                   struct error *err);

/* The header of one whole frame with a payload of 'size' into 'ret'; returns the header's size.
 * 'mask': a client's, random, or NULL: a server's. */
size_t websocket_header(enum websocket_opcode opcode, uint64_t size, const uint8_t *mask,
                        uint8_t ret[static websocket_header_max]);

/* Masks a payload, or lifts its mask. */
void websocket_mask(uint8_t *bytes, size_t size, const uint8_t mask[static websocket_mask_size]);

/* The payload of a close into 'ret'; returns its size. What is too long of 'reason' is cut. */
size_t websocket_close_make(unsigned status, const char *reason,
                            uint8_t ret[static websocket_control_max]);

/* Reads such a payload: 'ret_reason' has room for websocket_control_max. */
void websocket_close_read(const struct websocket *websocket, unsigned *ret_status,
                          char ret_reason[static websocket_control_max]);
