/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/requests.h"

#include "wire/record.h"
#include "wire/shape_table.h"

#include <errno.h>
#include <string.h>

static const char *const pool_type_words[] = {POOL_TYPE_LIST(WORD_)};
static const char *const access_kind_words[] = {ACCESS_KIND_LIST(WORD_)};
static const char *const migration_words[] = {MIGRATION_LIST(WORD_)};
static const char *const role_words[] = {API_ROLE_LIST(WORD_)};

#define REQUEST(id, table)                                                                         \
    const struct shape request_##id = {                                                            \
        .fields = table, .len = ARRAY_LEN(table), .size = sizeof(OWNER)}

const struct shape request_none = {.fields = NULL, .len = 0, .size = 0};

/* ---- the cluster ---- */

#define OWNER struct disarm_request
static const struct field disarm_fields[] = {
    INTEGER("for_ms", for_ms, 1000, disarm_ms_max,
            ABOUT("time after which the cluster is armed again; default: until someone arms it")),
};
REQUEST(disarm, disarm_fields);
#undef OWNER

/* ---- hosts and GPUs ---- */

#define OWNER struct force_request
static const struct field force_fields[] = {
    BOOL("force", is_forced, ABOUT("do it although it interrupts work")),
};
REQUEST(force, force_fields);
#undef OWNER

#define OWNER struct drain_request
static const struct field drain_fields[] = {
    BOOL("force", is_forced, ABOUT("also stop VMs that find no other place")),
    BOOL("dry_run", is_dry_run, ABOUT("only tell what would move where")),
    ENUM("migration", migration, migration_words,
         ABOUT("how running VMs move; default: each as it is set")),
};
REQUEST(drain, drain_fields);
#undef OWNER

#define OWNER struct confirm_off_request
static const struct field confirm_off_fields[] = {
    INTEGER("incarnation", incarnation, 1, INT64_MAX,
            ABOUT("incarnation that is off; refused if the host has restarted since")),
};
REQUEST(confirm_off, confirm_off_fields);
#undef OWNER

#define OWNER struct fence_test_request
static const struct field fence_test_fields[] = {
    TEXT("from", from, ABOUT("host that asks the fence agents; absent: another one that is up"),
         NAME_OF("node")),
};
REQUEST(fence_test, fence_test_fields);
#undef OWNER

#define OWNER struct vgpu_share
static const struct field share_fields[] = {
    INTEGER("count", count, 1, UINT16_MAX, ABOUT("number of partitions"), REQUIRED),
    TEXT("profile", profile, ABOUT("type of the vGPUs, by its ID or name"), REQUIRED),
};
SHAPE(share_shape, share_fields);
ITEM(share_item, share_shape);
#undef OWNER

#define OWNER struct partition_request
static const struct field partition_fields[] = {
    INTEGER("count", count, 0, UINT16_MAX, ABOUT("number of partitions; 0: the whole card"),
            REQUIRED),
    TEXT("profile", profile,
         ABOUT("make vGPUs of this type, by its ID or name; see mdev_types of the GPU")),
    ARRAY("more", more, more_len, share_item,
          ABOUT("vGPUs of other types at the same time, on a card that takes several sizes")),
};
REQUEST(partition, partition_fields);
#undef OWNER

/* ---- pools ---- */

#define OWNER struct gpu_place
static const struct field gpu_place_fields[] = {
    TEXT("node", node, ABOUT("host of the GPU"), REQUIRED, NAME_OF("node")),
    ADDRESS("address", address, ABOUT("PCI address"), REQUIRED),
};
SHAPE(gpu_place_shape, gpu_place_fields);
ITEM(gpu_place_item, gpu_place_shape);
#undef OWNER

#define OWNER struct pool_request
#define JOIN_FIELDS                                                                                \
    LIST("members", members, gpu_place_item, members_per_request_max, ABOUT("GPUs to add")),       \
        BOOL("all", is_all, ABOUT("add every dismounted GPU of one model")),                       \
        TEXT("model", model, ABOUT("the model that \"all\" means, as vendor:device")),             \
        TEXT("profile", profile,                                                                   \
             ABOUT("of cards with vGPUs of several types: only those of this one, by ID or name"))
static const struct field pool_create_fields[] = {
    TEXT("name", name, ABOUT("name of the pool"), REQUIRED, NAME_OF("pool")),
    ENUM("type", type, pool_type_words,
         ABOUT("whole GPUs (PciExpress) or partitions (GpuPartition)")),
    BOOL("mixed", is_mixed, ABOUT("allow GPUs of different models")),
    JOIN_FIELDS,
};
REQUEST(pool_create, pool_create_fields);
static const struct field pool_join_fields[] = {JOIN_FIELDS};
REQUEST(pool_join, pool_join_fields);
#undef OWNER

/* ---- VMs ---- */

#define OWNER struct vm_need
static const struct field need_fields[] = {
    TEXT("pool", pool, ABOUT("GPU pool"), REQUIRED, NAME_OF("pool")),
    INTEGER("count", count, 1, gpus_per_vm_max, ABOUT("number of GPUs"), REQUIRED),
};
SHAPE(need_shape, need_fields);
ITEM(need_item, need_shape);
#undef OWNER

/* The policy is beside these: the record's own fields (vm_change.c). */
#define OWNER struct vm_add_request
static const struct field vm_add_fields[] = {
    HEAP_TEXT("xml", xml, domain_xml_size_max, ABOUT("libvirt domain XML"), REQUIRED),
    TEXT("name", name, ABOUT("name of the VM; default: the one in the XML"), NAME_OF("VM")),
    ARRAY("needs", needs, need_len, need_item, ABOUT("GPUs it needs, by pool")),
    BOOL("privileged", is_privileged,
         ABOUT("add it although the domain policy does not allow it: only root, over the socket")),
};
REQUEST(vm_add, vm_add_fields);
#undef OWNER

#define OWNER struct import_request
static const struct field import_fields[] = {
    HEAP_TEXT("xml", xml, domain_xml_size_max, ABOUT("domain XML as libvirt has it"), REQUIRED),
    TEXT("name", name, ABOUT("name of the VM; default: the nearest to the one in the XML")),
    ARRAY("needs", needs, need_len, need_item,
          ABOUT("GPUs it needs, by pool; default: as many as its XML has of each pool")),
    BOOL("active", is_active, ABOUT("it runs on that host now"), REQUIRED),
    BOOL("dry_run", is_dry_run, ABOUT("only tell whether it can be imported, and what is lost")),
};
REQUEST(import, import_fields);
#undef OWNER

#define OWNER struct vm_define_request
static const struct field vm_define_fields[] = {
    HEAP_TEXT("xml", xml, domain_xml_size_max, ABOUT("libvirt domain XML without GPUs")),
    INTEGER("cpus", cpus, 1, 4096, ABOUT("virtual CPUs")),
    INTEGER("memory_mib", memory_mib, 1, INT32_MAX, ABOUT("memory in MiB")),
    BOOL("privileged", is_privileged,
         ABOUT("take the XML although the domain policy does not allow it: only root, over the "
               "socket")),
};
REQUEST(vm_define, vm_define_fields);
#undef OWNER

#define OWNER struct assign_request
static const struct field assign_fields[] = {
    TEXT("pool", pool, ABOUT("GPU pool"), REQUIRED, NAME_OF("pool")),
    INTEGER("count", count, 1, gpus_per_vm_max,
            ABOUT("number of GPUs; default: one to assign, all to unassign")),
};
REQUEST(assign, assign_fields);
#undef OWNER

#define OWNER struct move_request
static const struct field move_fields[] = {
    TEXT("node", node, ABOUT("host to move to; default: any other"), NAME_OF("node")),
    ENUM("migration", migration, migration_words,
         ABOUT("live: or not at all; restart; live-or-restart; default: as the VM is set")),
    INTEGER("limit_ms", limit_ms, move_limit_min_ms, move_limit_max_ms,
            ABOUT("how long it may take if it is live; default: as the cluster is set")),
};
REQUEST(move, move_fields);
#undef OWNER

static const struct field node_item = {
    .type = FIELD_TEXT, .size = sizeof(struct vm_name), NAME_OF("node")};
static const struct field vm_item = {
    .type = FIELD_TEXT, .size = sizeof(struct vm_name), NAME_OF("VM")};

#define OWNER struct plan_ask_request
static const struct field plan_fields[] = {
    LIST("fail", fail, node_item, nodes_max, ABOUT("hosts that fail")),
    LIST("drain", drain, node_item, nodes_max, ABOUT("hosts that are drained")),
    LIST("start", start, vm_item, nodes_max, ABOUT("VMs to start")),
    ENUM("migration", migration, migration_words,
         ABOUT("how running VMs leave drained hosts; default: each as it is set")),
};
REQUEST(plan, plan_fields);
#undef OWNER

/* ---- access ---- */

#define OWNER struct login_request
static const struct field login_fields[] = {
    /* Any text may be tried as a name: what is none belongs to no one. */
    TEXT("user", user, ABOUT("name of the user"), REQUIRED),
    TEXT("password", password, ABOUT("password"), REQUIRED),
    TEXT("code", code, ABOUT("code of the second factor, of a user who has one")),
};
REQUEST(login, login_fields);
#undef OWNER

#define OWNER struct own_password_request
static const struct field own_password_fields[] = {
    TEXT("password", password, ABOUT("password as it is"), REQUIRED),
    TEXT("new_password", next, ABOUT("password as it will be"), REQUIRED),
};
REQUEST(own_password, own_password_fields);
#undef OWNER

#define OWNER struct totp_request
#define TOTP_FIELDS                                                                                \
    TEXT("secret", secret, ABOUT("secret of the second factor in base32, 128 to 512 bits"),        \
         REQUIRED),                                                                                \
        TEXT("code", code, ABOUT("code that an app makes of it now"), REQUIRED)
static const struct field totp_fields[] = {TOTP_FIELDS};
REQUEST(totp, totp_fields);
static const struct field own_totp_fields[] = {
    TEXT("password", password, ABOUT("one's password"), REQUIRED),
    TOTP_FIELDS,
};
REQUEST(own_totp, own_totp_fields);
#undef OWNER

#define OWNER struct access_request
#define ACCESS_FIELDS                                                                              \
    ENUM("role", role, role_words, ABOUT("what it may do")),                                       \
        TEXT("password", password, ABOUT("password of a user")),                                   \
        INTEGER("expires_days", expires_days, 0, expires_days_max,                                 \
                ABOUT("days until it expires; 0: never; a new token without it: 90")),             \
        TEXT("note", note, ABOUT("note"))
static const struct field access_add_fields[] = {
    TEXT("name", name, ABOUT("name of the user or token"), REQUIRED, NAME_OF("user's or token's")),
    ENUM("kind", kind, access_kind_words, ABOUT("user or token"), REQUIRED),
    ACCESS_FIELDS,
};
REQUEST(access_add, access_add_fields);
static const struct field access_patch_fields[] = {ACCESS_FIELDS};
REQUEST(access_patch, access_patch_fields);
#undef OWNER

/* ---- reading ---- */

const struct shape *request_find(const char *name)
{
    static const struct {
        const char *name;
        const struct shape *shape;
    } all[] = {
#define REQUEST_ROW_(id, text) {text, &request_##id},
        REQUEST_LIST(REQUEST_ROW_)
#undef REQUEST_ROW_
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (strcmp(all[i].name, name) == 0) {
            return all[i].shape;
        }
    }
    return NULL;
}

json_t *request_json(struct api_call *call)
{
    json_t *json = NULL;
    struct error err;
    if (call->request->body_size == 0) {
        return json_object();
    }
    if (wire_json_parse(call->request->body, call->request->body_size, &json, &err) < 0) {
        call_refuse(call, 400, "bad-request", "the body of the request: %s", err.text);
    }
    return json;
}

bool request_read_json(struct api_call *call, const struct shape *shape, const json_t *json,
                       void *ret, uint64_t *ret_given)
{
    struct error err;
    int r = shape_read_given(shape, json, WIRE_REFUSE_UNKNOWN | WIRE_NULL_IS_ABSENT, ret, ret_given,
                             &err);
    if (r == -ENOMEM) {
        call_send(call, NULL, 0);
    } else if (r < 0) {
        call_tell(call, "field", err.place, NULL);
        call_refuse(call, 400, "bad-request", "%s", err.text);
    }
    return r == 0;
}

bool request_read_given(struct api_call *call, const struct shape *shape, void *ret,
                        uint64_t *ret_given)
{
    json_t *json = request_json(call);
    bool is_read = json && request_read_json(call, shape, json, ret, ret_given);
    json_decref(json);
    return is_read;
}

bool request_read(struct api_call *call, const struct shape *shape, void *ret)
{
    uint64_t given;
    return request_read_given(call, shape, ret, &given);
}

bool request_has(const struct shape *shape, uint64_t given, const char *name)
{
    for (size_t i = 0; i < shape->len; i++) {
        if (strcmp(shape->fields[i].name, name) == 0) {
            return given >> i & 1;
        }
    }
    return false;
}

bool request_is_empty(struct api_call *call)
{
    char nothing;
    return request_read(call, &request_none, &nothing);
}

void request_refuse(struct api_call *call, const char *field, const char *format, ...)
{
    CLEANUP(buf_done) struct buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    call_tell(call, "field", field, NULL);
    call_refuse(call, 400, "bad-request", "%s: %s", field, buf_str(&text));
}

bool request_has_good_password(struct api_call *call, const char *field, const char *password)
{
    if (strlen(password) < api_password_len_min) {
        request_refuse(call, field, "must have at least %d characters", api_password_len_min);
        return false;
    }
    return true;
}
