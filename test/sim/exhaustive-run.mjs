// The power of either array is cut at each write and flush of every operation, or at PLACES of them:
// `npm run sim:exhaustive [-- PLACES [OPERATION]]`.
import { load } from './transform.mjs';

const { exhaust, OPERATIONS } = await load('main.ts');
const places = Number(process.argv[2] ?? Infinity);
const names = Object.keys(OPERATIONS).filter((name) => name.includes(process.argv[3] ?? ''));
let failed = 0;
let total = 0;
for (const name of names) {
  const startedMs = Date.now();
  let cuts = 0;
  try {
    await exhaust(name, places, () => (cuts += 1));
    total += cuts;
    console.log(`${name}: ${cuts} cuts in ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${error.message}`);
  }
}
console.log(`${total} cuts of ${names.length - failed} operations passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
