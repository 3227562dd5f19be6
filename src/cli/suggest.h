/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Other words for commands, and an answer to words that are none. */
#pragma once

#include "cli/command.h"

/* The noun or verb that 'word' is another word for ("list": "ls"); 'word' itself if it is none. */
const char *noun_of(const char *word);
const char *verb_of(const char *noun, const char *word);

/* Refuses "berth NOUN [VERB]", and names the command that may have been meant. EXIT_USAGE. */
int no_such_command(const struct cli *cli, const char *noun, const char *verb);

/* What other systems call a command, and what to use here. */
struct advice {
    const char *noun;
    const char *verb; /* NULL: whatever follows */
    const char *instead;
};

extern const struct advice advices[];
extern const size_t advice_len;
