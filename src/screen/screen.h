/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VM's screen (VNC) or serial console, from its host to a WebSocket; and the definitions of the
 * VMs that a host's libvirt has and Berth does not know, for who takes them over. Each session has
 * two processes, so that no byte of it passes through a daemon:
 *
 *     browser, berth --HTTPS--> berth-api --socket--> berth-screen view
 *                                                          | TLS, by a secret that they share
 *     QEMU <--descriptor-- libvirt <------------------ berth-screen serve, on the VM's host
 *
 * The secret comes from the password of berth-api's user of the store: who may give orders to the
 * cluster may look at screens, and a witness, which has no such password, may not. 'view' runs as
 * the user of berth-api. 'serve' is started by systemd for each connection, and opens nothing but
 * the screen or console of a VM that Berth runs on this host, and that list, without passwords.
 *
 * All functions block until the session is over. They return exit codes.
 */
#pragma once

#include "base/error.h"
#include "base/types.h"

enum {
    screen_secret_size = 65,
    screen_port = 8645,
};

/* 'password' is not empty. -EIO. */
int screen_secret(const char *password, char ret[static screen_secret_size], struct error *err);

struct screen_view {
    int fd;              /* the WebSocket, its handshake done; taken over */
    const char *address; /* of the VM's host, as screen_address of berth.conf has it */
    const char *secret;
    const char *kind;  /* "screen", "console" or "domains" */
    const char *vm;    /* domains: "" */
    const char *actor; /* who looks, for the journal there */
};

/* berth-api's side. What goes wrong is the reason of the WebSocket's close. */
int screen_view(const struct screen_view *view);

/* The VM's host's side. 'fd' is a connection, taken over. */
int screen_serve(int fd, const char *secret, const char *libvirt_uri);
