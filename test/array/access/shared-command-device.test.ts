import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccessDescription } from '../../../src/array/description.ts';
import { decodeSlot } from '../../../src/interface-block/block.ts';
import type { Lun } from '../../../src/lun/lun.ts';
import { NOTHING, serveTestArray, type ServedArray } from '../../support/served-array.ts';
import { awaitAnswer, blockOf, signedFor, submitBlock, takeAnswer, writeBlock } from '../../support/written-blocks.ts';

/** What hosts of unequal rights that share a command device can do to each other: over real sockets. */

const MONITOR = 'iqn.2026-11.com.example:monitor';
const OPERATOR = 'iqn.2026-11.com.example:operator';
const NEAR = 'iqn.2026-11.io.cdctl:osaka.remote';
const SIGNING = { name: 'runbook', key: new TextEncoder().encode('a key of thirty-two bytes or more') };
const FORGED = { name: 'runbook', key: new Uint8Array(32) };

const ACCESS: AccessDescription = {
  ...NOTHING,
  initiators: [
    { name: MONITOR, luns: [0], role: 'monitor' },
    { name: OPERATOR, luns: [0, 10], role: 'operator', groups: ['oradb'] },
    { name: NEAR, luns: [0], role: 'signed' },
  ],
  keys: [{ name: 'runbook', keyFile: 'k', role: 'operator', luns: [10], groups: ['oradb'] }],
};

let served: ServedArray;

beforeEach(async () => {
  served = await serveTestArray({
    access: ACCESS,
    parts: { keyOf: (name) => (name === 'runbook' ? SIGNING.key : undefined) },
  });
});

afterEach(() => served.stop());

const as = (initiator: string): Promise<Lun> => served.opener(initiator).open(`${served.url}/0`);
const ID = 'ab'.repeat(16);
const splitOf = (group: string, requestId = ID) =>
  blockOf('pair.split', { group }, { requestId, arraySerial: 'TOKYO' });

function pairOf(requestId: string, role: 'primary' | 'auxiliary', lun: number): Uint8Array {
  const header = {
    group: 'oradb',
    pair: 'data',
    role,
    noCopy: false,
    primaryLun: role === 'primary' ? lun : 7,
    auxiliaryLun: role === 'primary' ? 7 : lun,
    primaryJournalLun: 20,
    auxiliaryJournalLun: 20,
    primarySerial: role === 'primary' ? 'TOKYO' : 'OSAKA',
    auxiliarySerial: role === 'primary' ? 'OSAKA' : 'TOKYO',
  } as const;
  return blockOf('pair.create', header, { requestId, arraySerial: 'TOKYO' });
}

describe('what one host is refused', () => {
  it('is not the answer to another that uses the same request id', async () => {
    expect(await writeBlock(await as(MONITOR), splitOf('oradb'), 1)).toBe('permission-denied');
    expect(await writeBlock(await as(OPERATOR), splitOf('oradb'), 2)).toBe('not-found');
  });

  it('stays refused to itself, whatever it was granted since', async () => {
    expect(await writeBlock(await as(OPERATOR), splitOf('payroll'), 1)).toBe('permission-denied');
    served.access = { ...ACCESS, initiators: [{ name: OPERATOR, luns: [0], role: 'administrator' }] };
    expect(await writeBlock(await as(OPERATOR), splitOf('payroll'), 1)).toBe('permission-denied');
  });

  it.each([
    ['unsigned', async (_lun: Lun, block: Uint8Array) => block],
    ['with a forged signature', (lun: Lun, block: Uint8Array) => signedFor(lun, block, FORGED)],
  ])('%s, binds nobody behind the same array who signs', async (_what, spoil) => {
    const near = await as(NEAR);
    expect(await writeBlock(near, await spoil(near, splitOf('oradb')), 1)).toBe('not-authenticated');
    expect(await writeBlock(near, await signedFor(near, splitOf('oradb'), SIGNING), 2)).toBe('not-found');
  });
});

describe('an answer that waits in its slot', () => {
  it('gives way to no other initiator, though that knows the request id', async () => {
    const operator = await as(OPERATOR);
    await submitBlock(operator, splitOf('oradb'), 5);
    await awaitAnswer(operator, 5);
    await expect(submitBlock(await as(MONITOR), splitOf('oradb'), 5)).rejects.toThrow(/reserv/i);
    expect(await takeAnswer(operator, 5)).toBe('not-found');
  });

  it('gives way to its own host, which asks again', async () => {
    const operator = await as(OPERATOR);
    await submitBlock(operator, splitOf('oradb'), 5);
    await awaitAnswer(operator, 5);
    expect(await writeBlock(operator, splitOf('oradb'), 5)).toBe('not-found');
  });
});

describe('an answer', () => {
  const lbaOf = (slot: number): number => (16384 + slot * 16384) / 512;
  const slotOf = async (lun: Lun, slot: number) => {
    await lun.capacity();
    const bytes = await lun.read(lbaOf(slot), 32);
    const content = decodeSlot(bytes);
    if (!content.ok) throw new Error('does not check');
    return { bytes: Buffer.from(bytes).toString('latin1'), content: content.value };
  };

  it('is shown, and given away, to the host alone that asked; others see that the slot is taken', async () => {
    const [operator, monitor] = [await as(OPERATOR), await as(MONITOR)];
    await submitBlock(operator, splitOf('oradb'), 5);
    await awaitAnswer(operator, 5);
    for (const read of [1, 2]) {
      const { bytes, content } = await slotOf(monitor, 5);
      expect(content, `READ ${read}`).toMatchObject({ state: 'executing', host: 'root@db1:7', process: 0x12 });
      expect(bytes).not.toMatch(/oradb/);
      expect(bytes).not.toContain(Buffer.from(ID, 'hex').toString('latin1'));
    }
    const whole = Buffer.from(await monitor.read(0, 2080)).toString('latin1');
    expect(whole).not.toMatch(/oradb/);
    expect(await takeAnswer(operator, 5)).toBe('not-found');
  });

  it('is copied out by nobody else, nor compared', async () => {
    const operator = await as(OPERATOR);
    await submitBlock(operator, splitOf('oradb'), 5);
    await awaitAnswer(operator, 5);
    const seen = new Uint8Array(await operator.read(lbaOf(5), 1));
    const verify = Buffer.from(`2f02${lbaOf(5).toString(16).padStart(10, '0').slice(2)}00000100`, 'hex');
    expect((await served.send(OPERATOR, 0, verify, seen)).verdict).toBe('good');
    expect((await served.send(MONITOR, 0, verify, seen)).verdict).toBe('e/1d/0');
  });

  it('comes over another port of its host', async () => {
    await submitBlock(await as(OPERATOR), splitOf('oradb'), 5);
    await awaitAnswer(await as(OPERATOR), 5);
    expect(await takeAnswer(await as(OPERATOR), 5)).toBe('not-found');
  });

  it('is not held back from its host by others who wait for it', async () => {
    const [operator, monitor] = [await as(OPERATOR), await as(MONITOR)];
    await operator.capacity();
    await submitBlock(operator, splitOf('oradb'), 5);
    const seen = slotOf(monitor, 5);
    expect(await takeAnswer(operator, 5)).toBe('not-found');
    expect((await seen).bytes).not.toMatch(/oradb/);
  });

  it('of one host behind another array is not shown to the next host there', async () => {
    const port = async (isid: string): Promise<Lun> => {
      const initiatorPort = Buffer.from(isid, 'hex');
      const lun = await served.opener(NEAR).open(`${served.url}/0`, { initiatorPort });
      // The unit attention of a new nexus, which is for the host that comes by it.
      await lun.capacity().catch(() => undefined);
      return lun;
    };
    const [first, second] = [await port('80aaaaabbbb1'), await port('80ccccc1dd01')];
    await submitBlock(first, await signedFor(first, splitOf('oradb'), SIGNING), 5);
    await awaitAnswer(first, 5);
    expect((await slotOf(second, 5)).bytes).not.toMatch(/oradb/);
    expect(await takeAnswer(await port('80aaaaabbbb1'), 5), 'after a reconnect').toBe('not-found');
  });

  it('is shown to all where the access file says so', async () => {
    served.access = { ...ACCESS, commandDevices: [{ lun: 0, signedOnly: false, sharedAnswers: true }] };
    await submitBlock(await as(OPERATOR), splitOf('oradb'), 5);
    expect(await takeAnswer(await as(MONITOR), 5)).toBe('not-found');
  });
});

describe('the slots', () => {
  it('are not all held by one host that reads no answer', async () => {
    const [monitor, operator] = [await as(MONITOR), await as(OPERATOR)];
    const show = (number: number) =>
      blockOf('array.show', {}, { requestId: (number + 1).toString(16).padStart(32, '0'), arraySerial: 'TOKYO' });
    for (let slot = 0; slot < 48; slot += 1) await submitBlock(monitor, show(slot), slot);
    await expect(submitBlock(monitor, show(48), 48)).rejects.toThrow(/reserv/i);
    expect(await writeBlock(operator, splitOf('oradb'), 48)).toBe('not-found');
    expect(await takeAnswer(monitor, 7)).toBe('ok');
    expect(await writeBlock(monitor, show(48), 48), 'once one is free').toBe('ok');
  });
});

describe('the same block in the same slot', () => {
  it('is a retry of the one who wrote it; another initiator takes another slot, and joins the one execution', async () => {
    const [operator, near] = [await as(OPERATOR), await as(NEAR)];
    const block = await signedFor(operator, splitOf('oradb'), SIGNING);
    await submitBlock(operator, block, 5);
    await expect(submitBlock(near, block, 5)).rejects.toThrow(/reserv/i);
    expect(await takeAnswer(operator, 5)).toBe('not-found');
    expect(await writeBlock(near, await signedFor(near, splitOf('oradb'), SIGNING), 6)).toBe('not-found');
    expect(served.array.management.show().commandNumber).toBe(1);
  });
});

describe('a pair', () => {
  it.each(['primary', 'auxiliary'] as const)(
    'is not formed of a LUN that its operator does not see: %s',
    async (role) => {
      const operator = await as(OPERATOR);
      expect(await writeBlock(operator, pairOf('01'.repeat(16), role, 11), 1)).toBe('permission-denied');
      const near = await as(NEAR);
      const signed = await signedFor(near, pairOf('02'.repeat(16), role, 11), SIGNING);
      expect(await writeBlock(near, signed, 2)).toBe('permission-denied');
    },
  );

  it('is formed of one that it sees', async () => {
    expect(await writeBlock(await as(OPERATOR), pairOf('03'.repeat(16), 'primary', 10), 1)).toBe('ok');
  });
});

describe('a signed fence that is written again', () => {
  it('gets its answer where it is signed anew, and holds back no write any more', async () => {
    const near = await as(NEAR);
    const signed = (block: Uint8Array) => signedFor(near, block, SIGNING);
    expect(await writeBlock(near, await signed(pairOf('04'.repeat(16), 'primary', 10)), 1)).toBe('ok');
    const fence = (requestId: string, leaseMs: number) =>
      blockOf('pair.fence', { group: 'oradb', leaseMs }, { requestId, arraySerial: 'TOKYO' });
    const overheard = await signed(fence('05'.repeat(16), 30_000));
    expect(await writeBlock(near, overheard, 1)).toBe('ok');
    expect(await writeBlock(near, await signed(fence('06'.repeat(16), 0)), 1)).toBe('ok');
    expect(await writeBlock(near, overheard, 1)).toBe('stale-signature');
    expect(await writeBlock(near, await signed(fence('05'.repeat(16), 30_000)), 1)).toBe('ok');
    const volume = await served.opener(OPERATOR).open(`${served.url}/10`);
    await volume.capacity();
    await volume.write(0, new Uint8Array(512), { timeoutMs: 5000 });
    await volume.flush();
    expect([...(await volume.read(0, 1))]).toEqual([...new Uint8Array(512)]);
  });
});
