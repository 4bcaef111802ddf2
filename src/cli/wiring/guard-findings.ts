import { knownAuditEnd } from '../../array/audit/known-end.ts';
import { verifyAudit } from '../../array/audit/verify.ts';
import type { Storage } from '../../base/storage.ts';
import { CliError } from '../cli-error.ts';
import type { StorageFinding } from '../services.ts';
import { loadAccess } from './array-access.ts';

/** What is wrong with what guards a stopped array: its access file, the secrets that it names, and its audit. */
export async function guardFindings(directory: string, serial: string, storage: Storage): Promise<StorageFinding[]> {
  return [...(await accessFindings(directory)), ...auditFindings(serial, storage)];
}

async function accessFindings(directory: string): Promise<StorageFinding[]> {
  try {
    await loadAccess(directory);
    return [];
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const { what, why, where = directory, next } = error.text;
    const meaning = 'nothing is lost; the array is not served before that is corrected';
    return [
      { severity: 'damage', file: 'access.yaml', offset: null, what: `${what} (${where}): ${why}`, meaning, next },
    ];
  }
}

function auditFindings(serial: string, storage: Storage): StorageFinding[] {
  const read = (name: string): Uint8Array => {
    const file = storage.open(name);
    const bytes = new Uint8Array(file.size());
    file.read(bytes, 0);
    file.close();
    return bytes;
  };
  const { findings, files } = verifyAudit(storage.list(), read, undefined, knownAuditEnd(storage, serial));
  const found = findings.map(({ file, offset, why }): StorageFinding => {
    const meaning = 'no volume depends on it; what was commanded cannot be told from it for certain';
    const next = 'keep the files as they are, and find out who could write to them; the array goes on in a new one';
    return { severity: 'damage', file, offset, what: why, meaning, next };
  });
  return files > 0 || found.length > 0 ? found : [missingAudit()];
}

function missingAudit(): StorageFinding {
  return {
    severity: 'doubt',
    file: 'audit-00000001',
    offset: null,
    what: 'there is no audit, though the array has been served',
    meaning: 'no volume depends on it; somebody has taken it away, or the storage was made without one',
    next: 'find out who could write to the directory; the array begins a new one',
  };
}
