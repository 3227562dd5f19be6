/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/test.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "wire/key.h"
#include "wire/out.h"
#include "wire/record.h"
#include "wire/shape.h"

#include <errno.h>
#include <stdlib.h>

/* ---- help: a record with something in every field ---- */

static void fill_shape(const struct shape *shape, char *value, unsigned *seed);

static void fill_field(const struct field *field, char *owner, unsigned *seed)
{
    char *at = owner + field->offset;
    struct any_vec *vec = (void *)at;
    unsigned n = (*seed)++;
    uint64_t number = MIN((uint64_t)field->max, n % 2 ? (uint64_t)field->max - n : (uint64_t)n + 1);
    switch (field->type) {
    case FIELD_TEXT:
        (void)snprintf(at, field->size, "text-\"%u\"-\xc3\xa4\n", n);
        break;
    case FIELD_HEAP_TEXT:
        free(*(char **)at);
        *(char **)at = strdup("<domain>\t\"\xe2\x82\xac\"</domain>");
        break;
    case FIELD_BOOL:
        *(bool *)at = n % 3 != 0;
        break;
    case FIELD_INTEGER:
    case FIELD_HEX:
        memcpy(at, &number, field->size); /* little endian, as every host of ours */
        break;
    case FIELD_ENUM:
    case FIELD_ENUM_OPEN:
        number = n % field->word_len;
        memcpy(at, &number, field->size);
        break;
    case FIELD_FLAGS:
        number = n & ((1U << field->word_len) - 1);
        memcpy(at, &number, field->size);
        break;
    case FIELD_ADDRESS:
        *(struct pci_address *)(void *)at = (struct pci_address){(uint16_t)n, 0x65, 31, 7};
        break;
    case FIELD_SLOT_MAYBE:
        *(bool *)(owner + field->len_offset) = true;
        /* fall through */
    case FIELD_SLOT:
        *(struct gpu_slot *)(void *)at = (struct gpu_slot){.address = {0, (uint8_t)n, 2, 1}};
        (void)snprintf(((struct gpu_slot *)(void *)at)->partition, 40, "%s", n % 2 ? "vf-1" : "");
        break;
    case FIELD_STRUCT:
        fill_shape(field->shape, at, seed);
        break;
    case FIELD_VEC:
    case FIELD_MAP:
        REQUIRE(vec_grow((void **)&vec->items, &vec->capacity, 3, field->size));
        memset(vec->items, 0, 3 * (size_t)field->size);
        for (vec->len = 0; vec->len < 3; vec->len++) {
            char *item = vec->items + vec->len * field->size;
            field->item ? fill_field(field->item, item, seed)
                        : fill_shape(field->shape, item, seed);
        }
        break;
    case FIELD_ARRAY:
        *(uint32_t *)(void *)(owner + field->len_offset) = 2;
        fill_field(field->item, at, seed);
        fill_field(field->item, at + field->size, seed);
        break;
    case FIELD_ARRAY_FULL:
        for (int64_t i = 0; i < field->max; i++) {
            fill_field(field->item, at + (size_t)i * field->size, seed);
        }
        break;
    }
}

static void fill_shape(const struct shape *shape, char *value, unsigned *seed)
{
    for (size_t i = 0; i < shape->len; i++) {
        fill_field(&shape->fields[i], value, seed);
    }
}

static struct record *full_record(enum record_kind kind, unsigned seed)
{
    struct record *record = record_new(kind, "name", NULL);
    REQUIRE(record);
    fill_shape(shape_of(kind), record->any, &seed);
    if (kind == RECORD_VM_PLACEMENT) { /* else it is refused */
        record->placement->epoch_last = record->placement->epoch + 1;
    }
    return record;
}

static int decode(enum record_kind kind, const char *text, struct record **ret, struct error *err)
{
    struct record_key key = {.kind = kind, .name = "x"};
    return wire_record_decode(&key, text, strlen(text), ret, err);
}

/* ---- tables ---- */

/* Bytes of the member that the field stands for. */
static size_t member_size(const struct field *field)
{
    if (field->type == FIELD_VEC || field->type == FIELD_MAP) {
        return sizeof(struct any_vec);
    }
    bool is_array = field->type == FIELD_ARRAY || field->type == FIELD_ARRAY_FULL;
    return is_array ? (size_t)field->max * field->size : field->size;
}

static void mark(char *covered, size_t size, size_t offset, size_t len)
{
    REQUIRE(offset + len <= size);
    memset(covered + offset, 1, len);
}

/* Bytes of a struct that no field covers may only be padding: a hole that ends where an aligned
 * member begins, and is too small for that alignment. */
static void check_covered(const struct shape *shape, const char *what)
{
    char covered[32768] = "";
    REQUIRE(shape->size < sizeof(covered) - 8);
    for (size_t i = 0; i < shape->len; i++) {
        const struct field *field = &shape->fields[i];
        mark(covered, shape->size, field->offset, member_size(field));
        if (field->type == FIELD_SLOT_MAYBE) {
            mark(covered, shape->size, field->len_offset, sizeof(bool));
        }
        if (field->type == FIELD_ARRAY) {
            mark(covered, shape->size, field->len_offset, sizeof(uint32_t));
        }
        const struct shape *inner = field->item ? field->item->shape : field->shape;
        if (inner) {
            check_covered(inner, field->name);
        }
    }
    for (size_t i = 0; i < shape->size;) {
        size_t hole = 0;
        while (i + hole < shape->size && !covered[i + hole]) {
            hole++;
        }
        bool is_padding = hole == 0 ||
                          (hole < 8 && ((i + hole) % 8 == 0 || i + hole == shape->size)) ||
                          (hole < 4 && (i + hole) % 4 == 0) || (hole < 2 && (i + hole) % 2 == 0);
        if (!is_padding) {
            test_fail(__FILE__, __LINE__, "%s: no field for the %zu bytes at %zu", what, hole, i);
        }
        i += hole + 1;
    }
}

TEST(every_member_of_every_record_has_a_field)
{
    for (unsigned kind = 0; kind < record_kind_count; kind++) {
        check_covered(shape_of((enum record_kind)kind), record_kind_name((enum record_kind)kind));
    }
}

TEST(every_kind_of_record_survives_writing_and_reading)
{
    for (unsigned k = 0; k < record_kind_count; k++) {
        for (unsigned seed = 0; seed < 50; seed++) {
            enum record_kind kind = (enum record_kind)k;
            struct error err = {0};
            CLEANUP(record_unrefp) struct record *record = full_record(kind, seed);
            CLEANUP(record_unrefp) struct record *again = NULL;
            CLEANUP(buf_done) struct buf first = {0}, second = {0};
            CHECK_INT(wire_record_encode(record, &first, &err), 0);
            CHECK_STR(err.text, "");
            CHECK_INT(wire_record_decode(&record->key, first.data, first.size, &again, &err), 0);
            CHECK_STR(err.text, "");
            REQUIRE(again);
            CHECK_INT(again->key.kind, kind);
            CHECK_INT(wire_record_encode(again, &second, &err), 0);
            CHECK_STR(buf_str(&second), buf_str(&first));
            CHECK_HAS(buf_str(&first), "{\"schema\":1,");
        }
    }
}

/* During an upgrade of the hosts, an older program changes what a newer one wrote. */
TEST(what_a_newer_version_wrote_outlives_a_change_by_this_one_and_is_shown_to_no_one)
{
    static const char text[] =
        "{\"schema\":1,\"later\":{\"a\":[1,\"x\"]},\"mode\":\"paused\",\"old\":\"é\"}";
    CLEANUP(record_unrefp) struct record *read = NULL;
    CLEANUP(buf_done) struct buf stored = {0}, shown = {0};
    struct error err = {0};
    REQUIRE(decode(RECORD_NODE_SPEC, text, &read, &err) == 0);
    CLEANUP(record_unrefp) struct record *changed = record_copy(read);
    changed->node_spec->mode = NODE_ACTIVE;
    CHECK_INT(wire_record_encode(changed, &stored, &err), 0);
    CHECK_HAS(buf_str(&stored), ",\"later\":{\"a\":[1,\"x\"]},\"old\":\"é\"}");
    CHECK_HAS(buf_str(&stored), "\"mode\":\"active\"");
    json_t *json = json_loads(buf_str(&stored), JSON_REJECT_DUPLICATES, NULL);
    CHECK(json != NULL);
    json_decref(json);
    CHECK_INT(wire_record_write(&shown, changed, NULL, &err), 0);
    CHECK(!strstr(buf_str(&shown), "later"));
    /* Nor does it make a document that the store would refuse. */
    CLEANUP(freep) char *long_text = calloc(1, (size_t)wire_document_size_max + 1);
    REQUIRE(long_text);
    (void)memset(long_text, 'x', (size_t)wire_document_size_max);
    free(changed->unknown);
    changed->unknown = TAKE(long_text);
    buf_clear(&stored);
    CHECK_INT(wire_record_encode(changed, &stored, &err), -ERANGE);
    CHECK_INT(stored.size, 0);
}

/* A lone flag at the end of a struct looks like padding to the test above. */
TEST(a_dismount_remembers_that_it_was_forced)
{
    static const char text[] = "{\"schema\":1,\"dismounted\":[{\"address\":\"0000:01:00.0\","
                               "\"identity\":\"x\",\"forced\":true}]}";
    CLEANUP(record_unrefp) struct record *record = NULL;
    CLEANUP(buf_done) struct buf json = {0};
    struct error err;
    REQUIRE(decode(RECORD_NODE_SPEC, text, &record, &err) == 0);
    REQUIRE(record->node_spec->dismounted.len == 1);
    CHECK(record->node_spec->dismounted.items[0].is_forced);
    REQUIRE(wire_record_encode(record, &json, &err) == 0);
    CHECK_HAS(buf_str(&json), "\"forced\":true");
}

/* A newer version has more causes. A state, on which something depends, is not guessed. */
TEST(a_cause_of_a_newer_version_is_shown_as_it_is_written)
{
    struct error err = {0};
    CLEANUP(record_unrefp) struct record *bare = NULL;
    CLEANUP(record_unrefp) struct record *full = NULL;
    CLEANUP(record_unrefp) struct record *other = NULL;
    CLEANUP(buf_done) struct buf text = {0};
    CHECK_INT(decode(RECORD_VM_PLACEMENT,
                     "{\"phase\":\"start\",\"node\":\"n\",\"epoch\":2,\"reasons\":[{\"node\":\"m\","
                     "\"cause\":{\"code\":\"far-away\"}}]}",
                     &bare, &err),
              0);
    REQUIRE(bare && bare->placement->reasons.len == 1);
    CHECK_INT(bare->placement->reasons.items[0].cause.code, CAUSE_SAID);
    CHECK_STR(bare->placement->reasons.items[0].cause.facts.detail, "far-away");
    CHECK_INT(wire_record_encode(bare, &text, &err), 0);
    CHECK_HAS(buf_str(&text), "{\"code\":\"said\",\"detail\":\"far-away\"}");
    CHECK_INT(decode(RECORD_VM_PLACEMENT,
                     "{\"cause\":{\"detail\":\"by a mile\",\"code\":\"far-away\"}}", &full, &err),
              0);
    REQUIRE(full);
    CHECK_STR(full->placement->cause.facts.detail, "by a mile");
    CHECK_INT(decode(RECORD_VM_PLACEMENT, "{\"phase\":\"far-away\"}", &other, &err), -EBADMSG);
}

TEST(an_empty_document_is_a_record_with_its_defaults)
{
    struct error err = {0};
    CLEANUP(record_unrefp) struct record *spec = NULL;
    CLEANUP(record_unrefp) struct record *cluster = NULL;
    CLEANUP(record_unrefp) struct record *inventory = NULL;
    REQUIRE(decode(RECORD_VM_SPEC, "{}", &spec, &err) == 0);
    CHECK_INT(spec->vm_spec->priority, priority_medium);
    CHECK_INT(spec->vm_spec->restart.restarts_max, 3);
    CHECK_STR(spec->vm_spec->xml, "");
    REQUIRE(decode(RECORD_CLUSTER, "{\"schema\":1,\"reserve\":2}", &cluster, &err) == 0);
    CHECK_INT(cluster->cluster->takeover_ms, cluster_settings_default.takeover_ms);
    CHECK_INT(cluster->cluster->reserve, 2);
    REQUIRE(decode(RECORD_NODE_INVENTORY, "{\"gpus\":[{\"address\":\"65:00.0\"}]}", &inventory,
                   &err) == 0);
    CHECK_INT(inventory->inventory->gpus.items[0].iommu_group, -1);
    CHECK_INT(inventory->inventory->gpus.items[0].numa_node, -1);
}

TEST(a_spec_and_a_status_from_before_there_were_partitions_are_read)
{
    struct error err = {0};
    CLEANUP(record_unrefp) struct record *spec = NULL;
    CLEANUP(record_unrefp) struct record *status = NULL;
    REQUIRE(decode(RECORD_NODE_SPEC,
                   "{\"dismounted\":[{\"address\":\"0000:65:00.0\",\"identity\":\"x\","
                   "\"forced\":true}],\"released\":[{\"address\":\"0000:66:00.0\","
                   "\"identity\":\"y\",\"forced\":false}]}",
                   &spec, &err) == 0);
    CHECK_INT(spec->node_spec->dismounted.items[0].partitions, 0);
    CHECK_INT(spec->node_spec->released.items[0].slot.address.bus, 0x66);
    CHECK_STR(spec->node_spec->released.items[0].slot.partition, "");
    REQUIRE(decode(RECORD_VM_STATUS, "{\"culprit\":\"0000:65:00.0\"}", &status, &err) == 0);
    CHECK(status->status->has_culprit);
}

/* ---- what a document looks like ---- */

TEST(documents_are_readable_by_people)
{
    struct error err = {0};
    CLEANUP(record_unrefp) struct record *status = record_new(RECORD_VM_STATUS, "v", NULL);
    CLEANUP(record_unrefp) struct record *placement = record_new(RECORD_VM_PLACEMENT, "v", NULL);
    CLEANUP(buf_done) struct buf text = {0};
    *status->status = (struct vm_status){.epoch = 7,
                                         .incarnation = 3,
                                         .node = "n1",
                                         .state = VM_STATE_FAILED,
                                         .cause = {CAUSE_SAID, {.detail = "no reset"}},
                                         .culprit = {{0, 0x65, 0, 0}, "0000:65:00.4"},
                                         .has_culprit = true};
    CHECK_INT(wire_record_encode(status, &text, &err), 0);
    CHECK_STR(buf_str(&text),
              "{\"schema\":1,\"epoch\":7,\"incarnation\":3,\"node\":\"n1\",\"state\":\"failed\","
              "\"has_started\":false,\"stop_refused\":false,\"cannot_be_ended\":false,"
              "\"cause\":{\"code\":\"said\",\"detail\":\"no reset\"},"
              "\"culprit\":\"0000:65:00.0+0000:65:00.4\"}");
    buf_clear(&text);
    placement->placement->phase = PLACEMENT_START;
    *VEC_ADD(&placement->placement->gpus) = (struct gpu_hold){"p", {{0, 0x65, 0, 0}, "vf-2"}};
    CHECK_INT(wire_record_encode(placement, &text, &err), 0);
    CHECK_HAS(buf_str(&text), "\"phase\":\"start\"");
    CHECK_HAS(buf_str(&text), "\"gpus\":[{\"pool\":\"p\",\"gpu\":\"0000:65:00.0+vf-2\"}]");
}

TEST(ids_are_hexadecimal_and_parameters_are_an_object)
{
    struct error err = {0};
    CLEANUP(record_unrefp) struct record *inventory = record_new(RECORD_NODE_INVENTORY, "n", NULL);
    CLEANUP(record_unrefp) struct record *spec = record_new(RECORD_NODE_SPEC, "n", NULL);
    CLEANUP(buf_done) struct buf text = {0};
    *VEC_ADD(&inventory->inventory->gpus) = (struct gpu){
        .vendor = 0x10de, .class_code = 0x30000, .reset_methods = GPU_RESET_FLR | GPU_RESET_ACPI};
    *VEC_ADD(&spec->node_spec->fence_parameters) = (struct fence_parameter){"ip", "10.0.0.1"};
    CHECK_INT(wire_record_encode(inventory, &text, &err), 0);
    CHECK_HAS(buf_str(&text), "\"vendor\":\"10de\"");
    CHECK_HAS(buf_str(&text), "\"class\":\"030000\"");
    CHECK_HAS(buf_str(&text), "\"reset_methods\":[\"flr\",\"acpi\"]");
    CHECK_INT(wire_record_encode(spec, &text, &err), 0);
    CHECK_HAS(buf_str(&text), "\"fence_parameters\":{\"ip\":\"10.0.0.1\"}");
}

TEST(text_that_is_no_utf8_is_made_so_and_still_fits)
{
    struct error err = {0};
    CLEANUP(record_unrefp) struct record *fence = record_new(RECORD_NODE_FENCE, "n", NULL);
    CLEANUP(record_unrefp) struct record *again = NULL;
    CLEANUP(buf_done) struct buf text = {0};
    char *detail = fence->fence->cause.facts.detail;
    memset(detail, 0xff, sizeof(fence->fence->cause.facts.detail) - 1);
    memcpy(detail, "ok \xe2\x82", 5); /* a character cut in its middle */
    CHECK_INT(wire_record_encode(fence, &text, &err), 0);
    CHECK_HAS(buf_str(&text), "ok \xef\xbf\xbd\xef\xbf\xbd");
    CHECK_INT(wire_record_decode(&fence->key, text.data, text.size, &again, &err), 0);
    CHECK_STR(err.text, "");
}

TEST(a_record_that_no_reader_would_take_is_not_written)
{
    struct error err = {0};
    CLEANUP(record_unrefp) struct record *claim = record_new(RECORD_CLAIM, "n", "0000:65:00.0");
    CLEANUP(record_unrefp) struct record *alive = record_new(RECORD_NODE_ALIVE, "n", NULL);
    CLEANUP(record_unrefp) struct record *spec = record_new(RECORD_VM_SPEC, "v", NULL);
    CLEANUP(buf_done) struct buf text = {0};
    claim->claim->epoch = UINT64_MAX;
    CHECK_INT(wire_record_encode(claim, &text, &err), -ERANGE);
    CHECK_HAS(err.text, "epoch: 18446744073709551615");
    alive->alive->watchdog_ms = -1;
    CHECK_INT(wire_record_encode(alive, &text, &err), -ERANGE);
    CHECK_HAS(err.text, "watchdog_ms");
    for (size_t i = 0; i <= affinity_max; i++) {
        (void)VEC_ADD(&spec->vm_spec->apart);
    }
    CHECK_INT(wire_record_encode(spec, &text, &err), -ERANGE);
    CHECK_HAS(err.text, "apart: 33 elements; at most 32");
}

/* ---- refusals ---- */

static void check_refused(enum record_kind kind, const char *text, const char *want)
{
    struct error err = {0};
    struct record *record = NULL;
    int r = decode(kind, text, &record, &err);
    if (r != -EBADMSG || !strstr(err.text, want)) {
        test_fail(__FILE__, __LINE__, "%.200s: %d \"%s\", without \"%s\"", text, r, err.text, want);
    }
    record_unref(record);
}

TEST(a_fault_in_a_document_is_named_with_its_place)
{
    check_refused(RECORD_POOL, "{\"members\":[{\"gpu\":\"65:00.0\"},{\"gpu\":\"65:99\"}]}",
                  "members[1].gpu: \"65:99\" is no device");
    check_refused(RECORD_VM_SPEC, "{\"restart\":{\"window_ms\":\"5\"}}",
                  "restart.window_ms: must be a whole number, not a string");
    check_refused(RECORD_VM_SPEC, "{\"priority\":1.5}",
                  "priority: must be a whole number, not a fraction");
    check_refused(RECORD_VM_SPEC, "{\"priority\":-1}",
                  "priority: must be a whole number from 0 to 4294967295, not -1");
    check_refused(RECORD_VM_SPEC, "{\"desired\":\"on\"}",
                  "desired: must be stopped or started, not \"on\"");
    check_refused(RECORD_NODE_SPEC, "{\"mode\":null}", "mode: must be a string, not null");
    check_refused(RECORD_NODE_SPEC, "{\"labels\":{\"a\":1}}", "labels.a: must be a string");
    check_refused(RECORD_NODE_SPEC, "{\"labels\":{\"\":\"a\"}}", "a name here has 1 to 63 bytes");
    check_refused(RECORD_NODE_SPEC, "{\"labels\":[]}", "labels: must be an object, not an array");
    check_refused(RECORD_NODE_ALIVE, "{\"watchdog_armed\":1}",
                  "watchdog_armed: must be true or false");
    check_refused(RECORD_NODE_INVENTORY, "{\"gpus\":[{\"vendor\":\"10dee\"}]}",
                  "gpus[0].vendor: \"10dee\"");
    check_refused(RECORD_NODE_INVENTORY, "{\"gpus\":{}}", "gpus: must be an array, not an object");
    check_refused(RECORD_VM_STATUS, "{\"culprit\":\"x\"}", "culprit: \"x\" is no device");
    check_refused(RECORD_LEADER, "{\"term\":9223372036854775808}", "too big integer");
}

TEST(an_order_without_an_epoch_is_refused)
{
    struct error err = {0};
    CLEANUP(record_unrefp) struct record *none = NULL;
    check_refused(RECORD_VM_PLACEMENT, "{\"phase\":\"start\",\"node\":\"n\"}",
                  "epoch: a number from 1 on");
    check_refused(RECORD_VM_PLACEMENT, "{\"phase\":\"stop\",\"node\":\"n\",\"epoch\":0}",
                  "epoch: a number from 1 on");
    check_refused(RECORD_VM_PLACEMENT,
                  "{\"phase\":\"stop\",\"epoch\":3,\"epoch_last\":3,\"handover\":\"ordered\"}",
                  "epoch_last: must be later");
    check_refused(RECORD_VM_INCOMING, "{\"node\":\"n\"}", "epoch: a number from 1 on");
    CHECK_INT(decode(RECORD_VM_PLACEMENT, "{\"phase\":\"none\"}", &none, &err), 0);
}

TEST(texts_and_arrays_beyond_their_limits_are_refused_and_at_them_taken)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(record_unrefp) struct record *record = NULL;
    struct error err = {0};
    char name[name_size + 1] = "";
    memset(name, 'a', name_size);
    buf_printf(&text, "{\"node\":\"%s\"}", name);
    check_refused(RECORD_LEADER, buf_str(&text), "node: 64 bytes long; at most 63 are allowed");
    buf_clear(&text);
    buf_printf(&text, "{\"node\":\"%s\"}", name + 1);
    CHECK_INT(decode(RECORD_LEADER, buf_str(&text), &record, &err), 0);
    buf_clear(&text);
    buf_text(&text, "{\"needs\":[{}");
    for (size_t i = 1; i < needs_per_vm_max; i++) {
        buf_text(&text, ",{}");
    }
    record_unref(TAKE(record));
    buf_text(&text, "]}");
    CHECK_INT(decode(RECORD_VM_SPEC, buf_str(&text), &record, &err), 0);
    text.data[text.size - 2] = ',';
    text.data[text.size - 1] = '{';
    buf_text(&text, "}]}");
    check_refused(RECORD_VM_SPEC, buf_str(&text), "needs: 9 elements; at most 8 are allowed");
}

TEST(documents_that_are_no_json_objects_are_refused)
{
    check_refused(RECORD_LEADER, "", "empty");
    check_refused(RECORD_LEADER, "[]", "not a JSON object");
    check_refused(RECORD_LEADER, "{\"term\":1", "line 1");
    check_refused(RECORD_LEADER, "{\"term\":1} {}", "line 1");
    check_refused(RECORD_LEADER, "{\"term\":1,\"term\":2}", "duplicate");
    check_refused(RECORD_LEADER, "{\"node\":\"a\\u0000b\"}", "NUL");
    check_refused(RECORD_LEADER, "{\"node\":\"\xff\"}", "unable to decode byte 0xff");
    check_refused(RECORD_LEADER, "{\"schema\":2}", "newer version");
    check_refused(RECORD_LEADER, "{\"schema\":\"1\"}", "schema");
}

TEST(deep_nesting_and_huge_documents_are_refused_before_they_cost_memory)
{
    CLEANUP(buf_done) struct buf text = {0};
    buf_text(&text, "{\"later\":");
    for (int i = 0; i < wire_depth_max; i++) {
        buf_char(&text, '[');
    }
    check_refused(RECORD_LEADER, buf_str(&text), "nested more than 16 deep");
    buf_clear(&text);
    buf_text(&text, "{\"later\":[0");
    for (int i = 0; i < wire_values_max; i++) {
        buf_text(&text, ",0");
    }
    buf_text(&text, "]}");
    check_refused(RECORD_LEADER, buf_str(&text), "more than 131072 values");
    buf_clear(&text);
    buf_text(&text, "{\"later\":\"");
    for (int i = 0; i < wire_document_size_max / 8; i++) {
        buf_text(&text, "[[[[[[[[");
    }
    buf_text(&text, "\"}");
    check_refused(RECORD_LEADER, buf_str(&text), "at most 2097152 are allowed");
}

TEST(fields_of_newer_writers_are_ignored_and_those_of_people_refused)
{
    CLEANUP(record_unrefp) struct record *record = NULL;
    struct error err = {0};
    struct record_key key = {.kind = RECORD_VM_SPEC, .name = "v"};
    json_t *json = json_pack("{s:i,s:{s:i}}", "schema", 1, "restart", "restart_max", 1);
    CHECK_INT(wire_record_from_json(&key, json, 0, &record, &err), 0);
    record_unref(TAKE(record));
    CHECK_INT(wire_record_from_json(&key, json, WIRE_REFUSE_UNKNOWN, &record, &err), -EBADMSG);
    CHECK_HAS(err.text, "restart.restart_max: there is no such field; there are: restarts_max, ");
    json_decref(json);
}

TEST(an_update_changes_what_it_names_and_nothing_else)
{
    CLEANUP(record_unrefp) struct record *record = full_record(RECORD_VM_SPEC, 1);
    CLEANUP(record_unrefp) struct record *before = record_copy(record);
    struct error err = {0};
    json_t *json = json_pack("{s:s,s:[s],s:{s:i}}", "xml", "<new/>", "apart", "db-1", "restart",
                             "restarts_max", 9);
    CHECK_INT(wire_record_update(record, json, WIRE_REFUSE_UNKNOWN, &err), 0);
    CHECK_STR(record->vm_spec->xml, "<new/>");
    CHECK_INT(record->vm_spec->apart.len, 1);
    CHECK_STR(record->vm_spec->apart.items[0].name, "db-1");
    CHECK_INT(record->vm_spec->restart.restarts_max, 9);
    CHECK_INT(record->vm_spec->restart.window_ms, before->vm_spec->restart.window_ms);
    CHECK_INT(record->vm_spec->together.len, before->vm_spec->together.len);
    CHECK_INT(record->vm_spec->priority, before->vm_spec->priority);
    json_decref(json);
}

/* ---- keys ---- */

TEST(every_kind_of_key_survives_writing_and_reading)
{
    for (unsigned kind = 0; kind < record_kind_count; kind++) {
        struct record_key key = {.kind = (enum record_kind)kind}, again;
        const char *pattern = record_kind_name(key.kind);
        char text[wire_key_size];
        struct error err = {0};
        memset(key.name, 'n', strchr(pattern, '%') ? name_size - 1 : 0);
        (void)snprintf(key.second, name_size, "%s",
                       strchr(pattern, '+') ? "0000:65:00.0+0b5c4b31-7ad5-4b0c-8d8e-cb9d6a0f0cde"
                                            : "");
        CHECK_INT(wire_key_format("/berth/", &key, text, &err), 0);
        CHECK_INT(wire_key_parse("/berth/", text, strlen(text), &again, &err), 0);
        CHECK_STR(err.text, "");
        CHECK_INT(record_key_compare(&key, &again), 0);
    }
}

TEST(keys_stand_where_the_design_says)
{
    struct record_key key = {.kind = RECORD_CLAIM, .name = "node1", .second = "0000:65:00.0"};
    char text[wire_key_size];
    CHECK_INT(wire_key_format("/berth/", &key, text, NULL), 0);
    CHECK_STR(text, "/berth/order/claims/node1/0000:65:00.0");
    key = (struct record_key){.kind = RECORD_LEADER};
    CHECK_INT(wire_key_format("/lab/", &key, text, NULL), 0);
    CHECK_STR(text, "/lab/order/leader");
}

static void check_no_key(const char *text, size_t size, int want)
{
    struct record_key key;
    int r = wire_key_parse("/berth/", text, size, &key, NULL);
    if (r != want) {
        test_fail(__FILE__, __LINE__, "\"%s\" gives %d, not %d", text, r, want);
    }
}

TEST(keys_that_are_no_records_differ_from_records_with_bad_names)
{
    static const char *const strange[] = {"/other/order/leader",
                                          "/berth/",
                                          "/berth/order/leader/",
                                          "/berth/vms/a",
                                          "/berth/want/vms/a/b",
                                          "/berth/want/a",
                                          "/berth",
                                          "",
                                          "/berth/want/leader",
                                          "/berth/beat",
                                          "/berth/order/leaderx",
                                          "/berth/leader"};
    static const char *const bad[] = {"/berth/want/vms/",
                                      "/berth/want/vms/-a",
                                      "/berth/want/pools/a b",
                                      "/berth/order/claims/n/65:00.0",
                                      "/berth/order/claims/n/0000:65:00.0+",
                                      "/berth/order/claims/n/",
                                      "/berth/order/claims/n/0000:6A:00.0"};
    char long_key[200];
    for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
        check_no_key(strange[i], strlen(strange[i]), -ENOENT);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        check_no_key(bad[i], strlen(bad[i]), -EINVAL);
    }
    check_no_key("/berth/want/pools/a\0b", 21, -ENOENT);
    (void)snprintf(long_key, sizeof(long_key), "/berth/want/pools/%064d", 1);
    check_no_key(long_key, strlen(long_key), -EINVAL);
    check_no_key(long_key, strlen(long_key) - 1, 0);
}

TEST(names_that_would_leave_their_place_make_no_key)
{
    struct record_key key = {.kind = RECORD_POOL, .name = "a/../b"};
    char text[wire_key_size];
    CHECK_INT(wire_key_format("/berth/", &key, text, NULL), -EINVAL);
    CHECK_STR(text, "");
    key = (struct record_key){.kind = RECORD_CLAIM, .name = "n", .second = "0000:65:00.0+a/b"};
    CHECK_INT(wire_key_format("/berth/", &key, text, NULL), -EINVAL);
    key = (struct record_key){.kind = RECORD_LEADER, .name = "n"};
    CHECK_INT(wire_key_format("/berth/", &key, text, NULL), -EINVAL);
}

TEST(prefixes_are_checked)
{
    CHECK_INT(wire_prefix_check("/berth/", NULL), 0);
    CHECK_INT(wire_prefix_check("/", NULL), -EINVAL);
    CHECK_INT(wire_prefix_check("berth/", NULL), -EINVAL);
    CHECK_INT(wire_prefix_check("/berth", NULL), -EINVAL);
}

TEST(json_is_written_with_its_commas_escapes_and_broken_characters)
{
    CLEANUP(buf_done) struct buf buf = {0};
    out_open(&buf, '{');
    out_text(&buf, "a", "x\"\\\n\x01\x7f\xc3\xa9");
    out_number(&buf, "min", INT64_MIN);
    out_number(&buf, "zero", 0);
    out_key(&buf, "list");
    out_open(&buf, '[');
    out_open(&buf, '[');
    out_close(&buf, ']');
    out_text(&buf, NULL, ",[");
    out_bool(&buf, NULL, true);
    out_close(&buf, ']');
    out_text(&buf, "bad", "\xff!");
    out_tree(&buf, "tree", json_pack("[i]", 1));
    out_close(&buf, '}');
    CHECK_STR(buf_str(&buf),
              "{\"a\":\"x\\\"\\\\\\n\\u0001\x7f\xc3\xa9\",\"min\":-9223372036854775808,\"zero\":0,"
              "\"list\":[[],\",[\",true],\"bad\":\"\xef\xbf\xbd!\",\"tree\":[1]}");
    CHECK(!buf.failed);
    out_tree(&buf, "none", NULL);
    CHECK(buf.failed);
}

TEST(every_character_that_is_written_is_read_back)
{
    char every[128];
    for (int i = 0; i < 127; i++) {
        every[i] = (char)(i + 1);
    }
    every[127] = '\0';
    CLEANUP(buf_done) struct buf buf = {0};
    out_open(&buf, '{');
    out_text(&buf, "a", every);
    out_close(&buf, '}');
    json_t *json = json_loads(buf_str(&buf), 0, NULL);
    REQUIRE(json);
    CHECK_STR(json_string_value(json_object_get(json, "a")), every);
    json_decref(json);
}
