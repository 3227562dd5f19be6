/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/vm_xml.h"

#include "api/handlers.h"
#include "wire/domain_policy.h"
#include "wire/domain_xml.h"

#include <string.h>

/* Each host asks its own policy again before it starts the VM: this one spares a person the wait.
 * Root of a host may pass this one, and that a host runs it is still that host's word. */
bool vm_may_have(struct api_call *call, const char *xml, bool is_privileged)
{
    struct error err;
    if (is_privileged && !call->request->actor.is_root) {
        call_refuse(call, 403, "forbidden",
                    "only root, over the socket of a host, may pass the domain policy");
        return false;
    }
    if (is_privileged || domain_policy_check(xml, call->view->policy, &err) == 0) {
        return true;
    }
    call_tell(call, "field", "xml", NULL);
    call_refuse(call, 400, "domain-policy", "%s", err.text);
    return false;
}

struct warnings {
    json_t *list;
    bool has_one_owner;
};

static void warn(void *userdata, enum domain_bound kind, const char *what)
{
    struct warnings *warnings = userdata;
    char text[2 * reason_size];
    if (warnings->has_one_owner) {
        return;
    }
    reason_add(warnings->list, domain_bound_name(kind), "%s",
               domain_bound_text(kind, what, text, sizeof(text)));
}

struct state_search {
    json_t *list;
    const struct world *world;
    const char *name; /* of the VM */
};

/* As <nvram> and the like have it: the path stands alone in its element or attribute. */
static bool names_path(const char *xml, const char *path)
{
    size_t len = strlen(path);
    for (const char *at = xml; (at = strstr(at, path)); at += len) {
        if (at > xml && strchr(">'\"", at[-1]) && at[len] != '\0' && strchr("<'\"", at[len])) {
            return true;
        }
    }
    return false;
}

/* A VM that was copied with its XML: either would destroy what the other one wrote. */
static void warn_of_state(void *userdata, const char *path)
{
    struct state_search *search = userdata;
    WORLD_EACH(search->world, RECORD_VM_SPEC, each) {
        if (strcmp((*each)->key.name, search->name) != 0 &&
            names_path((*each)->vm_spec->xml, path)) {
            reason_add(
                search->list, "shared-state",
                "its UEFI variables or TPM state in %s are those of VM %s, too: give each VM "
                "a file of its own, else only one of them starts, or both lose them",
                path, (*each)->key.name);
        }
    }
}

json_t *vm_warnings(const struct world *world, const char *name, const struct vm_spec *spec)
{
    struct warnings warnings = {json_array(), spec->possible_owners.len == 1};
    struct state_search search = {warnings.list, world, name};
    (void)domain_xml_bound(spec->xml, warn, &warnings, NULL);
    (void)domain_xml_states(spec->xml, warn_of_state, &search, NULL);
    return warnings.list;
}
