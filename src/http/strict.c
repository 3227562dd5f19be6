/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/internal.h"

#include <string.h>

struct header_count {
    unsigned hosts, lengths, encodings, clients, logins;
    bool is_malformed;
};

static enum MHD_Result count_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    struct header_count *count = cls;
    (void)kind;
    count->hosts += strcasecmp(name, "Host") == 0;
    count->lengths += strcasecmp(name, "Content-Length") == 0;
    count->encodings += strcasecmp(name, "Transfer-Encoding") == 0;
    count->clients += strcasecmp(name, "X-Forwarded-For") == 0;
    count->logins += strcasecmp(name, "Authorization") == 0;
    count->is_malformed |= name[strcspn(name, " \t\r\n")] != '\0' || !value;
    return MHD_YES;
}

bool http_is_ambiguous(struct MHD_Connection *connection, const char *version)
{
    struct header_count count = {0};
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, count_header, &count);
    bool needs_host = strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
    return count.is_malformed || count.hosts > 1 || (needs_host && count.hosts == 0) ||
           count.lengths + count.encodings > 1 || count.clients > 1 || count.logins > 1;
}
