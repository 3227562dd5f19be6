/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/text.h"

#include "base/parse.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { columns_least = 40, columns_most = 1000 };

size_t text_columns(FILE *out)
{
    struct winsize size = {0};
    uint64_t columns = 0;
    const char *given = getenv("COLUMNS");
    if (!isatty(fileno(out))) {
        return 0;
    }
    if (given && parse_u64(given, columns_most, &columns) && columns > 0) {
        return MAX((size_t)columns, (size_t)columns_least);
    }
    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0
               ? MAX((size_t)size.ws_col, (size_t)columns_least)
               : 0;
}

static bool begins_character(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++) {
        width += begins_character(*text);
    }
    return width;
}

size_t text_cut(const char *text, size_t width, bool *ret_is_cut)
{
    size_t seen = 0, size = 0;
    *ret_is_cut = text_width(text) > width;
    if (!*ret_is_cut) {
        return strlen(text);
    }
    for (; text[size]; size++) {
        seen += begins_character(text[size]);
        if (seen == width) {
            break; /* the place of the ellipsis */
        }
    }
    return size;
}

static size_t word_width(const char *word, size_t size)
{
    size_t width = 0;
    for (size_t i = 0; i < size; i++) {
        width += begins_character(word[i]);
    }
    return width;
}

void text_wrap(FILE *out, size_t columns, size_t indent, const char *text)
{
    size_t at = indent;
    for (bool is_first = true; *text; is_first = false) {
        size_t size = strcspn(text, " ");
        size_t width = word_width(text, size);
        if (!is_first && columns > 0 && at + 1 + width > columns) {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!is_first) {
            (void)fputc(' ', out);
            at++;
        }
        (void)fwrite(text, 1, size, out);
        at += width;
        text += size + strspn(text + size, " ");
    }
    (void)fputc('\n', out);
}

void text_html(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            (void)fputs("&amp;", out);
            break;
        case '<':
            (void)fputs("&lt;", out);
            break;
        case '>':
            (void)fputs("&gt;", out);
            break;
        case '"':
            (void)fputs("&quot;", out);
            break;
        default:
            (void)fputc(*text, out);
        }
    }
}
