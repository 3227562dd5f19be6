/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bodies that requests have, each a struct and its table of fields, from which it is read, is
 * refused, and is described in /openapi.json. What a PATCH changes is no struct: it goes into the
 * record by the record's own table (patch.h).
 */
#pragma once

#include "api/call.h"
#include "wire/shape.h"

enum {
    members_per_request_max = 1024,
    move_limit_min_ms = 1000,
    move_limit_max_ms = 24 * 3600 * 1000,
    expires_days_max = 3650,
    disarm_ms_max = 30 * 24 * 3600 * 1000U,
};

struct force_request {
    bool is_forced;
};

struct drain_request {
    bool is_forced;
    bool is_dry_run;
    enum migration migration;
};

struct confirm_off_request {
    uint64_t incarnation; /* 0: not given */
};

struct fence_test_request {
    char from[name_size]; /* "": whichever host is up */
};

struct disarm_request {
    msec_t for_ms; /* 0: until it is armed again */
};

struct partition_request {
    uint32_t count;
    char profile[gpu_profile_size]; /* "": virtual functions */
    struct vgpu_share more[profiles_per_card_max - 1];
    uint32_t more_len;
};

struct gpu_place {
    char node[name_size];
    struct pci_address address;
};

struct pool_request {
    char name[name_size]; /* of a new one */
    enum pool_type type;
    bool is_mixed;
    VEC(struct gpu_place) members;
    bool is_all;
    char model[32];                 /* "": not given */
    char profile[gpu_profile_size]; /* "": not given */
};

struct vm_add_request {
    char *xml;
    char name[name_size]; /* "": the one in the XML */
    struct vm_need needs[needs_per_vm_max];
    uint32_t need_len;
    bool is_privileged;
};

struct import_request {
    char *xml;
    char name[title_size];                  /* "": the nearest to the one in the XML */
    struct vm_need needs[needs_per_vm_max]; /* instead of those that its GPUs say, if given */
    uint32_t need_len;
    bool is_active; /* it runs there now */
    bool is_dry_run;
};

struct vm_define_request {
    char *xml;           /* NULL: as it was */
    uint32_t cpus;       /* 0: the same */
    uint64_t memory_mib; /* 0: the same */
    bool is_privileged;
};

struct assign_request {
    char pool[name_size];
    uint32_t count; /* 0: not given */
};

struct move_request {
    char node[name_size]; /* "": anywhere else */
    enum migration migration;
    msec_t limit_ms; /* 0: as the cluster is set */
};

struct plan_ask_request {
    VEC(struct vm_name) fail;
    VEC(struct vm_name) drain;
    VEC(struct vm_name) start;
    enum migration migration; /* of those that are drained */
};

struct login_request {
    char user[name_size];
    char password[api_password_size];
    char code[api_code_size]; /* "": not given */
};

struct own_password_request {
    char password[api_password_size];
    char next[api_password_size];
};

struct totp_request {
    char password[api_password_size]; /* one's own; an administrator gives none */
    char secret[api_totp_size];
    char code[api_code_size];
};

struct access_request {
    char name[name_size]; /* of a new one */
    enum access_kind kind;
    enum api_role role;
    char password[api_password_size];
    uint32_t expires_days;
    char note[reason_size];
};

#define REQUEST_LIST(X)                                                                            \
    X(none, "Nothing")                                                                             \
    X(force, "Force")                                                                              \
    X(drain, "Drain")                                                                              \
    X(confirm_off, "ConfirmOff")                                                                   \
    X(fence_test, "FenceTestOrder")                                                                \
    X(disarm, "Disarm")                                                                            \
    X(partition, "Partition")                                                                      \
    X(pool_create, "PoolCreate")                                                                   \
    X(pool_join, "PoolJoin")                                                                       \
    X(vm_add, "VmAdd")                                                                             \
    X(import, "Import")                                                                            \
    X(vm_define, "VmDefine")                                                                       \
    X(assign, "Assign")                                                                            \
    X(move, "Move")                                                                                \
    X(plan, "Question")                                                                            \
    X(login, "Login")                                                                              \
    X(own_password, "OwnPassword")                                                                 \
    X(own_totp, "OwnTotp")                                                                         \
    X(totp, "Totp")                                                                                \
    X(access_add, "AccessAdd")                                                                     \
    X(access_patch, "AccessPatch")

#define REQUEST_DECLARE_(id, name) extern const struct shape request_##id;
REQUEST_LIST(REQUEST_DECLARE_)
#undef REQUEST_DECLARE_

/* The shape of the body that /openapi.json calls 'name'; NULL: there is none. */
const struct shape *request_find(const char *name);

/* Reads the body into 'ret', which is all zero, as its table says. False: it is answered with 400
 * and the field. shape_done() is due in either case, where the struct holds anything. */
bool request_read(struct api_call *call, const struct shape *shape, void *ret);
/* The same; which fields there were, by their place in the table, into '*ret_given'. */
bool request_read_given(struct api_call *call, const struct shape *shape, void *ret,
                        uint64_t *ret_given);
/* The same with the members of 'json' instead of the body's. */
bool request_read_json(struct api_call *call, const struct shape *shape, const json_t *json,
                       void *ret, uint64_t *ret_given);
/* Whether the field 'name' was there. */
bool request_has(const struct shape *shape, uint64_t given, const char *name);

/* For routes that take no body. */
bool request_is_empty(struct api_call *call);

/* Answers 400: 'field' is wrong. */
void request_refuse(struct api_call *call, const char *field, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Whether 'password', of that field, may be one that a person chose; false: it is answered. */
bool request_has_good_password(struct api_call *call, const char *field, const char *password);

/* The body as a tree, an empty one as an empty object; the caller's. NULL: it is answered. */
json_t *request_json(struct api_call *call);
