import { readFileSync } from 'node:fs';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { ArrayDescription } from '../../../src/array/description.ts';
import type { Storage } from '../../../src/base/storage.ts';
import { describeArray } from '../../support/array-pair.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { acquireAll, cycleUntilPair, formPair, inWorld, stamp } from '../review/world.ts';

/**
 * Two arrays of format 1 after a known history, killed: files by name, deflated, in base64. The fixtures were written once, by
 * `livedStorage` when format 1 was current, and are never written again: a later version must open what this one left.
 */
export type Name = 'tokyo' | 'osaka';
export type Packed = Readonly<Record<string, string>>;

const SERIALS = { tokyo: 'TK000001', osaka: 'OS000001' } as const;
const PEER = { tokyo: 'osaka', osaka: 'tokyo' } as const;

export function descriptionOf(name: Name, volumeOptions: { readonly encrypted?: true } = {}): ArrayDescription {
  const peer = PEER[name];
  const parts = { clock: createFakeClock(), random: createSeededRandom(1), storage: () => createMemoryStorage() };
  return describeArray(name, SERIALS[name], [peer, SERIALS[peer]], { ...parts, volumeBlocks: 2048, volumeOptions });
}

/** Writes 1 to 5 are on both sides, 6 and 7 acquired by osaka and not restored, 8 on tokyo alone. */
export async function livedStorage(): Promise<Record<Name, Packed>> {
  const result: Partial<Record<Name, Packed>> = {};
  await inWorld(async (world) => {
    const write = (number: number) => world.tokyo.lun('data').write(number * 100, stamp(number));
    await formPair(world, 'data');
    for (const number of [1, 2, 3, 4, 5]) await write(number);
    await cycleUntilPair(world);
    for (const number of [6, 7]) await write(number);
    await acquireAll(world, world.tokyo.operations, world.osaka.operations);
    await write(8);
    result.tokyo = pack(world.tokyo.storage);
    result.osaka = pack(world.osaka.storage);
    world.tokyo.kill();
    world.osaka.kill();
  });
  return result as Record<Name, Packed>;
}

/** An encrypted volume with writes 1 to 3, the last of them atomic and in its log, and a volume whose SANITIZE has begun. */
export async function encryptedStorage(): Promise<Packed> {
  let result: Packed = {};
  await inWorld(
    async ({ tokyo }) => {
      const data = tokyo.unit('data');
      for (const number of [1, 2]) await data.write(number * 100, stamp(number), { forceUnitAccess: true });
      await data.write(300, stamp(3), { forceUnitAccess: true, atomic: true });
      const pattern = Uint8Array.of(1, 2, 3, 4);
      await tokyo
        .unit('log')
        .sanitize!.begin({ method: 'overwrite', passes: 2, invert: true, pattern, allowExit: true });
      result = pack(tokyo.storage);
    },
    { volumeOptions: { encrypted: true } },
  );
  return result;
}

function pack(storage: Storage): Packed {
  return Object.fromEntries(
    storage.list().map((name) => {
      const file = storage.open(name);
      const bytes = new Uint8Array(file.size());
      file.read(bytes, 0);
      return [name, deflateRawSync(bytes, { level: 9 }).toString('base64')];
    }),
  );
}

/** The fixture as storage that can be written to. */
export function unpack(name: Name | 'tokyo-encrypted'): Storage {
  const path = new URL(`../../../fixtures/array-format-1/${name}.json`, import.meta.url);
  const packed = JSON.parse(readFileSync(path, 'utf8')) as Packed;
  const storage = createMemoryStorage();
  for (const [file, text] of Object.entries(packed)) {
    storage.open(file).write(inflateRawSync(Buffer.from(text, 'base64')), 0);
  }
  return storage;
}
