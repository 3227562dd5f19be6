/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMs: added, assigned, ordered about, and what is said of them. */
#include "test/unit/api_fixture.h"

#include "api/use.h"
#include "model/words.h"

static struct vm_spec *spec(const char *vm)
{
    return world_find(&world, RECORD_VM_SPEC, vm)->vm_spec;
}

static void shows(const char *vm, const char *words)
{
    char target[100];
    (void)snprintf(target, sizeof(target), "/v1/vms/%s", vm);
    CHECK_INT(ask("GET", target, NULL), 200);
    CHECK_HAS(text(), words);
}

TEST(a_vm_is_added_from_its_xml_under_the_xmls_name)
{
    begin_cluster();
    must("POST", "/v1/vms", "{\"xml\":\"" XML("train1") "\",\"priority\":3000}");
    CHECK_INT(answer.status, 201);
    CHECK_INT(spec("train1")->cpus, 1);
    CHECK_INT(spec("train1")->memory_mib, 512);
    CHECK_INT(spec("train1")->priority, 3000);
    CHECK_INT(strlen(spec("train1")->uuid), 36);
    CHECK_INT(spec("train1")->uuid[14], '4');
    CHECK_INT(spec("train1")->desired, VM_STOPPED);
    refused("POST", "/v1/vms", "{\"xml\":\"" XML("train1") "\"}", 409, "is a VM \\\"train1\\\"");
    shows("train1", "\"state\":\"stopped\"");
}

#define HOSTDEV(bus, more)                                                                         \
    "<hostdev type='pci'><source><address domain='0' bus='" bus "' slot='0' function='0'/>"        \
    "</source>" more "</hostdev>"
#define XML_GPUS(name, devices)                                                                    \
    "<domain type='qemu'><name>" name "</name><memory unit='MiB'>512</memory><vcpu>1</vcpu>"       \
    "<os><type machine='q35'>hvm</type></os><devices>" devices "</devices></domain>"
#define IMPORT "/v1/nodes/node1/import"

TEST(a_domain_of_libvirt_is_imported_with_its_gpus_as_needs_and_its_losses_named)
{
    begin_cluster();
    must("POST", "/v1/pools", "{\"name\":\"P\",\"all\":true,\"model\":\"10de:20b5\"}");
#define THREE_GPUS HOSTDEV("1", "<rom file='/x.rom'/>") HOSTDEV("2", "") HOSTDEV("3", "")
    must("POST", IMPORT,
         "{\"active\":false,\"xml\":\"" XML_GPUS("Windows 10", THREE_GPUS) "\",\"dry_run\":true}");
    CHECK(!answer.has_txn);
    CHECK_HAS(text(), "\"name\":\"Windows-10\"");
    CHECK_HAS(text(), "\"title\":\"Windows 10\"");
    CHECK_HAS(text(), "\"needs\":[{\"pool\":\"P\",\"count\":2}]");
    CHECK_HAS(text(), "\"can_be_imported\":true");
    CHECK_HAS(text(), "ROM file /x.rom");
    CHECK_HAS(text(),
              "its GPU 0000:03:00.0 (GV100 [10de:1db4]) was taken out, which is in no pool");
    CHECK(!world_find(&world, RECORD_VM_SPEC, "Windows-10"));
    must("POST", IMPORT, "{\"active\":false,\"xml\":\"" XML_GPUS("Windows 10", THREE_GPUS) "\"}");
    CHECK_INT(answer.status, 201);
    CHECK_HAS(text(), "VM Windows-10 was added");
    CHECK_INT(spec("Windows-10")->need_len, 1);
    CHECK_INT(spec("Windows-10")->needs[0].count, 2);
    CHECK_STR(spec("Windows-10")->title, "Windows 10");
    CHECK(!strstr(spec("Windows-10")->xml, "hostdev"));
    must(
        "POST", IMPORT,
        "{\"active\":false,\"xml\":\"" XML_GPUS("b", THREE_GPUS) "\",\"name\":\"c\",\"needs\":[]}");
    CHECK_INT(spec("c")->need_len, 0);
    role = ROLE_OPERATOR;
    refused("POST", IMPORT, "{\"active\":false,\"xml\":\"" XML("d") "\"}", 403, "administrator");
}

static void use(struct use_history *history, const char *node, const char *vm, uint32_t milli)
{
    struct record *record = record_new(RECORD_NODE_USE, node, NULL);
    *record->use = (struct node_use){4, milli * 2, 3000, 4096, {0}};
    struct vm_use *each = VEC_ADD(&record->use->vms);
    *each = (struct vm_use){.cpu_milli = milli, .memory_mib = 700};
    strcpy(each->vm, vm);
    (void)store(record);
    CHECK(use_history_add(history, world_find(&world, RECORD_NODE_USE, node), view.now_ms));
}

TEST(use_of_the_last_hour_is_told_and_what_is_older_is_forgotten)
{
    struct use_history history = {0};
    begin_cluster();
    must("POST", "/v1/vms", "{\"xml\":\"" XML("train1") "\"}");
    must("GET", "/v1/vms/train1/use", NULL);
    CHECK_HAS(text(), "\"samples\":[]");
    view.use = &history;
    use(&history, "node1", "train1", 500);
    view.now_ms += 30000;
    use(&history, "node2", "train1", 800); /* it moved */
    must("GET", "/v1/vms/train1/use", NULL);
    CHECK_HAS(text(), "\"cpus\":1,\"memory_total_mib\":512,\"cpu_milli\":800,\"memory_mib\":700");
    CHECK_HAS(text(), "{\"age_ms\":30000,\"cpu_milli\":500,\"memory_mib\":700},"
                      "{\"age_ms\":0,\"cpu_milli\":800,\"memory_mib\":700}");
    must("GET", "/v1/nodes/node1/use", NULL);
    CHECK_HAS(text(), "\"cpus\":4,\"memory_total_mib\":4096,\"cpu_milli\":1000");
    view.now_ms += use_stale_ms; /* silent: what it uses now is not known */
    must("GET", "/v1/nodes/node1/use", NULL);
    CHECK_HAS(text(), "\"memory_total_mib\":4096,\"samples\":[{");
    view.now_ms += 3600 * 1000;
    use(&history, "node2", "other", 1);
    CHECK(!use_history_vm(&history, "train1"));
    CHECK(!use_history_node(&history, "node1"));
    for (int i = 0; i < 3 * use_samples_max; i++) {
        use(&history, "node2", "other", 1);
    }
    CHECK_INT(use_history_node(&history, "node2")->samples.len, use_samples_max);
    view.use = NULL;
    use_history_done(&history);
}

TEST(a_domain_that_runs_or_has_a_foreign_device_or_is_there_is_not_imported)
{
    struct domain_policy policy = {.kind = DOMAIN_POLICY_PLAIN, .directory_len = 1};
    strcpy(policy.directories[0], "/vm");
    begin_cluster();
    must("POST", "/v1/vms", "{\"xml\":\"" XML("train1") "\"}");
    refused("POST", IMPORT, "{\"active\":false,\"xml\":\"" XML("train1") "\"}", 409,
            "in the cluster already");
    refused("POST", IMPORT, "{\"xml\":\"" XML("busy") "\",\"active\":true}", 409, "it runs");
    refused("POST", IMPORT, "{\"xml\":\"" XML("x") "\"}", 400, "active");
    refused("POST", IMPORT, "{\"active\":false,\"xml\":\"" XML("x") "\",\"name\":\"a/b\"}", 400,
            "a/b");
    refused("POST", IMPORT, "{\"active\":false,\"xml\":\"<network/>\"}", 400, "domain");
    refused("POST", IMPORT, "{\"active\":false,\"xml\":\"" XML_GPUS("nic", HOSTDEV("9", "")) "\"}",
            409, "it is given 0000:09:00.0 of this host, no GPU");
    must("POST", IMPORT,
         "{\"active\":false,\"xml\":\"" XML_GPUS("nic", HOSTDEV("9", "")) "\",\"dry_run\":true}");
    CHECK_HAS(text(), "\"code\":\"foreign-device\"");
    view.policy = &policy;
    refused("POST", IMPORT,
            "{\"active\":false,\"xml\":\"" XML_GPUS(
                "f", "<disk type='file'><source file='/etc/shadow'/></disk>") "\"}",
            400, "/etc/shadow");
    view.policy = NULL;
    refused("POST", "/v1/nodes/node9/import", "{\"active\":false,\"xml\":\"" XML("x") "\"}", 404,
            "node9");
}

TEST(what_is_no_domain_xml_is_refused_in_words)
{
    begin_cluster();
    refused("POST", "/v1/vms", "{\"xml\":\"not xml\"}", 400, "no domain XML");
    refused("POST", "/v1/vms", "{\"xml\":\"<network/>\"}", 400, "domain");
    refused("POST", "/v1/vms", "{\"xml\":\"" XML("v") "\",\"name\":\"a/b\"}", 400, "a/b");
    refused("POST", "/v1/vms", "{}", 400, "xml: is missing");
    refused("POST", "/v1/vms", "{\"xml\":7}", 400, "xml: must be a string");
    refused("POST", "/v1/vms",
            "{\"xml\":\"" XML("v") "\",\"needs\":[{\"pool\":\"nope\",\"count\":1}]}", 404,
            "no GPU pool \\\"nope\\\"");
    refused("POST", "/v1/vms", "{\"xml\":\"" XML("v") "\",\"needs\":[{\"pool\":\"p\"}]}", 400,
            "needs[0]");
    refused("POST", "/v1/vms", "{\"xml\":\"" XML("v") "\",\"priority\":-1}", 400, "priority");
}

#define XML_SECRET                                                                                 \
    "<domain type='qemu' xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><name>v</name>"      \
    "<memory unit='MiB'>512</memory><os><type machine='q35'>hvm</type></os><devices>"              \
    "<!-- s3cret5 -->"                                                                             \
    "<graphics type='vnc' passwd='s3cret1' port='5901'/><disk type='network'><source><auth "       \
    "username='s3cret2'><secret uuid='s3cret3'/></auth></source></disk></devices>"                 \
    "<q:commandline><q:env name='X' value='s3cret4'/></q:commandline></domain>"

TEST(passwords_in_the_xml_are_for_administrators)
{
    static const char *const targets[] = {"/v1/vms/v", "/v1/cluster/export"};
    begin_cluster();
    must("POST", "/v1/vms", "{\"xml\":\"" XML_SECRET "\"}");
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        role = ROLE_OPERATOR;
        CHECK_INT(ask("GET", targets[i], NULL), 200);
        CHECK(!strstr(text(), "s3cret"));
        CHECK_HAS(text(), "5901");
        role = ROLE_ADMINISTRATOR;
        CHECK_INT(ask("GET", targets[i], NULL), 200);
        CHECK_HAS(text(), "s3cret1");
    }
}

static const struct event_record *event(void)
{
    return world_find(&world, RECORD_EVENT, answer.event.name)->event;
}

#define XML_FILE(path)                                                                             \
    "<domain type='qemu'><name>v</name><memory unit='MiB'>512</memory><vcpu>1</vcpu>"              \
    "<os><type machine='q35'>hvm</type></os><devices><disk type='file'><source file='" path        \
    "'/></disk></devices></domain>"

TEST(a_domain_that_the_policy_does_not_allow_is_added_by_root_alone)
{
    struct domain_policy policy = {.kind = DOMAIN_POLICY_PLAIN, .directory_len = 1};
    struct domain_policy trusted = {.kind = DOMAIN_POLICY_TRUSTED};
    char words[words_max];
    strcpy(policy.directories[0], "/vm");
    begin_cluster();
    view.policy = &policy;
    refused("POST", "/v1/vms", "{\"xml\":\"" XML_FILE("/etc/shadow") "\"}", 400, "domain-policy");
    CHECK_HAS(text(), "/etc/shadow");
    refused("POST", "/v1/vms", "{\"xml\":\"" XML_FILE("/etc/shadow") "\",\"privileged\":true}", 403,
            "only root");
    must("POST", "/v1/vms", "{\"xml\":\"" XML_FILE("/vm/a") "\",\"name\":\"a\"}");
    CHECK_HAS(event()->code, "vm-added");
    is_root = true;
    refused("POST", "/v1/vms", "{\"xml\":\"" XML_FILE("/etc/shadow") "\"}", 400, "domain-policy");
    must("POST", "/v1/vms",
         "{\"xml\":\"" XML_FILE("/etc/shadow") "\",\"name\":\"b\",\"privileged\":true}");
    CHECK_STR(event()->code, "vm-added-privileged");
    CHECK_HAS(words_event(event(), words), "although the domain policy");
    is_root = false;
    view.policy = &trusted;
    must("POST", "/v1/vms", "{\"xml\":\"" XML_FILE("/etc/shadow") "\",\"name\":\"c\"}");
}

TEST(a_name_as_people_have_it_becomes_a_title_beside_a_name_that_berth_can_use)
{
    begin_cluster();
    must("POST", "/v1/vms", "{\"xml\":\"" XML("Windows 10") "\"}");
    CHECK_HAS(text(), "\"name\":\"Windows-10\"");
    CHECK_STR(spec("Windows-10")->title, "Windows 10");
    shows("Windows-10", "\"title\":\"Windows 10\"");
    must("POST", "/v1/vms", "{\"xml\":\"" XML("Windows 10") "\",\"name\":\"win\"}");
    CHECK_STR(spec("win")->title, "Windows 10");
    must("POST", "/v1/vms", "{\"xml\":\"" XML("plain") "\"}");
    CHECK_STR(spec("plain")->title, "");
    must("PATCH", "/v1/vms/plain", "{\"title\":\"VM (GPU) \u2013 B\u00fcro\"}");
    shows("plain", "B\u00fcro");
}

#define DEVICES(name, devices)                                                                     \
    "<domain type='kvm'><name>" name "</name><memory unit='MiB'>512</memory>"                      \
    "<os firmware='efi'><type>hvm</type></os><devices>" devices "</devices></domain>"

TEST(what_stays_behind_on_a_host_is_said_when_a_vm_is_added_and_by_the_validation)
{
    begin_cluster();
    must("POST", "/v1/vms",
         "{\"xml\":\"" DEVICES("win11", "<tpm model='tpm-crb'><backend type='emulator' "
                                        "version='2.0'/></tpm><hostdev mode='subsystem' "
                                        "type='usb'><source><vendor id='0x046d'/><product "
                                        "id='0xc52b'/></source></hostdev>") "\"}");
    CHECK_HAS(text(), "\"subject\":\"tpm-state\"");
    CHECK_HAS(text(), "BitLocker");
    CHECK_HAS(text(), "\"subject\":\"nvram\"");
    CHECK_HAS(text(), "USB device of one host (0x046d:0xc52b)");
    CHECK_INT(ask("GET", "/v1/validate", NULL), 200);
    CHECK_HAS(text(), "usb-device");
    CHECK(!strstr(text(), "BitLocker")); /* the hosts' look at their disks tells */
    must("PATCH", "/v1/vms/win11", "{\"possible_owners\":[\"node1\"]}");
    CHECK_INT(ask("GET", "/v1/validate", NULL), 200);
    CHECK(!strstr(text(), "usb-device"));
}

TEST(a_vm_gets_another_definition_that_takes_effect_at_its_next_start)
{
    begin_cluster();
    must("POST", "/v1/vms", "{\"xml\":\"" XML("v") "\",\"priority\":7}");
    must("PATCH", "/v1/vms/v/definition", "{\"cpus\":4,\"memory_mib\":2048}");
    CHECK_INT(spec("v")->cpus, 4);
    CHECK_INT(spec("v")->memory_mib, 2048);
    CHECK_INT(spec("v")->priority, 7);
    CHECK_HAS(spec("v")->xml, "<memory unit=\"MiB\">2048</memory>");
    CHECK_HAS(spec("v")->xml, "<vcpu>4</vcpu>");
    CHECK(!strstr(text(), "pending"));
    must("POST", "/v1/vms/v/start", NULL);
    (void)place("v", PLACEMENT_START, "node1", 1);
    report("v", "node1", 1, VM_STATE_RUNNING);
    must("PATCH", "/v1/vms/v/definition", "{\"xml\":\"" XML("other") "\"}");
    CHECK_STR(event()->code, "vm-defined");
    CHECK_INT(spec("v")->memory_mib, 512);
    shows("v", "\"pending\":true");
}

TEST(a_definition_is_held_to_the_domain_policy_as_a_new_vm_is)
{
    struct domain_policy policy = {.kind = DOMAIN_POLICY_PLAIN, .directory_len = 1};
    strcpy(policy.directories[0], "/vm");
    begin_cluster();
    view.policy = &policy;
    must("POST", "/v1/vms", "{\"xml\":\"" XML_FILE("/vm/a") "\"}");
    refused("PATCH", "/v1/vms/v/definition", "{\"xml\":\"" XML_FILE("/etc/shadow") "\"}", 400,
            "domain-policy");
    CHECK_HAS(text(), "/etc/shadow");
    refused("PATCH", "/v1/vms/v/definition",
            "{\"xml\":\"" XML_FILE("/etc/shadow") "\",\"privileged\":true}", 403, "only root");
    CHECK_HAS(spec("v")->xml, "/vm/a");
    must("PATCH", "/v1/vms/v/definition", "{\"xml\":\"" XML_FILE("/vm/b") "\"}");
    is_root = true;
    must("PATCH", "/v1/vms/v/definition",
         "{\"xml\":\"" XML_FILE("/etc/shadow") "\",\"privileged\":true}");
    CHECK_STR(event()->code, "vm-defined-privileged");
    is_root = false;
    must("PATCH", "/v1/vms/v/definition", "{\"memory_mib\":1024}"); /* asks nothing new */
    CHECK_HAS(spec("v")->xml, "/etc/shadow");
}

TEST(a_definition_that_cannot_be_or_comes_at_a_bad_moment_is_refused)
{
    begin_cluster();
    must("POST", "/v1/vms", "{\"xml\":\"" XML("v") "\"}");
    refused("PATCH", "/v1/vms/v/definition", "{}", 400, "give xml, cpus or memory_mib");
    refused("PATCH", "/v1/vms/v/definition", "{\"xml\":\"<network/>\"}", 400, "domain");
    refused("PATCH", "/v1/vms/v/definition", "{\"cpus\":0}", 400, "cpus");
    refused("PATCH", "/v1/vms/w/definition", "{\"cpus\":1}", 404, "no VM");
    must("POST", "/v1/vms/v/start", NULL);
    (void)place("v", PLACEMENT_START, "node1", 1);
    report("v", "node1", 1, VM_STATE_STARTING);
    refused("PATCH", "/v1/vms/v/definition", "{\"cpus\":2}", 409, "VM v is starting");
}

TEST(a_vm_without_a_pool_is_started_too)
{
    begin_cluster();
    must("POST", "/v1/vms", "{\"xml\":\"" XML("v") "\"}");
    must("POST", "/v1/vms/v/start", NULL);
    CHECK_INT(spec("v")->desired, VM_STARTED);
    refused("POST", "/v1/vms/w/start", NULL, 404, "there are: v");
}

TEST(a_vm_is_assigned_to_a_pool_once_per_gpu)
{
    begin_cluster();
    add_vm("v", 1);
    must("POST", "/v1/vms/v/assign", "{\"pool\":\"P\"}");
    CHECK_INT(spec("v")->need_len, 1);
    CHECK_INT(spec("v")->needs[0].count, 2);
    refused("POST", "/v1/vms/v/assign", "{\"pool\":\"nope\"}", 404, "there are: P");
    refused("POST", "/v1/vms/v/assign", "{\"pool\":\"P\",\"count\":15}", 409, "16 GPUs at most");
    refused("POST", "/v1/vms/v/assign", "{\"pool\":\"P\",\"count\":0}", 400, "count");
    must("POST", "/v1/vms/v/unassign", "{\"pool\":\"P\",\"count\":1}");
    CHECK_INT(spec("v")->needs[0].count, 1);
    must("POST", "/v1/vms/v/unassign", "{\"pool\":\"P\"}");
    CHECK_INT(spec("v")->need_len, 0);
    refused("POST", "/v1/vms/v/unassign", "{\"pool\":\"P\"}", 409, "is assigned 0 GPUs");
}

TEST(a_vm_that_waits_is_stopped_and_not_started_when_its_last_gpu_is_unassigned)
{
    begin_cluster();
    add_vm("v", 3);
    must("POST", "/v1/vms/v/start", NULL);
    struct vm_placement *placement = place("v", PLACEMENT_NONE, "", 0);
    placement->cause = cause_make(CAUSE_NO_HOST, NULL, NULL, NULL);
    must("POST", "/v1/vms/v/unassign", "{\"pool\":\"P\",\"count\":1}");
    CHECK_INT(spec("v")->desired, VM_STARTED); /* for two GPUs it still waits */
    must("POST", "/v1/vms/v/unassign", "{\"pool\":\"P\"}");
    CHECK_INT(spec("v")->need_len, 0);
    CHECK_INT(spec("v")->desired, VM_STOPPED);
    CHECK_HAS(text(), "and is stopped");
}

TEST(assign_warns_of_more_gpus_than_any_host_has)
{
    begin_cluster();
    add_vm("v", 1);
    must("POST", "/v1/vms/v/assign", "{\"pool\":\"P\"}");
    CHECK(!strstr(text(), "warnings"));
    must("POST", "/v1/vms/v/assign", "{\"pool\":\"P\"}");
    CHECK_HAS(text(), "no host has 3 of its GPUs, the most on one host is 2");
}

TEST(a_vm_that_was_copied_with_the_file_of_its_uefi_variables_is_warned_of)
{
    static const char body[] =
        "{\"name\":\"%s\",\"xml\":\"<domain type='kvm'><name>x</name><memory>1024</memory><os>"
        "<type>hvm</type><nvram>/shared/%s</nvram></os><devices><tpm><backend type='emulator'>"
        "<source type='dir' path='/shared/tpm/%s'/></backend></tpm></devices></domain>\"}";
    char text_of[512];
    begin();
    (void)snprintf(text_of, sizeof(text_of), body, "a", "a.fd", "a");
    must("POST", "/v1/vms", text_of);
    CHECK(!strstr(text(), "shared-state"));
    (void)snprintf(text_of, sizeof(text_of), body, "b", "a.fd", "b");
    must("POST", "/v1/vms", text_of);
    CHECK_HAS(text(), "\"subject\":\"shared-state\"");
    CHECK_HAS(text(), "in /shared/a.fd are those of VM a, too");
    CHECK(!strstr(text(), "/shared/tpm/"));
    (void)snprintf(text_of, sizeof(text_of), body, "c", "c.fd", "b");
    must("POST", "/v1/vms", text_of);
    CHECK_HAS(text(), "in /shared/tpm/b are those of VM b, too");
    CHECK(!strstr(text(), "of VM a,"));
}

TEST(a_start_says_if_no_host_can_run_the_vm)
{
    begin_cluster();
    add_vm("v", 1);
    add_vm("w", 3);
    must("POST", "/v1/vms/v/start", NULL);
    CHECK(!strstr(text(), "warnings"));
    must("POST", "/v1/vms/w/start", NULL);
    CHECK_HAS(text(), "no host can run it right now: it waits");
    CHECK_HAS(text(), "only 2 GPUs in P (needs 3)");
    CHECK_INT(spec("w")->desired, VM_STARTED);
}

TEST(needs_stay_sorted_by_pool)
{
    begin_cluster();
    add_vm("v", 1);
    must("POST", "/v1/pools", "{\"name\":\"Z\"}");
    must("POST", "/v1/pools", "{\"name\":\"A\"}");
    must("POST", "/v1/vms/v/assign", "{\"pool\":\"Z\"}");
    must("POST", "/v1/vms/v/assign", "{\"pool\":\"A\"}");
    REQUIRE(spec("v")->need_len == 3);
    CHECK_STR(spec("v")->needs[0].pool, "A");
    CHECK_STR(spec("v")->needs[1].pool, "P");
    CHECK_STR(spec("v")->needs[2].pool, "Z");
    must("POST", "/v1/vms/v/unassign", "{\"pool\":\"A\"}");
    CHECK_STR(spec("v")->needs[0].pool, "P");
    CHECK_STR(spec("v")->needs[1].pool, "Z");
}

TEST(the_gpus_of_a_running_vm_do_not_change)
{
    begin_cluster();
    add_vm("v", 1);
    must("POST", "/v1/vms/v/start", NULL);
    (void)place("v", PLACEMENT_START, "node1", 1);
    report("v", "node1", 1, VM_STATE_RUNNING);
    refused("POST", "/v1/vms/v/assign", "{\"pool\":\"P\"}", 409, "stop it first");
    refused("POST", "/v1/vms/v/unassign", "{\"pool\":\"P\"}", 409, "is running on node1");
    refused("DELETE", "/v1/vms/v", NULL, 409, "stop it first");
}

TEST(save_is_refused_with_gpus)
{
    begin_cluster();
    add_vm("v", 1);
    refused("PATCH", "/v1/vms/v", "{\"offline_action\":\"save\"}", 409, "cannot be saved");
    must("POST", "/v1/vms", "{\"xml\":\"" XML("w") "\",\"offline_action\":\"save\"}");
    refused("POST", "/v1/vms/w/assign", "{\"pool\":\"P\"}", 409,
            "\"options\":{\"offline-action\":\"force-shutdown\"}");
}

TEST(a_vm_is_started_and_stopped_by_orders_that_count)
{
    begin_cluster();
    add_vm("v", 1);
    must("POST", "/v1/vms/v/start", NULL);
    CHECK_INT(spec("v")->desired, VM_STARTED);
    CHECK_INT(spec("v")->start_order, 1);
    must("POST", "/v1/vms/v/start", NULL);
    CHECK(!answer.has_txn);
    place("v", PLACEMENT_NONE, "", 3)->is_failed = true;
    shows("v", "\"state\":\"failed\"");
    must("POST", "/v1/vms/v/start", NULL);
    CHECK_INT(spec("v")->start_order, 2);
    must("POST", "/v1/vms/v/stop", NULL);
    CHECK_INT(spec("v")->desired, VM_STOPPED);
    CHECK(!spec("v")->is_stop_forced);
    (void)place("v", PLACEMENT_STOP, "node1", 4);
    must("POST", "/v1/vms/v/stop", "{\"force\":true}");
    CHECK(spec("v")->is_stop_forced);
    must("POST", "/v1/vms/v/start", NULL);
    CHECK(!spec("v")->is_stop_forced);
}

/* 'node' sees epoch 'epoch' of 'vm', which was not ordered there. */
static void see(const char *node, const char *vm, uint64_t epoch)
{
    struct record *record = record_copy(world_find(&world, RECORD_NODE_INVENTORY, node));
    struct vm_sighting *sighting = VEC_ADD(&record->inventory->sightings);
    *sighting = (struct vm_sighting){.epoch = epoch};
    (void)snprintf(sighting->vm, sizeof(sighting->vm), "%s", vm);
    (void)snprintf(sighting->node, sizeof(sighting->node), "node1");
    (void)store(record);
}

/* 'v' was migrated by hand: node1 reports so, in epoch 1. */
static void send_away(unsigned gpus)
{
    begin_cluster();
    if (gpus > 0) {
        add_vm("v", gpus);
    } else {
        must("POST", "/v1/vms", "{\"xml\":\"" XML("v") "\"}");
    }
    must("POST", "/v1/vms/v/start", NULL);
    (void)place("v", PLACEMENT_START, "node1", 1);
    report("v", "node1", 1, VM_STATE_AWAY);
    shows("v", "\"state\":\"away\"");
}

TEST(a_vm_that_is_away_is_adopted_where_a_host_sees_it)
{
    send_away(0);
    refused("POST", "/v1/vms/v/adopt", NULL, 409, "not-elsewhere");
    see("node2", "v", 1);
    shows("v", "it runs on node2 without an order to");
    refused("POST", "/v1/vms/v/confirm-gone", NULL, 409, "VM v runs on node2");
    must("POST", "/v1/vms/v/adopt", NULL);
    CHECK_INT(spec("v")->elsewhere, VM_ELSEWHERE_ADOPT);
    CHECK_INT(spec("v")->elsewhere_order, 1);
    role = ROLE_OPERATOR;
    refused("POST", "/v1/vms/v/adopt", NULL, 403, "");
}

TEST(what_a_host_sees_of_another_epoch_is_not_adopted)
{
    send_away(0);
    see("node2", "v", 7);
    refused("POST", "/v1/vms/v/adopt", NULL, 409, "not-elsewhere");
}

TEST(a_vm_that_has_not_left_its_host_yet_is_not_adopted)
{
    send_away(0);
    report("v", "node1", 1, VM_STATE_RUNNING);
    see("node2", "v", 1);
    refused("POST", "/v1/vms/v/adopt", NULL, 409, "not-left");
    CHECK_HAS(text(), "VM v has not left node1 yet");
    report("v", "node1", 1, VM_STATE_AWAY);
    must("POST", "/v1/vms/v/adopt", NULL);
}

TEST(a_vm_that_is_away_with_gpus_is_not_adopted_but_confirmed_gone)
{
    send_away(1);
    see("node2", "v", 1);
    refused("POST", "/v1/vms/v/adopt", NULL, 409, "has-gpus");
    CHECK_HAS(text(), "vm-confirm-gone");
}

TEST(a_vm_that_is_away_and_seen_nowhere_is_confirmed_gone)
{
    send_away(1);
    must("POST", "/v1/vms/v/confirm-gone", NULL);
    CHECK_INT(spec("v")->elsewhere, VM_ELSEWHERE_GONE);
    CHECK_INT(spec("v")->elsewhere_order, 1);
    report("v", "node1", 1, VM_STATE_RUNNING);
    refused("POST", "/v1/vms/v/confirm-gone", NULL, 409, "neither migrated away nor saved");
}

TEST(
    a_vm_that_is_away_is_not_stopped_before_someone_says_what_became_of_it_and_that_is_told_at_once)
{
    send_away(0);
    refused("DELETE", "/v1/vms/v", NULL, 409, "left its host without an order");
    CHECK_HAS(text(), "vm-confirm-gone");
    must("POST", "/v1/vms/v/stop", "{\"force\":true}");
    CHECK_HAS(text(), "\"action\":\"vm-confirm-gone\"");
    CHECK(spec("v")->desired == VM_STOPPED && spec("v")->is_stop_forced);
    see("node2", "v", 1);
    must("POST", "/v1/vms/v/stop", NULL); /* again, for who missed the answer */
    CHECK_HAS(text(), "it runs on node2 without an order to");
    CHECK_HAS(text(), "\"action\":\"vm-adopt\"");
    CHECK(spec("v")->is_stop_forced);
    REQUIRE(ask("GET", "/v1/operations", NULL) == 200);
    CHECK_HAS(text(), "\"waiting\"");
    refused("DELETE", "/v1/vms/v", NULL, 409, "adopt it where it runs");
    CHECK_HAS(text(), "vm-adopt");
}

TEST(only_a_running_vm_moves_and_only_where_it_can)
{
    begin_cluster();
    add_vm("v", 1);
    refused("POST", "/v1/vms/v/move", NULL, 409, "only a running VM is moved");
    refused("POST", "/v1/vms/v/adopt", NULL, 409, "does not run on a host where it was not");
    refused("POST", "/v1/vms/v/confirm-gone", NULL, 409, "neither migrated away nor saved");
    must("POST", "/v1/vms/v/start", NULL);
    (void)place("v", PLACEMENT_START, "node1", 1);
    report("v", "node1", 1, VM_STATE_RUNNING);
    refused("POST", "/v1/vms/v/move", "{\"node\":\"node1\"}", 409, "is on node1 already");
    refused("POST", "/v1/vms/v/move", "{\"node\":\"nodeX\"}", 404, "no node \\\"nodeX\\\"");
    must("POST", "/v1/nodes/node3/pause", NULL);
    refused("POST", "/v1/vms/v/move", "{\"node\":\"node3\"}", 409, "it is paused");
    must("POST", "/v1/vms/v/move", "{\"node\":\"node2\"}");
    CHECK_STR(spec("v")->move_to, "node2");
    must("POST", "/v1/vms/v/move", NULL);
    CHECK_STR(spec("v")->move_to, "*");
    CHECK_INT(spec("v")->move_order, 2);
}

/* VM 'v' without a GPU runs on node1; all hosts but node3 hand over and take in. */
static void begin_with_live_hosts(void)
{
    begin_cluster();
    must("POST", "/v1/vms", "{\"xml\":\"" XML("v") "\",\"name\":\"v\"}");
    must("POST", "/v1/vms/v/start", NULL);
    (void)place("v", PLACEMENT_START, "node1", 1);
    report("v", "node1", 1, VM_STATE_RUNNING);
    for (int i = 1; i <= 3; i++) {
        char node[name_size];
        (void)snprintf(node, sizeof(node), "node%d", i);
        struct record *host = record_copy(world_find(&world, RECORD_NODE_INVENTORY, node));
        strcpy(host->inventory->cpu_model, "EPYC");
        strcpy(host->inventory->migration_address, i < 3 ? node : "");
        (void)store(host);
    }
}

TEST(a_move_says_how_and_a_live_one_that_cannot_be_is_refused_with_the_reason)
{
    begin_with_live_hosts();
    must("POST", "/v1/vms/v/move",
         "{\"node\":\"node2\",\"migration\":\"live\",\"limit_ms\":60000}");
    CHECK_INT(spec("v")->move_by, MIGRATION_LIVE);
    CHECK_INT(spec("v")->move_limit_ms, 60000);
    refused("POST", "/v1/vms/v/move", "{\"node\":\"node3\",\"migration\":\"live\"}", 409,
            "node3 has no migration_address");
    CHECK_HAS(text(), "\"options\":{\"restart\":true}");
    must("POST", "/v1/vms/v/move", "{\"node\":\"node3\",\"migration\":\"restart\"}");
    CHECK_INT(spec("v")->move_by, MIGRATION_RESTART);
    must("PATCH", "/v1/vms/v", "{\"migration\":\"live\"}");
    refused("POST", "/v1/vms/v/move", "{\"node\":\"node3\"}", 409, "cannot move live");
    struct record *host = record_copy(world_find(&world, RECORD_NODE_INVENTORY, "node2"));
    strcpy(host->inventory->cpu_model, "Xeon");
    (void)store(host);
    refused("POST", "/v1/vms/v/move", NULL, 409, "EPYC here, Xeon there");
    refused("POST", "/v1/vms/v/move", "{\"migration\":\"fly\"}", 400, "migration");
    must("GET", "/v1/vms/v/explain", NULL);
    CHECK_HAS(text(), "\"why_code\":\"live-no-address\"");
}

TEST(a_vm_with_a_device_of_its_host_is_not_asked_to_move_live)
{
    begin_cluster();
    add_vm("g", 1);
    must("POST", "/v1/vms/g/start", NULL);
    (void)place("g", PLACEMENT_START, "node1", 1);
    report("g", "node1", 1, VM_STATE_RUNNING);
    refused("POST", "/v1/vms/g/move", "{\"migration\":\"live\"}", 409, "GPU pool P");
}

TEST(a_move_is_withdrawn_until_the_guest_was_told_to_stop)
{
    begin_with_live_hosts();
    must("POST", "/v1/vms/v/cancel-move", NULL);
    CHECK_HAS(text(), "does not move");
    CHECK_INT(spec("v")->move_order, 0);
    must("POST", "/v1/vms/v/move", NULL);
    must("POST", "/v1/vms/v/cancel-move", NULL); /* the coordinator has not looked yet */
    CHECK_INT(spec("v")->move_order, 2);
    CHECK_STR(spec("v")->move_to, "");
    struct vm_placement *p = place("v", PLACEMENT_STOP, "node1", 1);
    p->move_order = 2;
    p->cause.code = CAUSE_MOVE_ORDERED;
    strcpy(p->next_node, "node2");
    refused("POST", "/v1/vms/v/cancel-move", NULL, 409, "cannot be taken back");
    p->handover = HANDOVER_ORDERED;
    p->epoch_last = 2;
    must("POST", "/v1/vms/v/cancel-move", NULL);
    CHECK_INT(spec("v")->move_order, 3);
    p->move_order = 3;
    p->cause.code = CAUSE_DRAIN;
    refused("POST", "/v1/vms/v/cancel-move", NULL, 409, "being drained");
    CHECK_HAS(text(), "node-resume");
}

TEST(a_vm_that_moves_says_how_much_is_left_to_copy)
{
    begin_with_live_hosts();
    struct vm_placement *p = place("v", PLACEMENT_STOP, "node1", 1);
    strcpy(p->next_node, "node2");
    p->handover = HANDOVER_ORDERED;
    p->epoch_last = 2;
    shows("v", "\"detail\":\"moving to node2\"");
    struct record *status = record_copy(world_find(&world, RECORD_VM_STATUS, "v"));
    status->status->moving = (struct move_progress){
        .total_mib = 4096, .left_mib = 120, .rate_mib_s = 800, .pause_ms = 40};
    (void)store(status);
    shows("v",
          "moving to node2: 120 of 4096 MiB to copy at 800 MiB/s, pause of about 40 ms expected");
    must("GET", "/v1/vms/v", NULL);
    CHECK_HAS(text(), "\"move_left_mib\":120");
    must("POST", "/v1/vms/v/move", NULL); /* once more: core takes it for the one under way */
    CHECK_INT(spec("v")->move_order, 1);
    p->handover = HANDOVER_NONE; /* it goes by a stop after all */
    shows("v", "\"detail\":\"moving to node2\"");
    refused("POST", "/v1/vms/v/move", NULL, 409, "only a running VM is moved");
}

TEST(a_vm_is_removed_when_it_is_stopped_and_its_name_is_free_when_the_coordinator_is_done)
{
    begin_cluster();
    add_vm("v", 1);
    (void)place("v", PLACEMENT_NONE, "", 5);
    must("DELETE", "/v1/vms/v", NULL);
    CHECK(!world_find(&world, RECORD_VM_SPEC, "v"));
    refused("POST", "/v1/vms", "{\"xml\":\"" XML("v") "\"}", 409, "still being removed");
}

TEST(policies_are_set_and_name_what_must_exist)
{
    begin_cluster();
    add_vm("v", 1);
    must("PATCH", "/v1/vms/v", "{\"possible_owners\":[\"node1\",\"node2\"],\"priority\":0}");
    CHECK_INT(spec("v")->possible_owners.len, 2);
    must("PATCH", "/v1/vms/v", "{\"restart\":{\"host_losses_max\":7}}");
    must("PATCH", "/v1/vms/v", "{\"restart\":{\"restarts_max\":9}}");
    CHECK_INT(spec("v")->restart.host_losses_max, 7); /* what is not said stays */
    CHECK_INT(spec("v")->restart.failovers_max, 3);
    refused("PATCH", "/v1/vms/v", "{\"possible_owners\":[\"nodeX\"]}", 404, "nodeX");
    refused("PATCH", "/v1/vms/v", "{\"apart\":[\"ghost\"]}", 404, "ghost");
    refused("PATCH", "/v1/vms/v", "{\"apart\":[\"v\"]}", 400, "related to itself");
    refused("PATCH", "/v1/vms/v", "{\"desired\":\"started\"}", 400,
            "desired: there is no such field");
    refused("PATCH", "/v1/vms/v", "{\"offline_action\":\"hibernate\"}", 400, "offline_action");
    refused("PATCH", "/v1/vms/v", "{\"offline_timeout_ms\":5}", 400, "offline_timeout_ms");
    must("PATCH", "/v1/vms/v", "{\"topology\":\"mirror\"}");
    CHECK_INT(spec("v")->topology, TOPOLOGY_MIRROR);
    refused("PATCH", "/v1/vms/v", "{\"topology\":\"flat\"}", 400, "topology");
}

TEST(the_state_of_a_vm_follows_spec_placement_status_and_heartbeat)
{
    begin_cluster();
    add_vm("v", 1);
    must("POST", "/v1/vms/v/start", NULL);
    shows("v", "\"state\":\"starting\",\"detail\":\"the coordinator has not looked at it yet\"");
    REQUIRE(ask("GET", "/v1/operations?state=waiting", NULL) == 200);
    CHECK_HAS(text(), "\"items\":[]"); /* "waiting" always comes with its reasons */
    struct vm_placement *placement = place("v", PLACEMENT_NONE, "", 0);
    struct reason *reason = VEC_ADD(&placement->reasons);
    strcpy(reason->node, "node1");
    reason->cause = (struct cause){.code = CAUSE_TOO_FEW_GPUS, .facts = {.pool = "P", .need = 2}};
    shows("v", "\"state\":\"waiting\",\"detail\":\"only 0 GPUs in P (needs 2)\",\"detail_code\":"
               "\"few-gpus\",\"detail_parameters\":{\"pool\":\"P\",\"need\":2}");
    shows(
        "v",
        "\"reasons\":[{\"subject\":\"node1\",\"text\":\"only 0 GPUs in P (needs 2)\",\"code\":\"few-gpus\",");
    REQUIRE(ask("GET", "/v1/operations?state=waiting", NULL) == 200);
    CHECK_HAS(
        text(),
        "\"reasons\":[{\"subject\":\"node1\",\"text\":\"only 0 GPUs in P (needs 2)\",\"code\":\"few-gpus\",");
    (void)place("v", PLACEMENT_START, "node1", 1);
    shows("v", "\"state\":\"starting\"");
    report("v", "node1", 1, VM_STATE_RUNNING);
    shows("v", "\"state\":\"running\"");
    (void)place("v", PLACEMENT_START, "node1", 2); /* the status speaks of an earlier place */
    shows("v", "\"state\":\"starting\"");
    view.now_ms += 5000;
    shows("v", "\"state\":\"unknown\",\"detail\":\"no heartbeat from node1 for 5 s\"");
    view.now_ms -= 5000;
    must("POST", "/v1/vms/v/stop", NULL);
    shows("v", "\"state\":\"stopping\"");
    (void)place("v", PLACEMENT_NONE, "", 2);
    shows("v", "\"state\":\"stopped\"");
}

TEST(explain_names_every_host)
{
    begin_cluster();
    add_vm("big", 3);
    must("POST", "/v1/nodes/node2/pause", NULL);
    view.now_ms += 1000;
    CHECK_INT(ask("GET", "/v1/vms/big/explain", NULL), 200);
    CHECK_HAS(text(), "\"code\":\"few-gpus\"");
    CHECK_HAS(text(), "\"subject\":\"node2\"");
    CHECK_HAS(text(), "\"subject\":\"node3\"");
    CHECK_HAS(text(), "paused");
    CHECK(!strstr(text(), "\"fits\":true"));
}

TEST(what_if_a_node_fails_says_what_restarts_where_and_what_waits)
{
    begin_cluster();
    for (int i = 1; i <= 3; i++) {
        char name[8], node[8];
        (void)snprintf(name, sizeof(name), "v%d", i);
        (void)snprintf(node, sizeof(node), "node%d", i);
        add_vm(name, 2);
        struct record *record = record_copy(world_find(&world, RECORD_VM_SPEC, name));
        record->vm_spec->desired = VM_STARTED;
        (void)store(record);
        struct vm_placement *placement = place(name, PLACEMENT_START, node, 1);
        for (uint8_t bus = 1; bus <= 2; bus++) {
            struct gpu_hold *hold = VEC_ADD(&placement->gpus);
            strcpy(hold->pool, "P");
            hold->slot.address.bus = bus;
        }
    }
    add_vm("single", 1);
    CHECK_INT(ask("POST", "/v1/plan", "{\"fail\":[\"node1\"]}"), 200);
    CHECK_HAS(text(), "\"left_out\":[{\"vm\":\"v1\"");
    CHECK_INT(ask("GET", "/v1/status", NULL), 200);
    CHECK_HAS(text(), "\"losses\":0");
    must("DELETE", "/v1/vms/single", NULL);
    refused("POST", "/v1/plan", "{\"fail\":[\"nodeX\"]}", 404, "nodeX");
    refused("POST", "/v1/plan", "{}", 400, "give one of");
    refused("POST", "/v1/plan", "{\"fail\":[1]}", 400, "fail[0]: must be a string");
    CHECK_INT(ask("POST", "/v1/nodes/node1/drain", "{\"dry_run\":true}"), 200);
    CHECK(!answer.has_txn);
    CHECK_HAS(text(), "\"action\":\"drain\"");
}
