/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berth plan --state: files that are read and refused, and the answers. */
#include "test/test.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/plan_command.h"
#include "cli/plan_file.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Host a has two GPUs in pool P, host b one. */
#define GPU(bus)                                                                                   \
    "{\"address\":\"0000:0" bus ":00.0\",\"vendor\":\"10de\",\"device\":\"20b5\","                 \
    "\"driver\":\"vfio-pci\"}"
#define MEMBER(node, bus) "{\"node\":\"" node "\",\"gpu\":\"0000:0" bus ":00.0\"}"
#define POOLS                                                                                      \
    "\"pools\":{\"P\":{\"members\":[" MEMBER("a", "1") "," MEMBER("a", "2") "," MEMBER("b",        \
                                                                                       "1") "]}}"
#define INVENTORIES                                                                                \
    "\"inventories\":{\"a\":{\"gpus\":[" GPU("1") "," GPU("2") "]},\"b\":{\"gpus\":[" GPU("1") "]" \
                                                                                               "}" \
                                                                                               "}"
#define HOLDS(bus) "{\"pool\":\"P\",\"gpu\":\"0000:0" bus ":00.0\"}"

#define FILE_OF(configuration, state)                                                              \
    "{\"schema\":2,\"configuration\":{" configuration "},\"state\":{" state "}}"

/* ---- files ---- */

static struct error fault;

static int read_text(const char *text)
{
    struct export file;
    int r = plan_file_read(&file, text, strlen(text), &fault);
    export_done(&file);
    return r;
}

#define REFUSED(document, why)                                                                     \
    do {                                                                                           \
        CHECK_INT(read_text(document), -EBADMSG);                                                  \
        CHECK_HAS(fault.text, why);                                                                \
    } while (0)

TEST(a_file_is_records_by_name)
{
    static const char text[] =
        FILE_OF("\"cluster\":{\"reserve\":2},\"nodes\":{\"b\":{\"mode\":\"paused\"}}," POOLS
                ",\"vms\":{\"w\":{\"apart\":[\"v\"]},\"v\":{\"priority\":3000}}",
                "\"nodes\":{\"b\":{\"revision\":7,\"down\":\"it is silent\"}}," INVENTORIES
                ",\"standings\":{\"b\":{\"quarantine_ms\":5,\"spec_revision\":7,\"revision\":9}}"
                ",\"placements\":{\"v\":{\"node\":\"a\",\"phase\":\"start\"}}"
                ",\"unreadable\":[\"/berth/want/vms/x\"]");
    struct export file;
    struct cause why;
    REQUIRE(plan_file_read(&file, text, strlen(text), &fault) == 0);
    const struct plan_cluster_options options = plan_file_options(&file);
    CHECK_INT(world_settings(&file.world)->reserve, 2);
    CHECK_INT(file.world.records[RECORD_VM_SPEC].len, 2);
    CHECK_INT(world_find(&file.world, RECORD_NODE_SPEC, "b")->node_spec->mode, NODE_PAUSED);
    CHECK(world_is_quarantined(&file.world, "b") && !world_is_quarantined(&file.world, "a"));
    CHECK(world_has_hypervisor(&file.world, "a"));
    CHECK(options.is_up(options.context, "a", &why));
    CHECK(!options.is_up(options.context, "b", &why));
    CHECK_STR(why.facts.detail, "it is silent");
    CHECK_STR(options.placement(options.context, "v")->placement->node, "a");
    CHECK_INT(file.world.unreadable.len, 1);
    export_done(&file);
}

TEST(a_file_that_is_no_json_is_refused_with_its_line)
{
    REFUSED("{\"schema\":2,\n\"configuration\":[}", "line 2, column 18: ");
    REFUSED("", "line 1");
    REFUSED("[1]", "it has no configuration");
}

TEST(a_wrong_field_is_refused_with_its_path)
{
    REFUSED("{\"configuration\":{}}", "schema: this version of Berth reads only 2");
    REFUSED("{\"schema\":3,\"configuration\":{}}", "schema: this version of Berth reads only 2");
    REFUSED("{\"schema\":2,\"configuration\":{},\"hosts\":[]}", "hosts: there is no such field");
    REFUSED(FILE_OF("\"hosts\":{}", ""), "configuration.hosts: there is no such section");
    REFUSED(FILE_OF("\"vms\":[]", ""), "configuration.vms is not an object");
    REFUSED(FILE_OF("\"vms\":{\"v\":7}", ""), "configuration.vms.v is not an object");
    REFUSED(FILE_OF("\"vms\":{\"a/b\":{}}", ""), "configuration.vms: ");
    REFUSED(FILE_OF("\"vms\":{\"v\":{\"colour\":1}}", ""), "configuration.vms.v.colour: there is");
    REFUSED(FILE_OF("\"vms\":{\"v\":{\"priority\":-1}}", ""),
            "configuration.vms.v.priority: must be");
    REFUSED(FILE_OF("\"vms\":{\"v\":{\"revision\":1}}", ""), "configuration.vms.v.revision: ");
    REFUSED(FILE_OF("\"vms\":{\"v\":{\"needs\":[{\"pool\":\"P\",\"count\":16},{\"pool\":\"Q\","
                    "\"count\":1}]}}",
                    ""),
            "configuration.vms.v.needs: 16 GPUs are the most");
    REFUSED(FILE_OF("\"vms\":{\"v\":{\"needs\":[{\"pool\":\"P\"},{\"pool\":\"P\"}]}}", ""),
            "configuration.vms.v.needs: pool P is there twice");
    REFUSED(FILE_OF("\"cluster\":{\"reserve\":\"1\"}", ""), "configuration.cluster.reserve: ");
    REFUSED(FILE_OF("", "\"gpus\":{}"), "state.gpus: there is no such section");
    REFUSED(FILE_OF("", "\"nodes\":{\"a\":{\"up\":true}}"), "state.nodes.a: has other fields");
    REFUSED(FILE_OF("", "\"nodes\":{\"a\":{\"down\":true}}"), "state.nodes.a.down: a code");
    REFUSED(FILE_OF("", "\"placements\":{\"v\":{\"revision\":\"x\"}}"),
            "state.placements.v.revision: a whole number");
    REFUSED(FILE_OF("", "\"unreadable\":[\"elsewhere\"]"), "state.unreadable[0]: is not the key");
}

/* ---- the command ---- */

static char said[4000], complained[1000];

/* Runs 'berth plan --state FILE' with up to three words more on a file that holds 'text'. */
static int ask(const char *text, const char *word1, const char *word2, const char *word3)
{
    char path[] = "/tmp/berth-plan-XXXXXX";
    CLEANUP(closep) int fd = mkstemp(path);
    REQUIRE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    const char *words[] = {"plan", "--state", path, word1, word2, word3};
    char *argv[ARRAY_LEN(words)];
    int argc = 0;
    for (size_t i = 0; i < ARRAY_LEN(words) && words[i]; i++) {
        argv[argc++] = (char *)(uintptr_t)words[i];
    }
    FILE *out = fmemopen(said, sizeof(said), "w"),
         *err = fmemopen(complained, sizeof(complained), "w");
    REQUIRE(out && err);
    int r = plan_command_to(argc, argv, out, err);
    fclose(out);
    fclose(err);
    (void)unlink(path);
    return r;
}

#define NEEDS(count) "\"needs\":[{\"pool\":\"P\",\"count\":" count "}]"

/* v runs on a; w should run and does not; off is stopped. */
static const char small[] = FILE_OF(
    POOLS ",\"vms\":{\"v\":{\"desired\":\"started\"," NEEDS(
        "1") "},"
             "\"w\":{\"desired\":\"started\"," NEEDS("2") "},\"off\":{" NEEDS("1") "}}",
    INVENTORIES
    ",\"placements\":{\"v\":{\"phase\":\"start\",\"node\":\"a\",\"gpus\":[" HOLDS("1") "]}}");

TEST(without_a_question_what_waits_is_placed)
{
    CHECK_INT(ask(small, "-o", "json", NULL), EXIT_REFUSED);
    CHECK_HAS(said, "\"placements\": []");
    CHECK_HAS(said, "\"text\": \"1 of 2 GPUs free in P (needs 2; held by v)\"");
    CHECK_HAS(said, "\"text\": \"only 1 GPUs in P (needs 2)\"");
    CHECK_HAS(said, "\"proven\": true");
    CHECK_HAS(said, "\"survives_host_losses\": 1");
}

TEST(failing_a_node_restarts_its_vms)
{
    CHECK_INT(ask(small, "fail", "a", NULL), EXIT_OK);
    CHECK_HAS(said, "v   a     b   0000:01:00.0");
    CHECK_HAS(said, "survives the loss of 0 hosts");
}

TEST(draining_a_node_moves_its_vms)
{
    CHECK_INT(ask(small, "drain", "a", NULL), EXIT_OK);
    CHECK_HAS(said, "v   a     b");
}

TEST(starting_a_vm_places_it_alone)
{
    CHECK_INT(ask(small, "start", "off", NULL), EXIT_OK);
    CHECK_HAS(said, "off  -     ");
    CHECK(!strstr(said, "finds no place"));
}

TEST(what_the_file_does_not_have_cannot_be_asked_about)
{
    CHECK_INT(ask(small, "fail", "c", NULL), EXIT_NOT_FOUND);
    CHECK_HAS(complained, "the file has no node with an inventory c");
    CHECK_INT(ask(small, "start", "a", NULL), EXIT_NOT_FOUND);
    CHECK_HAS(complained, "the file has no VM a");
    CHECK_INT(ask(small, "fail", NULL, NULL), EXIT_USAGE);
    CHECK_INT(ask(small, "lose", "a", NULL), EXIT_USAGE);
}

/* w needs the two GPUs of a; 'more' is what else there is. */
#define W_AND(specs, state)                                                                        \
    FILE_OF(POOLS ",\"vms\":{\"w\":{" NEEDS("2") "}" specs "}", INVENTORIES state)

TEST(a_vm_that_moves_holds_both_of_its_places)
{
    static const char text[] =
        W_AND(",\"m\":{\"desired\":\"started\"," NEEDS("1") "}",
              ",\"placements\":{\"m\":{\"phase\":\"stop\",\"node\":\"b\",\"gpus\":[" HOLDS(
                  "1") "],\"next_node\":\"a\",\"next_gpus\":[" HOLDS("2") "]}}");
    CHECK_INT(ask(text, "start", "w", NULL), EXIT_REFUSED);
    CHECK_HAS(said, "a: 1 of 2 GPUs free in P (needs 2; held by m)");
}

TEST(a_removed_vm_that_still_stops_holds_its_gpus)
{
    static const char text[] = W_AND(
        "",
        ",\"placements\":{\"gone\":{\"phase\":\"stop\",\"node\":\"a\",\"gpus\":[" HOLDS("1") "]}}");
    CHECK_INT(ask(text, "start", "w", NULL), EXIT_REFUSED);
    CHECK_HAS(said, "held by gone, which was removed");
}

/* 63 characters, as long as a key or a value may be. */
#define LONG "k23456789012345678901234567890123456789012345678901234567890123"

TEST(labels_may_be_as_long_as_anywhere)
{
    static const char text[] = FILE_OF("\"nodes\":{\"b\":{\"labels\":{\"" LONG "\":\"" LONG "\"}}},"
                                       "\"vms\":{\"v\":{\"labels\":{\"" LONG "\":\"" LONG "\"}}}",
                                       INVENTORIES);
    CHECK_INT(ask(text, "start", "v", NULL), EXIT_OK);
    CHECK_HAS(said, "v   -     b");
}

TEST(vms_may_ask_for_any_number_of_labels)
{
    CLEANUP(buf_done) struct buf text = {0};
    buf_text(&text,
             "{\"schema\":2,\"configuration\":{\"nodes\":{\"b\":{\"labels\":{\"l99\":\"1\"}}}"
             ",\"vms\":{");
    for (int i = 0; i < 100; i++) {
        buf_printf(&text, "%s\"v%02d\":{\"labels\":{\"l%d\":\"1\"}}", i ? "," : "", i, i);
    }
    buf_text(&text, "}},\"state\":{" INVENTORIES "}}");
    CHECK_INT(ask(buf_str(&text), "start", "v99", NULL), EXIT_OK);
    CHECK_HAS(said, "v99  -     b");
    CHECK_INT(ask(buf_str(&text), "start", "v98", NULL), EXIT_REFUSED);
    CHECK_HAS(said, "a, b: has no label l98=1");
}

/* ---- GPUs on a fabric ---- */

#define ADDRESS(bus)    "\"0000:0" bus ":00.0\""
#define LOW_HALF        ADDRESS("1") "," ADDRESS("2") "," ADDRESS("3") "," ADDRESS("4")
#define HIGH_HALF       ADDRESS("5") "," ADDRESS("6") "," ADDRESS("7") "," ADDRESS("8")
#define SET(name, gpus) "{\"id\":\"" name "\",\"gpus\":[" gpus "]}"

/* A board of eight, of which the first GPU is taken, and that one of the second half which 'taken'
 * is. */
#define BOARD(taken)                                                                                                                                                                    \
    FILE_OF(                                                                                                                                                                            \
        "\"pools\":{\"P\":{\"members\":[" MEMBER("a", "1") "," MEMBER("a", "2") "," MEMBER("a", "3") "," MEMBER("a", "4") "," MEMBER(                                                   \
            "a",                                                                                                                                                                        \
            "5") "," MEMBER("a",                                                                                                                                                        \
                            "6") "," MEMBER("a",                                                                                                                                        \
                                            "7") "," MEMBER("a",                                                                                                                        \
                                                            "8") "]}},\"vms\":{\"u\":{" NEEDS("1") "},\"v\":{" NEEDS("1") "},\"train4\":{" NEEDS("4") "},\"train3\":{" NEEDS("3") "}}", \
        "\"inventories\":{\"a\":{\"gpus\":[" GPU("1") "," GPU("2") "," GPU("3") "," GPU("4") "," GPU("5") "," GPU("6") "," GPU(                                                         \
            "7") "," GPU("8") "],\"fabric\":true,"                                                                                                                                      \
                              "\"fabric_sets\":[" SET("0", LOW_HALF "," HIGH_HALF) "," SET("1", LOW_HALF) "," SET(                                                                      \
                                  "2",                                                                                                                                                  \
                                  HIGH_HALF) "]}},"                                                                                                                                     \
                                             "\"placements\":{\"u\":{\"phase\":\"start\",\"node\":\"a\",\"gpus\":[" HOLDS(                                                              \
                                                 "1") "]},\"v\":{\"phase\":\"start\",\"node\":\"a\",\"gpus\":[" HOLDS(taken) "]}}")

TEST(four_free_gpus_that_cannot_talk_are_no_place_for_a_vm_that_needs_four)
{
    static const char apart[] = BOARD("5"), near[] = BOARD("2");
    CHECK_INT(ask(apart, "start", "train4", NULL), EXIT_REFUSED);
    CHECK_HAS(said, "a: 6 GPUs free in P, but no 4 of them can talk to each other (2 such sets; "
                    "held by u and 1 more)");
    CHECK_INT(ask(near, "start", "train4", NULL), EXIT_OK);
    CHECK_HAS(said, "0000:05:00.0");
    CHECK_INT(ask(near, "start", "train3", NULL), EXIT_REFUSED);
    CHECK_HAS(said, "no 3 GPUs in P can talk to each other there");
}

/* ---- files of schema 1 ---- */

#define OLD(nodes, vms) "{\"schema\":1,\"nodes\":[" nodes "],\"vms\":[" vms "]}"
#define OLD_GPU(bus)    "{\"id\":\"0000:0" bus ":00.0\",\"pool\":\"P\",\"card\":" bus "}"
#define OLD_PAIR(name)  "{\"name\":\"" name "\",\"gpus\":[" OLD_GPU("1") "," OLD_GPU("2") "]}"

TEST(a_file_of_schema_1_is_planned_on_in_its_own_words)
{
    static const char counted[] =
        "{\"schema\":1,\"settings\":{\"reserve\":1},"
        "\"nodes\":[{\"name\":\"a\",\"pools\":{\"P\":1}},"
        "{\"name\":\"b\",\"pools\":{\"P\":2},\"labels\":{\"" LONG "\":\"" LONG "\"}},"
        "{\"name\":\"c\",\"pools\":{\"P\":2},\"mode\":\"down\"}],"
        "\"vms\":[{\"name\":\"v\",\"needs\":{\"P\":1},\"labels\":{\"" LONG "\":\"" LONG "\"}}]}";
    CHECK_INT(ask(counted, "start", "v", NULL), EXIT_OK);
    CHECK_HAS(said, "v   -     b");
    CHECK(!strstr(complained, "schema 1"));
    CHECK_INT(ask(counted, NULL, NULL, NULL),
              EXIT_OK); /* started, unless the file says otherwise */
    CHECK_HAS(said, "v   -     b");
    CHECK_HAS(said, "fewer than its reserve");
}

TEST(a_vm_of_schema_1_holds_the_gpus_that_it_names_or_as_many_as_it_needs)
{
    static const char named[] = OLD(OLD_PAIR("a") "," OLD_PAIR("b"),
                                    "{\"name\":\"any\",\"node\":\"a\",\"needs\":{\"P\":1}},"
                                    "{\"name\":\"v\",\"node\":\"a\",\"needs\":{\"P\":1},"
                                    "\"gpus\":[\"0000:01:00.0\"]},"
                                    "{\"name\":\"w\",\"needs\":{\"P\":1},\"desired\":\"stopped\"}");
    CHECK_INT(ask(named, "start", "w", NULL), EXIT_OK);
    CHECK_HAS(said, "w   -     b   0000:01:00.0");
    CHECK_INT(ask(named, "fail", "a", NULL), EXIT_OK);
    CHECK_HAS(said, "any  a     b   0000:0");
    CHECK_HAS(said, "v    a     b   0000:0");
}

TEST(rules_and_owners_of_schema_1_keep_their_meaning)
{
    static const char rules[] =
        OLD(OLD_PAIR("a") "," OLD_PAIR("b"),
            "{\"name\":\"u\",\"node\":\"a\"},"
            "{\"name\":\"apart\",\"anti_affinity\":[\"u\"],\"anti_affinity_enforced\":true},"
            "{\"name\":\"owned\",\"owners\":[\"b\"]},"
            "{\"name\":\"with\",\"affinity\":[\"u\"],\"affinity_enforced\":true}");
    CHECK_INT(ask(rules, "start", "apart", NULL), EXIT_OK);
    CHECK_HAS(said, "-     b");
    CHECK_INT(ask(rules, "start", "owned", NULL), EXIT_OK);
    CHECK_HAS(said, "-     b");
    CHECK_INT(ask(rules, "start", "with", NULL), EXIT_OK);
    CHECK_HAS(said, "-     a");
}

/* It may have been written while a VM moved: then some GPU is taken that looks free. */
TEST(what_is_planned_on_an_export_of_schema_1_cannot_be_relied_on)
{
    static const char exported[] = "{\"schema\":1,\"nodes\":[" OLD_PAIR(
        "a") "],"
             "\"vms\":[{\"name\":\"w\",\"needs\":{\"P\":2},\"desired\":\"stopped\"}],"
             "\"configuration\":{\"cluster\":{},\"vms\":{}}}";
    CHECK_INT(ask(exported, "start", "w", NULL), EXIT_REFUSED);
    CHECK_HAS(said, "w   -     a");
    CHECK_HAS(complained, "does not say where a moving VM goes");
}

TEST(a_file_of_schema_1_that_makes_no_sense_is_refused)
{
    REFUSED(OLD("{\"pools\":{\"P\":1}}", ""), "node : a name is missing");
    REFUSED(OLD("{\"name\":\"a\"},{\"name\":\"a\"}", ""), "node a: it is there twice");
    REFUSED(OLD("{\"name\":\"a\",\"pools\":[]}", ""), "node a: its pools are an object");
    REFUSED(OLD("{\"name\":\"a\",\"pools\":{\"P\":100000}}", ""), "node a: the count of a pool");
    REFUSED(OLD("{\"name\":\"a\",\"gpus\":[{\"id\":\"x\"}]}", ""), "node a: one of its GPUs");
    REFUSED(OLD("{\"name\":\"a\",\"gpus\":[{\"pool\":\"P\",\"partition\":true}]}", ""),
            "node a: partitions are not read");
    REFUSED(OLD("{\"name\":\"a\",\"colour\":1}", ""), "configuration.nodes.a.colour: there is");
    REFUSED(OLD("{\"name\":\"a\",\"mode\":\"gone\"}", ""), "configuration.nodes.a.mode: ");
    REFUSED(OLD("", "{\"name\":\"v\",\"needs\":[]}"), "VM v: its needs are an object");
    REFUSED(OLD("", "{\"name\":\"v\",\"needs\":{\"P\":\"x\"}}"), "configuration.vms.v.needs");
    REFUSED(OLD("", "{\"name\":\"v\",\"node\":\"a\"}"), "VM v: there is no node");
    REFUSED(OLD(OLD_PAIR("a"), "{\"name\":\"v\",\"node\":\"a\",\"gpus\":[\"x\"]}"),
            "VM v: its node has no such GPU");
    REFUSED(OLD(OLD_PAIR("a"), "{\"name\":\"v\",\"node\":\"a\",\"needs\":{\"P\":3}}"),
            "VM v: its node has no such GPU");
    REFUSED("{\"schema\":1,\"nodes\":{}}", "the nodes of schema 1 are a list");
    REFUSED("{\"schema\":1,\"hosts\":[]}", "hosts: there is no such field");
}
