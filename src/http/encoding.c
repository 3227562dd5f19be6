/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a client accepts, and answers that are compressed for it. Each piece is compressed when the
 * client takes it: a list of all VMs of a large cluster has megabytes, and to compress it at once
 * would keep all other clients waiting for as long as to make it.
 */
#include "http/internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

enum {
    /* Below that an answer fits into a few packets as it is. */
    packed_size_min = 4 * 1024,
    piece_size = 16 * 1024, /* of what is sent */
    /* A window of 8 KiB holds some twenty items of a list, and it takes 96 KiB for each client
     * that is taking one, where zlib's defaults take 256. */
    window_bits = 13,
    gzip_header = 16, /* added to those: gzip's header instead of zlib's */
    memory_level = 7,
};

const char *http_header(struct http_exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

bool http_accepts(struct http_exchange *exchange, const char *header, const char *word)
{
    const char *list = http_header(exchange, header);
    const char *at = list ? strstr(list, word) : NULL;
    if (!at) {
        return false;
    }
    at += strlen(word);
    at += strspn(at, " ;");
    if (strncasecmp(at, "q=0", 3) != 0) {
        return true;
    }
    at += 3;
    at += strspn(at, ".0 ");
    return *at != '\0' && *at != ','; /* "q=0" and "q=0.0" mean: not that */
}

/* An answer on its way. */
struct packing {
    z_stream stream;
    unsigned char *body; /* what is left of it is the stream's input */
    bool has_ended;
};

static void packing_free(void *cls)
{
    struct packing *packing = cls;
    (void)deflateEnd(&packing->stream);
    free(packing->body);
    free(packing);
}

/* libmicrohttpd wants more of it. */
static ssize_t pack(void *cls, uint64_t position, char *to, size_t size_max)
{
    struct packing *packing = cls;
    (void)position;
    if (packing->has_ended) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    packing->stream.next_out = (unsigned char *)to;
    packing->stream.avail_out = (uInt)MIN(size_max, (size_t)piece_size);
    size_t room = packing->stream.avail_out;
    int r = deflate(&packing->stream, Z_FINISH);
    packing->has_ended = r == Z_STREAM_END;
    /* Z_OK, Z_BUF_ERROR: it is full, and there is more. */
    return r == Z_STREAM_ERROR ? MHD_CONTENT_READER_END_WITH_ERROR
                               : (ssize_t)(room - packing->stream.avail_out);
}

/* 'body', copied, as a response that compresses it on its way. NULL without memory. */
static struct MHD_Response *packed(const void *body, size_t size)
{
    struct packing *packing = calloc(1, sizeof(*packing));
    if (!packing) {
        return NULL;
    }
    packing->body = malloc(size);
    if (!packing->body ||
        deflateInit2(&packing->stream, Z_BEST_SPEED, Z_DEFLATED, window_bits + gzip_header,
                     memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(packing->body);
        free(packing);
        return NULL;
    }
    memcpy(packing->body, body, size);
    packing->stream.next_in = packing->body;
    packing->stream.avail_in = (uInt)size;
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, piece_size,
                                                                      pack, packing, packing_free);
    if (!response) {
        packing_free(packing);
        return NULL;
    }
    (void)MHD_add_response_header(response, "Content-Encoding", "gzip");
    return response;
}

/* The same answer in another form is another representation: its ETag is a weak one then (RFC 9110,
 * 8.8.1), and a cache must tell them apart. */
static void say_form(struct MHD_Response *response, const struct http_answer *answer,
                     bool is_packed)
{
    char weak[128];
    if (answer->may_pack) {
        (void)MHD_add_response_header(response, "Vary", "Accept-Encoding");
    }
    if (answer->etag) {
        (void)snprintf(weak, sizeof(weak), "W/%s", answer->etag);
        (void)MHD_add_response_header(response, "ETag", is_packed ? weak : answer->etag);
    }
}

struct MHD_Response *http_form(struct http_exchange *exchange, const struct http_answer *answer)
{
    bool is_packed = answer->may_pack && answer->body_size >= packed_size_min &&
                     answer->body_size <= UINT32_MAX &&
                     http_accepts(exchange, "Accept-Encoding", "gzip");
    /* libmicrohttpd copies, and does not change, what it gets. */
    struct MHD_Response *response =
        is_packed ? packed(answer->body, answer->body_size)
                  : MHD_create_response_from_buffer(
                        answer->body_size, (void *)(uintptr_t)answer->body,
                        answer->is_static ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_COPY);
    if (response) {
        say_form(response, answer, is_packed);
    }
    return response;
}
