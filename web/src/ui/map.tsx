// SPDX-License-Identifier: LGPL-2.1-or-later
/* Servers × GPUs as a picture: each server a box, each GPU a tile in it. State is colour, sign and word. */
import { Link } from '../router';
import type { Gpu, Node } from '../types';
import { gpuLooks, gpuText, isAway, lookOf, natural, nodeLooks, plural, shortAddress, type Look } from '../words';
import { Icon } from './icon';
import { pageOf, ServerLink } from './links';
import { State } from './state';

/* A tile has room for words up to so many of them. */
const tilesWithText = 96;

function Tile({ gpu, isGone, isSmall }: { gpu: Gpu; isGone: boolean; isSmall: boolean }) {
    const look = lookOf(gpuLooks, gpu.state);
    const state = gpu.vm ? gpuText(gpu).replace('Assigned', 'assigned') : look.text;
    const where = gpu.pool ? `, pool ${gpu.pool}` : '';
    const spoken = `GPU ${shortAddress(gpu.address)}: ${state}${where}${isGone ? '; its server is down' : ''}`;
    return (
        <li class="map__cell">
            <Link to={pageOf.gpu(gpu.node, gpu.address)} class={`tile tile--${look.tone}${isGone ? ' is-gone' : ''}`}
                aria-label={spoken} title={`${gpu.name}\n${spoken}`}>
                <Icon sign={isGone ? 'cross' : look.sign} />
                {!isSmall && <span class="tile__text">{gpu.vm ?? gpu.pool ?? shortAddress(gpu.address)}</span>}
            </Link>
        </li>
    );
}

function Server({ node, gpus, isSmall }: { node: Node; gpus: Gpu[]; isSmall: boolean }) {
    const isGone = isAway(node);
    return (
        <li class={`map__server${isGone ? ' is-gone' : ''}`} aria-label={`Server ${node.name}`}>
            <div class="map__name">
                <ServerLink name={node.name} />
                <State look={lookOf(nodeLooks, node.state)} />
            </div>
            {gpus.length > 0
                ? <ul class="map__tiles" aria-label={`GPUs of ${node.name}`}>
                    {gpus.map((gpu) => <Tile key={gpu.address} gpu={gpu} isGone={isGone} isSmall={isSmall} />)}
                </ul>
                : <p class="quiet">No GPU</p>}
        </li>
    );
}

/* ---- many servers: a line each, and those that are well folded away ---- */

const serversWithBox = 16;

const isWell = (node: Node, gpus: Gpu[]) => node.state === 'up' && gpus.every((gpu) => lookOf(gpuLooks, gpu.state).tone !== 'bad');

function Line({ node, gpus }: { node: Node; gpus: Gpu[] }) {
    const isGone = isAway(node);
    const used = gpus.filter((gpu) => gpu.vm).length;
    return (
        <li class={`map__line${isGone ? ' is-gone' : ''}`} aria-label={`Server ${node.name}`}>
            <span class="map__line-name"><ServerLink name={node.name} /></span>
            <State look={lookOf(nodeLooks, node.state)} />
            <ul class="map__tiles" aria-label={`GPUs of ${node.name}`}>
                {gpus.map((gpu) => <Tile key={gpu.address} gpu={gpu} isGone={isGone} isSmall />)}
            </ul>
            <span class="quiet">{plural(gpus.length, 'GPU')}, {used} in use</span>
        </li>
    );
}

function Lines({ nodes, ofNode }: { nodes: Node[]; ofNode: Map<string, Gpu[]> }) {
    const gpusOf = (node: Node) => ofNode.get(node.name) ?? [];
    const well = nodes.filter((node) => isWell(node, gpusOf(node)));
    const others = nodes.filter((node) => !well.includes(node));
    const lines = (some: Node[]) => some.map((node) => <Line key={node.name} node={node} gpus={gpusOf(node)} />);
    return (
        <>
            {others.length > 0 && <ul class="map map--lines" aria-label="Servers that are not well">{lines(others)}</ul>}
            <details class="map__well">
                <summary>{plural(well.length, 'server')} up, with all GPUs well</summary>
                <ul class="map map--lines" aria-label="Servers that are well">{lines(well)}</ul>
            </details>
        </>
    );
}

function Legend({ looks, isAnyGone }: { looks: Look[]; isAnyGone: boolean }) {
    return (
        <ul class="map__legend" aria-label="What the signs mean">
            {looks.map((look) => (
                <li key={look.text}><span class={`tile tile--key tile--${look.tone}`}><Icon sign={look.sign} /></span>{look.text}</li>
            ))}
            {isAnyGone && <li><span class="tile tile--key is-gone"><Icon sign="cross" /></span>Its server is down</li>}
        </ul>
    );
}

export function ServerMap({ nodes, gpus }: { nodes: Node[]; gpus: Gpu[] }) {
    const ofNode = groupByNode(gpus);
    const inOrder = [...nodes].sort(natural((node) => node.name));
    const there = new Set(gpus.map((gpu) => gpu.state));
    const looks = Object.entries(gpuLooks).filter(([state]) => there.has(state as Gpu['state'])).map(([, look]) => look);
    if (nodes.length === 0) {
        return <p class="empty">No server has joined yet. A host becomes one when berthd runs on it.</p>;
    }
    return (
        <>
            {nodes.length > serversWithBox ? <Lines nodes={inOrder} ofNode={ofNode} /> : (
                <ul class="map" aria-label="Map of servers and GPUs">
                    {inOrder.map((node) => (
                        <Server key={node.name} node={node} gpus={ofNode.get(node.name) ?? []} isSmall={gpus.length > tilesWithText} />
                    ))}
                </ul>
            )}
            {looks.length > 0 && <Legend looks={looks} isAnyGone={nodes.some(isAway)} />}
        </>
    );
}

function groupByNode(gpus: Gpu[]): Map<string, Gpu[]> {
    const groups = new Map<string, Gpu[]>();
    for (const gpu of gpus) {
        groups.set(gpu.node, [...(groups.get(gpu.node) ?? []), gpu]);
    }
    return groups;
}
