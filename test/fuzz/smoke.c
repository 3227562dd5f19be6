/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drives a fuzz target over its corpus and over seeded mutations of it. */
#include "test/fuzz/fuzz.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/vec.h"
#include "test/test.h"

#include <dirent.h>
#include <stdlib.h>

enum { rounds = 20000, input_size_max = 64 * 1024 };

struct input {
    char *bytes;
    size_t size;
};

typedef VEC(struct input) inputs_t;

/* xorshift64*: the same inputs each time. */
static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * UINT64_C(2685821657736338717)) >> 33) % below;
}

static void read_corpus(const char *dir, inputs_t *inputs)
{
    DIR *folder = opendir(dir);
    REQUIRE(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[1024];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        FILE *file = entry->d_name[0] != '.' ? fopen(path, "re") : NULL;
        if (!file) {
            continue;
        }
        struct input *input = VEC_ADD(inputs);
        REQUIRE(input && (input->bytes = malloc(input_size_max)) != NULL);
        input->size = fread(input->bytes, 1, input_size_max, file);
        (void)fclose(file);
    }
    (void)closedir(folder);
}

static int by_bytes(const void *a, const void *b)
{
    const struct input *x = a, *y = b;
    int order = memcmp(x->bytes, y->bytes, MIN(x->size, y->size));
    return order ? order : (x->size > y->size) - (x->size < y->size);
}

/* Words that a decoder may stumble over. */
static const char *const words[] = {
    "\"",
    "\\u0000",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "0.5",
    "1e9",
    "9223372036854775807",
    "18446744073709551616",
    "\\ud800",
    "\xff",
    "\"schema\":2,",
    "=",
    "/",
    "+",
    "0000:00:00.0",
    "[[[[[[[[[[[[[[[[[[",
    "\n",
    "\"events\":[",
    "AAAA",
};

/* One change of 'size' bytes at 'bytes', which has room for one word more. The new size. */
static size_t mutate(char *bytes, size_t size, uint64_t *state)
{
    size_t at = size ? draw(state, (uint32_t)size) : 0;
    const char *word = words[draw(state, ARRAY_LEN(words))];
    size_t want = 1 + draw(state, 16);
    size_t span = MIN(size - at, want);
    switch (draw(state, 4)) {
    case 0:
        if (size) {
            bytes[at] = (char)draw(state, 256);
        }
        return size;
    case 1:
        memmove(bytes + at, bytes + at + span, size - at - span);
        return size - span;
    case 2:
        return draw(state, 8) == 0 ? at : size; /* cut off, now and then */
    default:
        memmove(bytes + at + strlen(word), bytes + at, size - at);
        memcpy(bytes + at, word, strlen(word));
        return size + strlen(word);
    }
}

TEST(no_input_breaks_the_decoder_or_what_it_promises)
{
    inputs_t inputs = {0};
    uint64_t state = 0x9e3779b97f4a7c15;
    read_corpus(FUZZ_CORPUS, &inputs);
    REQUIRE(inputs.len > 0);
    /* A folder's order is the file system's. */
    qsort(inputs.items, inputs.len, sizeof(*inputs.items), by_bytes);
    CHECK_INT(LLVMFuzzerTestOneInput((const uint8_t *)"", 0), 0);
    VEC_EACH(&inputs, input) {
        CHECK_INT(LLVMFuzzerTestOneInput((const uint8_t *)input->bytes, input->size), 0);
    }
    CLEANUP(freep) char *bytes = malloc(input_size_max + 1024);
    REQUIRE(bytes);
    for (int round = 0; round < rounds; round++) {
        const struct input *input = &inputs.items[draw(&state, (uint32_t)inputs.len)];
        size_t size = MIN(input->size, (size_t)input_size_max);
        memcpy(bytes, input->bytes, size);
        for (uint32_t change = 0; change <= draw(&state, 6); change++) {
            size = mutate(bytes, size, &state);
        }
        /* A block of its own: a sanitizer sees a byte too far. */
        char *exact = malloc(size ? size : 1);
        REQUIRE(exact);
        memcpy(exact, bytes, size);
        CHECK_INT(LLVMFuzzerTestOneInput((const uint8_t *)exact, size), 0);
        free(exact);
    }
    VEC_EACH(&inputs, input) {
        free(input->bytes);
    }
    VEC_DONE(&inputs);
}
