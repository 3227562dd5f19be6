/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where berth-api is reached: the Unix socket, and HTTPS where the configuration says so. */
#pragma once

#include "http/certificate.h"
#include "http/http.h"
#include "run/config.h"

enum { api_connections_per_address_max = 64 };

/* '*ret' is what serves the Unix socket at 'api_socket'. */
int api_listen_local(sd_event *event, const struct config *config,
                     const struct http_handler *handler, void *userdata, struct http_server **ret,
                     struct error *err);

/*
 * '*server' (NULL at first) is what serves 'https_listen'; NULL without that setting. The
 * certificate is the one of the configuration; without it one is made at the first start and kept
 * in the state directory.
 *
 * Called again, with the certificate as its files are now: who is connected has to come again. If
 * something is wrong with them, '*server' goes on as it was.
 */
int api_listen_https(sd_event *event, const struct config *config,
                     const struct http_handler *handler, void *userdata,
                     struct http_server **server, struct certificate_facts *ret, struct error *err);
