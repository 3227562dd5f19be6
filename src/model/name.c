/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/name.h"

#include "model/limits.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static bool is_name_char(char c, bool is_first)
{
    return isalnum((unsigned char)c) || (!is_first && (c == '.' || c == '_' || c == '-'));
}

int name_check(const char *what, const char *name, struct error *err)
{
    size_t len = strlen(name);
    if (len == 0) {
        return error_set(err, -EINVAL, "the %s name is empty", what);
    }
    if (len >= name_size) {
        return error_set(err, -EINVAL, "the %s name has %zu characters; at most %d are allowed",
                         what, len, name_size - 1);
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_name_char(name[i], i == 0)) {
            return error_set(err, -EINVAL,
                             "the %s name \"%s\" may not %s; allowed are letters, digits, '.', "
                             "'_' and '-', the first one a letter or digit",
                             what, name, i == 0 ? "begin so" : "hold that character");
        }
    }
    return 0;
}

/* Latin letters with marks, as UTF-8, and how they are written without. */
static const char *plain_letter(const char *at, size_t *ret_size)
{
    static const char *const letters[][2] = {
        {"ä", "ae"}, {"ö", "oe"}, {"ü", "ue"}, {"Ä", "Ae"}, {"Ö", "Oe"}, {"Ü", "Ue"}, {"ß", "ss"},
        {"à", "a"},  {"á", "a"},  {"â", "a"},  {"ã", "a"},  {"å", "a"},  {"æ", "ae"}, {"ç", "c"},
        {"è", "e"},  {"é", "e"},  {"ê", "e"},  {"ë", "e"},  {"ì", "i"},  {"í", "i"},  {"î", "i"},
        {"ï", "i"},  {"ñ", "n"},  {"ò", "o"},  {"ó", "o"},  {"ô", "o"},  {"õ", "o"},  {"ø", "o"},
        {"ù", "u"},  {"ú", "u"},  {"û", "u"},  {"ý", "y"},  {"ÿ", "y"},  {"À", "A"},  {"Á", "A"},
        {"Â", "A"},  {"Ã", "A"},  {"Å", "A"},  {"Æ", "Ae"}, {"Ç", "C"},  {"È", "E"},  {"É", "E"},
        {"Ê", "E"},  {"Ë", "E"},  {"Ñ", "N"},  {"Ó", "O"},  {"Ô", "O"},  {"Ø", "O"},  {"Ú", "U"},
        {"č", "c"},  {"ě", "e"},  {"ř", "r"},  {"š", "s"},  {"ž", "z"},  {"ł", "l"},  {"ń", "n"},
    };
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
        *ret_size = strlen(letters[i][0]);
        if (strncmp(at, letters[i][0], *ret_size) == 0) {
            return letters[i][1];
        }
    }
    *ret_size = 1;
    return NULL;
}

const char *name_from_text(const char *text, char *ret)
{
    size_t used = 0, size;
    for (const char *at = text; *at && used + 2 < name_size; at += size) {
        const char *plain = plain_letter(at, &size);
        if (plain) {
            while (*plain) {
                ret[used++] = *plain++;
            }
        } else if (is_name_char(*at, used == 0)) {
            ret[used++] = *at;
        } else if (used > 0 && ret[used - 1] != '-') {
            ret[used++] = '-'; /* one for all that cannot stay */
        }
    }
    while (used > 0 && ret[used - 1] == '-') {
        used--;
    }
    if (used == 0) {
        used = 2;
        memcpy(ret, "vm", used);
    }
    ret[used] = '\0';
    return ret;
}
