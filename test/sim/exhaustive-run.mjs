// The power of either array is cut at PLACES (8) of the writes and flushes of every operation, or, with a large number, at each of
// them: `npm run sim:exhaustive [-- PLACES [OPERATION]]`.
import { load } from './transform.mjs';

const { exhaust, OPERATIONS } = await load('main.ts');
const places = Number(process.argv[2] ?? 8);
const names = Object.keys(OPERATIONS).filter((name) => name.includes(process.argv[3] ?? ''));
let failed = 0;
for (const name of names) {
  const startedMs = Date.now();
  let cuts = 0;
  try {
    await exhaust(name, places, () => (cuts += 1));
    console.log(`${name}: ${cuts} cuts in ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${error.message}`);
  }
}
process.exitCode = failed > 0 ? 1 : 0;
