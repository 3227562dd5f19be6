/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The same messages as mail, handed to a server (SMTP, RFC 5321) that takes them further. Server
 * and addresses are in berth.conf, which is root's, for the reason that webhook.h gives. What
 * blocks is not called on the loop's thread.
 */
#pragma once

#include "base/error.h"
#include "base/types.h"

enum { mail_text_size = 256, mail_to_max = 16 };

struct mail {
    char server[mail_text_size]; /* "smtp://HOST[:PORT]" or "smtps://HOST[:PORT]" */
    char from[mail_text_size];
    char to[mail_to_max][mail_text_size];
    size_t to_len;
    char user[mail_text_size]; /* this and the password: "": the server asks for none */
    char password[mail_text_size];
};

/* "ops@example.org": printable, with one '@', and nothing that means something to SMTP. */
bool mail_is_address(const char *text);
/* Such a server, without user and path. */
bool mail_is_server(const char *text);
/* What stands behind "smtp://" or "smtps://"; "": it is neither. */
const char *mail_host(const char *server);

/* The user on the first line of 'path', the password on the second. -errno, -EINVAL; the sentence
 * shows neither. */
int mail_read_login(const char *path, struct mail *mail, struct error *err);

/*
 * Sends 'text', whose first lines become the subject, dated 'seconds' (wall clock). TLS is demanded
 * of every server but one on this host itself. Blocks for notify_limit_ms at most. 0: it was
 * accepted, for every address or, unless 'is_for_all', for one at least. -EBADMSG: it never will be
 * (5xx, but for a login that is refused); -EIO: not now.
 */
int mail_send(const struct mail *mail, const char *text, int64_t seconds, bool is_for_all,
              struct error *err);
