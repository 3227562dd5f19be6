/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A berth-api on another host: HTTPS with a token, and how its certificate is trusted. */
#pragma once

#include "cli/command.h"

#include <curl/curl.h>

enum { remote_token_size = 256 };

struct remote {
    const char *host;        /* "https://10.0.0.1:8643"; NULL: none, it is the Unix socket */
    const char *ca;          /* PEM file of the authority; NULL: the system's */
    const char *fingerprint; /* the certificate's SHA-256; NULL: the authority vouches */
    char header[remote_token_size + 32]; /* "Authorization: Bearer ..."; "": no token */
};

/* Fills '*ret' from options and environment. EXIT_OK, or an exit code with what is wrong said. */
int remote_read(const struct cli *cli, struct remote *ret);

/* What libcurl must know for one request; 'remote' is lent until its end. */
void remote_apply(const struct remote *remote, CURL *curl);
