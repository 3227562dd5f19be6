// SPDX-License-Identifier: LGPL-2.1-or-later
/** Tests named by sentences that speak TAP. */

const tests = [];

export function test(sentence, run) {
  tests.push({ sentence, run });
}

/** Runs all, or those whose name holds a word of the command line. 'scene' is given to each test;
 *  scene.failed(sentence) may tell where a failing one left things, scene.end() comes last. */
export async function main(scene) {
  const words = process.argv.slice(2);
  const chosen = tests.filter(({ sentence }) => words.length === 0 || words.some((word) => sentence.includes(word)));
  let number = 0;
  let failed = 0;
  for (const { sentence, run } of chosen) {
    number++;
    let result = 'ok';
    try {
      await run(scene);
      scene.check();
    } catch (problem) {
      result = 'not ok';
      failed++;
      say(String(problem.stack ?? problem));
      say(await scene.failed(sentence));
      say(String(problem).split('\n')[0]);
    }
    await scene.reset();
    process.stdout.write(`${result} ${number} - ${sentence}\n`);
  }
  process.stdout.write(`1..${number}\n`);
  await scene.end();
  process.exitCode = failed ? 1 : 0;
}

/** Lines of diagnosis, without the colours of terminals. */
export function say(text) {
  const plain = text.replace(/\u001b\[[0-9;]*m/g, '');
  process.stdout.write(plain.replace(/^/gm, '# ') + '\n');
}
