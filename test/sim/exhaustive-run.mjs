// The power of either array is cut at each write and flush of every operation, or at PLACES of them, on every core:
// `npm run sim:exhaustive [-- PLACES [OPERATION]]`.
/* oxlint-disable unicorn/require-post-message-target-origin -- threads have no origin */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { load } from './transform.mjs';

const HANDS = Math.max(2, availableParallelism());
/** Half of what a cut allocates dies young. */
const resourceLimits = { maxYoungGenerationSizeMb: 64 };
const places = Number(process.argv[2] ?? Infinity);

/** Plays all cuts of an operation; a failure ends it. */
async function play(exhaust, name) {
  const startedMs = Date.now();
  let cuts = 0;
  try {
    await exhaust(name, places, () => (cuts += 1));
    return { cuts, text: `${name}: ${cuts} cuts in ${((Date.now() - startedMs) / 1000).toFixed(1)} s` };
  } catch (error) {
    return { text: `FAIL ${error.message}` };
  }
}

async function labour() {
  const { exhaust } = await load('main.ts');
  parentPort.on('message', async (name) => {
    if (name === undefined) return parentPort.close();
    parentPort.postMessage(await play(exhaust, name));
  });
}

async function supervise() {
  const { OPERATIONS } = await load('main.ts');
  const names = Object.keys(OPERATIONS).filter((name) => name.includes(process.argv[3] ?? ''));
  const queue = [...names];
  const results = [];
  await Promise.all(
    Array.from({ length: Math.min(HANDS, names.length) }, () => {
      const worker = new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2), resourceLimits });
      const next = () => worker.postMessage(queue.shift());
      worker.on('message', (result) => {
        results.push(result);
        console.log(result.text);
        next();
      });
      next();
      return new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
    }),
  );
  const passed = results.filter(({ cuts }) => cuts !== undefined);
  const total = passed.reduce((sum, { cuts }) => sum + cuts, 0);
  console.log(`${total} cuts of ${passed.length} operations passed, ${names.length - passed.length} failed`);
  process.exitCode = passed.length === names.length && names.length > 0 ? 0 : 1;
}

if (isMainThread) await supervise();
else await labour();
