import { describe, expect, it } from 'vitest';
import { createArray } from '../../../src/array/array.ts';
import { checkStorage } from '../../../src/array/check/check-array.ts';
import { openStateLog } from '../../../src/array/store/state-log.ts';
import type { Storage } from '../../../src/base/storage.ts';
import { LunError, type LunOpener } from '../../../src/lun/lun.ts';
import { LUNS } from '../../support/array-pair.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { descriptionOf, unpack, type Name } from './known-history.ts';

const NOBODY: LunOpener = { open: (path) => Promise.reject(new LunError('no-path', path, 'nobody is there')) };

function open(name: Name, storage: Storage, description = descriptionOf(name)) {
  const clock = createFakeClock();
  const parts = { description, storage, clock, random: createSeededRandom(1) };
  return clock.run(createArray({ ...parts, opener: NOBODY, version: '0.1.0' }));
}

function bytesOf(storage: Storage): string {
  return storage
    .list()
    .map((name) => {
      const file = storage.open(name);
      const bytes = new Uint8Array(file.size());
      file.read(bytes, 0);
      return `${name} ${Buffer.from(bytes).toString('hex')}`;
    })
    .join('\n');
}

describe('what format 1 left behind', () => {
  it.each([
    ['tokyo', 8, 'primary', 'read-write'],
    ['osaka', 5, 'auxiliary', 'read-only'],
  ] as const)('%s is sound, opens, and holds its %i writes', async (name, writes, role, access) => {
    const storage = unpack(name);
    expect(checkStorage(descriptionOf(name), storage).findings).toEqual([]);
    const array = await open(name, storage);
    expect(array.management.show().groups).toMatchObject([{ name: 'oradb', role, suspendReason: 'none' }]);
    expect(array.management.show().commandNumber).toBeGreaterThan(0);
    const unit = array.units.unit(LUNS[name].data)!;
    expect(unit.access()).toBe(access);
    for (let number = 1; number <= 8; number += 1) {
      const block = await unit.read(number * 100, 1);
      expect([number, block[0], block[511]]).toEqual([number, ...Array(2).fill(number <= writes ? number : 0)]);
    }
  });

  it('an encrypted volume with a log of atomic writes is sound and opens, and a SANITIZE that had begun goes on', async () => {
    const storage = unpack('tokyo-encrypted');
    expect(storage.list()).toEqual(expect.arrayContaining(['lun-10.key', 'lun-10.intents', 'lun-11.sanitize']));
    const description = descriptionOf('tokyo', { encrypted: true });
    expect(checkStorage(description, storage).findings).toEqual([]);
    const array = await open('tokyo', storage, description);
    for (const number of [1, 2, 3]) {
      const block = await array.units.unit(LUNS.tokyo.data)!.read(number * 100, 1);
      expect([block[0], block[511]]).toEqual([number, number]);
    }
    expect(array.units.unit(LUNS.tokyo.log)!.sanitize!.status()).toMatchObject({ state: 'running', allowExit: true });
  });

  it.each([2, 99])('of format %i is refused in words, and left as it is', async (format) => {
    const storage = unpack('tokyo');
    const { log } = await openStateLog<object>(storage, () => []);
    await log.append({ format, serial: 'TK000001', tables: 'of the future' });
    const before = bytesOf(storage);
    await expect(open('tokyo', storage)).rejects.toThrow(
      `format ${format} is unknown to this version, which reads format 1`,
    );
    expect(bytesOf(storage)).toBe(before);
    const { findings } = checkStorage(descriptionOf('tokyo'), storage);
    expect(findings).toMatchObject([{ severity: 'damage', file: 'state', what: expect.stringMatching(/is unknown/) }]);
  });
});
