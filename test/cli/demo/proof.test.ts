import { describe, expect, it } from 'vitest';
import { createMemoryLun } from '../../../src/lun/memory-lun.ts';
import { LunError, type Lun } from '../../../src/lun/lun.ts';
import type { CliError } from '../../../src/cli/cli-error.ts';
import { Ledger } from '../../../src/cli/demo/ledger.ts';
import { proveBlocks, proveRefusesWrites } from '../../../src/cli/demo/proof.ts';
import { placeOf, readStamp, STAMP_BYTES, stampBytes, type Region } from '../../../src/cli/demo/stamp.ts';

/** The proof of the demonstration must have teeth: whatever an array could get wrong must make it fail. */

const BLOCK = 512;
const RUN = '0badcafe';
const regions: readonly Region[] = [
  { volume: 'data', offset: 3 * STAMP_BYTES, slots: 16 },
  { volume: 'log', offset: 0, slots: 16 },
];

async function write(luns: readonly Lun[], sequence: number, site = 'tokyo', run = RUN): Promise<void> {
  const place = placeOf(sequence, regions);
  const lba = (regions[place.region]!.offset + place.slot * STAMP_BYTES) / BLOCK;
  await luns[place.region]!.write(lba, stampBytes({ run, site, sequence }, place));
}

/** 50 acknowledged writes over 32 places: some were written twice. */
async function scene() {
  const luns = regions.map((_, index) =>
    createMemoryLun({ path: `memory:${index}`, capacity: { blockSize: BLOCK, blockCount: 256 } }),
  );
  const ledger = new Ledger(regions);
  for (let sequence = 1; sequence <= 50; sequence++) {
    await write(luns, sequence);
    ledger.acknowledged('tokyo', sequence);
  }
  const prove = () => proveBlocks({ run: RUN, ledger, regions, array: 'osaka', luns, timeoutMs: 1000 });
  return { luns, ledger, prove };
}

describe('places', () => {
  it('come once each before any comes again', () => {
    const places = Array.from({ length: 32 }, (_, index) => JSON.stringify(placeOf(100 + index, regions)));
    expect(new Set(places).size).toBe(32);
    expect(placeOf(132, regions)).toEqual(placeOf(100, regions));
  });
});

describe('a stamped block', () => {
  const place = { region: 1, slot: 7 };
  const stamp = { run: RUN, site: 'osaka', sequence: 41 };

  it('fills a block with lines that say all of it', () => {
    const bytes = stampBytes(stamp, place);
    const lines = new TextDecoder().decode(bytes).trimEnd().split('\n');
    expect(bytes).toHaveLength(4096);
    expect(lines).toHaveLength(32);
    expect(lines[31]!.trimEnd()).toBe(
      'cdctl lab demo  run 0badcafe  host at osaka  write 41  region 1  slot 7  line 31',
    );
    expect(readStamp(bytes)).toEqual({ ...stamp, ...place });
  });

  it('is none any more when any byte of it differs', () => {
    const bytes = stampBytes(stamp, place);
    const accepted = Array.from(bytes.keys()).filter((index) => {
      const damaged = bytes.slice();
      damaged[index]! ^= 0x01;
      const found = readStamp(damaged);
      return found?.sequence === 41 && found.run === RUN && found.site === 'osaka' && found.slot === 7;
    });
    expect(accepted).toEqual([]);
  });
});

describe('the proof', () => {
  it('compares the last write of every place', async () => {
    const { prove } = await scene();
    expect(await prove()).toEqual({ compared: 32, unacknowledged: 0 });
  });

  it('allows a later write of the same run in its place, and says so', async () => {
    const { luns, prove } = await scene();
    await write(luns, 51);
    expect(await prove()).toEqual({ compared: 31, unacknowledged: 1 });
  });

  it('counts a place that no acknowledged write ever touched', async () => {
    const luns = regions.map((_, index) =>
      createMemoryLun({ path: `memory:${index}`, capacity: { blockSize: BLOCK, blockCount: 256 } }),
    );
    await write(luns, 3);
    const found = await proveBlocks({
      run: RUN,
      ledger: new Ledger(regions),
      regions,
      array: 'osaka',
      luns,
      timeoutMs: 1000,
    });
    expect(found).toEqual({ compared: 0, unacknowledged: 1 });
  });

  const damages: readonly [string, (luns: readonly Lun[]) => Promise<void>][] = [
    ['an earlier write in its place', (luns) => write(luns, 50 - 32)],
    ['a write of another run', (luns) => write(luns, 82, 'tokyo', 'ffffffff')],
    ['zeros', async (luns) => luns[0]!.write(regions[0]!.offset / BLOCK, new Uint8Array(STAMP_BYTES))],
    [
      'one other byte',
      async (luns) => {
        const lba = regions[0]!.offset / BLOCK;
        const bytes = await luns[0]!.read(lba, 1);
        bytes[100]! ^= 0x20;
        await luns[0]!.write(lba, bytes);
      },
    ],
    [
      'a block of another place',
      async (luns) => {
        const block = await luns[1]!.read(0, STAMP_BYTES / BLOCK);
        await luns[1]!.write(STAMP_BYTES / BLOCK, block);
      },
    ],
    [
      'half a later block',
      async (luns) => {
        const place = placeOf(82, regions);
        const lba = (regions[place.region]!.offset + place.slot * STAMP_BYTES) / BLOCK;
        await luns[place.region]!.write(
          lba,
          stampBytes({ run: RUN, site: 'tokyo', sequence: 82 }, place).slice(0, 2048),
        );
      },
    ],
  ];

  it.each(damages)('fails on %s', async (_, damage) => {
    const { luns, prove } = await scene();
    await damage(luns);
    await expect(prove()).rejects.toMatchObject({ name: 'CliError', exit: 'does-not-hold' });
  });

  it('names the write that is missing', async () => {
    const { luns, prove } = await scene();
    await write(luns, 50 - 32);
    const error = await prove().catch((caught: unknown) => caught);
    expect((error as CliError).text).toMatchObject({
      what: 'osaka does not hold write 50 of the host at tokyo',
      why: 'write 18 stands in its place',
    });
  });
});

describe('the refusal of host writes', () => {
  const lun = createMemoryLun({ path: 'memory:0', capacity: { blockSize: BLOCK, blockCount: 16 } });
  const refusing = (error: Error): Lun => ({
    ...lun,
    path: lun.path,
    capacity: () => lun.capacity(),
    read: (...all) => lun.read(...all),
    write: () => Promise.reject(error),
  });

  it('is proved by the answer write-protected', async () => {
    const protectedLun = refusing(new LunError('write-protected', 'memory:0', 'write protected'));
    expect(await proveRefusesWrites('tokyo', protectedLun, 1000)).toBe('write protected');
  });

  it('is not proved by an accepted write, nor by any other failure', async () => {
    await expect(proveRefusesWrites('tokyo', lun, 1000)).rejects.toMatchObject({ exit: 'does-not-hold' });
    const broken = refusing(new LunError('no-path', 'memory:0', 'nobody there'));
    await expect(proveRefusesWrites('tokyo', broken, 1000)).rejects.toMatchObject({ text: { why: 'nobody there' } });
  });
});
