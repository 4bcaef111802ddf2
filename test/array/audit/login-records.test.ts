import { expect, it } from 'vitest';
import type { NewEntry } from '../../../src/array/audit/audit-log.ts';
import { createLoginRecords } from '../../../src/array/audit/login-records.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const STATUS = 'authentication-failure';

function recorded() {
  const clock = createFakeClock();
  const told: NewEntry[] = [];
  const log: string[] = [];
  const state = { broken: false };
  async function append(entry: NewEntry): Promise<void> {
    await Promise.resolve();
    if (state.broken) throw new Error('no room');
    told.push(entry);
  }
  return {
    clock,
    told,
    log,
    state,
    logins: createLoginRecords({ audit: { append }, clock, log: (text) => void log.push(text) }),
  };
}

it('tells who a refused login said to be, where it came from, and why, without end or secret', async () => {
  const { told, logins } = recorded();
  logins.refused({ remoteAddress: '[::1]:4711', initiatorName: 'iqn.x', status: STATUS, why: 'w'.repeat(9000) });
  logins.refused({ remoteAddress: '192.0.2.7:1', initiatorName: '', status: 'initiator-error', why: 'bad name' });
  await logins.close();
  const common = { event: 'refused', process: 'login' };
  expect(told).toEqual([
    { ...common, address: '[::1]', initiator: 'iqn.x', status: STATUS, why: `${'w'.repeat(509)}...` },
    { ...common, address: '192.0.2.7', status: 'initiator-error', why: 'bad name' },
  ]);
});

it('counts a flood by address, whatever names it makes up, and many addresses together', async () => {
  const { told, logins } = recorded();
  for (let n = 0; n < 5000; n += 1) {
    logins.refused({ remoteAddress: `192.0.2.7:${n}`, initiatorName: `iqn.${n}`, status: STATUS, why: 'no' });
  }
  for (let n = 0; n < 5000; n += 1) {
    logins.refused({ remoteAddress: `10.0.${n >> 8}.${n & 255}:1`, initiatorName: 'iqn.x', status: STATUS, why: 'no' });
  }
  await logins.close();
  expect(told.length).toBeLessThan(40);
  expect(told.filter(({ event }) => event === 'counting').map(({ address }) => address)).toEqual([
    '192.0.2.7',
    'several',
  ]);
  expect(told.reduce((sum, { event, count = 0 }) => sum + (event === 'refused' ? 1 : count), 0)).toBe(10_000);
});

it('says in the log what the audit did not take', async () => {
  const { log, state, logins } = recorded();
  state.broken = true;
  logins.refused({ remoteAddress: '192.0.2.7:1', initiatorName: 'iqn.x', status: STATUS, why: 'no' });
  await logins.close();
  expect(log).toEqual([expect.stringMatching(/lacks a refused login.*no room/)]);
});
