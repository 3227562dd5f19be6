/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/websocket.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    bit_last = 0x80,
    bits_reserved = 0x70,
    bits_opcode = 0x0F,
    bit_masked = 0x80,
    length_16 = 126, /* the length is in the next 2 bytes */
    length_64 = 127, /* ... 8 bytes */
    header_min = 2,
};

static size_t length_size(uint8_t second)
{
    uint8_t length = second & (uint8_t)~bit_masked;
    return length == length_64 ? sizeof(uint64_t) : length == length_16 ? sizeof(uint16_t) : 0;
}

static size_t header_size(const struct websocket *websocket)
{
    if (websocket->header_size < header_min) {
        return header_min;
    }
    return header_min + length_size(websocket->header[1]) +
           (websocket->is_server ? websocket_mask_size : 0);
}

static bool is_control(enum websocket_opcode opcode)
{
    return opcode >= WEBSOCKET_CLOSE;
}

static bool is_known(unsigned opcode)
{
    return opcode == WEBSOCKET_CONTINUED || opcode == WEBSOCKET_BINARY ||
           (opcode >= WEBSOCKET_CLOSE && opcode <= WEBSOCKET_PONG);
}

static uint64_t length_of(const uint8_t *header)
{
    size_t size = length_size(header[1]);
    uint64_t length = size == 0 ? header[1] & (uint8_t)~bit_masked : 0;
    for (size_t i = 0; i < size; i++) {
        length = length << 8 | header[header_min + i];
    }
    return length;
}

/* The header is whole. */
static int begin_frame(struct websocket *websocket, struct error *err)
{
    const uint8_t *header = websocket->header;
    unsigned opcode = header[0] & bits_opcode;
    bool is_last = header[0] & bit_last;
    uint64_t length = length_of(header);
    size_t size = length_size(header[1]);
    if (opcode == WEBSOCKET_TEXT) {
        return error_set(err, -EBADMSG, "the other end sends text, not bytes");
    }
    bool is_shortest =
        size == 0 || (size == sizeof(uint16_t) ? length >= length_16
                                               : length > UINT16_MAX && length <= INT64_MAX);
    bool is_right = is_known(opcode) && !(header[0] & bits_reserved) && is_shortest &&
                    (is_control((enum websocket_opcode)opcode)
                         ? is_last && length <= websocket_control_max
                         : (opcode == WEBSOCKET_CONTINUED) == websocket->is_in_message);
    if (!is_right) {
        return error_set(err, -EBADMSG, "the other end breaks the protocol of WebSocket");
    }
    websocket->opcode = (enum websocket_opcode)opcode;
    websocket->left = length;
    websocket->mask_at = 0;
    websocket->is_in_frame = true;
    if (is_control(websocket->opcode)) {
        websocket->control_size = 0;
    } else {
        websocket->is_in_message = !is_last;
    }
    return 0;
}

/* One more byte of a header. That it is masked or not shows in the second one. */
static int take_header(struct websocket *websocket, uint8_t byte, struct error *err)
{
    websocket->header[websocket->header_size++] = byte;
    if (websocket->header_size == header_min &&
        ((byte & bit_masked) != 0) != websocket->is_server) {
        return error_set(err, -EBADMSG, "the other end %s its frames",
                         websocket->is_server ? "does not mask" : "masks");
    }
    return websocket->header_size == header_size(websocket) ? begin_frame(websocket, err) : 0;
}

/* Up to 'size' bytes of the frame's payload to 'to'; how many. */
static size_t take_payload(struct websocket *websocket, const uint8_t *bytes, size_t size,
                           uint8_t *to)
{
    size_t taken = websocket->left < size ? (size_t)websocket->left : size;
    const uint8_t *mask = websocket->header + websocket->header_size - websocket_mask_size;
    for (size_t i = 0; i < taken; i++) {
        to[i] = websocket->is_server
                    ? bytes[i] ^ mask[(websocket->mask_at + i) % websocket_mask_size]
                    : bytes[i];
    }
    websocket->mask_at = (websocket->mask_at + taken) % websocket_mask_size;
    websocket->left -= taken;
    return taken;
}

int websocket_read(struct websocket *websocket, const uint8_t *bytes, size_t size, uint8_t *to,
                   size_t *ret_size, size_t *ret_used, enum websocket_opcode *ret_control,
                   struct error *err)
{
    *ret_control = WEBSOCKET_CONTINUED;
    *ret_size = *ret_used = 0;
    /* A frame without a payload ends with its header. */
    while (*ret_used < size || (websocket->is_in_frame && websocket->left == 0)) {
        if (!websocket->is_in_frame) {
            int r = take_header(websocket, bytes[(*ret_used)++], err);
            if (r < 0) {
                return r;
            }
            continue;
        }
        bool is_for_us = is_control(websocket->opcode);
        assert(!is_for_us ||
               websocket->control_size + websocket->left <= (uint64_t)websocket_control_max);
        size_t taken =
            take_payload(websocket, bytes + *ret_used, size - *ret_used,
                         is_for_us ? websocket->control + websocket->control_size : to + *ret_size);
        *ret_used += taken;
        *(is_for_us ? &websocket->control_size : ret_size) += taken;
        if (websocket->left == 0) {
            websocket->is_in_frame = false;
            websocket->header_size = 0;
            if (is_for_us) {
                *ret_control = websocket->opcode;
                return 0;
            }
        }
    }
    return 0;
}

size_t websocket_header(enum websocket_opcode opcode, uint64_t size, const uint8_t *mask,
                        uint8_t ret[static websocket_header_max])
{
    uint8_t masked = mask ? bit_masked : 0;
    size_t long_size = size > UINT16_MAX   ? sizeof(uint64_t)
                       : size >= length_16 ? sizeof(uint16_t)
                                           : 0;
    ret[0] = (uint8_t)(bit_last | (unsigned)opcode);
    ret[1] = (uint8_t)(masked | (long_size == sizeof(uint64_t)   ? length_64
                                 : long_size == sizeof(uint16_t) ? length_16
                                                                 : size));
    for (size_t i = 0; i < long_size; i++) {
        ret[header_min + i] = (uint8_t)(size >> 8 * (long_size - 1 - i));
    }
    if (mask) {
        memcpy(ret + header_min + long_size, mask, websocket_mask_size);
    }
    return header_min + long_size + (mask ? websocket_mask_size : 0);
}

void websocket_mask(uint8_t *bytes, size_t size, const uint8_t mask[static websocket_mask_size])
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= mask[i % websocket_mask_size];
    }
}

size_t websocket_close_make(unsigned status, const char *reason,
                            uint8_t ret[static websocket_control_max])
{
    size_t len = strnlen(reason, websocket_control_max - sizeof(uint16_t));
    ret[0] = (uint8_t)(status >> 8);
    ret[1] = (uint8_t)status;
    memcpy(ret + sizeof(uint16_t), reason, len);
    return sizeof(uint16_t) + len;
}

void websocket_close_read(const struct websocket *websocket, unsigned *ret_status,
                          char ret_reason[static websocket_control_max])
{
    size_t size = websocket->control_size;
    *ret_status = WEBSOCKET_STATUS_NONE;
    ret_reason[0] = '\0';
    if (size >= sizeof(uint16_t)) {
        size_t len = size - sizeof(uint16_t);
        *ret_status = (unsigned)websocket->control[0] << 8 | websocket->control[1];
        memcpy(ret_reason, websocket->control + sizeof(uint16_t), len);
        ret_reason[len] = '\0';
    }
}
