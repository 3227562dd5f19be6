// SPDX-License-Identifier: LGPL-2.1-or-later
/* How much of its processors and memory a server or VM used in the last hour, as two small curves. */
import { useResource } from '../live';
import type { Use } from '../types';
import { memoryText, plural } from '../words';
import { Loaded, Section } from './page';

const hourMs = 3_600_000;
const width = 240;
const height = 48;
const gapMs = 120_000; // it was not told: the curve is interrupted

interface Point {
    ageMs: number;
    part: number; // of all, 0 to 1
}

/* "M x,y L x,y ...": the newest at the right edge. */
function curve(points: Point[]): string {
    const at = ({ ageMs, part }: Point) => `${(width * (1 - ageMs / hourMs)).toFixed(1)},${(height - 1 - (height - 2) * Math.min(part, 1)).toFixed(1)}`;
    return points.map((point, i) => {
        const before = points[i - 1];
        return `${!before || before.ageMs - point.ageMs > gapMs ? 'M' : 'L'}${at(point)}`;
    }).join(' ');
}

const percent = (part: number) => `${Math.round(100 * part)} %`;

function Curve({ title, now, most, points }: { title: string; now: string; most: string; points: Point[] }) {
    const peak = points.reduce((max, point) => Math.max(max, point.part), 0);
    return (
        <figure class="use">
            <figcaption><strong>{title}</strong> {now}</figcaption>
            <svg class="use__curve" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img"
                aria-label={points.length ? `${title} in the last hour: at most ${percent(peak)} of ${most}` : `${title}: nothing is known yet`}>
                <path d={curve(points)} />
            </svg>
            <span class="quiet use__scale"><span>1 hour ago</span><span>at most {percent(peak)}</span><span>now</span></span>
        </figure>
    );
}

function Curves({ use }: { use: Use }) {
    const cpuMax = use.cpus * 1000;
    const points = (valueOf: (sample: Use['samples'][number]) => number, max: number): Point[] =>
        use.samples.map((sample) => ({ ageMs: sample.age_ms, part: max ? valueOf(sample) / max : 0 }));
    const isNow = use.cpu_milli !== undefined && use.memory_mib !== undefined;
    return (
        <div class="uses">
            <Curve title="CPU" most={plural(use.cpus, 'CPU')} points={points((sample) => sample.cpu_milli, cpuMax)}
                now={isNow && cpuMax ? `${percent((use.cpu_milli ?? 0) / cpuMax)} of ${plural(use.cpus, 'CPU')}` : 'not known now'} />
            <Curve title="Memory" most={memoryText(use.memory_total_mib)} points={points((sample) => sample.memory_mib, use.memory_total_mib)}
                now={isNow ? `${memoryText(use.memory_mib ?? 0)} of ${memoryText(use.memory_total_mib)}` : 'not known now'} />
        </div>
    );
}

/* 'path' of the server or VM; 'note': what is to be known of it. */
export function UseSection({ path, note }: { path: string; note?: string }) {
    const shown = useResource<Use>(`${path}/use`);
    return (
        <Section title="Use">
            <Loaded shown={shown}>
                {(use) => (use.samples.length > 0 ? <Curves use={use} /> : <p class="quiet">Nothing has been told of it in the last hour.</p>)}
            </Loaded>
            {note && <p class="quiet">{note}</p>}
        </Section>
    );
}
