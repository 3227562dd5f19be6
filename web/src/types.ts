// SPDX-License-Identifier: LGPL-2.1-or-later
/* What berth-api answers (docs/api.md), as far as the console reads it. */

export type Role = 'viewer' | 'operator' | 'administrator';

export interface Session {
    actor: string;
    role: Role;
    csrf?: string;
    cluster?: string;
}

/* What to do about something: an action, and what to do it to. */
export interface Hint {
    action: string;
    subject: string[];
    options?: Record<string, unknown>;
}

export interface Reason {
    subject: string;
    code?: string;
    parameters?: Record<string, unknown>;
    text: string;
    fits?: boolean;
    hint?: Hint;
}

/* A refusal. */
export interface Fault {
    code: string;
    parameters: Record<string, unknown>;
    message: string;
    reasons: Reason[];
    hint?: Hint;
}

/* What a change answers. */
export interface Done {
    message: string;
    subject?: string;
    unchanged?: boolean;
    added?: number;
    skipped?: Reason[];
    warnings?: Reason[];
    name?: string;
}

export interface Dated {
    stale_since_ms?: number;
}

export interface List<T> extends Dated {
    items: T[];
    revision: number;
}

export type NodeState = 'up' | 'paused' | 'quarantined' | 'draining' | 'drained' | 'going-down' | 'shut-down' | 'silent' | 'fencing' | 'fenced' | 'unknown' | 'never-seen';

export interface Node {
    name: string;
    state: NodeState;
    detail: string;
    mode: 'active' | 'paused' | 'drain';
    coordinator: boolean;
    fencing: string;
    fence_agent: string;
    gpu_count: number;
    vm_count: number;
    cpus: number;
    memory_mib: number;
    incarnation: number;
    watchdog_armed: boolean;
    silent_ms: number;
    revision: number;
}

export interface WholeNode extends Node, Dated {
    checks: { name: string; ok: boolean; detail: string }[];
    vms: string[];
    kernel: string;
    spec: { labels?: Record<string, string> };
}

export type GpuState = 'assigned' | 'available' | 'quarantined' | 'missing' | 'dismounted' | 'dismounting' | 'mounting'
    | 'host' | 'not-assignable' | 'partitioned' | 'partitioning';

export interface Gpu {
    node: string;
    address: string;
    state: GpuState;
    model: string;
    name: string;
    pool?: string;
    vm?: string;
    driver: string;
    verdict: string;
    verdict_detail: string;
    health: string;
    health_reason: string;
    iommu_group: number;
    numa_node: number;
    mmio_size: number;
    partition_type?: string; // of a partition only ...
    partitions?: number; // ... and these of a card
    sriov_total?: number;
}

/* What is optional is of a card: a partition has none of it. */
export interface WholeGpu extends Gpu, Dated {
    serial?: string;
    companions?: string[];
    bar_size?: number[];
    link_width?: number;
    link_speed_mts?: number;
    boot_display?: boolean;
}

export interface Pool {
    name: string;
    type: string;
    mixed: boolean;
    model: string;
    total: number;
    used: number;
    free: number;
    quarantined: number;
    away: number;
    revision: number;
}

export interface Member {
    node: string;
    address: string;
    state: GpuState;
    name: string;
    vm?: string;
    detail: string;
}

export interface WholePool extends Pool, Dated {
    members: Member[];
    vms: { vm: string; count: number }[];
}

export type VmState = 'running' | 'starting' | 'stopping' | 'stopped' | 'waiting' | 'failed' | 'unknown';

export interface Need {
    pool: string;
    count: number;
}

export interface Vm {
    name: string;
    state: VmState;
    detail: string;
    detail_code: string;
    desired: 'started' | 'stopped';
    node: string;
    gpus: { pool: string; address: string }[];
    needs: Need[];
    priority: number;
    offline_action: OfflineAction;
    cpus: number;
    memory_mib: number;
    reasons: Reason[];
    revision: number;
}

export type OfflineAction = 'turn-off' | 'save' | 'shutdown' | 'force-shutdown';

export interface VmSpec {
    uuid: string;
    offline_timeout_ms: number;
    preferred_owners?: string[];
    possible_owners?: string[];
    together?: string[];
    apart?: string[];
    affinity_enforced?: boolean;
    apart_enforced?: boolean;
    mmio_mib?: number;
    restart?: { restarts_max: number; window_ms: number; failovers_max: number };
}

export interface WholeVm extends Vm, Dated {
    xml: string;
    spec: VmSpec;
}

export interface Explanation extends Vm, Dated {
    hosts: Reason[];
    cause: string;
    cause_code: string;
}

export interface Survival {
    verdict: 'yes' | 'no-vms' | 'one-host' | 'no-proof' | 'no-room' | 'disarmed';
    losses: number;
    exact: boolean;
    left_out: number;
    vm?: string;
    weakest: string[];
    unproven: string[];
    wanted: number;
}

export interface HostLoss {
    node: string;
    vms: number;
    left_out_count: number;
    left_out: { vm: string; reasons: Reason[] }[];
}

export interface Losses extends Survival, Dated {
    hosts: HostLoss[];
}

export interface Status extends Dated {
    name: string;
    coordinator: string;
    term: number;
    nodes: Node[];
    pools: Pool[];
    vms: Record<VmState, number>;
    attention: Vm[];
    survival?: Survival | null;
}

export interface Plan extends Dated {
    action: string;
    placements: { vm: string; from: string; to: string; gpus: string[] }[];
    left_out: { vm: string; reasons: Reason[] }[];
    proven: boolean;
}

export interface ClusterEvent {
    id: string;
    time_ms: number;
    severity: 'info' | 'warning' | 'error';
    actor: string;
    code: string;
    subject: string;
    text: string;
}
