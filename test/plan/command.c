/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berth plan --state: files that are read and refused, and the answers. */
#include "test/test.h"

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/plan_command.h"
#include "wire/state.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- files ---- */

static struct error fault;

static int read_text(const char *text)
{
    struct state state;
    int r = state_read(text, strlen(text), &state, &fault);
    state_done(&state);
    return r;
}

#define REFUSED(document, why)                                                                     \
    do {                                                                                           \
        CHECK_INT(read_text(document), -EBADMSG);                                                  \
        CHECK_HAS(fault.text, why);                                                                \
    } while (0)

#define NODES                                                                                      \
    "\"nodes\":[{\"name\":\"a\",\"pools\":{\"P\":2}},{\"name\":\"b\",\"pools\":{\"P\":1}}]"

TEST(a_state_is_read_with_nodes_and_vms_in_the_order_of_their_names)
{
    static const char text[] =
        "{\"schema\":1,\"nodes\":[{\"name\":\"b\",\"cpus\":4,\"memory_mib\":100,\"mode\":"
        "\"paused\","
        "\"labels\":{\"rack\":\"r1\"}},{\"name\":\"a\",\"pools\":{\"P\":1},\"gpus\":[{\"id\":\"x\","
        "\"pool\":\"Q\",\"card\":7,\"numa\":1,\"quarantined\":true}]}],"
        "\"vms\":[{\"name\":\"w\",\"needs\":{\"Q\":1},\"node\":\"a\",\"gpus\":[\"x\"],"
        "\"anti_affinity\":[\"v\"],\"anti_affinity_enforced\":true,\"owners\":[\"b\",\"a\"],"
        "\"priority\":3000},{\"name\":\"v\",\"desired\":\"stopped\",\"cpus\":2}],"
        "\"settings\":{\"reserve\":2,\"reserve_policy\":\"refuse\",\"preemption\":true}}";
    struct state state;
    REQUIRE(state_read(text, strlen(text), &state, &fault) == 0);
    CHECK_STR(state.nodes.items[0].name, "a");
    CHECK_INT(state.nodes.items[0].gpus.len, 2);
    CHECK(state.nodes.items[0].gpus.items[1].is_quarantined);
    CHECK_INT(state.nodes.items[0].gpus.items[1].numa, 1);
    CHECK_INT(state.nodes.items[1].mode, STATE_PAUSED);
    CHECK_STR(state.nodes.items[1].labels.items[0].value, "r1");
    const struct state_vm *w = &state.vms.items[1];
    CHECK(!state.vms.items[0].is_desired && w->is_desired);
    CHECK_INT(w->gpus.items[0], 1);
    CHECK_INT(w->apart.items[0], 0);
    CHECK(w->is_apart_enforced && !w->is_together_enforced);
    CHECK_INT(w->owners.items[0], 1);
    CHECK_INT(w->priority, 3000);
    CHECK_INT(state.vms.items[0].priority, 2000);
    CHECK_INT(state.reserve, 2);
    CHECK_INT(state.reserve_policy, RESERVE_REFUSE);
    CHECK(state.preemption);
    state_done(&state);
}

TEST(a_file_that_is_no_json_is_refused_with_its_line)
{
    REFUSED("{\"schema\":1,\n\"nodes\":[}", "line 2, column 10: ");
    REFUSED("", "line 1");
    REFUSED("[1]", "document: is not an object");
}

TEST(a_wrong_field_is_refused_with_its_path)
{
    REFUSED("{" NODES "}", "schema: is not 1");
    REFUSED("{\"schema\":2," NODES "}", "schema: is not 1");
    REFUSED("{\"schema\":1,\"hosts\":[]}", "hosts: is no field of the format");
    REFUSED("{\"schema\":1,\"nodes\":[{\"name\":\"a\"},{\"cpus\":1}]}",
            "nodes[1].name: is missing");
    REFUSED("{\"schema\":1,\"nodes\":[{\"name\":\"a\",\"cpus\":-1}]}", "nodes[0].cpus: is not a");
    REFUSED("{\"schema\":1,\"nodes\":[{\"name\":\"a\",\"mode\":\"up\"}]}",
            "nodes[0].mode: is none of");
    REFUSED("{\"schema\":1,\"nodes\":[{\"name\":\"a\"},{\"name\":\"a\"}]}",
            "nodes: \"a\" is there twice");
    REFUSED("{\"schema\":1," NODES ",\"vms\":[{\"name\":\"v\",\"needs\":{\"P\":17}}]}",
            "vms[0].needs.P: is not a whole number from 0 to 16");
    REFUSED("{\"schema\":1," NODES ",\"vms\":[{\"name\":\"v\",\"needs\":{\"P\":9,\"Q\":9}}]}",
            "vms[0].needs: are more than 16 GPUs");
    REFUSED("{\"schema\":1," NODES ",\"vms\":[{\"name\":\"v\",\"node\":\"c\"}]}",
            "vms[0].node: there is no \"c\"");
    REFUSED("{\"schema\":1," NODES ",\"vms\":[{\"name\":\"v\",\"affinity\":[\"w\"]}]}",
            "vms[0].affinity: there is no \"w\"");
    REFUSED("{\"schema\":1," NODES ",\"vms\":[{\"name\":\"v\",\"node\":\"a\",\"gpus\":[\"x\"]}]}",
            "vms[0].gpus: a has no \"x\"");
    REFUSED("{\"schema\":1,\"settings\":{\"reserve\":\"1\"}}", "reserve: is not a whole number");
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

static const char small[] = "{\"schema\":1," NODES ",\"vms\":["
                            "{\"name\":\"v\",\"needs\":{\"P\":1},\"node\":\"a\"},"
                            "{\"name\":\"w\",\"needs\":{\"P\":2}},"
                            "{\"name\":\"off\",\"needs\":{\"P\":1},\"desired\":\"stopped\"}]}";

TEST(without_a_question_what_waits_is_placed)
{
    CHECK_INT(ask(small, "-o", "json", NULL), EXIT_REFUSED);
    CHECK_HAS(said, "\"placements\": {}");
    CHECK_HAS(said, "\"reason\": \"needs 2: 1 of 2 GPUs free in P, held by v\"");
    CHECK_HAS(said, "\"reason\": \"needs 2: has only 1 GPUs in P\"");
    CHECK_HAS(said, "\"proven\": true");
    CHECK_HAS(said, "\"survives_host_losses\": 1");
}

TEST(failing_a_node_restarts_its_vms_and_moves_nobody)
{
    CHECK_INT(ask(small, "fail", "a", NULL), EXIT_REFUSED);
    CHECK_HAS(said, "v   -     b");
    CHECK_HAS(said, "w finds no place:\n  a: down\n  b: needs 2: has only 1 GPUs in P\n");
    CHECK_HAS(said, "survives the loss of 0 hosts");
}

TEST(draining_a_node_moves_its_vms)
{
    CHECK_INT(ask(small, "drain", "a", NULL), EXIT_REFUSED);
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
    CHECK_HAS(complained, "the file has no node c");
    CHECK_INT(ask(small, "start", "a", NULL), EXIT_NOT_FOUND);
    CHECK_HAS(complained, "the file has no VM a");
    CHECK_INT(ask(small, "fail", NULL, NULL), EXIT_USAGE);
    CHECK_INT(ask(small, "lose", "a", NULL), EXIT_USAGE);
}

TEST(more_vms_on_a_node_than_it_has_gpus_are_refused)
{
    CHECK_INT(ask("{\"schema\":1," NODES
                  ",\"vms\":[{\"name\":\"v\",\"needs\":{\"P\":1},\"node\":\"b\"},"
                  "{\"name\":\"w\",\"needs\":{\"P\":1},\"node\":\"b\"}]}",
                  NULL, NULL, NULL),
              EXIT_REFUSED);
    CHECK_HAS(complained, "VM w: runs on b, which has no GPUs left for it");
}
