// Plants one mistake after the other and plays seeds until a checker finds it: `npm run sim:mutants`. Two at a time.
/* oxlint-disable unicorn/require-post-message-target-origin -- threads have no origin */
import { parentPort, Worker, isMainThread } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { MUTANTS } from './mutants.mjs';
import { load } from './transform.mjs';

const HANDS = Number(process.env['SIM_HANDS'] ?? 2);

/** The first seed that finds the mutant and the checker's name for it. */
async function hunt({ name, file, find, replace, within, options = {} }) {
  const { runSeed } = await load('main.ts', [{ file, find, replace }]);
  const most = Math.min(within, Number(process.env['SIM_WITHIN'] ?? within));
  for (let seed = 1; seed <= most; seed += 1) {
    const { invariant } = await runSeed(seed, { options });
    if (invariant) return { name, seed, invariant };
  }
  return { name, seed: most, invariant: undefined };
}

async function labour() {
  parentPort.on('message', async (index) => {
    if (index === undefined) return parentPort.close();
    try {
      parentPort.postMessage({ index, ...(await hunt(MUTANTS[index])) });
    } catch (error) {
      parentPort.postMessage({ index, name: MUTANTS[index].name, error: String(error) });
    }
  });
}

function verdictOf({ index, name, seed, invariant, error }) {
  const { expect } = MUTANTS[index];
  if (error) return { good: false, text: `BROKEN    ${name}: ${error}` };
  if (!invariant) return { good: false, text: `SURVIVES  ${name}, ${seed} seeds` };
  const good = expect.includes(invariant);
  return { good, text: `${good ? 'killed   ' : 'UNEXPECTED'} ${name}: ${invariant}, seed ${seed}` };
}

async function supervise(pattern) {
  const wanted = [...MUTANTS.keys()].filter((index) => MUTANTS[index].name.includes(pattern));
  const queue = [...wanted];
  let bad = 0;
  const startedMs = Date.now();
  await Promise.all(
    Array.from({ length: HANDS }, () => {
      const worker = new Worker(fileURLToPath(import.meta.url));
      const next = () => worker.postMessage(queue.shift());
      worker.on('message', (result) => {
        const { good, text } = verdictOf(result);
        if (!good) bad += 1;
        console.log(text);
        next();
      });
      next();
      return new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
    }),
  );
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(0);
  console.log(`${wanted.length - bad} of ${wanted.length} mutants killed in ${seconds} s`);
  process.exitCode = bad === 0 && wanted.length > 0 ? 0 : 1;
}

if (isMainThread) await supervise(process.argv[2] ?? '');
else await labour();
