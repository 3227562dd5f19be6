// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Bundles the console into a folder: index.html and assets/. Called by build.sh.
 *
 *     node build.mjs DIST [DEPFILE TARGET]     with a list of what it read, for ninja
 */
import * as esbuild from 'esbuild';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const home = path.dirname(fileURLToPath(import.meta.url));
const [dist, depfile, target] = process.argv.slice(2);

/*
 * PatternFly carries themes that the console does not have, and declares thousands of custom properties of which few
 * are used. Takes out those that no var() names, until none is left: a declaration may be the last user of another.
 */
function slim(css) {
    css = css.replace(/[^{}]*\.pf-v6-theme-(felt|glass|high-contrast|redhat)[^{}]*\{[^{}]*\}/g, '');
    for (;;) {
        const used = new Set(Array.from(css.matchAll(/var\((--[\w-]+)/g), (m) => m[1]));
        const next = css.replace(/(?<=[{;])(--pf-[\w-]+):[^;{}]*(;|(?=\}))/g,
            (text, name) => (used.has(name) ? text : ''));
        if (next === css) {
            return css.replace(/[^{};]+\{\}/g, '');
        }
        css = next;
    }
}

const result = await esbuild.build({
    absWorkingDir: home,
    entryPoints: ['src/main.tsx'],
    entryNames: 'console',
    chunkNames: '[name]-[hash]', // what is loaded only when it is needed
    splitting: true,
    assetNames: '[name]-[hash]',
    loader: { '.svg': 'file' },
    publicPath: '/assets/',
    outdir: path.resolve(dist, 'assets'),
    write: false,
    bundle: true,
    minify: true,
    metafile: true,
    format: 'esm',
    target: ['es2022', 'chrome108', 'firefox115', 'safari16'],
    legalComments: 'eof',
    charset: 'utf8',
    logLevel: 'warning',
});

rmSync(dist, { recursive: true, force: true });
mkdirSync(path.join(dist, 'assets'), { recursive: true });

/* What is below assets/ is kept by browsers for good: its name changes with its content. */
const sheet = result.outputFiles.find((file) => file.path.endsWith('.css'));
const style = slim(sheet.text);
let html = readFileSync(path.join(home, 'src/index.html'), 'utf8');
for (const file of result.outputFiles) {
    const { name, ext, base } = path.parse(file.path);
    const content = file === sheet ? style : file.contents;
    const isPicture = ext === '.svg'; // has its hash already
    if (isPicture && !style.includes(base) && !name.startsWith('icon-')) {
        continue; // of a theme that was taken out
    }
    const isEntry = base === 'console.js' || file === sheet;
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 10);
    const final = !isEntry ? base : `${name}-${hash}${ext}`;
    writeFileSync(path.join(dist, 'assets', final), content);
    html = html.replace(`/assets/${!isEntry ? name.replace(/-[A-Z0-9]{8}$/, '') : name}${ext}`, `/assets/${final}`);
}
writeFileSync(path.join(dist, 'index.html'), html);

if (depfile) {
    const inputs = Object.keys(result.metafile.inputs).filter((name) => !name.includes('node_modules'));
    const all = [...inputs, 'src/index.html'].map((name) => path.resolve(home, name).replaceAll(' ', '\\ '));
    writeFileSync(depfile, `${target}: ${all.join(' ')}\n`);
}
