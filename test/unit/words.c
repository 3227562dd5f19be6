/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Codes and parameters become sentences. */
#include "test/test.h"

#include "model/words.h"

#include <string.h>

static const struct facts full = {"node1", "vm1", 3, 5000, 8000, "bad luck"};

static bool is_whole(const char *words)
{
    return words[0] != '\0' && strpbrk(words, "{}[]") == NULL;
}

TEST(every_cause_has_a_sentence_and_knows_its_parameters)
{
    char words[words_max];
    for (enum cause_code code = CAUSE_NONE + 1; code < (enum cause_code)cause_code_count; code++) {
        CHECK(is_whole(words_cause(&(struct cause){.code = code, .facts = full}, words)));
        CHECK(is_whole(words_cause(&(struct cause){.code = code}, words)));
    }
    CHECK_STR(words_cause(&(struct cause){0}, words), "");
}

TEST(every_note_has_a_sentence_and_knows_its_parameters)
{
    char words[words_max];
    for (enum note_code code = NOTE_NONE + 1; code < note_code_count; code++) {
        struct note note = {code, "node2", full, cause_make(CAUSE_DRAIN, NULL, NULL, NULL)};
        CHECK(is_whole(words_note(&note, words)));
        bool is_clusters = code == NOTE_COLD_START || code == NOTE_CLUSTER_DISARMED ||
                           code == NOTE_CLUSTER_DISARMED_FOR || code == NOTE_CLUSTER_ARMED;
        CHECK(strstr(words, "node2") != NULL || is_clusters);
    }
}

TEST(a_sentence_is_made_of_its_parameters)
{
    char words[words_max];
    struct note silent = {.code = NOTE_NODE_SILENT, .subject = "node2", .facts = {.ms = 3000}};
    CHECK_STR(words_note(&silent, words), "no heartbeat from node2 for 3000 ms");
    struct note again = {NOTE_VM_RESTARTING, "train1", full,
                         cause_make(CAUSE_HOST_FENCED, "node9", NULL, NULL)};
    CHECK_STR(words_note(&again, words), "restarting train1 on node1: host node9 was fenced");
    struct note wait = {.code = NOTE_VM_RESTART_DELAYED, .subject = "t", .facts = {.ms = 20000}};
    wait.cause = cause_make(CAUSE_FAILED, "node1", NULL, NULL);
    CHECK_STR(words_note(&wait, words), "t keeps failing (on node1): it restarts in 20 s");
}

TEST(what_stands_in_brackets_is_left_out_where_a_parameter_is_empty)
{
    char words[words_max];
    struct note ended = {.code = NOTE_VM_ENDED, .subject = "t"};
    (void)facts_set(&ended.facts, "node1", NULL, "killed");
    CHECK_STR(words_note(&ended, words), "t ended on node1: killed");
    ended.facts.detail[0] = '\0';
    CHECK_STR(words_note(&ended, words), "t ended on node1");
}

TEST(the_longest_parameters_leave_the_sentence_ended)
{
    char words[words_max], longest[reason_size * 2];
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    struct note note = {.code = NOTE_POWER_FENCING_FAILED};
    (void)facts_set(&note.facts, longest, longest, longest);
    memset(note.subject, 'n', sizeof(note.subject) - 1);
    CHECK(strlen(words_note(&note, words)) < words_max - 1);
}
