// One world for a million events and more: nothing that it keeps may grow. `node --expose-gc test/sim/long-run.mjs [EVENTS]`.
import { load } from './transform.mjs';

const EVENTS = Number(process.argv[2] ?? 1_000_000);
/** By then everything has been compiled and every table has its size. */
const SETTLED_AFTER = 3;
/** What the checkers keep of each command, and what V8 does; a leak of 200 bytes for each event is more. */
const SPARE_BYTES = 32 * 1024 * 1024;

const { playLong } = await load('main.ts');
const startedMs = Date.now();
const rounds = await playLong(1, EVENTS, globalThis.gc);
const settled = rounds[Math.min(SETTLED_AFTER, rounds.length - 1)];
const last = rounds.at(-1);
const grown = last.heapBytes - settled.heapBytes;
const mib = (bytes) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
const seconds = ((Date.now() - startedMs) / 1000).toFixed(0);
console.log(
  `${last.events} events in ${rounds.length} rounds and ${seconds} s: heap ${mib(settled.heapBytes)}, then ${mib(last.heapBytes)}`,
);
if (process.env.LONG_RUN_ROUNDS) for (const { events, heapBytes } of rounds) console.log(events, mib(heapBytes));
if (grown > SPARE_BYTES) console.log(`FAIL I13-bounded: the heap has grown by ${mib(grown)}`);
process.exitCode = grown > SPARE_BYTES ? 1 : 0;
