import { expect } from 'vitest';
import type { ArrayOperations } from '../../../src/host/operations.ts';
import { NO_LIFE } from '../../../src/interface-block/lives.ts';
import type { Lun } from '../../../src/lun/lun.ts';
import { createArrayPair, pairRequest, type ArrayPair, type ArrayPairOptions } from '../../support/array-pair.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { createVolatileStorage, type VolatileStorage } from './volatile-storage.ts';

/** Two arrays on a clock that runs as soon as nobody has anything to do. */
export interface Pair extends ArrayPair {
  readonly clock: FakeClock;
}

export interface World extends Pair {
  readonly disks: Readonly<Record<'tokyo' | 'osaka', VolatileStorage>>;
}

export interface WorldOptions {
  readonly journalBlocks?: number;
  /** Blocks of 512 bytes; the default has 16 chunks. */
  readonly volumeBlocks?: number;
  readonly backing?: NonNullable<ArrayPairOptions['backing']>;
  /** Called once the clock is there; what opens the backings. */
  readonly backings?: (clock: FakeClock) => (path: string) => Promise<Lun>;
  readonly isDown?: NonNullable<ArrayPairOptions['isDown']>;
  readonly volumeOptions?: NonNullable<ArrayPairOptions['volumeOptions']>;
  readonly line?: NonNullable<ArrayPairOptions['line']>;
}

export async function inWorld(work: (world: World) => Promise<void>, options: WorldOptions = {}): Promise<void> {
  const { backings, ...rest } = options;
  const clock = createFakeClock();
  const disks = { tokyo: createVolatileStorage(clock), osaka: createVolatileStorage(clock) };
  const build = async (): Promise<void> => {
    const pair = await createArrayPair({
      clock,
      random: createSeededRandom(7),
      storage: (name) => disks[name as 'tokyo' | 'osaka'],
      volumeBlocks: 2048,
      ...rest,
      ...(backings && { openBacking: backings(clock) }),
    });
    await work({ ...pair, clock, disks });
  };
  await clock.run(build());
}

export type VolumeName = 'data' | 'log';

export function stamp(fill: number, size = 512): Uint8Array {
  return new Uint8Array(size).fill(fill);
}

export async function formPair(world: Pair, pair: VolumeName): Promise<void> {
  await world.tokyo.operations.createPair(pairRequest('primary', pair));
  await world.osaka.operations.createPair(pairRequest('auxiliary', pair));
}

export async function sleep(world: Pair, ms: number): Promise<void> {
  await new Promise<void>((resolve) => world.clock.setTimer(ms, resolve));
}

export async function until(
  world: Pair,
  what: string,
  holds: () => Promise<boolean> | boolean,
  everyMs = 20,
): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (await holds()) return;
    await sleep(world, everyMs);
  }
  throw new Error(`never: ${what}; ${world.osaka.log.join('; ')} ${world.tokyo.log.join('; ')}`);
}

export function maskOf(pairs: ReadonlyArray<{ state: string; slot: number }>): string {
  const bits = pairs.filter((pair) => pair.state === 'pair').reduce((sum, pair) => sum | (1n << BigInt(pair.slot)), 0n);
  return bits.toString(16).padStart(16, '0');
}

export async function acquireAll(world: Pair, from: ArrayOperations, to: ArrayOperations): Promise<void> {
  const primary = await from.showJournal('oradb');
  await to.acquire({ group: 'oradb', toSequence: primary.journalInSequence - 1 });
  await until(world, 'acquired', async () => {
    const status = await to.showJournal('oradb');
    return status.readSequence === status.toBeReadSequence;
  });
}

export async function restoreAll(world: Pair, to: ArrayOperations): Promise<void> {
  const auxiliary = await to.showJournal('oradb');
  await to.restore({ group: 'oradb', toSequence: auxiliary.readSequence });
  await until(world, 'restored', async () => {
    const status = await to.showJournal('oradb');
    return status.restoredSequence === status.toBeRestoredSequence;
  });
}

/** The request of S1610 from what the auxiliary says now. */
export async function purgeRequest(to: ArrayOperations) {
  const { readSequence, generation, readProof, life, changes } = await to.showJournal('oradb');
  const copiedPairs = maskOf(await to.showPairs('oradb'));
  return { group: 'oradb', toSequence: readSequence, generation, proof: readProof, copiedPairs, life, changes };
}

/** Fig. 16 by hand. */
export async function cycle(world: Pair, from: ArrayOperations, to: ArrayOperations): Promise<void> {
  await acquireAll(world, from, to);
  await restoreAll(world, to);
  const request = await purgeRequest(to);
  // Zeros: it has not met its primary yet.
  if (request.life !== NO_LIFE) await from.purge(request);
}

export async function cycleUntilPair(
  world: Pair,
  from = world.tokyo.operations,
  to = world.osaka.operations,
): Promise<void> {
  await until(world, 'pair', async () => {
    await cycle(world, from, to);
    const rows = [...(await from.showPairs('oradb')), ...(await to.showPairs('oradb'))];
    return rows.every((row) => row.state === 'pair');
  });
}

/** Swap by hand, of a group whose journal is read to its end. */
export async function swapToOsaka({ tokyo, osaka }: World): Promise<void> {
  const { generation, readSequence: sequence } = await osaka.operations.showJournal('oradb');
  await tokyo.operations.swapGroup({ group: 'oradb', role: 'auxiliary', generation, sequence });
  await osaka.operations.swapGroup({ group: 'oradb', role: 'primary', generation, sequence });
}

/** Resync by hand: first the side that is to follow, then the primary. */
export async function resync(from: ArrayOperations, to: ArrayOperations, discard = false): Promise<void> {
  const { generation, lineage } = await from.showJournal('oradb');
  await to.resyncGroup({ group: 'oradb', role: 'auxiliary', discard, generation, lineage });
  await from.resyncGroup({ group: 'oradb', role: 'primary', discard: false, generation, lineage });
}

export async function expectSame(world: Pair, name: VolumeName): Promise<void> {
  const { blockCount, blockSize } = await world.tokyo.lun(name).capacity();
  const left = await world.tokyo.lun(name).read(0, blockCount);
  const right = await world.osaka.lun(name).read(0, blockCount);
  const at = left.findIndex((byte, index) => byte !== right[index]);
  const where = at < 0 ? 'equal' : `block ${Math.floor(at / blockSize)}: tokyo ${left[at]}, osaka ${right[at]}`;
  expect(where).toBe('equal');
}
