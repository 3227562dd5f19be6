/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "setup/internal.h"

#include <stdarg.h>
#include <stdio.h>

void setup_say(const struct setup *setup, const char *format, ...)
{
    char text[error_text_size];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    setup->say(setup->userdata, text);
}

bool setup_is_real(const struct setup *setup)
{
    return setup->root[0] == '\0';
}

const char *setup_url(const char *address, unsigned port, char *ret)
{
    (void)snprintf(ret, setup_url_size, strchr(address, ':') ? "https://[%s]:%u" : "https://%s:%u",
                   address, port);
    return ret;
}
