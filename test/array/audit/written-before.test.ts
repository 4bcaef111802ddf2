import { expect, it } from 'vitest';
import { openAuditLog } from '../../../src/array/audit/audit-log.ts';
import { verifyAudit } from '../../../src/array/audit/verify.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { readText } from '../../support/fixture.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';

/**
 * `fixtures/audit-format-1`: what arrays wrote before records told parameters, roles and sense; made from the page in
 * `src/array/access/README.md` by a few lines of another language, and kept for ever.
 */
const FILE = 'audit-00000001';
const LAST = { seq: 8, hash: 'c1b3015cc8380129d3a4d9dfd6dd252d91215223d1081f60227657388837762e' };

function stored() {
  const storage = createMemoryStorage();
  const file = storage.open(FILE);
  file.write(new TextEncoder().encode(readText(`fixtures/audit-format-1/${FILE}`)), 0);
  const read = (name: string): Uint8Array => {
    const opened = storage.open(name);
    const bytes = new Uint8Array(opened.size());
    opened.read(bytes, 0);
    return bytes;
  };
  return { storage, verify: () => verifyAudit(storage.list(), read, LAST) };
}

it('verifies, and is told as it was written', () => {
  const { records, findings, last } = stored().verify();
  expect(findings).toEqual([]);
  expect(last).toEqual(LAST);
  expect(records.map(({ record: { event, status = '' } }) => `${event} ${status}`.trim())).toEqual([
    'opened',
    'configured',
    'refused permission-denied',
    'begun',
    'ended ok',
    'begun',
    'ended ok',
    'refused authentication-failure',
  ]);
});

it('goes on with records of this version in the same chain', async () => {
  const { storage, verify } = stored();
  const log = await openAuditLog({ storage, clock: createFakeClock(), array: 'TOKYO' });
  expect(log.unfinished).toEqual([]);
  await log.append({ event: 'refused', lun: 0, process: 'write', status: 'check-condition', sense: '5/26/0' });
  log.close();
  const { records, findings } = verify();
  expect(findings).toEqual([]);
  expect(records.slice(8).map(({ record }) => record)).toMatchObject([
    { seq: 9, prev: LAST.hash, array: 'TOKYO', event: 'opened' },
    { seq: 10, array: 'TOKYO', sense: '5/26/0' },
  ]);
});
