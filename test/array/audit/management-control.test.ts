import { describe, expect, it } from 'vitest';
import { CHAIN_START } from '../../../src/array/audit/chain.ts';
import type { AuditLog, NewEntry } from '../../../src/array/audit/audit-log.ts';
import { createManagementControl, type ManagementCall } from '../../../src/array/audit/management-control.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const CALL: ManagementCall = { operation: 'unmap', asked: '{"lun":3}', by: 'pid 7, uid 0', query: false };
const ABOUT = { manager: 'pid 7, uid 0', process: 'management unmap' };

function controlled({ queries = false, broken = () => false }: { queries?: boolean; broken?: () => boolean } = {}) {
  const told: (NewEntry | string)[] = [];
  const append = async (entry: NewEntry): Promise<void> => {
    if (broken()) throw new Error('no room');
    told.push(entry);
  };
  const audit: AuditLog = {
    append,
    note: append,
    unfinished: [],
    durableEnd: () => CHAIN_START,
    close: () => undefined,
  };
  const random = createSeededRandom(1);
  const control = createManagementControl({
    audit,
    random,
    auditQueries: () => queries,
    log: (text) => told.push(text),
  });
  return { control, told };
}

describe('management commands', () => {
  it('are in the audit before they are carried out, and with their end before they are answered', async () => {
    const { control, told } = controlled();
    const answer = await control.conduct(CALL, async () => {
      told.push('carried out');
      return { ok: true as const, result: 5 };
    });
    expect(answer).toEqual({ ok: true, result: 5 });
    expect(told).toMatchObject([
      { event: 'begun', ...ABOUT, asked: CALL.asked, requestId: expect.stringMatching(/^[0-9a-f]{32}$/) },
      'carried out',
      { event: 'ended', ...ABOUT, status: 'ok' },
    ]);
  });

  it('that are refused, fail, or are not tried are there with the reason', async () => {
    const { control, told } = controlled();
    expect(await control.conduct(CALL, async () => ({ ok: false as const, message: 'LUN 3 is in use' }))).toEqual({
      ok: false,
      message: 'LUN 3 is in use',
    });
    const broken = control.conduct(CALL, () => Promise.reject(new Error('EIO')));
    await expect(broken).rejects.toThrow('EIO');
    expect(await control.refuse(CALL, 'too late')).toEqual({ ok: false, message: 'too late' });
    expect(told).toMatchObject([
      { event: 'begun' },
      { event: 'ended', status: 'refused', why: 'LUN 3 is in use' },
      { event: 'begun' },
      { event: 'ended', status: 'refused', why: 'Error: EIO' },
      { event: 'refused', ...ABOUT, asked: CALL.asked, status: 'refused', why: 'too late' },
    ]);
  });

  it('are not carried out where the audit cannot be written', async () => {
    const { control } = controlled({ broken: () => true });
    let carriedOut = false;
    const answer = await control.conduct(CALL, async () => {
      carriedOut = true;
      return { ok: true as const };
    });
    expect(answer).toMatchObject({ ok: false, message: expect.stringMatching(/not executed.*no room/) });
    expect(carriedOut).toBe(false);
    expect(await control.refuse(CALL, 'too late')).toMatchObject({
      message: expect.stringMatching(/cannot be written/),
    });
  });

  it('that only ask are there where queries are recorded', async () => {
    for (const queries of [false, true]) {
      const { control, told } = controlled({ queries });
      await control.conduct({ ...CALL, query: true }, async () => ({ ok: true as const }));
      expect(told.length).toBe(queries ? 1 : 0);
    }
  });
});
