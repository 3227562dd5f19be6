/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Agents are small shell scripts that each test writes; 'state' in their folder is the machine. */
#include "test/test.h"

#include "base/cleanup.h"
#include "fence/internal.h"
#include "model/fence_rule.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

/* A folder with agents, a loop, and the result of the last request. */
struct stage {
    char folder[64];
    sd_event *event;
    struct fence_result result;
    char text[512];
    char output[4096];
    size_t output_size;
    int done;
};

static void stage_done(struct stage *stage)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", stage->folder);
    (void)!system(command); /* a test may */
    sd_event_unref(stage->event);
}

static struct stage stage_begin(void)
{
    struct stage stage = {.folder = "/tmp/berth-fence-XXXXXX"};
    REQUIRE(mkdtemp(stage.folder));
    REQUIRE(chmod(stage.folder, 0777) == 0); /* agents are another user */
    REQUIRE(sd_event_new(&stage.event) >= 0);
    return stage;
}

static const char metadata[] =
    "<?xml version=\"1.0\" ?><resource-agent name=\"fence_test\"><parameters>"
    "<parameter name=\"action\"/>"
    "<parameter name=\"ip\"><getopt mixed=\"-a, --ip=[ip]\"/></parameter>"
    "<parameter name=\"username\"/><parameter name=\"password\"/>"
    "<parameter name=\"login_timeout\"><getopt mixed=\"--login-timeout=[seconds]\"/></parameter>"
    "<parameter name=\"tool\"><getopt mixed=\"--tool=[path]\"/></parameter>"
    "</parameters></resource-agent>";

/* 'body' runs for each action; 'description' is what it says of itself. */
static void write_whole(const struct stage *stage, const char *name, const char *description,
                        const char *body)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", stage->folder, name);
    FILE *file = fopen(path, "we");
    REQUIRE(file);
    fprintf(file,
            "#!/bin/sh\ncd %s || exit 9\nwhile read -r line; do\n  echo \"$line\" >>input\n"
            "  case $line in action=*) action=${line#action=};; esac\ndone\n"
            "[ $action = metadata ] && { %s; }\n%s\n",
            stage->folder, description, body);
    REQUIRE(fclose(file) == 0);
    REQUIRE(chmod(path, 0755) == 0);
}

static void write_agent(const struct stage *stage, const char *name, const char *body)
{
    char description[1024];
    (void)snprintf(description, sizeof(description), "echo '%s'; exit 0", metadata);
    write_whole(stage, name, description, body);
}

/* A file of the folder; "" if there is none. */
static const char *read_file(const struct stage *stage, const char *name, char *ret, size_t size)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", stage->folder, name);
    FILE *file = fopen(path, "re");
    size_t got = file ? fread(ret, 1, size - 1, file) : 0;
    ret[got] = '\0';
    if (file) {
        (void)fclose(file);
    }
    return ret;
}

static void on_done(void *userdata, const struct fence_result *result)
{
    struct stage *stage = userdata;
    stage->result = *result;
    (void)snprintf(stage->text, sizeof(stage->text), "%s", result->text);
    (void)snprintf(stage->output, sizeof(stage->output), "%s", result->output);
    stage->output_size = strlen(result->output);
    stage->done++;
}

static const struct fence_parameter parameters[] = {
    {"ip", "10.0.0.9"}, {"username", "root"}, {"password", "hunter22"}};

static struct fence_request request_of(const struct stage *stage, enum fence_action action)
{
    return (struct fence_request){.action = action,
                                  .directory = stage->folder,
                                  .agent = "fence_test",
                                  .parameters = parameters,
                                  .parameter_len = ARRAY_LEN(parameters),
                                  .limit_ms = 20 * 1000};
}

/* Runs the loop until the request ends; twenty seconds is a failure, not a wait. */
static void run(struct stage *stage, const struct fence_request *request)
{
    struct fence_run *fence = NULL;
    struct error err = {0};
    stage->done = 0;
    if (fence_start(stage->event, request, on_done, stage, &fence, &err) < 0) {
        test_fail(__FILE__, __LINE__, "fence_start: %s", err.text);
        test_abandon();
    }
    while (stage->done == 0) {
        REQUIRE(sd_event_run(stage->event, UINT64_C(30) * 1000 * 1000) > 0);
    }
}

static const char machine[] = "case $action in\noff) echo off >state;;\non) echo on >state;;\n"
                              "status) [ \"$(cat state)\" = on ] || exit 2;;\nesac";

TEST(off_is_done_when_status_says_off_and_the_secret_is_on_standard_input_only)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    char input[512];
    write_agent(&stage, "fence_test", machine);
    struct fence_request request = request_of(&stage, FENCE_OFF);
    run(&stage, &request);
    CHECK_STR(fence_outcome_name(stage.result.outcome), "done");
    CHECK_STR(fence_power_name(stage.result.power), "off");
    CHECK_STR(stage.text, "fence_test turned it off, and its status says so");
    CHECK_STR(read_file(&stage, "input", input, sizeof(input)),
              "action=metadata\naction=off\nip=10.0.0.9\nusername=root\npassword=hunter22\n"
              "action=status\nip=10.0.0.9\nusername=root\npassword=hunter22\n");
}

TEST(on_and_status_say_what_the_machine_is)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    write_agent(&stage, "fence_test", machine);
    struct fence_request request = request_of(&stage, FENCE_ON);
    run(&stage, &request);
    CHECK_INT(stage.result.outcome, FENCE_DONE);
    CHECK_INT(stage.result.power, FENCE_POWER_ON);
    request.action = FENCE_STATUS;
    run(&stage, &request);
    CHECK_INT(stage.result.outcome, FENCE_DONE);
    CHECK_STR(stage.text, "fence_test says on");
}

TEST(an_agent_that_says_ok_while_its_status_says_on_has_failed)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    write_agent(&stage, "fence_test", "exit 0");
    struct fence_request request = request_of(&stage, FENCE_OFF);
    run(&stage, &request);
    CHECK_STR(fence_outcome_name(stage.result.outcome), "failed");
    CHECK_INT(stage.result.power, FENCE_POWER_ON);
    CHECK_HAS(stage.text, "its status says on");
}

TEST(a_machine_that_is_off_a_moment_later_is_asked_again)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    write_agent(&stage, "fence_test",
                "[ $action = status ] || exit 0\n[ -e twice ] && exit 2\n[ -e once ] && >twice\n"
                ">once\nexit 0");
    struct fence_request request = request_of(&stage, FENCE_OFF);
    run(&stage, &request);
    CHECK_STR(fence_outcome_name(stage.result.outcome), "done");
}

TEST(a_status_that_fails_after_off_leaves_it_unknown)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    write_agent(&stage, "fence_test",
                "[ $action = off ] && exit 0\necho lost connection >&2; exit 1");
    struct fence_request request = request_of(&stage, FENCE_OFF);
    run(&stage, &request);
    CHECK_STR(fence_outcome_name(stage.result.outcome), "unknown");
    CHECK_HAS(stage.text, "lost connection");
}

TEST(a_failure_is_reported_with_the_last_line_and_without_the_secret)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    write_agent(&stage, "fence_test",
                "echo first >&2; printf 'no login with hunter22 at\\t10.0.0.9\\n\\n' >&2; exit 1");
    struct fence_request request = request_of(&stage, FENCE_OFF);
    run(&stage, &request);
    CHECK_STR(fence_outcome_name(stage.result.outcome), "failed");
    CHECK_STR(stage.text,
              "fence_test off failed (exit code 1): no login with ******** at?10.0.0.9");
}

TEST(garbage_without_end_is_cut_and_does_not_fill_memory)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    write_agent(&stage, "fence_test", "head -c 3000000 /dev/zero | tr '\\0' '\\001'; exit 1");
    struct fence_request request = request_of(&stage, FENCE_MONITOR);
    run(&stage, &request);
    CHECK_STR(fence_outcome_name(stage.result.outcome), "failed");
    CHECK(strlen(stage.text) < 300);
    CHECK_HAS(stage.text, "????");
    write_whole(&stage, "fence_test", ":", "head -c 3000000 /dev/zero | tr '\\0' 'x'");
    request.action = FENCE_METADATA;
    run(&stage, &request);
    CHECK_INT(stage.result.outcome, FENCE_DONE);
    CHECK(stage.output_size >= 256 * 1024 && stage.output_size < 300 * 1024);
}

TEST(a_hanging_agent_is_killed_with_its_children_and_the_outcome_is_unknown)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    char child[32];
    write_agent(&stage, "fence_test", "sleep 1000 &\necho $! >child\nwait");
    struct fence_request request = request_of(&stage, FENCE_OFF);
    request.limit_ms = 1500;
    run(&stage, &request);
    CHECK_STR(fence_outcome_name(stage.result.outcome), "unknown");
    CHECK_HAS(stage.text, "did not end within 1500 ms and was killed");
    int pid = atoi(read_file(&stage, "child", child, sizeof(child)));
    REQUIRE(pid > 1);
    bool is_gone = false;
    for (int i = 0; i < 100 && !is_gone; i++) {
        char stat[256], path[64];
        (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        FILE *file = fopen(path, "re");
        size_t got = file ? fread(stat, 1, sizeof(stat) - 1, file) : 0;
        stat[got] = '\0';
        if (file) {
            (void)fclose(file);
        }
        is_gone = got == 0 || strstr(stat, ") Z") || !strstr(stat, "(sleep)");
        (void)sd_event_run(stage.event, 20 * 1000);
    }
    CHECK(is_gone);
}

TEST(an_agent_killed_by_someone_else_leaves_it_unknown)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    write_agent(&stage, "fence_test", "kill -9 $$");
    struct fence_request request = request_of(&stage, FENCE_OFF);
    run(&stage, &request);
    CHECK_STR(fence_outcome_name(stage.result.outcome), "unknown");
    CHECK_HAS(stage.text, "killed by signal 9");
}

TEST(what_an_agent_leaves_running_does_not_hold_up_the_result)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    write_agent(&stage, "fence_test", "sleep 1000 &\n[ $action = status ] && exit 2\nexit 0");
    struct fence_request request = request_of(&stage, FENCE_OFF);
    run(&stage, &request);
    CHECK_STR(fence_outcome_name(stage.result.outcome), "done");
}

TEST(metadata_comes_back_as_output)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    write_whole(&stage, "fence_test", ":", "echo '<resource-agent name=\"fence_test\"/>'");
    struct fence_request request = request_of(&stage, FENCE_METADATA);
    run(&stage, &request);
    CHECK_INT(stage.result.outcome, FENCE_DONE);
    CHECK_STR(stage.output, "<resource-agent name=\"fence_test\"/>\n");
}

TEST(a_cancelled_run_calls_no_one)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    struct fence_run *fence = NULL;
    struct error err;
    write_agent(&stage, "fence_test", "sleep 1000");
    struct fence_request request = request_of(&stage, FENCE_OFF);
    REQUIRE(fence_start(stage.event, &request, on_done, &stage, &fence, &err) == 0);
    (void)fence_cancel(fence);
    for (int i = 0; i < 5; i++) {
        REQUIRE(sd_event_run(stage.event, 20 * 1000) >= 0);
    }
    CHECK_INT(stage.done, 0);
}

TEST(names_and_parameters_that_cannot_be_passed_are_refused)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    struct error err;
    struct fence_request request = request_of(&stage, FENCE_OFF);
    CHECK_INT(fence_check(&request, &err), -ENOENT);
    CHECK_HAS(err.text, "install the package fence-agents");
    write_agent(&stage, "fence_test", "exit 0");
    CHECK_INT(fence_check(&request, &err), 0);
    static const char *const bad[] = {"fence_", "fence_../sh", "sh", "fence_A", "fence_a b", ""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        request.agent = bad[i];
        CHECK_INT(fence_check(&request, &err), -EINVAL);
    }
    request.agent = "fence_test";
    request.parameter_len = 1;
    struct fence_parameter parameter = {"ip", "1\naction=on"};
    request.parameters = &parameter;
    CHECK_INT(fence_check(&request, &err), -EINVAL);
    CHECK_HAS(err.text, "control character");
    parameter = (struct fence_parameter){"action", "on"};
    CHECK_INT(fence_check(&request, &err), -EINVAL);
    parameter = (struct fence_parameter){"a=b", "on"};
    CHECK_INT(fence_check(&request, &err), -EINVAL);
}

/* One file says as whom the agent ran, and what more it may become. */
TEST(an_agent_is_never_root_and_can_gain_no_privileges)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    char text[256];
    write_agent(&stage, "fence_test",
                "id -u >who; grep NoNewPrivs /proc/self/status >rights\n"
                "grep CapEff /proc/self/status >>rights; id -G >groups; ulimit -f >limits\n"
                "[ $action = status ] && exit 2; exit 0");
    struct fence_request request = request_of(&stage, FENCE_OFF);
    run(&stage, &request);
    CHECK_STR(fence_outcome_name(stage.result.outcome), "done");
    CHECK(strcmp(read_file(&stage, "who", text, sizeof(text)), "0\n") != 0 && text[0]);
    CHECK_HAS(read_file(&stage, "rights", text, sizeof(text)), "NoNewPrivs:\t1");
    CHECK_HAS(text, "CapEff:\t0000000000000000");
    CHECK(strcmp(read_file(&stage, "groups", text, sizeof(text)), "0\n") != 0);
    CHECK(!strstr(text, " "));
    CHECK(!strstr(read_file(&stage, "limits", text, sizeof(text)), "unlimited"));
}

static void fails_before_it_acts(struct stage *stage, const char *key, const char *value,
                                 const char *why)
{
    char input[1024];
    struct fence_parameter parameter = {0};
    (void)snprintf(parameter.key, sizeof(parameter.key), "%s", key);
    (void)snprintf(parameter.value, sizeof(parameter.value), "%s", value);
    struct fence_request request = request_of(stage, FENCE_OFF);
    request.parameters = &parameter;
    request.parameter_len = 1;
    run(stage, &request);
    CHECK_STR(fence_outcome_name(stage->result.outcome), "failed");
    CHECK_HAS(stage->text, why);
    CHECK(!strstr(read_file(stage, "input", input, sizeof(input)), "action=off"));
    CHECK(!strstr(input, key)); /* not even told to an agent that was not checked */
}

TEST(a_parameter_that_the_agent_does_not_describe_is_not_passed)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    write_agent(&stage, "fence_test", machine);
    fails_before_it_acts(&stage, "plug", "7", "fence_test has no parameter plug");
    fails_before_it_acts(&stage, "tool", "evil", "it names a program");
    struct fence_parameter dashed = {"login-timeout", "5"};
    struct fence_request request = request_of(&stage, FENCE_OFF);
    request.parameters = &dashed;
    request.parameter_len = 1;
    run(&stage, &request);
    CHECK_STR(fence_outcome_name(stage.result.outcome), "done");
}

TEST(an_agent_that_does_not_describe_itself_does_not_act)
{
    CLEANUP(stage_done) struct stage stage = stage_begin();
    write_whole(&stage, "fence_test", "echo no such action >&2; exit 1", machine);
    fails_before_it_acts(&stage, "ip", "10.0.0.9", "metadata failed (exit code 1): no such action");
    write_whole(&stage, "fence_test", "echo '<parameters/>'; exit 0", machine);
    fails_before_it_acts(&stage, "ip", "10.0.0.9", "does not describe its parameters");
    write_whole(&stage, "fence_test", "sleep 1000", machine);
    struct fence_request request = request_of(&stage, FENCE_OFF);
    request.limit_ms = 300;
    run(&stage, &request);
    CHECK_STR(fence_outcome_name(stage.result.outcome), "failed");
    CHECK_HAS(stage.text, "metadata did not end within 300 ms");
}

static bool is_refused(const char *key, const char *value)
{
    struct error err;
    struct fence_parameter parameter = {0};
    (void)snprintf(parameter.key, sizeof(parameter.key), "%s", key);
    (void)snprintf(parameter.value, sizeof(parameter.value), "%s", value);
    return fence_parameter_check(&parameter, &err) == -EINVAL;
}

TEST(parameters_that_name_programs_files_or_options_are_refused)
{
    static const char *const keys[] = {
        "ipmitool_path",
        "ipmitool-path",
        "sudo",
        "sudo_path",
        "ssh_path",
        "telnet_path",
        "snmpget_path",
        "amttool_path",
        "gnutlscli_path",
        "passwd_script",
        "password_script",
        "snmp_priv_passwd_script",
        "debug",
        "debug_file",
        "debug-file",
        "ssh_options",
        "identity_file",
        "status_file",
        "kubeconfig",
        "logfile",
        "missing_as_off",
        "action",
        "option",
        "Ip",
        "ip address",
        "IPMITOOL_PATH",
        "command_prompt_command",
        "",
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (!is_refused(keys[i], "x")) {
            test_fail(__FILE__, __LINE__, "%s is taken", keys[i]);
        }
    }
    static const char *const values[] = {
        "/etc/shadow", "-f",   "10.0.0.9 -f x", "$(id)", "`id`", "a;id", "a|id",
        "a&id",        "a\"b", "../../x",       "a'b",   "a>b",  "a\nb",
    };
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        if (!is_refused("ip", values[i])) {
            test_fail(__FILE__, __LINE__, "%s is taken", values[i]);
        }
    }
}

TEST(parameters_that_people_need_are_accepted)
{
    static const struct fence_parameter good[] = {
        {"ip", "10.0.0.9"},
        {"ip", "fe80::1%eth0"},
        {"ip", "[2001:db8::1]:623"},
        {"username", "DOMAIN\\root"},
        {"password", "/$(x) \"'`;-"},
        {"plug", "node1.example.com"},
        {"port", "4,5"},
        {"lanplus", "1"},
        {"api_path", "/ovirt-engine/api"},
        {"redfish_uri", "/redfish/v1"},
        {"login-timeout", "10"},
        {"community", "a b"},
        {"ssl_insecure", ""},
        {"method", "onoff"},
        {"profile", "x"},
    };
    struct error err = {0};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (fence_parameter_check(&good[i], &err) < 0) {
            test_fail(__FILE__, __LINE__, "%s=%s: %s", good[i].key, good[i].value, err.text);
        }
    }
}

TEST(a_unit_for_an_agent_has_a_user_of_its_own_and_ends_by_itself)
{
    struct fence_sandbox sandbox;
    char program[] = "/usr/sbin/fence_test";
    bool has_user = false, has_limit = false, has_capabilities = true;
    size_t len = 0;
    fence_sandbox_make(program, 20 * 1000, true, &sandbox);
    for (; sandbox.arguments[len]; len++) {
        has_user |= strcmp(sandbox.arguments[len], "--property=DynamicUser=yes") == 0;
        has_limit |= strcmp(sandbox.arguments[len], "--property=RuntimeMaxSec=20000ms") == 0;
        has_capabilities &=
            strcmp(sandbox.arguments[len], "--property=CapabilityBoundingSet=") != 0;
    }
    CHECK(has_user && has_limit && !has_capabilities);
    CHECK_STR(sandbox.arguments[0], "/usr/bin/systemd-run");
    REQUIRE(len > 2);
    CHECK_STR(sandbox.arguments[len - 2], "--");
    CHECK_STR(sandbox.arguments[len - 1], program);
}
