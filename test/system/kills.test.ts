import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChaosLab, GROUP } from './support/chaos-lab.ts';
import { FAULTS, Rounds } from './support/rounds.ts';

/**
 * Array processes, the replication loop and commands killed with SIGKILL at random moments under a host that writes.
 * `CDCTL_KILL_SEED` repeats the order of the faults and their delays; what they meet depends on the machine, too.
 * `CDCTL_KILL_ROUNDS` makes it longer.
 */

const seed = Number(process.env['CDCTL_KILL_SEED'] ?? randomInt(2 ** 31));
/** Each kind of fault comes twice, at least. */
const rounds = Number(process.env['CDCTL_KILL_ROUNDS'] ?? 2 * FAULTS.length);
const LEAST_KILLS_PER_ROUND = 3;
const ROUND_TIMEOUT_MS = 60_000;
const VOLUME_BYTES = 2 ** 20;

const lab = new ChaosLab();

beforeAll(async () => {
  await lab.up('1MiB', '2MiB');
  expect((await lab.run('tokyo', 'pair', 'create', GROUP, '--primary', 'tokyo')).code).toBe(0);
  expect((await lab.run('tokyo', 'replicate', GROUP, '--until-empty')).code).toBe(0);
});

afterAll(async () => {
  expect(await lab.end()).toEqual([]);
});

describe('two arrays under a writing host', () => {
  it(
    'lose nothing to SIGKILL, stops, cut links, swaps and full journals, and to a takeover only the end',
    async () => {
      const work = new Rounds(lab, seed, VOLUME_BYTES / 512);
      for (let round = 0; round < rounds; round += 1) {
        const findings = await work.run(FAULTS[round % FAULTS.length]!).catch((error: unknown) => [String(error)]);
        expect(findings, `CDCTL_KILL_SEED=${seed}\n${lab.journal.slice(-60).join('\n')}`).toEqual([]);
      }
      const outcomes = Array.from(work.outcomes, ([outcome, count]) => `${count} ${outcome}`).join(', ');
      console.log(
        `seed ${seed}: ${rounds} rounds, ${lab.kills} kills; ${work.acknowledged} writes acknowledged;`,
        `${work.swaps} swaps, ${work.takeovers} takeovers, which cost ${work.lostToTakeover}; calls of the host: ${outcomes}`,
      );
      expect(work.acknowledged).toBeGreaterThan(50 * rounds);
      expect(lab.kills).toBeGreaterThanOrEqual(LEAST_KILLS_PER_ROUND * rounds);
    },
    rounds * ROUND_TIMEOUT_MS,
  );
});
