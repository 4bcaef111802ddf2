import type { Clock } from '../../base/clock.ts';
import type { Storage } from '../../base/storage.ts';
import type { StateStore } from '../store/state-store.ts';
import { concludeUnfinished, type AuditLog, type AuditParts } from './audit-log.ts';
import { createLoginRecords, type LoginRecords } from './login-records.ts';
import { createRefusalRecords, type RefusalRecords } from './refusal-records.ts';
import { keepSettings, recordSettings, type ServedSettings } from './served-settings.ts';

/** All that an array records. */
export interface ArrayAudit {
  readonly log: AuditLog;
  readonly refusals: RefusalRecords;
  readonly logins: LoginRecords;
  /** What is served is otherwise from now on, and the audit tells of it already. Never rejects. */
  settingsChanged(settings: ServedSettings): Promise<void>;
  close(): Promise<void>;
}

/** Initiators whose refusals are counted for themselves. */
const INITIATORS = 64;

/** Opens the audit, and tells what became of commands under way and of settings since it was last written. */
export async function openArrayAudit(
  open: (parts: AuditParts) => Promise<AuditLog>,
  parts: {
    readonly storage: Storage;
    readonly clock: Clock;
    /** Serial. */
    readonly array: string;
    readonly log: (text: string) => void;
    readonly settings?: ServedSettings;
    readonly store: Pick<StateStore, 'requests' | 'auditEnd' | 'attestWith' | 'attest'>;
  },
): Promise<ArrayAudit> {
  const { storage, clock, array } = parts;
  const settingsChanged = (settings: ServedSettings): Promise<void> =>
    keepSettings(storage, settings).catch((error: unknown) => {
      parts.log(`what is served now could not be noted; the next start tells of it once more: ${String(error)}`);
    });
  const { store } = parts;
  const known = store.auditEnd();
  const audit = await open({ storage, clock, array, ...(known && { known }) });
  store.attestWith(() => audit.durableEnd());
  await concludeUnfinished(audit, store.requests);
  const { settings } = parts;
  if (settings && (await recordSettings({ storage, audit }, settings))) await settingsChanged(settings);
  const shared = { audit, clock, log: parts.log };
  await store.attest();
  const refusals = createRefusalRecords({ ...shared, by: 'initiator', sourceLimit: INITIATORS });
  const logins = createLoginRecords(shared);
  return {
    log: audit,
    refusals,
    logins,
    settingsChanged,
    async close() {
      await refusals.close();
      await logins.close();
      await store
        .attest()
        .catch((error: unknown) => parts.log(`the tables do not know the end of the audit: ${String(error)}`));
      audit.close();
    },
  };
}
