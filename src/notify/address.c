/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an administrator wrote: apart from what speaks to servers, so that who reads berth.conf
 * links no library for it. */
#include "notify/mail.h"

#include <string.h>

bool mail_is_address(const char *text)
{
    const char *at = strchr(text, '@');
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || strchr("<>()[]\\,;:\"", *c)) {
            return false;
        }
    }
    return at && at > text && at[1] && !strchr(at + 1, '@') && strlen(text) < mail_text_size;
}

const char *mail_host(const char *server)
{
    return strncmp(server, "smtp://", 7) == 0    ? server + 7
           : strncmp(server, "smtps://", 8) == 0 ? server + 8
                                                 : "";
}

bool mail_is_server(const char *text)
{
    const char *host = mail_host(text);
    for (const char *c = host; *c; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || strchr("/@?#\\", *c)) {
            return false;
        }
    }
    return host[0] && strlen(text) < mail_text_size;
}
