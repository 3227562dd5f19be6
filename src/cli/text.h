/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text for people: as wide as their terminal, and safe inside HTML. */
#pragma once

#include "base/types.h"

#include <stdio.h>

/* Columns of the terminal behind 'out'; 0: it is none, lines may have any length. */
size_t text_columns(FILE *out);

/* Characters of UTF-8, not bytes. */
size_t text_width(const char *text);

/* Prints 'text' from column 'indent' on, where the cursor stands, broken at blanks so that no line
 * exceeds 'columns' (0: in one line); ends the line. */
void text_wrap(FILE *out, size_t columns, size_t indent, const char *text);

/* The first 'width' characters, the last one an ellipsis if something is cut. Returns the bytes of
 * 'text' to print; '*ret_is_cut': then the ellipsis. */
size_t text_cut(const char *text, size_t width, bool *ret_is_cut);
#define TEXT_ELLIPSIS "\xe2\x80\xa6"

/* 'text' with what means something to HTML escaped. */
void text_html(FILE *out, const char *text);
