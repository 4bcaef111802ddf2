import { createArray } from '../../src/array/array.ts';
import { checkStorage, type StorageCheck } from '../../src/array/check/check-array.ts';
import type { Random } from '../../src/base/random.ts';
import type { Storage } from '../../src/base/storage.ts';
import { LunError, type LunOpener } from '../../src/lun/lun.ts';
import { acquireAll, cycleUntilPair, formPair, inWorld, stamp } from '../array/review/world.ts';
import { describeArray, LUNS } from '../support/array-pair.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryStorage } from '../support/memory-storage.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { ensure, pick, spoil, type Fuzzer } from './fuzzer.ts';

type Name = 'tokyo' | 'osaka';
type Files = ReadonlyMap<string, Uint8Array>;

const SERIALS = { tokyo: 'TK000001', osaka: 'OS000001' } as const;
const PEER: Record<Name, Name> = { tokyo: 'osaka', osaka: 'tokyo' };

function descriptionOf(name: Name) {
  const peer = PEER[name];
  const parts = { clock: createFakeClock(), random: createSeededRandom(1), storage: () => createMemoryStorage() };
  return describeArray(name, SERIALS[name], [peer, SERIALS[peer]], { ...parts, volumeBlocks: 2048 });
}

function filesOf(storage: Storage): Files {
  return new Map(
    storage.list().map((name) => {
      const file = storage.open(name);
      const bytes = new Uint8Array(file.size());
      file.read(bytes, 0);
      return [name, bytes];
    }),
  );
}

function storageOf(files: Files): Storage {
  const storage = createMemoryStorage();
  for (const [name, bytes] of files) storage.open(name).write(bytes, 0);
  return storage;
}

/** A group with work to do on both sides, killed in the middle of it. */
async function worldFiles(random: Random): Promise<Record<Name, Files>> {
  const result: Partial<Record<Name, Files>> = {};
  await inWorld(async (world) => {
    await formPair(world, 'data');
    await world.tokyo.lun('data').write(0, stamp(1, 8192));
    await cycleUntilPair(world);
    for (let count = random.below(8); count >= 0; count -= 1) {
      await world.tokyo.lun('data').write(random.below(2000), stamp(1 + random.below(250)));
    }
    await acquireAll(world, world.tokyo.operations, world.osaka.operations);
    await world.tokyo.lun('data').write(random.below(2000), stamp(77));
    result.tokyo = filesOf(world.tokyo.storage);
    result.osaka = filesOf(world.osaka.storage);
    world.tokyo.kill();
    world.osaka.kill();
  });
  return result as Record<Name, Files>;
}

const NOBODY: LunOpener = { open: (path) => Promise.reject(new LunError('no-path', path, 'nobody is there')) };

/** What the array would serve: its tables without the count of its starts, and its volumes. */
async function served(name: Name, files: Files): Promise<string | Error> {
  const clock = createFakeClock();
  const description = descriptionOf(name);
  const parts = {
    description,
    storage: storageOf(files),
    clock,
    random: createSeededRandom(1),
    opener: NOBODY,
    version: '0.1.0',
  };
  try {
    const array = await clock.run(createArray(parts));
    const show = JSON.stringify(array.management.show());
    const unit = array.units.unit(LUNS[name].data)!;
    const content =
      unit.access() === 'none' ? 'none' : Buffer.from(await unit.read(0, unit.blockCount)).toString('base64');
    return `${show} ${unit.access()} ${content}`;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** A file of a volume's bytes has no checksum: whatever stands in it is what the volume holds. */
function spoilOne(random: Random, files: Files): { file: string; files: Files } {
  const file = pick(
    random,
    [...files.keys()].filter((name) => !name.endsWith('.data')),
  );
  return { file, files: new Map([...files, [file, spoil(random, files.get(file)!)]]) };
}

function checked(name: Name, files: Files): StorageCheck {
  return checkStorage(descriptionOf(name), storageOf(files));
}

export const storage: Fuzzer = {
  name: 'storage',
  promise:
    'spoilt storage is refused with words, or serves what it served before, or the check says what is wrong with it',
  async round(random) {
    const worlds = await worldFiles(random);
    let executions = 0;
    for (const name of ['tokyo', 'osaka'] as const) {
      const before = await served(name, worlds[name]);
      const sound = checked(name, worlds[name]);
      ensure(typeof before === 'string', () => `sound storage does not start: ${String(before)}`);
      ensure(sound.findings.length === 0, () => 'sound storage has findings');
      for (let turn = 0; turn < 25; turn += 1, executions += 1) {
        const spoilt = spoilOne(random, worlds[name]);
        const { findings, records } = checked(name, spoilt.files);
        const after = await served(name, spoilt.files);
        const about = (): string =>
          `${name}, ${spoilt.file}: ${String(after).slice(0, 300)}; findings: ${JSON.stringify(findings)}`;
        if (typeof after === 'string')
          ensure(
            after === before || findings.length > 0 || lostEnd(name, spoilt.file, sound.records - records),
            () => `believed silently: ${about()}`,
          );
        else
          ensure(
            isRefusal(after) && findings.length > 0,
            () => `no refusal in words, or no finding: ${about()} ${after.stack}`,
          );
      }
    }
    return executions;
  },
};

/** A primary journal whose end was zeroed looks like one that was never written so far: only the far array knows better. */
function lostEnd(name: Name, file: string, fewer: number): boolean {
  return name === 'tokyo' && file.endsWith('.journal') && fewer > 0;
}

/** A mistake of this code has other names. */
function isRefusal(error: Error): boolean {
  return (
    !['TypeError', 'RangeError', 'SyntaxError', 'ReferenceError'].includes(error.name) && error.message.length > 20
  );
}
