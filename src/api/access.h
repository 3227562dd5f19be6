/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/call.h"
#include "api/requests.h"

/* Sets up the second factor of the user of 'record': asks the caller to seal it first.
 * 'wants_proof': only if the password in it is the actor's. */
void access_set_totp(struct api_call *call, const struct record *record,
                     const struct totp_request *asked, bool wants_proof);
