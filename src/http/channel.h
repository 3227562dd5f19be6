/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TLS 1.3 between two hosts that share a secret and nothing else (RFC 8446, 4.2.11, with
 * Diffie-Hellman): it proves each to the other, so that there is no certificate to check, and
 * who records it learns nothing, even if the secret becomes known later. One JSON text a line, or
 * bytes.
 *
 * Everything but channel_read() and channel_write() blocks.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <jansson.h>
#include <sys/types.h>

struct addrinfo;
struct channel;

/* Connects to 'address'; '*ret_fd' is the caller's. -errno. */
int channel_reach(const char *address, unsigned port, int *ret_fd, struct error *err);

/* Takes 'fd' over, a connection. -EACCES: the other end has another secret, or none. */
int channel_greet(int fd, const char *secret, bool is_server, struct channel **ret,
                  struct error *err);
struct channel *channel_free(struct channel *channel);
CLEANUP_POINTER(struct channel, channel_free)

/* 'message' is taken over. -EPIPE. */
int channel_send(struct channel *channel, json_t *message, struct error *err);
/* An object, the caller's. -EPIPE, -EMSGSIZE, -EBADMSG. */
int channel_receive(struct channel *channel, msec_t limit_ms, json_t **ret, struct error *err);

/* From now on bytes; its descriptor, which does not block, to wait for. */
int channel_begin_bytes(struct channel *channel);
/* What is there of 'size' bytes; 0: its end; -EAGAIN: nothing now; -EPIPE. */
ssize_t channel_read(struct channel *channel, void *to, size_t size);
/* How much was taken. -EAGAIN: nothing now; come again with the same bytes. -EPIPE. */
ssize_t channel_write(struct channel *channel, const void *bytes, size_t size);

/* The addresses behind 'address', for freeaddrinfo(). -EINVAL. */
int channel_resolve(const char *address, unsigned port, bool is_passive, struct addrinfo **ret,
                    struct error *err);
