/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a host finds out about itself: real files, a fence agent that is a script, played writes. */
#include "test/test.h"

#include "base/cleanup.h"
#include "http/certificate.h"
#include "model/move.h"
#include "run/examine.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct stage {
    bool is_store_open;
    msec_t look_ms;
    uint64_t space_least_bytes;
    char folder[64];
    sd_event *event;
    struct world world;
    struct examine *examine;
    int changes;
    const struct watchdog_config *watchdog;
    char certificate[100], key[100]; /* "": none */
    const char *migration_address;
};

static const struct world *world_of(void *userdata)
{
    return &((struct stage *)userdata)->world;
}

static void on_change(void *userdata)
{
    ((struct stage *)userdata)->changes++;
}

static void stage_init(struct stage *stage)
{
    *stage = (struct stage){.folder = "/tmp/berth-examine-XXXXXX", .look_ms = 50};
    REQUIRE(mkdtemp(stage->folder));
    REQUIRE(sd_event_new(&stage->event) >= 0);
}

static void stage_open(struct stage *stage, size_t endpoints)
{
    static const struct examine_callbacks callbacks = {world_of, on_change, NULL};
    struct examine_config config = {.etcd_endpoint_len = endpoints,
                                    .fence_directory = stage->folder,
                                    .look_ms = stage->look_ms,
                                    .tell_ms = 10,
                                    .watchdog = stage->watchdog,
                                    .certificate = stage->certificate,
                                    .key = stage->key,
                                    .migration_address = stage->migration_address,
                                    .root = stage->folder,
                                    .is_store_open = stage->is_store_open,
                                    .space_least_bytes = stage->space_least_bytes};
    struct error err = {0};
    strcpy(config.node, "node2");
    REQUIRE(examine_new(stage->event, &config, &callbacks, stage, &stage->examine, &err) == 0);
}

static void stage_done(struct stage *stage)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", stage->folder);
    (void)!system(command); /* a test may */
    stage->examine = examine_free(stage->examine);
    world_done(&stage->world);
    sd_event_unref(stage->event);
}

static void put(struct stage *stage, struct record *record)
{
    record->revision = ++stage->world.revision;
    REQUIRE(world_put(&stage->world, record));
    record_unref(record);
}

/* A VM with one disk at 'path'; the XML element 'more' in it. */
static void add_vm(struct stage *stage, const char *name, const char *path, const char *more,
                   const char *owner)
{
    char xml[600];
    struct record *record = record_new(RECORD_VM_SPEC, name, NULL);
    (void)snprintf(xml, sizeof(xml),
                   "<domain type='kvm'><name>x</name><devices><disk type='file'><source "
                   "file='%s'/>%s</disk></devices></domain>",
                   path, more);
    record->vm_spec->xml = strdup(xml);
    if (owner) {
        strcpy(VEC_ADD(&record->vm_spec->possible_owners)->name, owner);
    }
    put(stage, record);
}

static void add_node(struct stage *stage, const char *name, const char *agent)
{
    struct record *record = record_new(RECORD_NODE_SPEC, name, NULL);
    record->node_spec->fencing = FENCING_POWER;
    strcpy(record->node_spec->fence_agent, agent);
    put(stage, record);
}

static bool has(struct stage *stage, const char *name)
{
    struct node_inventory inventory = {0};
    bool is_there = false;
    REQUIRE(examine_add(stage->examine, &inventory));
    VEC_EACH(&inventory.checks, check) {
        is_there |= strcmp(check->name, name) == 0;
    }
    VEC_DONE(&inventory.checks);
    return is_there;
}

/* The check 'name' whose detail holds 'words', once it is there; waits for it. */
static struct node_check await(struct stage *stage, const char *name, const char *words)
{
    for (int turns = 0; turns < 2000; turns++) {
        struct node_inventory inventory = {0};
        struct node_check found = {0};
        REQUIRE(examine_add(stage->examine, &inventory));
        VEC_EACH(&inventory.checks, check) {
            if (strcmp(check->name, name) == 0 && strstr(check->detail, words)) {
                found = *check;
            }
        }
        VEC_DONE(&inventory.checks);
        if (found.name[0]) {
            return found;
        }
        REQUIRE(sd_event_run(stage->event, 50 * 1000) >= 0);
    }
    test_fail(__FILE__, __LINE__, "no check %s with \"%s\"", name, words);
    return (struct node_check){0};
}

TEST(disks_that_are_missing_or_of_this_host_alone_are_named)
{
    struct stage stage;
    char path[100];
    stage_init(&stage);
    (void)snprintf(path, sizeof(path), "%s/disk", stage.folder);
    add_vm(&stage, "gone", path, "", NULL);
    add_vm(&stage, "elsewhere", path, "", "node9");
    stage_open(&stage, 3);
    struct node_check check = await(&stage, "disks", "of 1 files and disks of the 1 VMs");
    CHECK(!check.is_ok && !check.is_advice);
    CHECK_INT(check.vm_len, 1);
    CHECK_HAS(check.detail, "missing 1,");
    check = await(&stage, "disks", "gone: ");
    CHECK(!check.is_ok && !check.is_advice);
    CHECK_HAS(check.detail, "No such file");
    CHECK(stage.changes > 0);

    /* A change of a VM is looked at at once: now it is there, on whatever /tmp is. */
    FILE *file = fopen(path, "we");
    REQUIRE(file && fclose(file) == 0);
    add_vm(&stage, "gone", path, "<readonly/>", NULL);
    CHECK(await(&stage, "disks", "all 1 files and disks of the 1 VMs").is_ok);
    world_remove(&stage.world, &(struct record_key){RECORD_VM_SPEC, "gone", ""},
                 ++stage.world.revision);
    CHECK(await(&stage, "disks", "all 0 files and disks of the 0 VMs").is_ok);
    stage_done(&stage);
}

TEST(the_next_node_s_fence_agent_is_tried)
{
    struct stage stage;
    char path[100];
    stage_init(&stage);
    (void)snprintf(path, sizeof(path), "%s/fence_good", stage.folder);
    FILE *file = fopen(path, "we");
    REQUIRE(file);
    fprintf(file, "#!/bin/sh\ncat >/dev/null\necho '<resource-agent/>'\nexit 0\n");
    REQUIRE(fclose(file) == 0 && chmod(path, 0755) == 0 && chmod(stage.folder, 0755) == 0);
    add_node(&stage, "node2", "fence_self");
    stage_open(&stage, 3);
    (void)await(&stage, "clock", ""); /* one look at least; no one asks about itself */
    CHECK(!has(&stage, "fencing"));
    add_node(&stage, "node1", "fence_good");
    add_node(&stage, "node3", "fence_absent");
    struct node_check check = await(&stage, "fencing", "the fence agent of node3, asked from here");
    CHECK(!check.is_ok && !check.is_advice);
    CHECK_HAS(check.detail, "fence_absent");
    CHECK_STR(check.subject, "node3");
    world_remove(&stage.world, &(struct record_key){RECORD_NODE_SPEC, "node3", ""},
                 ++stage.world.revision);
    add_node(&stage, "node1", "fence_good");
    CHECK(await(&stage, "fencing", "the fence agent of node1 answers").is_ok);
    stage_done(&stage);
}

/* An agent that says on, or fails, as its name has it. */
static void add_agent(struct stage *stage, const char *name, const char *body)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", stage->folder, name);
    FILE *file = fopen(path, "w");
    REQUIRE(file);
    (void)fprintf(file,
                  "#!/bin/sh\nread -r action\ncat > /dev/null\n"
                  "[ $action = action=metadata ] && { echo '<resource-agent/>'; exit 0; }\n%s\n",
                  body);
    REQUIRE(fclose(file) == 0 && chmod(path, 0755) == 0 && chmod(stage->folder, 0755) == 0);
}

TEST(each_level_of_the_next_node_s_fencing_is_asked_and_the_first_that_fails_is_reported)
{
    struct stage stage;
    stage_init(&stage);
    add_agent(&stage, "fence_bmc", "exit 0");
    add_agent(&stage, "fence_pdu", "echo cannot log in >&2; exit 1");
    add_agent(&stage, "fence_pdu2", "echo gone away >&2; exit 1");
    add_node(&stage, "node3", "fence_bmc");
    struct node_spec *spec = world_find(&stage.world, RECORD_NODE_SPEC, "node3")->node_spec;
    strcpy(spec->fence_more[0].agent, "fence_pdu");
    strcpy(spec->fence_more[1].agent, "fence_pdu2");
    stage_open(&stage, 3);
    struct node_check check = await(&stage, "fencing", "node3 at level 2, asked from here");
    CHECK(!check.is_ok);
    CHECK_HAS(check.detail, "cannot log in");
    add_agent(&stage, "fence_pdu", "exit 0");
    add_agent(&stage, "fence_pdu2", "exit 0");
    struct record *again = record_copy(world_find(&stage.world, RECORD_NODE_SPEC, "node3"));
    put(&stage, again);
    CHECK(await(&stage, "fencing", "every fence agent of node3 answers").is_ok);
    stage_done(&stage);
}

/* The result for node3 once it answers the order 'asked'; waits for it. */
static struct fence_test_result await_test(struct stage *stage, revision_t asked)
{
    for (int turns = 0; turns < 2000; turns++) {
        struct node_inventory inventory = {0};
        struct fence_test_result found = {0};
        REQUIRE(examine_add(stage->examine, &inventory));
        VEC_EACH(&inventory.fence_tests, result) {
            if (strcmp(result->node, "node3") == 0 && result->asked == asked) {
                found = *result;
            }
        }
        VEC_DONE(&inventory.checks);
        VEC_DONE(&inventory.fence_tests);
        if (found.node[0]) {
            return found;
        }
        REQUIRE(sd_event_run(stage->event, 50 * 1000) >= 0);
    }
    test_fail(__FILE__, __LINE__, "the fence agents of node3 were not tested");
    return (struct fence_test_result){0};
}

static revision_t order_test(struct stage *stage, const char *node, const char *by)
{
    struct record *order = record_new(RECORD_FENCE_TEST, node, NULL);
    strcpy(order->fence_test->by, by);
    put(stage, order);
    return stage->world.revision;
}

TEST(a_test_asks_every_level_for_the_status_and_none_for_more)
{
    struct stage stage;
    char path[128], actions[200] = "";
    stage_init(&stage);
    add_agent(&stage, "fence_bmc", "echo $action >> ${0%/*}/actions; exit 0");
    add_agent(&stage, "fence_pdu", "echo $action >> ${0%/*}/actions; echo no route >&2; exit 1");
    add_agent(&stage, "fence_plug", "echo $action >> ${0%/*}/actions; exit 2");
    (void)snprintf(path, sizeof(path), "%s/actions", stage.folder);
    FILE *file = fopen(path, "we"); /* agents may run as another user */
    REQUIRE(file && fclose(file) == 0 && chmod(path, 0666) == 0);
    add_node(&stage, "node3", "fence_bmc");
    struct node_spec *spec = world_find(&stage.world, RECORD_NODE_SPEC, "node3")->node_spec;
    strcpy(spec->fence_more[0].agent, "fence_pdu");
    strcpy(spec->fence_more[1].agent, "fence_plug");
    stage.look_ms = 3600 * 1000;
    stage_open(&stage, 3);
    (void)await(&stage, "fencing", "at level 2"); /* the look of the beginning */
    (void)order_test(&stage, "node1", "node2");   /* which no one knows */
    (void)order_test(&stage, "node3", "node9");   /* not ours */
    revision_t asked = order_test(&stage, "node3", "node2");
    struct fence_test_result result = await_test(&stage, asked);
    CHECK_INT(result.level_len, 3);
    CHECK_INT(result.spec, world_find(&stage.world, RECORD_NODE_SPEC, "node3")->revision);
    CHECK_STR(result.levels[0].agent, "fence_bmc");
    CHECK_INT(result.levels[0].state, FENCE_TEST_ON);
    CHECK_INT(result.levels[1].state, FENCE_TEST_FAILED);
    CHECK_HAS(result.levels[1].text, "no route");
    CHECK_INT(result.levels[2].state, FENCE_TEST_OFF);

    /* Again when it is ordered again; not when it is someone else's. */
    add_agent(&stage, "fence_pdu", "echo $action >> ${0%/*}/actions; exit 0");
    asked = order_test(&stage, "node3", "node2");
    CHECK_INT(await_test(&stage, asked).levels[1].state, FENCE_TEST_ON);
    int changes = stage.changes;
    (void)order_test(&stage, "node3", "node9");
    while (stage.changes == changes) {
        REQUIRE(sd_event_run(stage.event, 50 * 1000) >= 0);
    }
    struct node_inventory inventory = {0};
    REQUIRE(examine_add(stage.examine, &inventory));
    CHECK_INT(inventory.fence_tests.len, 0);
    VEC_DONE(&inventory.checks);
    file = fopen(path, "re");
    REQUIRE(file);
    (void)!fread(actions, 1, sizeof(actions) - 1, file);
    (void)fclose(file);
    for (char *line = strtok(actions, "\n"); line; line = strtok(NULL, "\n")) {
        CHECK_STR(line, "action=status");
    }
    stage_done(&stage);
}

static size_t results_len(struct stage *stage, const char *node)
{
    struct node_inventory inventory = {0};
    size_t len = 0;
    REQUIRE(examine_add(stage->examine, &inventory));
    VEC_EACH(&inventory.fence_tests, result) {
        len += !node || strcmp(result->node, node) == 0;
    }
    VEC_DONE(&inventory.checks);
    VEC_DONE(&inventory.fence_tests);
    return len;
}

TEST(the_newest_tests_are_asked_and_kept_and_none_that_was_there_before)
{
    struct stage stage;
    char name[32];
    stage_init(&stage);
    add_agent(&stage, "fence_bmc", "exit 0");
    add_node(&stage, "node3", "fence_bmc");
    add_node(&stage, "old", "fence_bmc");
    (void)order_test(&stage, "old", "node2");
    stage.look_ms = 3600 * 1000;
    stage_open(&stage, 3);
    (void)await(&stage, CHECK_SPACE, "has room");
    (void)await_test(&stage, order_test(&stage, "node3", "node2"));
    CHECK_INT(results_len(&stage, NULL), 1);
    for (int i = 0; i < fence_tests_max; i++) {
        (void)snprintf(name, sizeof(name), "many%d", i);
        add_node(&stage, name, "fence_bmc");
        (void)order_test(&stage, name, "node2");
    }
    while (results_len(&stage, NULL) < fence_tests_max) {
        REQUIRE(sd_event_run(stage.event, 50 * 1000) >= 0);
    }
    CHECK_INT(results_len(&stage, "node3"), 0);
    CHECK_INT(results_len(&stage, "old"), 0);
    (void)await_test(&stage, order_test(&stage, "node3", "node2"));
    CHECK_INT(results_len(&stage, NULL), fence_tests_max);
    CHECK_INT(results_len(&stage, "many0"), 0);
    stage_done(&stage);
}

TEST(a_watchdog_that_cannot_be_stopped_is_reported)
{
    struct stage stage;
    char command[400];
    struct watchdog_config watchdog = {.device = "/dev/watchdog0"};
    stage_init(&stage);
    (void)snprintf(watchdog.root, sizeof(watchdog.root), "%s/root", stage.folder);
    (void)snprintf(command, sizeof(command),
                   "mkdir -p %s/sys/class/watchdog/watchdog0 %s/dev && touch %s/dev/watchdog0 && "
                   "cd %s/sys/class/watchdog/watchdog0 && echo 1 > nowayout && "
                   "echo 'i6300ESB timer' > identity && echo inactive > state",
                   watchdog.root, watchdog.root, watchdog.root, watchdog.root);
    REQUIRE(system(command) == 0);
    stage.watchdog = &watchdog;
    stage_open(&stage, 3);
    struct node_check check = await(&stage, "nowayout", "stopping berthd resets this host");
    CHECK(!check.is_ok && check.is_advice);
    CHECK_HAS(check.detail, "i6300ESB timer");
    stage_done(&stage);
}

TEST(an_open_store_is_no_advice_but_a_failure)
{
    struct stage stage;
    stage_init(&stage);
    stage.is_store_open = true;
    stage_open(&stage, 3);
    struct node_check check = await(&stage, "store", "the store is not protected");
    CHECK(!check.is_ok && !check.is_advice);
    stage_done(&stage);
}

TEST(slow_writes_and_a_single_member_are_reported)
{
    struct stage stage;
    stage_init(&stage);
    stage_open(&stage, 1);
    for (uint64_t id = 1; id <= 3; id++) {
        examine_write_begun(stage.examine, id, 1000);
        examine_write_ended(stage.examine, id, id == 3 ? 1320 : 1003);
    }
    examine_write_ended(stage.examine, 77, 5000); /* of before */
    struct node_check check = await(&stage, "store", "takes 200 ms, the slowest 500 ms or less");
    CHECK(!check.is_ok && check.is_advice);
    check = await(&stage, "store", "one member of etcd");
    CHECK(!check.is_ok && check.is_advice);
    CHECK(await(&stage, "clock", "").name[0]);
    stage_done(&stage);
}

TEST(a_full_disk_is_reported_so_that_no_vm_is_started_here)
{
    struct stage stage;
    const char *detail = "";
    stage_init(&stage);
    stage_open(&stage, 3);
    CHECK(await(&stage, CHECK_SPACE, "has room").is_ok);
    stage_done(&stage);

    stage_init(&stage);
    stage.space_least_bytes = UINT64_MAX;
    stage_open(&stage, 3);
    struct node_check check = await(&stage, CHECK_SPACE, "full at ");
    CHECK(!check.is_ok && !check.is_advice);

    /* What is decided on it. */
    struct record *inventory = record_new(RECORD_NODE_INVENTORY, "node1", NULL);
    *VEC_ADD(&inventory->inventory->checks) = check;
    CHECK(world_has_space(&stage.world, "node1", NULL)); /* not known: as it was before */
    put(&stage, inventory);
    CHECK(!world_has_space(&stage.world, "node1", &detail));
    CHECK_HAS(detail, "make room");
    stage_done(&stage);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    REQUIRE(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* What is told of a certificate that is valid for so many days. */
static struct node_check told_of(int days, const char *words)
{
    struct stage stage;
    char *certificate, *key;
    struct error err;
    const struct certificate_order order = {
        .organization = "Host", .is_client = true, .days = days};
    stage_init(&stage);
    REQUIRE(certificate_issue(&order, &certificate, &key, &err) == 0);
    (void)snprintf(stage.certificate, sizeof(stage.certificate), "%s/client.pem", stage.folder);
    (void)snprintf(stage.key, sizeof(stage.key), "%s/client-key.pem", stage.folder);
    write_text(stage.certificate, certificate);
    write_text(stage.key, key);
    free(certificate);
    free(key);
    stage_open(&stage, 3);
    struct node_check check = await(&stage, "certificate", words);
    stage_done(&stage);
    return check;
}

TEST(a_certificate_that_no_one_renews_is_reported_in_time)
{
    CHECK(told_of(90, "is valid until").is_ok);
    struct node_check check = told_of(40, "should have been renewed");
    CHECK(!check.is_ok && check.is_advice);
    check = told_of(5, "should have been renewed");
    CHECK(!check.is_ok && !check.is_advice);
    check = told_of(-1, "is not valid");
    CHECK(!check.is_ok && !check.is_advice);
    struct stage stage;
    stage_init(&stage);
    strcpy(stage.certificate, "/nonexistent/client.pem");
    strcpy(stage.key, "/nonexistent/client-key.pem");
    stage_open(&stage, 3);
    CHECK(!await(&stage, "certificate", "cannot be used: /nonexistent/client.pem").is_ok);
    stage_done(&stage);
    stage_init(&stage);
    stage_open(&stage, 3);
    CHECK(await(&stage, CHECK_SPACE, "has room").is_ok);
    CHECK(!has(&stage, "certificate")); /* a store without TLS */
    stage_done(&stage);
}

static void lay_down(const struct stage *stage, const char *path, const char *text, mode_t mode)
{
    char full[200], command[300];
    (void)snprintf(full, sizeof(full), "%s%s", stage->folder, path);
    (void)snprintf(command, sizeof(command), "mkdir -p $(dirname %s)", full);
    (void)!system(command); /* a test may */
    (void)unlink(full);
    write_text(full, text);
    REQUIRE(chmod(full, mode) == 0);
}

/* Certificates for 'name', which end in so many days, of an authority of their own. */
static void lay_down_all(const struct stage *stage, const struct move_pki *pki, const char *name,
                         int days, mode_t mode)
{
    char *ca, *ca_key, *certificate, *key;
    struct error err;
    const struct certificate_order authority = {
        .common_name = "moves", .is_authority = true, .days = 1000};
    REQUIRE(certificate_issue(&authority, &ca, &ca_key, &err) == 0);
    const struct certificate_order order = {.organization = "Host",
                                            .names = &name,
                                            .name_len = 1,
                                            .is_client = true,
                                            .is_server = true,
                                            .days = days,
                                            .authority = ca,
                                            .authority_key = ca_key};
    REQUIRE(certificate_issue(&order, &certificate, &key, &err) == 0);
    lay_down(stage, pki->ca, ca, 0644);
    for (size_t i = 0; i < 2; i++) {
        lay_down(stage, pki->certificates[i], certificate, 0644);
        lay_down(stage, pki->keys[i], key, mode);
    }
    free(ca);
    free(ca_key);
    free(certificate);
    free(key);
}

#define MOVES "move-certificates"

TEST(what_a_host_lacks_for_running_vms_to_come_is_advice)
{
    struct stage stage;
    char path[200];
    stage_init(&stage);
    stage.look_ms = 10;
    stage.migration_address = "qemu+tls://host2.example/system tcp://[fd00::2]:0";
    stage_open(&stage, 3);
    struct node_check check = await(&stage, MOVES, "/etc/pki/CA/cacert.pem: No such file");
    CHECK(!check.is_ok && check.is_advice);
    lay_down_all(&stage, &move_pki_libvirt, "other.example", 300, 0600);
    CHECK(!await(&stage, MOVES, "servercert.pem is not for host2.example").is_ok);
    lay_down_all(&stage, &move_pki_libvirt, "host2.example", 300, 0640);
    CHECK(!await(&stage, MOVES, "serverkey.pem can be read by others").is_ok);
    lay_down_all(&stage, &move_pki_libvirt, "host2.example", 300, 0600);
    CHECK(!await(&stage, MOVES, "/etc/pki/qemu/ca-cert.pem: No such file").is_ok);
    lay_down_all(&stage, &move_pki_qemu, "fd00::2", 300, 0640);
    CHECK(await(&stage, MOVES, "move here are valid until").is_ok);
    lay_down(&stage, "/etc/pki/libvirt/clientcert.pem", "nonsense", 0644);
    CHECK(!await(&stage, MOVES, "clientcert.pem: the certificate cannot be read").is_ok);
    lay_down_all(&stage, &move_pki_libvirt, "host2.example", 300, 0600);
    CHECK(await(&stage, MOVES, "move here are valid until").is_ok);
    (void)snprintf(path, sizeof(path), "%s%s", stage.folder, move_pki_qemu.ca);
    REQUIRE(unlink(path) == 0);
    CHECK(!await(&stage, MOVES, "ca-cert.pem: No such file").is_ok);
    lay_down(&stage, "/etc/libvirt/qemu.conf", " migrate_tls_x509_cert_dir = \"/mine\"\n", 0644);
    CHECK(await(&stage, MOVES, "move here are valid until").is_ok);
    lay_down_all(&stage, &move_pki_libvirt, "host2.example", 40, 0600);
    check = await(&stage, MOVES, ": run berth cluster refresh there");
    CHECK(!check.is_ok && check.is_advice);
    stage_done(&stage);
}

/* Authorities of the store, of one key; the one that libvirt trusts may be a copy or another. */
TEST(that_libvirt_trusts_the_certificates_of_the_store_is_a_failure)
{
    struct stage stage;
    char *ca, *key, *again, *moves, *same;
    char both[8000];
    struct error err;
    struct certificate_order order = {
        .common_name = "Berth cluster authority", .is_authority = true, .days = 1000};
    REQUIRE(certificate_issue(&order, &ca, &key, &err) == 0);
    order.own_key = key;
    order.days = 900;
    REQUIRE(certificate_issue(&order, &again, &same, &err) == 0);
    free(same);
    order.common_name = move_pki_libvirt.authority;
    REQUIRE(certificate_issue(&order, &moves, &same, &err) == 0);
    free(same);
    (void)snprintf(both, sizeof(both), "%s%s", moves, again);
    const char *const trusted[] = {ca, again, both, moves};
    for (size_t i = 0; i < ARRAY_LEN(trusted); i++) {
        stage_init(&stage);
        lay_down(&stage, "/etc/berth/cluster/ca.pem", ca, 0644);
        lay_down(&stage, move_pki_libvirt.ca, trusted[i], 0644);
        stage_open(&stage, 3);
        if (i + 1 < ARRAY_LEN(trusted)) {
            struct node_check check = await(&stage, MOVES, "trusts the authority of the store");
            CHECK(!check.is_ok && !check.is_advice);
        } else {
            CHECK(await(&stage, CHECK_SPACE, "has room").is_ok);
            CHECK(!has(&stage, MOVES));
        }
        stage_done(&stage);
    }
    free(ca);
    free(key);
    free(again);
    free(moves);
}

TEST(certificates_elsewhere_and_none_at_all_are_not_looked_at)
{
    static const char *const addresses[] = {"", "qemu+tls://host2/system?pkipath=/mine",
                                            "qemu+tcp://host2/system unencrypted"};
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct stage stage;
        stage_init(&stage);
        stage.migration_address = addresses[i];
        stage_open(&stage, 3);
        CHECK(await(&stage, CHECK_SPACE, "has room").is_ok);
        CHECK(!has(&stage, MOVES));
        stage_done(&stage);
    }
}

TEST(what_a_look_found_is_reported_long_before_the_next)
{
    struct stage stage;
    stage_init(&stage);
    stage.look_ms = INT32_MAX;
    stage_open(&stage, 3);
    CHECK(await(&stage, CHECK_SPACE, "has room").is_ok);
    stage_done(&stage);
}

TEST(there_is_room_left_for_the_check_of_the_core)
{
    struct stage stage;
    struct node_inventory inventory = {0};
    stage_init(&stage);
    stage_open(&stage, 1);
    (void)await(&stage, "clock", "");
    while (inventory.checks.len + 1 < checks_max) {
        REQUIRE(VEC_ADD(&inventory.checks));
    }
    REQUIRE(examine_add(stage.examine, &inventory));
    CHECK_INT(inventory.checks.len, checks_max - 1);
    VEC_DONE(&inventory.checks);
    stage_done(&stage);
}
