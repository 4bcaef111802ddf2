import { describe, expect, it } from 'vitest';
import { createLunVolume, type LunVolume } from '../../../src/array/store/lun-volume.ts';
import { LunError, type Lun, type ScsiAccess } from '../../../src/lun/lun.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { createVolatileLun, type VolatileLun } from '../../support/volatile-lun.ts';

const BLOCKS = 4096;

interface Stand {
  readonly clock: FakeClock;
  readonly disk: VolatileLun;
  readonly volume: LunVolume;
  readonly events: string[];
}

async function stand(openAs: (lun: Lun, disk: VolatileLun) => Lun = (lun) => lun): Promise<Stand> {
  const clock = createFakeClock();
  const disk = createVolatileLun(clock, BLOCKS);
  const events: string[] = [];
  const volume = createLunVolume({
    description: { lun: 1, name: 'data', kind: 'volume', blockSize: 512, blockCount: BLOCKS, backing: '/dev/disk' },
    clock,
    open: async () => openAs(await disk.open('/dev/disk'), disk),
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

/** Thin provisioned: a block of zeros is one that is not mapped. WRITE ATOMIC of 8 blocks. */
function thin(lun: Lun, disk: VolatileLun): Lun {
  const answers: Record<string, (cdb: Uint8Array) => Uint8Array> = {
    '9e10': () => Uint8Array.from({ length: 32 }, (_, at) => ({ 6: BLOCKS >> 8, 10: 2, 14: 0xc0 })[at] ?? 0),
    '1201b2': () => Uint8Array.of(0, 0xb2, 0, 4, 0, 0xe4, 2, 0),
    '1201b0': () => {
      const page = new Uint8Array(0x40);
      page.set([0, 0xb0, 0, 0x3c]);
      return page.fill(8, 47, 48);
    },
    '9e12': (cdb) => {
      const lba = Buffer.from(cdb).readUInt32BE(6);
      const mapped = disk.content(lba, 1).some((byte) => byte !== 0);
      return Uint8Array.of(
        0,
        0,
        0,
        20,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        ...cdb.subarray(6, 10),
        0,
        0,
        0,
        1,
        mapped ? 0 : 1,
        0,
        0,
        0,
      );
    },
  };
  const execute: ScsiAccess['execute'] = async ({ cdb, dataOut }) => {
    const asked = Buffer.from(cdb).toString('hex');
    if (asked.startsWith('9c')) await lun.write(Buffer.from(cdb).readUInt32BE(6), dataOut!);
    // As slow, and as soon lost, as any other command of this connection.
    else await lun.capacity();
    const name = Object.keys(answers).find((start) => asked.startsWith(start));
    return name === undefined ? new Uint8Array(0) : answers[name]!(cdb);
  };
  return { ...lun, scsi: { execute } };
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

  it('asks a thin LUN what it holds, and counts as held what that one has lost and gets again', async () => {
    const at = await stand(thin);
    const hole = async (lba: number) => (await at.clock.run(Promise.resolve(at.volume.holeAt(lba * 512)))).hole;
    expect(at.volume.backing.thin()).toBe(512);
    at.disk.put(3, block(3));
    expect([await hole(2), await hole(3)]).toEqual([true, false]);
    void at.volume.write(4 * 512, block(4));
    expect(await hole(4), 'on its way').toBe(false);
    await at.clock.run(at.volume.write(5 * 512, block(5), true)!);
    at.disk.breakConnections({ powerCut: true });
    expect(await hole(5), 'acknowledged, then lost with the cache').toBe(false);
    expect(at.disk.counts.opens).toBe(2);
  });

  it('does not believe an answer about holes that a write or a new connection has overtaken', async () => {
    let overtaking: (() => Promise<void>) | undefined;
    const at = await stand((lun, disk) => {
      const unit = thin(lun, disk);
      const execute: ScsiAccess['execute'] = async (request) => {
        const answer = await unit.scsi!.execute(request);
        const overtake = request.cdb[0] === 0x9e && request.cdb[1] === 0x12 ? overtaking : undefined;
        if (overtake) overtaking = undefined;
        await overtake?.();
        return answer;
      };
      return { ...unit, scsi: { execute } };
    });
    const hole = async (lba: number) => (await at.clock.run(Promise.resolve(at.volume.holeAt(lba * 512)))).hole;
    overtaking = () => at.volume.write(4 * 512, block(4), true)!;
    expect(await hole(4), 'written, and answered, meanwhile').toBe(false);
    overtaking = async () => {
      at.disk.put(6, block(6));
      at.disk.breakConnections();
      await at.volume.write(9 * 512, block(9), true);
    };
    expect(await hole(6), 'opened anew meanwhile').toBe(false);
    expect(await hole(7)).toBe(true);
  });

  it('passes an atomic write on as one, and sends it again as one', async () => {
    const at = await stand(thin);
    expect(at.volume.atomic!.byteLimit).toBe(8 * 512);
    expect(await at.clock.run(at.volume.atomic!.write(0, block(1, 8), () => false))).toBe(false);
    expect(at.disk.counts.writes).toBe(0);
    expect(await at.clock.run(at.volume.atomic!.write(0, block(1, 8), () => true))).toBe(true);
    at.disk.breakConnections({ powerCut: true });
    await at.clock.run(at.volume.flush());
    expect(at.disk.content(0, 8)).toEqual(block(1, 8));
    const plain = await stand();
    expect(plain.volume.atomic!.byteLimit).toBe(0);
    expect(plain.volume.backing.thin()).toBe(undefined);
  });

  it('makes durable what lies under an atomic write before it: sent again, that would tear it', async () => {
    const at = await stand(thin);
    await at.clock.run(at.volume.write(2 * 512, block(7), true)!);
    await at.clock.run(at.volume.write(20 * 512, block(8), true)!);
    await at.clock.run(at.volume.atomic!.write(0, block(1, 8), () => true));
    const before = at.disk.counts.writes;
    at.disk.breakConnections({ powerCut: false });
    await at.clock.run(at.volume.flush());
    expect(at.disk.counts.writes - before, 'only the atomic one, which no flush has covered').toBe(1);
    expect(at.disk.content(0, 8)).toEqual(block(1, 8));
    expect(at.disk.content(20, 1)).toEqual(block(8));
  });

  it.each([
    ['has no cache where it does not know the command', 0x20, 'check-condition', 'ready'],
    ['is lost where it is not there any more', 0x25, 'no-such-lun', 'reconnecting'],
  ] as const)('%s', async (_name, asc, kind, state) => {
    let refuses = false;
    const refusal = new LunError(kind, '/dev/disk', 'refused', { sense: { key: 5, asc, ascq: 0 } });
    const at = await stand((lun) => ({
      ...lun,
      path: lun.path,
      read: (...call) => lun.read(...call),
      write: (...call) => lun.write(...call),
      capacity: (...call) => lun.capacity(...call),
      identify: (...call) => lun.identify(...call),
      close: () => lun.close(),
      flush: (...call) => (refuses ? Promise.reject(refusal) : lun.flush(...call)),
    }));
    await at.clock.run(at.volume.write(0, block(7), true)!);
    refuses = true;
    let flushed = false;
    void at.volume.flush().then(
      () => (flushed = true),
      () => undefined,
    );
    await at.clock.advance(1);
    expect([flushed, at.volume.backing.condition().state]).toEqual([state === 'ready', state]);
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

  it('flushes over a new connection only what has arrived over it again', async () => {
    const at = await stand();
    const lbas = Array.from({ length: 64 }, (_, lba) => lba);
    await at.clock.run(Promise.all(lbas.map((lba) => at.volume.write(lba * 512, block(1 + lba), true)!)));
    at.disk.breakConnections({ powerCut: true });
    await at.clock.run(at.volume.flush());
    at.disk.breakConnections({ powerCut: true });
    expect(lbas.filter((lba) => at.disk.content(lba, 1)[0] !== 1 + lba)).toEqual([]);
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

  it('says of a write that was sent and not answered that it may have been done, and of others that they were not', async () => {
    const at = await stand();
    const verdict = (write: Promise<void>): Promise<unknown> => write.then(String, (error: unknown) => error);
    const sent = verdict(at.volume.write(0, block(1), true)!);
    const behind = verdict(at.volume.write(0, block(2), true)!);
    await at.clock.advance(1);
    at.disk.vanish();
    expect(at.disk.content(0, 1), 'done, and the answer lost').toEqual(block(1));
    expect(await at.clock.run(sent)).toMatchObject({ kind: 'no-path', outcome: 'unknown', sense: undefined });
    expect(await at.clock.run(behind)).toMatchObject({ kind: 'no-path', outcome: 'not-done' });
    at.disk.comeBack();
    await at.clock.advance(10_000);
    at.disk.vanish();
    const unsent = verdict(at.volume.write(0, block(3), true)!);
    expect(await at.clock.run(unsent), 'over a connection that was lost before').toMatchObject({ outcome: 'not-done' });
  });

  it('says the same of one that was refused when it was sent again', async () => {
    const at = await stand();
    const write = at.volume.write(0, block(1), true)!.then(String, (error: unknown) => error);
    await at.clock.advance(1);
    at.disk.breakConnections();
    at.disk.refuse(0, { key: 7, asc: 0x27, ascq: 0 });
    expect(await at.clock.run(write)).toMatchObject({ outcome: 'unknown', sense: undefined });
    expect(at.disk.content(0, 1)).toEqual(block(1));
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
