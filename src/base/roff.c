/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/roff.h"

#include <ctype.h>
#include <string.h>

/* A dash that is typed must be ASCII's, or no one can copy it from the page; a dot or an apostrophe
 * that begins a line is a request. */
static void add_escaped(struct buf *page, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bool begins_line = page->size == 0 || page->data[page->size - 1] == '\n';
        switch (text[i]) {
        case '\\':
            buf_text(page, "\\e");
            break;
        case '-':
            buf_text(page, "\\-");
            break;
        case '.':
            buf_text(page, begins_line ? "\\&." : ".");
            break;
        case '\'':
            buf_text(page, "\\(aq");
            break;
        case '~':
            buf_text(page, "\\(ti");
            break;
        case '^':
            buf_text(page, "\\(ha");
            break;
        case '`':
            buf_text(page, "\\(ga");
            break;
        default:
            buf_char(page, text[i]);
        }
    }
}

void roff_begin(struct buf *page, const char *name, int section, const char *summary)
{
    buf_text(page, ".\\\" SPDX-License-Identifier: LGPL-2.1-or-later\n.TH ");
    for (const char *at = name; *at; at++) {
        buf_char(page, (char)toupper((unsigned char)*at));
    }
    buf_printf(page, " %d \"\" Berth Berth\n.nh\n.ad l\n.SH NAME\n", section);
    add_escaped(page, name, strlen(name));
    buf_text(page, " \\- ");
    roff_text(page, summary);
}

void roff_heading(struct buf *page, const char *heading)
{
    buf_printf(page, ".SH %s\n", heading);
}

void roff_subheading(struct buf *page, const char *heading)
{
    buf_printf(page, ".SS %s\n", heading);
}

void roff_text(struct buf *page, const char *text)
{
    size_t size = strlen(text);
    add_escaped(page, text, size);
    if (size > 0 && text[size - 1] != '\n') {
        buf_char(page, '\n');
    }
}

void roff_paragraph(struct buf *page)
{
    buf_text(page, ".PP\n");
}

void roff_term(struct buf *page, const char *term)
{
    size_t size = strcspn(term, " ");
    buf_text(page, ".TP\n\\fB");
    add_escaped(page, term, size);
    buf_text(page, "\\fR");
    add_escaped(page, term + size, strlen(term + size));
    buf_char(page, '\n');
}

void roff_example(struct buf *page, const char *text)
{
    buf_text(page, ".PP\n.RS 4\n.nf\n");
    roff_text(page, text);
    buf_text(page, ".fi\n.RE\n");
}
