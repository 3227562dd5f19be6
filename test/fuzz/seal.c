/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was in a box: anyone can seal anything to a public key. And boxes themselves, as texts. */
#include "test/fuzz/fuzz.h"

#include "model/fence_rule.h"
#include "seal/seal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct fence_parameter parameters[] = {
    {"ip", "10.0.1.1"}, {"password", FENCE_SEALED}, {"token", FENCE_SEALED}};
static const struct seal_subject subject = {"n", "fence_x", parameters, 3};

static void check(const fence_parameters_t *opened)
{
    assert(opened->len == subject.len);
    for (size_t i = 0; i < opened->len; i++) {
        struct error err;
        assert(strcmp(opened->items[i].key, parameters[i].key) == 0);
        assert(fence_parameter_check(&opened->items[i], &err) == 0);
        assert(strcmp(opened->items[i].value, FENCE_SEALED) != 0);
        assert(i > 0 || strcmp(opened->items[i].value, parameters[i].value) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char head[] = "berth-fence 1\nnode=n\nagent=fence_x\nip=10.0.1.1\n\n";
    size_t head_size = strlen(head);
    CLEANUP(freep) char *text = malloc(head_size + size + 1);
    CLEANUP(seal_parameters_done) fence_parameters_t opened = {0}, other = {0};
    struct seal_pair pair;
    char key[seal_public_size];
    struct error err;
    assert(text &&
           seal_pair_of((const unsigned char *)"0123456789abcdef0123456789abcdef", &pair) == 0);
    memcpy(text, head, head_size);
    if (size > 0) {
        memcpy(text + head_size, bytes, size);
    }
    text[head_size + size] = '\0';
    if (seal_letter_read(&subject, text, head_size + size, &opened, &err) == 0) {
        check(&opened);
    }
    if (seal_letter_read(&subject, text + head_size, size, &other, &err) == 0) {
        check(&other);
    }
    (void)fence_box_read(text + head_size, key);
    assert(seal_open(&subject, text + head_size, &pair, 1, &other, &err) < 0);
    return 0;
}
