// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What berth-api answers, as the console reads it. The shapes are the API's own: schema.d.ts is made of /openapi.json
 * while Berth is built. Here are only the console's names for them, and what no schema says.
 */
import type * as Api from './schema';

export type { Access, ConsoleSession, Event as ClusterEvent, FenceAnswer, Finding, Gpu, Hint, HostLoss, Imported, Need, Node, Plan, Pool, Problem, PoolMember as Member, Use, Session, Settings, Status, Survival, Validation, Vm } from './schema';

export type Role = Api.Session['role'];
export type NodeState = Api.Node['state'];
export type GpuState = Api.Gpu['state'];
export type VmState = Api.Vm['state'];
export type OfflineAction = Api.Vm['offline_action'];

export type Fault = Api.Error;
export type Reason = Omit<Api.Reason, 'code'> & Partial<Pick<Api.HostReason, 'fits'>> & { code?: string };

/* What a change answers: each kind of change has something more. */
export type Done = Api.Change & Partial<Api.AccessAdded & Api.NamedChange & Api.PoolChange & Api.PartitionChange>;

export type Dated = Pick<Api.NodeWhole, 'stale_since_ms'>;
export type List<T> = Dated & { items: T[]; revision: number };

export type WholeNode = Api.NodeWhole;
export type WholeGpu = Api.GpuWhole;
export type WholePool = Api.PoolWhole;
export type Explanation = Api.VmExplained;
export type Losses = Api.SurvivalByHost;

/* In the answer for one VM its spec is whole. */
export type WholeVm = Omit<Api.VmWhole, 'spec'> & { spec: Required<Api.VmSpec> & { restart: Required<NonNullable<Api.VmSpec['restart']>> } };
