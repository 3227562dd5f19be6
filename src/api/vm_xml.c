/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/vm_xml.h"

#include "api/handlers.h"
#include "wire/domain_policy.h"
#include "wire/domain_xml.h"

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

json_t *vm_warnings(const struct vm_spec *spec)
{
    struct warnings warnings = {json_array(), spec->possible_owners.len == 1};
    (void)domain_xml_bound(spec->xml, warn, &warnings, NULL);
    return warnings.list;
}
