import type { Clock } from '../../base/clock.ts';
import type { AuditLog } from './audit-log.ts';
import { fitRecord } from './record.ts';
import { createRefusalRecords } from './refusal-records.ts';

/** A login that was refused: nothing of who it was has been proved but the address. */
export interface RefusedLogin {
  /** `HOST:PORT`, IPv6 in brackets. */
  readonly remoteAddress: string;
  /** As it called itself; empty where it had not yet. */
  readonly initiatorName: string;
  /** Name of the login status that it was told. */
  readonly status: string;
  readonly why: string;
}

export interface LoginRecords {
  /** Tells the audit of it. The login is not kept waiting: it got nothing. */
  refused(login: RefusedLogin): void;
  /** Resolves when all that was told is durable. */
  close(): Promise<void>;
}

/** Few: whoever can send from many addresses shall not push the records of commands out of the audit for it. */
const ADDRESSES = 8;
const WHY_LIMIT = 512;

/** Failed logins, bounded as refused commands are, but by address: names cost whoever makes them up nothing. */
export function createLoginRecords(parts: {
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  readonly log: (text: string) => void;
}): LoginRecords {
  const refusals = createRefusalRecords({ ...parts, by: 'address', sourceLimit: ADDRESSES });
  let told: Promise<void> = Promise.resolve();

  return {
    refused({ remoteAddress, initiatorName, status, why }) {
      const entry = {
        event: 'refused' as const,
        address: remoteAddress.replace(/:\d+$/, ''),
        ...(initiatorName !== '' && { initiator: initiatorName }),
        process: 'login',
        status,
        why: fitRecord(why, WHY_LIMIT),
      };
      const written = refusals.refused(entry).catch((error: unknown) => {
        parts.log(`the audit lacks a refused login: ${String(error)}`);
      });
      told = after(told, written);
    },
    async close() {
      await told;
      await refusals.close();
    },
  };
}

/** Keeps nothing of what either resolves to: refused logins have no end. */
async function after(former: Promise<void>, latter: Promise<void>): Promise<void> {
  await former;
  await latter;
}
