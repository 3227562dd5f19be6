/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Codes and parameters become sentences. */
#include "test/test.h"

#include "model/words.h"

#include <string.h>

static const struct facts full = {.node = "node1",
                                  .who = "vm1",
                                  .pool = "P",
                                  .device = "0000:65:00.0",
                                  .label = "rack=r1",
                                  .count = 3,
                                  .need = 4,
                                  .have = 1,
                                  .total = 2,
                                  .ms = 5000,
                                  .limit_ms = 8000,
                                  .detail = "bad luck"};

static bool is_whole(const char *words)
{
    return words[0] != '\0' && strpbrk(words, "{}[]") == NULL;
}

TEST(every_cause_has_a_sentence_and_knows_its_parameters)
{
    char words[words_max];
    for (enum cause_code code = CAUSE_NONE + 1; code < (enum cause_code)cause_code_count; code++) {
        CHECK(is_whole(words_cause(&(struct cause){.code = code, .facts = full}, words)));
        CHECK(is_whole(words_cause(&(struct cause){.code = code}, words)) || code == CAUSE_SAID);
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
                           code == NOTE_CLUSTER_DISARMED_FOR || code == NOTE_CLUSTER_ARMED ||
                           code == NOTE_CLUSTER_SET || code == NOTE_LOGIN_FAILED_UNNAMED ||
                           code == NOTE_DISARM_ASKED || code == NOTE_DISARM_FOR_ASKED ||
                           code == NOTE_ARM_ASKED || code == NOTE_ARM_UNHEARD_ASKED;
        CHECK(strstr(words, "node2") != NULL || is_clusters);
    }
}

TEST(every_problem_has_a_sentence_and_knows_its_parameters)
{
    char words[words_max];
    for (enum trouble_code code = 0; code < trouble_code_count; code++) {
        CHECK(is_whole(words_trouble(code, "node2", &full, words)));
        CHECK(is_whole(words_trouble(code, "node2", &(struct facts){0}, words)));
        CHECK(strstr(words, "node2") || trouble_thing(code) == TROUBLE_OF_CLUSTER);
        CHECK(strpbrk(words_advice(code, "node2", &full, words), "{}[]") == NULL);
        CHECK(words[0] || code == TROUBLE_NODE_CHECK || code == TROUBLE_STORE_CHECK);
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
    (void)facts_set(&ended.facts, "node1", NULL, NULL);
    ended.cause = cause_make(CAUSE_SAID, NULL, NULL, "killed");
    CHECK_STR(words_note(&ended, words), "t ended on node1: killed");
    ended.cause.facts.detail[0] = '\0';
    CHECK_STR(words_note(&ended, words), "t ended on node1");
}

TEST(an_event_keeps_which_of_its_codes_sentences_it_is)
{
    char words[words_max];
    for (enum note_code code = NOTE_NONE + 1; code < note_code_count; code++) {
        CHECK_INT(note_code_find(note_code_name(code), note_code_way(code)), code);
    }
    struct event_record event = {.code = "vm-stop-asked", .subject = "t"};
    CHECK_STR(words_event(&event, words), "VM t is to be stopped");
    event.way = 1;
    CHECK_STR(words_event(&event, words), "VM t is to be turned off at once");
    event = (struct event_record){.code = "of-a-later-version", .facts = {.detail = "as it said"}};
    CHECK_STR(words_event(&event, words), "as it said");
}

TEST(what_came_from_outside_makes_no_difference)
{
    struct cause a = cause_make(CAUSE_SAID, "n", NULL, "one"), b = a;
    (void)facts_set(&b.facts, NULL, NULL, "two");
    CHECK(cause_equal(&a, &b));
    b.facts.need = 1;
    CHECK(!cause_equal(&a, &b));
}

TEST(what_is_no_gpu_is_called_a_device)
{
    char words[words_max];
    struct cause taken = {CAUSE_GPUS_TAKEN, {.pool = "P", .need = 1, .total = 2, .is_other = true}};
    CHECK_STR(words_cause(&taken, words), "0 of 2 devices free in P (needs 1)");
    struct note erased = {.code = NOTE_GPU_ERASED, .facts = {.who = "1", .is_other = true}};
    (void)snprintf(erased.subject, sizeof(erased.subject), "n");
    CHECK_STR(words_note(&erased, words), "Device 1 on n is erased");
    struct cause made = {CAUSE_VGPU_NOT_MADE, {.is_other = true}};
    CHECK_STR(words_cause(&made, words), "its vGPU could not be made");
}

TEST(a_number_in_brackets_is_left_out_if_it_is_0)
{
    char words[words_max];
    struct cause taken = {CAUSE_GPUS_TAKEN, {.pool = "P", .need = 1, .total = 2, .who = "v"}};
    CHECK_STR(words_cause(&taken, words), "0 of 2 GPUs free in P (needs 1; held by v)");
    taken.facts.count = 2;
    CHECK_STR(words_cause(&taken, words), "0 of 2 GPUs free in P (needs 1; held by v and 2 more)");
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
