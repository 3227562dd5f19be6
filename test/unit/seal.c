/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/test.h"

#include "model/fence_rule.h"
#include "seal/seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct fence_parameter bmc[] = {
    {"username", "admin"}, {"password", "geheim 7!"}, {"ip", "10.0.1.1"}, {"power_wait", "4"}};

static struct seal_subject subject_of(const struct fence_parameter *parameters, size_t len)
{
    return (struct seal_subject){"node1", "fence_ipmilan", parameters, len};
}

/* The parameters of the BMC, sealed; their box is the caller's. */
static fence_parameters_t seal_bmc(const struct seal_pair *pair, char **ret_box)
{
    char text[seal_public_size];
    struct error err = {0};
    fence_parameters_t sealed = {0};
    struct seal_subject subject = subject_of(bmc, ARRAY_LEN(bmc));
    seal_public_text(pair, text);
    REQUIRE(seal_close(&subject, text, &sealed, ret_box, &err) == 0);
    return sealed;
}

static int try_open(const struct seal_subject *subject, const char *box,
                    const struct seal_pair *pair, struct error *err)
{
    CLEANUP(seal_parameters_done) fence_parameters_t opened = {0};
    return seal_open(subject, box, pair, 1, &opened, err);
}

TEST(sealed_parameters_are_opened_as_they_were)
{
    struct seal_pair pairs[2];
    struct error err = {0};
    CLEANUP(freep) char *box = NULL;
    REQUIRE(seal_pair_make(&pairs[0]) == 0 && seal_pair_make(&pairs[1]) == 0);
    CLEANUP(seal_parameters_done) fence_parameters_t sealed = seal_bmc(&pairs[1], &box);
    CLEANUP(seal_parameters_done) fence_parameters_t opened = {0};
    REQUIRE(box);
    CHECK(!strstr(box, "geheim") && strncmp(box, "1:", 2) == 0);
    CHECK_STR(sealed.items[1].value, FENCE_SEALED);
    CHECK_STR(sealed.items[2].value, "10.0.1.1");
    struct seal_subject subject = subject_of(sealed.items, sealed.len);
    CHECK_INT(seal_open(&subject, box, pairs, 2, &opened, &err), 0);
    REQUIRE(opened.len == ARRAY_LEN(bmc));
    for (size_t i = 0; i < ARRAY_LEN(bmc); i++) {
        CHECK_STR(opened.items[i].key, bmc[i].key);
        CHECK_STR(opened.items[i].value, bmc[i].value);
    }
}

TEST(parameters_without_a_secret_need_no_box)
{
    struct seal_pair pair;
    char text[seal_public_size];
    CLEANUP(freep) char *box = NULL;
    CLEANUP(seal_parameters_done) fence_parameters_t sealed = {0};
    struct error err;
    struct seal_subject subject = subject_of(bmc, 1);
    REQUIRE(seal_pair_make(&pair) == 0);
    seal_public_text(&pair, text);
    CHECK_INT(seal_close(&subject, text, &sealed, &box, &err), 0);
    CHECK(!box);
    CHECK_STR(sealed.items[0].value, "admin");
}

/* Who can write to the store, but not open boxes, must not have a secret sent elsewhere. */
TEST(a_box_opens_for_no_other_node_agent_or_address)
{
    struct seal_pair pair;
    struct error err = {0};
    CLEANUP(freep) char *box = NULL;
    REQUIRE(seal_pair_make(&pair) == 0);
    CLEANUP(seal_parameters_done) fence_parameters_t sealed = seal_bmc(&pair, &box);
    struct seal_subject subject = subject_of(sealed.items, sealed.len);
    CHECK_INT(try_open(&subject, box, &pair, &err), 0);

    struct seal_subject other = subject;
    other.node = "ghost";
    CHECK_INT(try_open(&other, box, &pair, &err), -EBADMSG);
    CHECK_HAS(err.text, "another node, agent or address");
    other = subject;
    other.agent = "fence_apc";
    CHECK_INT(try_open(&other, box, &pair, &err), -EBADMSG);

    (void)strcpy(sealed.items[2].value, "10.6.6.6");
    CHECK_INT(try_open(&subject, box, &pair, &err), -EBADMSG);
    (void)strcpy(sealed.items[2].value, "10.0.1.1");
    (void)strcpy(sealed.items[3].value, "9"); /* how long to wait leads nowhere else */
    CHECK_INT(try_open(&subject, box, &pair, &err), 0);

    struct fence_parameter *more = VEC_ADD(&sealed);
    REQUIRE(more);
    *more = (struct fence_parameter){"ipport", "666"};
    subject = subject_of(sealed.items, sealed.len);
    CHECK_INT(try_open(&subject, box, &pair, &err), -EBADMSG);
    (void)strcpy(more->key, "proxyhost"); /* nor a secret of the writer's own beside it */
    (void)strcpy(more->value, "evil");
    CHECK_INT(try_open(&subject, box, &pair, &err), -EBADMSG);
    (void)strcpy(more->value, FENCE_SEALED);
    CHECK_INT(try_open(&subject, box, &pair, &err), -EBADMSG);
    CHECK(!strstr(err.text, "geheim"));
}

TEST(a_box_that_was_changed_or_is_for_another_key_stays_shut)
{
    struct seal_pair pair, other;
    struct error err = {0};
    CLEANUP(freep) char *box = NULL;
    REQUIRE(seal_pair_make(&pair) == 0 && seal_pair_make(&other) == 0);
    CLEANUP(seal_parameters_done) fence_parameters_t sealed = seal_bmc(&pair, &box);
    struct seal_subject subject = subject_of(sealed.items, sealed.len);
    CHECK_INT(try_open(&subject, box, &other, &err), -ENOKEY);
    CHECK_HAS(err.text, "berth node set");
    size_t size = strlen(box);
    for (size_t at = 2 + seal_public_size; at < size; at += 7) {
        char was = box[at];
        box[at] = was == 'A' ? 'B' : 'A';
        CHECK(try_open(&subject, box, &pair, &err) < 0);
        box[at] = was;
    }
    CHECK_INT(try_open(&subject, "", &pair, &err), -EBADMSG);
    CHECK_INT(try_open(&subject, "1:x:y", &pair, &err), -EBADMSG);
    box[size - 8] = '\0';
    CHECK(try_open(&subject, box, &pair, &err) < 0);
}

TEST(what_no_agent_may_be_told_is_not_sealed)
{
    struct seal_pair pair;
    char text[seal_public_size];
    CLEANUP(freep) char *box = NULL;
    CLEANUP(seal_parameters_done) fence_parameters_t sealed = {0};
    struct error err;
    struct fence_parameter bad[] = {{"sudo_path", "/bin/sh"}};
    struct seal_subject subject = subject_of(bad, 1);
    REQUIRE(seal_pair_make(&pair) == 0);
    seal_public_text(&pair, text);
    CHECK_INT(seal_close(&subject, text, &sealed, &box, &err), -EINVAL);
    subject = subject_of(bmc, ARRAY_LEN(bmc));
    CHECK_INT(seal_close(&subject, "no key", &sealed, &box, &err), -EINVAL);
    CHECK(!box);
}

TEST(a_letter_gives_nothing_that_no_agent_may_be_told)
{
    const struct fence_parameter parameters[] = {{"ip", "10.0.1.1"}, {"password", FENCE_SEALED}};
    struct seal_subject subject = subject_of(parameters, 2);
    static const struct {
        const char *secrets;
        bool is_good;
    } cases[] = {
        {"password=x\n", true},
        {"password=\n", true},
        {"", false},
        {"password=x", false},
        {"password=x\nip=6\n", false},
        {"password=x\npassword=y\n", false},
        {"password=a\tb\n", false},
        {"password=" FENCE_SEALED "\n", false},
        {"=x\n", false},
        {"passwor=x\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        struct error err;
        CLEANUP(seal_parameters_done) fence_parameters_t opened = {0};
        (void)snprintf(text, sizeof(text),
                       "berth-fence 1\nnode=node1\nagent=fence_ipmilan\nip=10.0.1.1\n\n%s",
                       cases[i].secrets);
        int r = seal_letter_read(&subject, text, strlen(text), &opened, &err);
        CHECK((r == 0) == cases[i].is_good);
    }
}

TEST(a_grant_opens_on_the_host_that_it_is_for_and_on_no_other)
{
    struct seal_pair cluster, host, other, got = {0};
    char text[seal_public_size], to[seal_public_size], grant[seal_grant_size];
    REQUIRE(seal_pair_make(&cluster) == 0 && seal_pair_make(&host) == 0 &&
            seal_pair_make(&other) == 0);
    seal_public_text(&cluster, text);
    seal_public_text(&host, to);
    REQUIRE(seal_grant(&cluster, to, grant) == 0);
    CHECK_INT(seal_grant_open(&other, grant, text, &got), -EACCES);
    CHECK_INT(seal_grant_open(&host, grant, to, &got), -EACCES);
    CHECK_INT(seal_grant_open(&host, "", text, &got), -EACCES);
    REQUIRE(seal_grant_open(&host, grant, text, &got) == 0);
    CHECK(memcmp(&got, &cluster, sizeof(got)) == 0);
    CHECK_INT(seal_grant(&cluster, "AAAA", grant), -EINVAL);
    /* The point of order one: its secrets are known to all. */
    CHECK_INT(seal_grant(&cluster, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", grant), -EINVAL);
}
