import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccessDescription } from '../../../src/array/description.ts';
import { signRequestPart } from '../../../src/interface-block/signature.ts';
import type { Lun } from '../../../src/lun/lun.ts';
import { NOTHING, serveTestArray, type ServedArray } from '../../support/served-array.ts';
import { awaitAnswer, blockOf, submitBlock, takeAnswer, writeBlock } from '../../support/written-blocks.ts';

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

function signed(block: Uint8Array, key = SIGNING): Uint8Array {
  const copy = block.slice();
  signRequestPart(copy, key);
  return copy;
}

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
    ['unsigned', (block: Uint8Array) => block],
    ['with a forged signature', (block: Uint8Array) => signed(block, FORGED)],
  ])('%s, binds nobody behind the same array who signs', async (_what, spoil) => {
    const near = await as(NEAR);
    expect(await writeBlock(near, spoil(splitOf('oradb')), 1)).toBe('not-authenticated');
    expect(await writeBlock(near, signed(splitOf('oradb')), 2)).toBe('not-found');
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

describe('a pair', () => {
  it.each(['primary', 'auxiliary'] as const)(
    'is not formed of a LUN that its operator does not see: %s',
    async (role) => {
      const operator = await as(OPERATOR);
      expect(await writeBlock(operator, pairOf('01'.repeat(16), role, 11), 1)).toBe('permission-denied');
      const near = await as(NEAR);
      expect(await writeBlock(near, signed(pairOf('02'.repeat(16), role, 11)), 2)).toBe('permission-denied');
    },
  );

  it('is formed of one that it sees', async () => {
    expect(await writeBlock(await as(OPERATOR), pairOf('03'.repeat(16), 'primary', 10), 1)).toBe('ok');
  });
});

describe('a signed fence that is written again', () => {
  it('gets its answer, and holds back no write any more', async () => {
    const near = await as(NEAR);
    expect(await writeBlock(near, signed(pairOf('04'.repeat(16), 'primary', 10)), 1)).toBe('ok');
    const fence = (requestId: string, leaseMs: number) =>
      signed(blockOf('pair.fence', { group: 'oradb', leaseMs }, { requestId, arraySerial: 'TOKYO' }));
    const overheard = fence('05'.repeat(16), 30_000);
    expect(await writeBlock(near, overheard, 1)).toBe('ok');
    expect(await writeBlock(near, fence('06'.repeat(16), 0), 1)).toBe('ok');
    expect(await writeBlock(near, overheard, 1)).toBe('ok');
    const volume = await served.opener(OPERATOR).open(`${served.url}/10`);
    await volume.capacity();
    await volume.write(0, new Uint8Array(512), { timeoutMs: 5000 });
    await volume.flush();
    expect([...(await volume.read(0, 1))]).toEqual([...new Uint8Array(512)]);
  });
});
