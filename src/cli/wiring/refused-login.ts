import type { RefusedLogin } from '../../array/audit/login-records.ts';
import { LOGIN_STATUS } from '../../iscsi/login-pdus.ts';
import type { PortalEvent } from '../../lun/iscsi-portal.ts';

/** What the audit is told of a portal's event: logins that the initiator is to blame for, status class 2 (RFC 7143 section 11.13.5). */
export function refusedLogin(event: PortalEvent): RefusedLogin | undefined {
  const { kind, status, remoteAddress, initiatorName, detail } = event;
  if (kind !== 'login-refused' || status === undefined || status >>> 8 !== 2) return undefined;
  return { remoteAddress, initiatorName, status: nameOf(status), why: detail };
}

function nameOf(status: number): string {
  const known = Object.entries(LOGIN_STATUS).find(([, value]) => value === status)?.[0];
  if (known === undefined) return `0x${status.toString(16).padStart(4, '0')}`;
  return known.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
