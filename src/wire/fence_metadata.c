/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/fence_metadata.h"

#include "model/fence_rule.h"
#include "wire/domain_tree.h"

#include <errno.h>
#include <string.h>

/* Agents take '-' for '_' in what they read. */
static bool is_same_key(const char *a, const char *b)
{
    while (*a && (*a == '-' ? '_' : *a) == (*b == '-' ? '_' : *b)) {
        a++, b++;
    }
    return *a == *b;
}

static const xmlNode *find_parameter(const xmlNode *root, const char *key)
{
    TREE_EACH(tree_child(root, "parameters"), "parameter", parameter)
    {
        CLEANUP(freep) char *name = tree_attribute(parameter, "name");
        if (name && is_same_key(name, key)) {
            return parameter;
        }
    }
    return NULL;
}

/* <getopt mixed="-D, --debug-file=[debugfile]"/>: the kind stands in brackets. */
static bool is_refused(const xmlNode *parameter, const char *key)
{
    CLEANUP(freep) char *option = tree_attribute(tree_child(parameter, "getopt"), "mixed");
    const char *kind = option ? strchr(option, '[') : NULL;
    return kind && fence_kind_is_refused(key, kind);
}

static int check_one(const char *agent, const xmlNode *root, const struct fence_parameter *each,
                     struct error *err)
{
    const xmlNode *parameter = find_parameter(root, each->key);
    if (!parameter) {
        return error_set(err, -EINVAL, "%s has no parameter %s", agent, each->key);
    }
    if (is_refused(parameter, each->key)) {
        return error_set(err, -EINVAL,
                         "the parameter %s of %s is not allowed: it names a program, a file or "
                         "options on the host that runs the agent",
                         each->key, agent);
    }
    return 0;
}

int fence_metadata_check(const char *agent, const char *xml,
                         const struct fence_parameter *parameters, size_t len, struct error *err)
{
    CLEANUP(tree_freep) xmlDoc *doc = NULL;
    int r = tree_parse(xml, &doc, NULL);
    if (r == -ENOMEM) {
        return error_set(err, r, "out of memory");
    }
    const xmlNode *root = r == 0 ? xmlDocGetRootElement(doc) : NULL;
    if (!root || !tree_is(root, "resource-agent")) {
        return error_set(err, -EINVAL, "%s does not describe its parameters (action metadata)",
                         agent);
    }
    for (size_t i = 0; i < len; i++) {
        r = check_one(agent, root, &parameters[i], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
