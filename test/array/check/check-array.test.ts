import { describe, expect, it } from 'vitest';
import { checkStorage } from '../../../src/array/check/check-array.ts';
import type { Finding } from '../../../src/array/check/finding.ts';
import { journalGeometry, metadataLba } from '../../../src/array/journal/geometry.ts';
import type { Storage } from '../../../src/base/storage.ts';
import { describeArray, LUNS, type ArrayPairOptions } from '../../support/array-pair.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { acquireAll, cycleUntilPair, formPair, inWorld, stamp, type World } from '../review/world.ts';

const PEERS = { tokyo: ['osaka', 'OS000001'], osaka: ['tokyo', 'TK000001'] } as const;
const SERIALS = { tokyo: 'TK000001', osaka: 'OS000001' } as const;
type Name = keyof typeof SERIALS;

const JOURNAL = journalGeometry(8 + 9 * 64);

function descriptionOf(name: Name, more: Pick<ArrayPairOptions, 'volumeOptions'> = {}) {
  const options: ArrayPairOptions = {
    clock: createFakeClock(),
    random: createSeededRandom(1),
    storage: () => createMemoryStorage(),
    volumeBlocks: 2048,
    ...more,
  };
  return describeArray(name, SERIALS[name], PEERS[name], options);
}

/** The same files, and every attempt to change one is an error. */
function frozen(storage: Storage): Storage {
  const refuse = (): never => {
    throw new Error('the check changes something');
  };
  return {
    exists: (name) => storage.exists(name),
    list: () => storage.list(),
    open(name) {
      if (!storage.exists(name)) throw new Error(`the check makes ${name}`);
      return { ...storage.open(name), write: refuse, truncate: refuse, flush: refuse };
    },
    rename: refuse,
    remove: refuse,
  };
}

function check(world: World, name: Name): readonly Finding[] {
  return checkStorage(descriptionOf(name), frozen(world[name].storage)).findings;
}

/** A group with records to restore on the auxiliary and records not yet purged on the primary; both arrays killed. */
async function replicated(world: World): Promise<void> {
  await formPair(world, 'data');
  await formPair(world, 'log');
  await world.tokyo.lun('data').write(0, stamp(1, 8192));
  await cycleUntilPair(world);
  for (let number = 1; number <= 6; number += 1) await world.tokyo.lun('data').write(number * 8, stamp(number));
  await world.tokyo.lun('log').write(3, stamp(9, 4096));
  await acquireAll(world, world.tokyo.operations, world.osaka.operations);
  await world.tokyo.lun('data').write(100, stamp(77));
  world.tokyo.kill();
  world.osaka.kill();
}

describe('storage that nobody damaged', () => {
  it('is sound after kill -9, at every stage of replication', () =>
    inWorld(async (world) => {
      const both = (): unknown[] => [...check(world, 'tokyo'), ...check(world, 'osaka')];
      expect(both()).toEqual([]);
      await world.tokyo.lun('data').write(0, stamp(1, 512 * 300));
      await formPair(world, 'data');
      expect(both()).toEqual([]);
      await world.tokyo.lun('data').write(700, stamp(2));
      await acquireAll(world, world.tokyo.operations, world.osaka.operations);
      expect(both()).toEqual([]);
      await cycleUntilPair(world);
      expect(both()).toEqual([]);
      await world.tokyo.operations.splitGroup('oradb');
      await world.tokyo.lun('data').write(900, stamp(3));
      world.tokyo.kill();
      world.osaka.kill();
      expect(both()).toEqual([]);
    }));

  it('counts what it looked at', () =>
    inWorld(async (world) => {
      await replicated(world);
      const { findings, ...counted } = checkStorage(descriptionOf('osaka'), frozen(world.osaka.storage));
      expect(findings).toEqual([]);
      expect(counted).toMatchObject({ volumes: 2, journals: 1, groups: 1, records: 7 });
      expect(counted.commands).toBeGreaterThan(3);
    }));
});

interface Damage {
  readonly array: Name;
  readonly file: string;
  readonly act: (world: World, storage: Storage) => void;
  readonly severity: Finding['severity'];
  readonly says: RegExp;
}

const flip = (file: string, at: number) => (_world: World, storage: Storage) => {
  const byte = new Uint8Array(1);
  const opened = storage.open(file);
  opened.read(byte, at);
  opened.write(Uint8Array.of(byte[0]! ^ 0xff), at);
};
const cut = (file: string, size: number) => (_world: World, storage: Storage) => storage.open(file).truncate(size);
const append = (file: string, bytes: Uint8Array) => (_world: World, storage: Storage) => {
  const opened = storage.open(file);
  opened.write(bytes, opened.size());
};
const remove = (file: string) => (_world: World, storage: Storage) => void storage.remove(file);
const zeros = (file: string, at: number, length: number) => (_world: World, storage: Storage) =>
  storage.open(file).write(new Uint8Array(length), at);

/** The record with this number, counted back from the last one acquired or stored. */
const inRecord = (file: string, sequence: number, at: number) => flip(file, metadataLba(JOURNAL, sequence) * 512 + at);

const MAP = `lun-${LUNS.tokyo.data}.map`;
const DATA = `lun-${LUNS.tokyo.data}.data`;
const DIFFERENCES = `differences-${Buffer.from('oradb').toString('hex')}-0`;
const PRIMARY = `lun-${LUNS.tokyo.journal}.journal`;
const AUXILIARY = `lun-${LUNS.osaka.journal}.journal`;

/** All three sectors of the first piece, whatever is in them. */
const spoilPiece = (file: string) => (_world: World, storage: Storage) =>
  storage.open(file).write(new Uint8Array(3 * 512).fill(0xee), 0);

const DAMAGES: Readonly<Record<string, Damage>> = {
  'state log, first record': {
    array: 'tokyo',
    file: 'state',
    act: flip('state', 30),
    severity: 'damage',
    says: /valid one follows/,
  },
  'state log, gone': { array: 'tokyo', file: 'state', act: cut('state', 0), severity: 'damage', says: /no record/ },
  'state log, torn tail': {
    array: 'tokyo',
    file: 'state',
    act: append('state', Uint8Array.of(0x43, 0x44, 0x53)),
    severity: 'doubt',
    says: /last 3 bytes/,
  },
  'map, all sectors of a piece': {
    array: 'tokyo',
    file: MAP,
    act: spoilPiece(MAP),
    severity: 'damage',
    says: /none of the three/,
  },
  'map, one sector': { array: 'tokyo', file: MAP, act: flip(MAP, 3), severity: 'doubt', says: /wrong CRC-32/ },
  'map, too long': { array: 'tokyo', file: MAP, act: append(MAP, stamp(1, 4096)), severity: 'damage', says: /at most/ },
  'map, ends inside a sector': {
    array: 'tokyo',
    file: MAP,
    act: cut(MAP, 452),
    severity: 'doubt',
    says: /wrong CRC-32/,
  },
  'map, cut to nothing': {
    array: 'tokyo',
    file: MAP,
    act: cut(MAP, 3),
    severity: 'damage',
    says: /has lost what was in it/,
  },
  'map, gone': { array: 'tokyo', file: MAP, act: remove(MAP), severity: 'damage', says: /not there/ },
  'data file, gone': { array: 'tokyo', file: DATA, act: remove(DATA), severity: 'damage', says: /not there/ },
  'data file, cut': {
    array: 'tokyo',
    file: DATA,
    act: cut(DATA, 4096),
    severity: 'doubt',
    says: /ends before the slots/,
  },
  'difference map, cut to nothing': {
    array: 'tokyo',
    file: DIFFERENCES,
    act: cut(DIFFERENCES, 0),
    severity: 'damage',
    says: /cut short/,
  },
  'difference map, gone': {
    array: 'tokyo',
    file: DIFFERENCES,
    act: remove(DIFFERENCES),
    severity: 'damage',
    says: /not there/,
  },
  'difference map, all sectors': {
    array: 'osaka',
    file: DIFFERENCES,
    act: spoilPiece(DIFFERENCES),
    severity: 'damage',
    says: /none of the three/,
  },
  'primary journal, header of a record': {
    array: 'tokyo',
    file: PRIMARY,
    act: (world, storage) => inRecord(PRIMARY, 3, 20)(world, storage),
    severity: 'damage',
    says: /record 3 cannot be read .*; record 9 was stored when the journal was durable up to 8\)/,
  },
  'primary journal, header of the last record': {
    array: 'tokyo',
    file: PRIMARY,
    act: (world, storage) => inRecord(PRIMARY, 9, 20)(world, storage),
    severity: 'doubt',
    says: /record 9 cannot be read/,
  },
  'primary journal, data of a record': {
    array: 'tokyo',
    file: PRIMARY,
    act: flip(PRIMARY, JOURNAL.headLba * 512 + 8192 + 512),
    severity: 'damage',
    says: /CRC-32/,
  },
  'primary journal, too long': {
    array: 'tokyo',
    file: PRIMARY,
    act: (_world, storage) => storage.open(PRIMARY).write(stamp(1), JOURNAL.blockCount * 512),
    severity: 'damage',
    says: /something else|journal volume/,
  },
  'auxiliary journal, header of a record': {
    array: 'osaka',
    file: AUXILIARY,
    act: inRecord(AUXILIARY, 4, 100),
    severity: 'damage',
    says: /record 4 of group oradb/,
  },
  'auxiliary journal, last record': {
    array: 'osaka',
    file: AUXILIARY,
    act: inRecord(AUXILIARY, 8, 9),
    severity: 'damage',
    says: /record 8/,
  },
  'auxiliary journal, data': {
    array: 'osaka',
    file: AUXILIARY,
    act: zeros(AUXILIARY, JOURNAL.headLba * 512 + 8192, 512 * 3),
    severity: 'damage',
    says: /CRC-32/,
  },
  'auxiliary journal, gone': {
    array: 'osaka',
    file: AUXILIARY,
    act: remove(AUXILIARY),
    severity: 'damage',
    says: /record 2/,
  },
  'a file of no volume': {
    array: 'osaka',
    file: 'lun-99.data',
    act: append('lun-99.data', stamp(1)),
    severity: 'doubt',
    says: /no volume/,
  },
};

describe('each damage is found, and said in words', () => {
  it.each(Object.entries(DAMAGES))('%s', (_name, damage) =>
    inWorld(async (world) => {
      await replicated(world);
      damage.act(world, world[damage.array].storage);
      const findings = check(world, damage.array);
      const found = findings.find(({ file, what }) => file === damage.file && damage.says.test(what));
      expect(found, JSON.stringify(findings)).toMatchObject({ severity: damage.severity });
      for (const text of [found!.what, found!.meaning, found!.next]) expect(text.length).toBeGreaterThan(10);
    }),
  );
});

describe('a volume of which a file is lost', () => {
  const removeBoth = (world: World, storage: Storage): void => {
    remove(MAP)(world, storage);
    remove(DATA)(world, storage);
  };

  it.each([
    ['map gone', remove(MAP), /lun-10\.map: it is not there/],
    ['map emptied', cut(MAP, 0), /lun-10\.map: it has lost/],
    ['map full of zeros', zeros(MAP, 0, 512 * 3), /lun-10\.map: it has lost/],
    ['data gone', remove(DATA), /lun-10\.data: it is not there/],
    ['difference map gone', remove(DIFFERENCES), /the difference map is not there/],
    ['difference map emptied', cut(DIFFERENCES, 0), /what stood at byte 0 is gone/],
    ['both gone', removeBoth, /lun-10\.data: it is not there, nor is lun-10\.map/],
  ] as const)('is refused instead of being served as zeros: %s', (_name, act, says) =>
    inWorld(async (world) => {
      await replicated(world);
      act(world, world.tokyo.storage);
      expect(check(world, 'tokyo')).toContainEqual(expect.objectContaining({ severity: 'damage' }));
      await expect(world.tokyo.start()).rejects.toThrow(says);
    }),
  );

  it('is served where nothing was ever written to it', () =>
    inWorld(async (world) => {
      world.tokyo.kill();
      remove(DATA)(world, world.tokyo.storage);
      expect(check(world, 'tokyo')).toEqual([]);
      await world.tokyo.start();
      await world.tokyo.lun('data').write(0, stamp(1), { forceUnitAccess: true });
      world.tokyo.kill();
      expect(check(world, 'tokyo')).toEqual([]);
    }));
});

describe('the keys of an encrypted volume', () => {
  const KEY = `lun-${LUNS.tokyo.data}.key`;
  const encrypted = { volumeOptions: { encrypted: true } } as const;

  async function stored({ tokyo }: World): Promise<readonly Finding[]> {
    await tokyo.unit('data').write(3, stamp(1), { forceUnitAccess: true });
    tokyo.kill();
    return checkStorage(descriptionOf('tokyo', encrypted), frozen(tokyo.storage)).findings;
  }

  it.each([
    ['gone', remove(KEY), 'damage', /it is not there, though lun-10\.\w+ says/],
    ['spoilt', spoilPiece(KEY), 'damage', /it holds no keys/],
    ['torn in one sector', flip(KEY, 10), 'doubt', /wrong CRC-32; version 2/],
  ] as const)('%s', (_name, act, severity, says) =>
    inWorld(async (world) => {
      expect(await stored(world)).toEqual([]);
      act(world, world.tokyo.storage);
      const { findings } = checkStorage(descriptionOf('tokyo', encrypted), frozen(world.tokyo.storage));
      expect(findings).toMatchObject([{ file: KEY, severity, what: expect.stringMatching(says) }]);
    }, encrypted),
  );

  it('are not needed yet where nothing was stored', () =>
    inWorld(async ({ tokyo }) => {
      tokyo.kill();
      await tokyo.storage.remove(KEY);
      expect(checkStorage(descriptionOf('tokyo', encrypted), frozen(tokyo.storage)).findings).toEqual([]);
    }, encrypted));

  it('are told of where array.yaml says something else than the tables', () =>
    inWorld(async (world) => {
      await stored(world);
      const { findings } = checkStorage(descriptionOf('tokyo'), frozen(world.tokyo.storage));
      expect(findings).toMatchObject([{ file: 'array.yaml', what: expect.stringMatching(/tables as an encrypted/) }]);
    }, encrypted));
});
