import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChaosLab, GROUP } from './support/chaos-lab.ts';
import { FAULTS, Rounds } from './support/rounds.ts';

/**
 * Array processes, the replication loop and commands killed with SIGKILL at random moments under a host that writes.
 * `CDCTL_KILL_SEED` draws the order of what happens and the delays; what they meet depends on the machine, too.
 * `CDCTL_KILLS` makes it longer.
 */

const seed = Number(process.env['CDCTL_KILL_SEED'] ?? 1);
const kills = Number(process.env['CDCTL_KILLS'] ?? 300);
/** On a machine with a lot of other work. */
const TIMEOUT_PER_KILL_MS = 3000;
const LEAST_MS = 300_000;
const VOLUME_BYTES = 2 ** 20;

const lab = new ChaosLab();

beforeAll(async () => {
  await lab.up('1MiB', '2MiB', seed);
  expect((await lab.run('tokyo', 'pair', 'create', GROUP, '--primary', 'tokyo')).code).toBe(0);
  expect((await lab.run('tokyo', 'replicate', GROUP, '--until-empty')).code).toBe(0);
});

afterAll(async () => {
  expect(await lab.end()).toEqual([]);
});

describe('two arrays under a writing host', () => {
  it(
    'lose nothing to SIGKILL, stops, failing links, swaps and full journals, and to a takeover only the end',
    async () => {
      const work = new Rounds(lab, seed, VOLUME_BYTES / 512);
      let rounds = 0;
      async function play(fault: Parameters<Rounds['run']>[0]): Promise<void> {
        const findings = await work.run(fault).catch((error: unknown) => [String(error)]);
        expect(findings, `CDCTL_KILL_SEED=${seed}\n${lab.journal.slice(-60).join('\n')}`).toEqual([]);
        rounds += 1;
      }
      await play('long-pause');
      while (lab.kills < kills || rounds <= FAULTS.length) await play(FAULTS[(rounds - 1) % FAULTS.length]!);
      const outcomes = Array.from(work.outcomes, ([outcome, count]) => `${count} ${outcome}`).join(', ');
      const struck = lab.links.reduce((sum, link) => sum + link.struck, 0);
      console.log(
        `seed ${seed}: ${rounds} rounds, ${lab.kills} kills, ${struck} connections broken; ${work.acknowledged} writes acknowledged;`,
        `${work.swaps} swaps, ${work.takeovers} takeovers, which cost ${work.lostToTakeover}; calls of the host: ${outcomes}`,
      );
      expect(work.acknowledged).toBeGreaterThan(50 * rounds);
      expect(work.takeovers).toBeGreaterThan(0);
      expect(struck).toBeGreaterThan(0);
    },
    LEAST_MS + kills * TIMEOUT_PER_KILL_MS,
  );
});
