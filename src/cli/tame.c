/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/tame.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <string.h>

/* How many bytes of UTF-8 at 'at' are a control character: C0 and DEL 1, C1 2; 0: none. '*ret_code'
 * is its number. */
static size_t control_at(const char *at, unsigned *ret_code)
{
    const unsigned char *bytes = (const unsigned char *)at;
    *ret_code = bytes[0];
    if (bytes[0] < 0x20 || bytes[0] == 0x7f) {
        return 1;
    }
    *ret_code = bytes[1];
    return bytes[0] == 0xc2 && bytes[1] >= 0x80 && bytes[1] < 0xa0 ? 2 : 0;
}

static void tame_string(json_t *json)
{
    CLEANUP(buf_done) struct buf text = {0};
    bool is_wild = false;
    for (const char *at = json_string_value(json); *at;) {
        unsigned code;
        size_t size = control_at(at, &code);
        if (size > 0) {
            buf_printf(&text, "\\x%02x", code);
            is_wild = true;
        } else {
            buf_char(&text, *at);
        }
        at += size > 0 ? size : 1;
    }
    if (is_wild) {
        (void)json_string_set(json, buf_str(&text));
    }
}

void tame(json_t *json)
{
    const char *key;
    json_t *value;
    size_t i;
    if (json_is_string(json)) {
        tame_string(json);
    } else if (json_is_array(json)) {
        json_array_foreach(json, i, value) {
            tame(value);
        }
    } else if (json_is_object(json)) {
        json_object_foreach(json, key, value) {
            if (strcmp(key, "xml") != 0) {
                tame(value);
            }
        }
    }
}
