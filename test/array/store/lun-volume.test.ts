import { describe, expect, it } from 'vitest';
import { createLunVolume, type LunVolume } from '../../../src/array/store/lun-volume.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { createVolatileLun, type VolatileLun } from '../../support/volatile-lun.ts';

const BLOCKS = 4096;

interface Stand {
  readonly clock: FakeClock;
  readonly disk: VolatileLun;
  readonly volume: LunVolume;
  readonly events: string[];
}

async function stand(): Promise<Stand> {
  const clock = createFakeClock();
  const disk = createVolatileLun(clock, BLOCKS);
  const events: string[] = [];
  const volume = createLunVolume({
    description: { lun: 1, name: 'data', kind: 'volume', blockSize: 512, blockCount: BLOCKS, backing: '/dev/disk' },
    clock,
    open: () => disk.open('/dev/disk'),
    onLost: () => events.push('lost'),
    onReturned() {
      events.push('returned');
      volume.backing.beginCatchUp();
      volume.backing.serve();
    },
  });
  await clock.run(volume.backing.reach());
  return { clock, disk, volume, events };
}

const block = (fill: number, blocks = 1): Uint8Array => new Uint8Array(512 * blocks).fill(fill);

async function readByte({ clock, volume }: Stand, lba: number): Promise<number | undefined> {
  const data = await clock.run(Promise.resolve(volume.read(lba * 512, 512)));
  return data[0];
}

describe('a volume on a LUN', () => {
  it('has its bytes at their own offsets, and shows what was there before', async () => {
    const at = await stand();
    at.disk.put(7, block(7));
    expect(await readByte(at, 7)).toBe(7);
    await at.clock.run(at.volume.write(9 * 512, block(9), true)!);
    expect(at.disk.content(9, 1)).toEqual(block(9));
    expect(at.volume.holeAt(0)).toEqual({ hole: false, end: BLOCKS * 512 });
    expect(at.volume.allocatedBits()[0]).toBe(0xff);
  });

  it('answers an awaited write only when the LUN has answered, and others at once', async () => {
    const at = await stand();
    let answered = false;
    const stored = at.volume.write(0, block(1), true)!.then(() => (answered = true));
    expect(at.volume.write(512, block(2))).toBeUndefined();
    await at.clock.advance(0);
    expect(answered).toBe(false);
    await at.clock.run(stored);
    expect(at.disk.content(0, 1)).toEqual(block(1));
  });

  it('reads what it was given before it has arrived, as it was when the read began', async () => {
    const at = await stand();
    at.disk.put(0, block(1));
    void at.volume.write(0, block(2));
    const before = at.volume.read(0, 512);
    void at.volume.write(0, block(3));
    const after = at.volume.read(0, 512);
    expect((await at.clock.run(Promise.resolve(before)))[0]).toBe(2);
    expect((await at.clock.run(Promise.resolve(after)))[0]).toBe(3);
    await at.clock.run(at.volume.flush());
    expect(at.disk.content(0, 1)).toEqual(block(3));
  });

  it('keeps the order of writes that overlap, and flushes what was written before', async () => {
    const at = await stand();
    for (let fill = 1; fill <= 40; fill += 1) void at.volume.write((fill % 5) * 512, block(fill, 4));
    await at.clock.run(at.volume.flush());
    const expected = new Uint8Array(8 * 512);
    for (let fill = 1; fill <= 40; fill += 1) expected.set(block(fill, 4), (fill % 5) * 512);
    expect(at.disk.content(0, 8)).toEqual(expected);
    expect(at.disk.counts.flushes).toBe(1);
  });

  it('writes zeros where a range is given back', async () => {
    const at = await stand();
    at.disk.put(0, block(5, 3000));
    await at.clock.run(at.volume.deallocate(512, 2500 * 512, true)!);
    expect(at.disk.content(0, 1)).toEqual(block(5));
    expect(at.disk.content(1, 2500).every((byte) => byte === 0)).toBe(true);
    expect(at.disk.content(2501, 1)).toEqual(block(5));
  });

  it('sends everything again that no flush has covered when the connection breaks and the cache is lost', async () => {
    const at = await stand();
    await at.clock.run(at.volume.write(0, block(1), true)!);
    void at.volume.write(512, block(2));
    at.disk.breakConnections({ powerCut: true });
    expect(await readByte(at, 0)).toBe(1);
    await at.clock.run(at.volume.flush());
    at.disk.breakConnections({ powerCut: true });
    expect(at.disk.content(0, 2)).toEqual(Uint8Array.from([...block(1), ...block(2)]));
    expect(at.events).toEqual(['returned']);
  });

  it('gives up after a moment, keeps what hosts were told, and has it when the backing is back', async () => {
    const at = await stand();
    await at.clock.run(at.volume.write(0, block(1), true)!);
    at.disk.vanish({ powerCut: true });
    const refused = at.volume.write(512, block(2), true)!.catch((error: unknown) => error);
    expect(await at.clock.run(refused)).toMatchObject({ kind: 'no-path' });
    expect(at.volume.backing.condition().state).toBe('away');
    await expect(at.clock.run(at.volume.flush())).rejects.toMatchObject({ kind: 'no-path' });
    await expect(at.clock.run(Promise.resolve(at.volume.read(0, 512)))).rejects.toMatchObject({ kind: 'no-path' });
    at.disk.comeBack();
    await at.clock.advance(10_000);
    expect(at.events).toEqual(['returned', 'lost', 'returned']);
    expect(await readByte(at, 0)).toBe(1);
    await at.clock.run(at.volume.flush());
    expect(at.disk.content(0, 1)).toEqual(block(1));
    expect(at.disk.content(1, 1)).toEqual(block(0));
  });

  it('hands the refusal of one write to its caller, and goes on', async () => {
    const at = await stand();
    at.disk.refuse(3);
    await expect(at.clock.run(at.volume.write(3 * 512, block(1), true)!)).rejects.toMatchObject({ sense: { key: 3 } });
    await at.clock.run(at.volume.write(4 * 512, block(4), true)!);
    await at.clock.run(at.volume.flush());
    expect(at.volume.backing.condition().state).toBe('ready');
    expect(at.disk.content(4, 1)).toEqual(block(4));
  });

  it('is away where a write that nobody waits for is refused, until it is taken', async () => {
    const at = await stand();
    at.disk.refuse(3);
    void at.volume.write(3 * 512, block(1));
    await expect(at.clock.run(at.volume.flush())).rejects.toMatchObject({ sense: { key: 3 } });
    expect(at.events).toContain('lost');
  });

  it('takes any number of broken connections that come back, but not the same failure for ever', async () => {
    const at = await stand();
    for (let round = 1; round <= 12; round += 1) {
      void at.volume.write(0, block(round));
      at.disk.breakConnections({ powerCut: true });
      expect(await readByte(at, 0)).toBe(round);
      await at.clock.advance(100);
    }
    expect(at.events).toEqual(['returned']);
    at.disk.refuseFlush(true);
    await expect(at.clock.run(at.volume.flush())).rejects.toMatchObject({ sense: { key: 3 } });
    expect(at.events).toContain('lost');
  });

  it('holds no more than its limit in memory', async () => {
    const at = await stand();
    let most = 0;
    const write = async (): Promise<void> => {
      for (let n = 0; n < 400; n += 1) {
        for (let wait = at.volume.announce(0, 65536); wait; wait = at.volume.announce(0, 65536)) await wait;
        void at.volume.write((n % 16) * 65536, block(n & 0xff, 128));
        most = Math.max(most, (n + 1) * 65536 - at.disk.counts.writes * 65536);
      }
    };
    await at.clock.run(write());
    await at.clock.run(at.volume.flush());
    expect(most).toBeLessThanOrEqual(16 * 1024 * 1024 + 65536);
    expect(at.disk.counts.flushes).toBeGreaterThan(1);
    for (let n = 384; n < 400; n += 1) expect(at.disk.content((n % 16) * 128, 1)[0]).toBe(n & 0xff);
  });
});
