/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seal/seal.h"

#include "base/buf.h"
#include "base/parse.h"
#include "model/fence_rule.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum {
    variant = sodium_base64_VARIANT_ORIGINAL,
    grant_bytes = seal_bytes + crypto_box_SEALBYTES,
};

static_assert(seal_bytes == crypto_box_PUBLICKEYBYTES, "keys of X25519");
static_assert(seal_bytes == crypto_box_SECRETKEYBYTES, "keys of X25519");
static_assert(seal_public_size == sodium_base64_ENCODED_LEN(seal_bytes, variant), "as text");
static_assert(seal_grant_size == sodium_base64_ENCODED_LEN(grant_bytes, variant), "as text");

/* ---- keys ---- */

/* May be called often, from any thread. */
static int library(void)
{
    return sodium_init() < 0 ? -EIO : 0;
}

int seal_pair_make(struct seal_pair *ret)
{
    return library() < 0 || crypto_box_keypair(ret->public_key, ret->private_key) != 0 ? -EIO : 0;
}

int seal_pair_of(const unsigned char private_key[seal_bytes], struct seal_pair *ret)
{
    memcpy(ret->private_key, private_key, seal_bytes);
    return library() < 0 || crypto_scalarmult_base(ret->public_key, ret->private_key) != 0 ? -EIO
                                                                                           : 0;
}

void seal_pair_done(struct seal_pair *pair)
{
    sodium_memzero(pair, sizeof(*pair));
}

void seal_public_text(const struct seal_pair *pair, char ret[seal_public_size])
{
    (void)sodium_bin2base64(ret, seal_public_size, pair->public_key, seal_bytes, variant);
}

/* Exactly 'size' bytes in base64. */
static bool decode(const char *text, unsigned char *ret, size_t size)
{
    size_t got = 0;
    return sodium_base642bin(ret, size, text, strlen(text), NULL, &got, NULL, variant) == 0 &&
           got == size;
}

int seal_grant(const struct seal_pair *pair, const char *to, char ret[seal_grant_size])
{
    unsigned char key[seal_bytes], box[grant_bytes];
    if (library() < 0 || !decode(to, key, sizeof(key)) ||
        crypto_box_seal(box, pair->private_key, seal_bytes, key) != 0) {
        return -EINVAL; /* also a key of a low order, of which everyone knows the secret */
    }
    (void)sodium_bin2base64(ret, seal_grant_size, box, sizeof(box), variant);
    return 0;
}

int seal_grant_open(const struct seal_pair *host, const char *grant, const char *public_text,
                    struct seal_pair *ret)
{
    unsigned char box[grant_bytes];
    char text[seal_public_size];
    CLEANUP(seal_pair_done) struct seal_pair pair = {0};
    if (library() < 0 || !decode(grant, box, sizeof(box)) ||
        crypto_box_seal_open(pair.private_key, box, sizeof(box), host->public_key,
                             host->private_key) != 0 ||
        crypto_scalarmult_base(pair.public_key, pair.private_key) != 0) {
        return -EACCES;
    }
    seal_public_text(&pair, text);
    if (strcmp(text, public_text) != 0) {
        return -EACCES;
    }
    *ret = pair;
    return 0;
}

/* ---- letters ---- */

void seal_parameters_done(fence_parameters_t *parameters)
{
    if (parameters->items) {
        sodium_memzero(parameters->items, parameters->capacity * sizeof(*parameters->items));
    }
    VEC_DONE(parameters);
}

static bool is_secret(const char *key)
{
    return !fence_parameter_is_harmless(key);
}

static bool is_sealed(const struct fence_parameter *parameter)
{
    return fence_parameter_is_sealed(parameter->key, parameter->value);
}

/* All of them, into memory that does not grow: nothing of them is left behind where it was. */
static int copy_parameters(const struct seal_subject *subject, fence_parameters_t *ret,
                           struct error *err)
{
    if (!VEC_RESERVE(ret, subject->len)) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    if (subject->len > 0) {
        memcpy(ret->items, subject->parameters, subject->len * sizeof(*ret->items));
    }
    ret->len = subject->len;
    return 0;
}

static void set_value(struct fence_parameter *parameter, const char *value, size_t len)
{
    sodium_memzero(parameter->value, sizeof(parameter->value));
    memcpy(parameter->value, value, len);
}

/* The next one that 'is_chosen', by key, after 'last' (NULL: the first). */
static const struct fence_parameter *next_of(const struct seal_subject *subject,
                                             bool is_chosen(const char *key),
                                             const struct fence_parameter *last)
{
    const struct fence_parameter *best = NULL;
    for (size_t i = 0; i < subject->len; i++) {
        const struct fence_parameter *each = &subject->parameters[i];
        if (is_chosen(each->key) && (!last || strcmp(each->key, last->key) > 0) &&
            (!best || strcmp(each->key, best->key) < 0)) {
            best = each;
        }
    }
    return best;
}

static void add_lines(const struct seal_subject *subject, bool is_chosen(const char *key),
                      struct buf *text)
{
    const struct fence_parameter *each = NULL;
    while ((each = next_of(subject, is_chosen, each))) {
        buf_printf(text, "%s=%s\n", each->key, each->value);
    }
}

/* For whom the letter is: what must be the same when it is opened. */
static void add_head(const struct seal_subject *subject, struct buf *text)
{
    buf_printf(text, "berth-fence 1\nnode=%s\nagent=%s\n", subject->node, subject->agent);
    add_lines(subject, fence_parameter_is_bound, text);
    buf_char(text, '\n');
}

/* "1:PUBLIC:" and the box around 'text'. */
static int seal_text(const struct buf *text, const char *public_text, char **ret)
{
    unsigned char key[seal_bytes];
    size_t box_size = text->size + crypto_box_SEALBYTES;
    size_t head = strlen("1:") + (seal_public_size - 1) + strlen(":");
    size_t encoded = sodium_base64_encoded_len(box_size, variant);
    if (!decode(public_text, key, sizeof(key))) {
        return -EINVAL;
    }
    CLEANUP(freep) unsigned char *box = malloc(box_size);
    CLEANUP(freep) char *whole = malloc(head + encoded);
    if (!box || !whole) {
        return -ENOMEM;
    }
    if (crypto_box_seal(box, (const unsigned char *)buf_str(text), text->size, key) != 0) {
        return -EINVAL;
    }
    (void)snprintf(whole, head + encoded, "1:%s:", public_text);
    (void)sodium_bin2base64(whole + head, encoded, box, box_size, variant);
    *ret = TAKE(whole);
    return 0;
}

static int seal_secrets(const struct seal_subject *subject, const char *public_text, char **ret)
{
    struct buf text = {0};
    /* At once as large as it can get: growing, it would leave secrets behind. */
    text.data = malloc(fence_letter_max);
    text.capacity = text.data ? fence_letter_max : 0;
    add_head(subject, &text);
    add_lines(subject, is_secret, &text);
    int r = text.failed                                ? -ENOMEM
            : text.capacity > (size_t)fence_letter_max ? -EMSGSIZE
                                                       : seal_text(&text, public_text, ret);
    if (text.data) {
        sodium_memzero(text.data, text.capacity);
    }
    buf_done(&text);
    return r;
}

int seal_close(const struct seal_subject *subject, const char *public_text, fence_parameters_t *ret,
               char **ret_box, struct error *err)
{
    CLEANUP(seal_parameters_done) fence_parameters_t shown = {0};
    bool has_secret = false;
    int r = copy_parameters(subject, &shown, err);
    for (size_t i = 0; r == 0 && i < subject->len; i++) {
        r = fence_parameter_check(&subject->parameters[i], err);
        if (is_secret(shown.items[i].key)) {
            has_secret = true;
            set_value(&shown.items[i], FENCE_SEALED, strlen(FENCE_SEALED));
        }
    }
    if (r < 0) {
        return r;
    }
    *ret_box = NULL;
    r = library();
    r = r == 0 && has_secret ? seal_secrets(subject, public_text, ret_box) : r;
    if (r < 0) {
        return error_set(err, r, "the secrets of %s cannot be sealed: %s", subject->agent,
                         strerror(-r));
    }
    *ret = shown;
    shown = (fence_parameters_t){0};
    return 0;
}

/* The place of 'key' that waits for its secret. */
static struct fence_parameter *find_place(fence_parameters_t *parameters, const char *key,
                                          size_t len)
{
    VEC_EACH(parameters, each) {
        if (strlen(each->key) == len && memcmp(each->key, key, len) == 0 && is_sealed(each)) {
            return each;
        }
    }
    return NULL;
}

/* One "KEY=VALUE\n" into its place; how long it is, 0: it is none. */
static size_t read_line(const char *text, size_t size, fence_parameters_t *parameters)
{
    struct error err;
    const char *end = memchr(text, '\n', size);
    const char *sign = end ? memchr(text, '=', (size_t)(end - text)) : NULL;
    struct fence_parameter *place =
        sign ? find_place(parameters, text, (size_t)(sign - text)) : NULL;
    size_t len = place ? (size_t)(end - sign - 1) : 0;
    if (!place || len >= sizeof(place->value) || memchr(sign + 1, '\0', len)) {
        return 0;
    }
    set_value(place, sign + 1, len);
    return fence_parameter_check(place, &err) == 0 && !is_sealed(place) ? (size_t)(end - text) + 1
                                                                        : 0;
}

int seal_letter_read(const struct seal_subject *subject, const char *text, size_t size,
                     fence_parameters_t *ret, struct error *err)
{
    CLEANUP(buf_done) struct buf head = {0};
    CLEANUP(seal_parameters_done) fence_parameters_t whole = {0};
    int r = copy_parameters(subject, &whole, err);
    add_head(subject, &head);
    if (r < 0 || head.failed) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    if (size < head.size || memcmp(text, buf_str(&head), head.size) != 0) {
        return error_set(err, -EBADMSG,
                         "the fence secrets of %s are sealed for another node, agent or address: "
                         "set them again with \"berth node set\"",
                         subject->node);
    }
    bool is_good = true;
    VEC_EACH(&whole, each) { /* nor a secret of someone else's beside those in the box */
        is_good &= !is_secret(each->key) || is_sealed(each);
    }
    for (size_t at = head.size, len; is_good && at < size; at += len) {
        len = read_line(text + at, size - at, &whole);
        is_good = len > 0;
    }
    VEC_EACH(&whole, each) {
        is_good &= !is_sealed(each);
    }
    if (!is_good) {
        return error_set(err, -EBADMSG,
                         "the sealed fence secrets of %s do not fit its parameters: set them again "
                         "with \"berth node set\"",
                         subject->node);
    }
    *ret = whole;
    whole = (fence_parameters_t){0};
    return 0;
}

/* What is in the box, into 'ret', which is large enough for anything that fits into one; how long
 * it is, or -EBADMSG. */
static ssize_t open_text(const char *encoded, const struct seal_pair *pair, unsigned char *ret)
{
    size_t len = strlen(encoded), box_size = 0;
    CLEANUP(freep) unsigned char *box = malloc(len + 1);
    if (!box || sodium_base642bin(box, len, encoded, len, NULL, &box_size, NULL, variant) != 0 ||
        box_size < crypto_box_SEALBYTES ||
        box_size > (size_t)fence_letter_max + crypto_box_SEALBYTES ||
        crypto_box_seal_open(ret, box, box_size, pair->public_key, pair->private_key) != 0) {
        return -EBADMSG;
    }
    return (ssize_t)(box_size - crypto_box_SEALBYTES);
}

static int open_with(const struct seal_subject *subject, const char *encoded,
                     const struct seal_pair *pair, fence_parameters_t *ret, struct error *err)
{
    CLEANUP(freep) unsigned char *text = malloc(fence_letter_max);
    if (!text) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    ssize_t size = open_text(encoded, pair, text);
    int r = size < 0 ? error_set(err, -EBADMSG, "the sealed fence secrets of %s are damaged",
                                 subject->node)
                     : seal_letter_read(subject, (const char *)text, (size_t)size, ret, err);
    sodium_memzero(text, fence_letter_max);
    return r;
}

int seal_open(const struct seal_subject *subject, const char *box, const struct seal_pair *pairs,
              size_t pair_len, fence_parameters_t *ret, struct error *err)
{
    char key[seal_public_size], known[seal_public_size];
    const char *encoded = fence_box_read(box, key);
    if (!encoded || library() < 0) {
        return error_set(err, -EBADMSG, "what is stored as fence secrets of %s is no sealed box",
                         subject->node);
    }
    for (size_t i = 0; i < pair_len; i++) {
        seal_public_text(&pairs[i], known);
        if (strcmp(key, known) == 0) {
            return open_with(subject, encoded, &pairs[i], ret, err);
        }
    }
    return error_set(err, -ENOKEY,
                     "the fence secrets of %s are sealed to a key that this host does not have: "
                     "set them again with \"berth node set\"",
                     subject->node);
}
