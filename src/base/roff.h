/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The source of manual pages, man(7), as far as our generated pages need it. */
#pragma once

#include "base/buf.h"

/* ".TH NAME SECTION ..." and the NAME section: what every page begins with. Words are not
 * hyphenated: an option that is would be copied wrongly. */
void roff_begin(struct buf *page, const char *name, int section, const char *summary);

/* ".SH HEADING" or ".SS heading" on lines of their own. */
void roff_heading(struct buf *page, const char *heading);
void roff_subheading(struct buf *page, const char *heading);

/* Plain text, safe from being read as requests or escapes; newlines stay, one ends it. */
void roff_text(struct buf *page, const char *text);

/* A new paragraph; the next entry of a list, whose tag 'term' is bold up to its first blank. */
void roff_paragraph(struct buf *page);
void roff_term(struct buf *page, const char *term);

/* The lines of 'text' as they are, indented. */
void roff_example(struct buf *page, const char *text);
