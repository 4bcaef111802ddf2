import { expect, it } from 'vitest';
import { openAuditLog } from '../../../src/array/audit/audit-log.ts';
import type { ChainEnd } from '../../../src/array/audit/chain.ts';
import { verifyAudit } from '../../../src/array/audit/verify.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createMemoryStorage } from '../../support/memory-storage.ts';

/** What is said of an audit that lacks a record of which the tables know, and of one that lacks none. */

const FILE = 'audit-00000001';

async function written(status: string) {
  const storage = createMemoryStorage();
  const log = await openAuditLog({ storage, clock: createFakeClock() });
  for (const requestId of ['1', '2', '3']) await log.append({ event: 'refused', requestId, status });
  const known = log.durableEnd();
  log.close();
  const read = (name: string): Uint8Array => {
    const file = storage.open(name);
    const bytes = new Uint8Array(file.size());
    file.read(bytes, 0);
    return bytes;
  };
  const put = (bytes: Uint8Array): void => {
    const file = storage.open(FILE);
    file.truncate(0);
    file.write(bytes, 0);
  };
  const found = (end: ChainEnd) => verifyAudit(storage.list(), read, undefined, end).findings.map(({ why }) => why);
  const told = async (end: ChainEnd) => {
    const next = await openAuditLog({ storage, clock: createFakeClock(), known: end });
    next.close();
    return verifyAudit(storage.list(), read)
      .records.map(({ record }) => record)
      .filter(({ event }) => event === 'damage')
      .map(({ why }) => why);
  };
  return { storage, known, read, put, found, told };
}

const linesOf = (bytes: Uint8Array, count: number): Uint8Array =>
  Buffer.from(`${Buffer.from(bytes).toString('utf8').split('\n').slice(0, count).join('\n')}\n`);

it('is nothing where all is there, also what came behind the record that is known', async () => {
  const { known, found, told } = await written('a');
  expect(known.seq).toBe(4);
  expect(found(known)).toEqual([]);
  expect(await told(known)).toEqual([]);
  expect(found(known)).toEqual([]);
});

it('names the records that are missing', async () => {
  const { known, read, put, found, told } = await written('a');
  put(linesOf(read(FILE), 2));
  const why = 'records 3 to 4 are missing: the end of the audit was cut off, or an older copy put back';
  expect(found(known)).toEqual([why]);
  expect(await told(known)).toEqual([why]);
});

it('names a chain that was written anew', async () => {
  const { known, put, found, told } = await written('a');
  const other = await written('b');
  put(other.read(FILE));
  const why = 'record 4 is another than the one that was noted: the chain was written anew';
  expect(found(known)).toEqual([why]);
  expect(await told(known)).toEqual([why]);
});

it('names an audit that is gone as a whole', async () => {
  const { storage, known, found, told } = await written('a');
  await storage.remove(FILE);
  const why = 'records 1 to 4 are missing: the end of the audit was cut off, or an older copy put back';
  expect(found(known)).toEqual([why]);
  expect(await told(known)).toEqual([why]);
});

it('misses no record that was removed in its time', async () => {
  const { storage, known } = await written('a');
  const small = { storage, clock: createFakeClock(), fileBytes: 200, fileLimit: 2, known };
  const log = await openAuditLog(small);
  for (let number = 0; number < 9; number += 1) await log.append({ event: 'refused', status: 'c' });
  log.close();
  expect(storage.list()).not.toContain(FILE);
  const again = await openAuditLog(small);
  again.close();
  const read = (name: string): Uint8Array => {
    const file = storage.open(name);
    const bytes = new Uint8Array(file.size());
    file.read(bytes, 0);
    return bytes;
  };
  const { findings, records } = verifyAudit(storage.list(), read, undefined, known);
  expect(findings).toEqual([]);
  expect(records.some(({ record }) => record.event === 'damage')).toBe(false);
});
