/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words that records have for the values of an enum; for shapes.c alone. */
#pragma once

#include "wire/shape_table.h"

static const char *const failback_words[] = {FAILBACK_LIST(WORD_)};
static const char *const reserve_policy_words[] = {RESERVE_POLICY_LIST(WORD_)};
static const char *const on_shutdown_words[] = {ON_SHUTDOWN_LIST(WORD_)};
static const char *const migration_words[] = {MIGRATION_LIST(WORD_)};
static const char *const node_mode_words[] = {NODE_MODE_LIST(WORD_)};
static const char *const node_power_words[] = {NODE_POWER_LIST(WORD_)};
static const char *const fencing_words[] = {FENCING_LIST(WORD_)};
static const char *const proof_words[] = {PROOF_LIST(WORD_)};
static const char *const pool_type_words[] = {POOL_TYPE_LIST(WORD_)};
static const char *const vm_desired_words[] = {VM_DESIRED_LIST(WORD_)};
static const char *const offline_action_words[] = {OFFLINE_ACTION_LIST(WORD_)};
static const char *const guest_watch_words[] = {GUEST_WATCH_LIST(WORD_)};
static const char *const topology_words[] = {TOPOLOGY_LIST(WORD_)};
static const char *const cause_code_words[] = {CAUSE_LIST(WORD_)};
static const char *const placement_phase_words[] = {PLACEMENT_PHASE_LIST(WORD_)};
static const char *const vm_elsewhere_words[] = {VM_ELSEWHERE_LIST(WORD_)};
static const char *const vm_state_words[] = {VM_STATE_LIST(WORD_)};
static const char *const handover_words[] = {HANDOVER_LIST(WORD_)};
static const char *const incoming_words[] = {INCOMING_LIST(WORD_)};
static const char *const severity_words[] = {SEVERITY_LIST(WORD_)};
static const char *const pulse_words[] = {PULSE_LIST(WORD_)};
static const char *const role_words[] = {API_ROLE_LIST(WORD_)};
static const char *const access_kind_words[] = {ACCESS_KIND_LIST(WORD_)};
static const char *const verdict_words[] = {GPU_VERDICT_LIST(WORD_)};
static const char *const backend_words[] = {GPU_BACKEND_LIST(WORD_)};
static const char *const after_use_words[] = {AFTER_USE_LIST(WORD_)};
static const char *const health_words[] = {GPU_HEALTH_LIST(WORD_)};
/* By bit, as sysfs 'reset_method' writes them. */
static const char *const reset_words[] = {"flr", "pm", "bus", "device_specific", "af_flr", "acpi"};
