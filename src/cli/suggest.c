/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words that are no command: other words for one, words of other systems, and slips of the
 * keyboard. */
#include "cli/suggest.h"

/* ---- other words, which are taken ---- */

static const char *const nouns[][2] = {{"nodes", "node"}, {"gpus", "gpu"},   {"pools", "pool"},
                                       {"vms", "vm"},     {"users", "user"}, {"tokens", "token"}};

/* In a pool, 'add' and 'remove' are about its GPUs: a verb that the noun has is never replaced. */
static const char *const verbs[][2] = {{"list", "ls"},   {"create", "add"}, {"add", "create"},
                                       {"delete", "rm"}, {"remove", "rm"},  {"del", "rm"}};

static bool has_verb(const char *noun, const char *verb)
{
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)); i++) {
        if (strcmp(command->noun, noun) == 0 && command->verb && strcmp(command->verb, verb) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_noun(const char *word)
{
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)); i++) {
        if (strcmp(command->noun, word) == 0) {
            return true;
        }
    }
    return false;
}

const char *noun_of(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(nouns); i++) {
        if (strcmp(nouns[i][0], word) == 0) {
            return nouns[i][1];
        }
    }
    return word;
}

const char *verb_of(const char *noun, const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs) && !has_verb(noun, word); i++) {
        if (strcmp(verbs[i][0], word) == 0 && has_verb(noun, verbs[i][1])) {
            return verbs[i][1];
        }
    }
    return word;
}

/* ---- words of other systems, which are answered ---- */

const struct advice advices[] = {
    {"vm", "reboot", "berth vm restart VM"},
    {"vm", "shutdown", "berth vm stop VM"},
    {"vm", "poweroff", "berth vm stop --force VM"},
    {"vm", "destroy", "berth vm stop --force VM"},
    {"vm", "kill", "berth vm stop --force VM"},
    {"vm", "run", "berth vm start VM"},
    {"vm", "boot", "berth vm start VM"},
    {"vm", "migrate", "berth vm move VM [NODE]"},
    {"vm", "update", "berth vm set VM"},
    {"vm", "define", "berth vm add FILE.xml"},
    {"vm", "undefine", "berth vm rm VM"},
    {"vm", "dumpxml", "berth vm xml VM"},
    {"vm", "attach", "berth vm assign VM POOL"},
    {"vm", "detach", "berth vm unassign VM POOL"},
    {"vm", "why", "berth vm explain VM"},
    {"node", "maintenance", "berth node drain NODE"},
    {"node", "evacuate", "berth node drain NODE"},
    {"node", "suspend", "berth node drain NODE"},
    {"node", "cordon", "berth node pause NODE"},
    {"node", "uncordon", "berth node resume NODE"},
    {"node", "unpause", "berth node resume NODE"},
    {"node", "undrain", "berth node resume NODE"},
    {"node", "restart", "berth node reboot NODE"},
    {"node", "poweroff", "berth node shutdown NODE"},
    {"node", "halt", "berth node shutdown NODE"},
    {"node", "fence", "berth node confirm-off NODE, once the host is off"},
    {"node", "label", "berth node set NODE --label KEY=VALUE"},
    {"node", "add", "systemctl enable --now berthd on the new host: it joins by itself"},
    {"node", "join", "systemctl enable --now berthd on the new host: it joins by itself"},
    {"gpu", "unbind", "berth gpu dismount NODE ADDRESS"},
    {"gpu", "detach", "berth gpu dismount NODE ADDRESS"},
    {"gpu", "bind", "berth gpu mount NODE ADDRESS"},
    {"gpu", "attach", "berth gpu mount NODE ADDRESS"},
    {"gpu", "split", "berth gpu partition NODE ADDRESS COUNT"},
    {"gpu", "assign", "berth vm assign VM POOL"},
    {"gpu", "unassign", "berth vm unassign VM POOL"},
    {"pool", "assign", "berth vm assign VM POOL"},
    {"pool", "unassign", "berth vm unassign VM POOL"},
    {"cluster", "validate", "berth validate"},
    {"cluster", "events", "berth events"},
    {"host", NULL, "berth node"},
    {"hosts", NULL, "berth node"},
    {"server", NULL, "berth node"},
    {"servers", NULL, "berth node"},
    {"card", NULL, "berth gpu"},
    {"log", NULL, "berth events"},
    {"logs", NULL, "berth events"},
    {"check", NULL, "berth validate"},
    {"test", NULL, "berth validate"},
    {"settings", NULL, "berth cluster show"},
    {"config", NULL, "berth cluster show"},
};
const size_t advice_len = ARRAY_LEN(advices);

static const char *find_advice(const char *noun, const char *verb)
{
    for (size_t i = 0; i < ARRAY_LEN(advices); i++) {
        bool is_verb = verb && advices[i].verb && strcmp(advices[i].verb, verb) == 0;
        if (strcmp(advices[i].noun, noun) == 0 && (is_verb || !advices[i].verb)) {
            return advices[i].instead;
        }
    }
    return NULL;
}

/* ---- slips, which are guessed ---- */

enum { word_max = 20, mistakes_max = 2 };

/* How many characters must be changed, added or left out to make 'b' of 'a'; more than
 * 'mistakes_max' for words that are longer than ours. */
static size_t distance(const char *a, const char *b)
{
    size_t row[word_max + 1], a_len = strlen(a), b_len = strlen(b);
    if (a_len > word_max || b_len > word_max) {
        return mistakes_max + 1;
    }
    for (size_t k = 0; k <= b_len; k++) {
        row[k] = k;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b_len; k++) {
            size_t above = row[k];
            size_t changed = diagonal + (a[i - 1] != b[k - 1]);
            row[k] = MIN(changed, MIN(above, row[k - 1]) + 1);
            diagonal = above;
        }
    }
    return row[b_len];
}

/* The noun, or with 'noun' its verb, that 'word' may have meant; NULL: none is near. */
static const char *nearest(const char *noun, const char *word)
{
    const char *best = NULL;
    size_t least = mistakes_max + 1;
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)); i++) {
        const char *each = noun ? command->verb : command->noun;
        if (!each || (noun && strcmp(command->noun, noun) != 0)) {
            continue;
        }
        size_t mistakes = distance(word, each);
        if (mistakes < least && mistakes < strlen(each)) {
            least = mistakes;
            best = each;
        }
    }
    return best;
}

/* "start vm" and "start v": the noun that belongs to the verb. 'second' if it is one, else the only
 * one with that verb ("plan" does not count); NULL: it cannot be told. */
static const char *noun_for(const char *verb, const char *second)
{
    const char *only = NULL;
    if (second && is_noun(noun_of(second))) {
        return noun_of(second);
    }
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)); i++) {
        if (strcmp(command->noun, "plan") != 0 && has_verb(command->noun, verb)) {
            if (only && strcmp(only, command->noun) != 0) {
                return NULL;
            }
            only = command->noun;
        }
    }
    return only;
}

int no_such_command(const struct cli *cli, const char *noun, const char *verb)
{
    bool has_noun = is_noun(noun);
    const char *space = has_noun && verb ? " " : "", *shown = has_noun && verb ? verb : "";
    const char *advice = find_advice(noun, verb);
    if (advice) {
        return cli_fail(cli, EXIT_USAGE, "there is no command \"berth %s%s%s\"; use: %s", noun,
                        space, shown, advice);
    }
    const char *owner = has_noun ? NULL : noun_for(noun, verb);
    const char *reversed = owner ? verb_of(owner, strcmp(noun, "get") == 0 ? "ls" : noun) : NULL;
    if (owner && has_verb(owner, reversed)) {
        return cli_fail(cli, EXIT_USAGE,
                        "there is no command \"berth %s\"; did you mean berth %s %s?", noun, owner,
                        reversed);
    }
    const char *meant = nearest(has_noun ? noun : NULL, has_noun ? verb : noun);
    if (meant) {
        return cli_fail(cli, EXIT_USAGE,
                        "there is no command \"berth %s%s%s\"; did you mean berth %s%s%s?", noun,
                        space, shown, has_noun ? noun : meant, space, has_noun ? meant : "");
    }
    return cli_fail(cli, EXIT_USAGE, "there is no command \"berth %s%s%s\"; see berth %s%s", noun,
                    space, shown, has_noun ? noun : "help", has_noun ? " --help" : "");
}
