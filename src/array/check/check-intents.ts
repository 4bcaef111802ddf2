import type { Storage } from '../../base/storage.ts';
import type { VolumeDescription } from '../description.ts';
import { INTENT_LOG_BYTES } from '../store/atomic-writes.ts';
import { encryptedFile } from '../store/encrypted-file.ts';
import { scanIntents } from '../store/intent-log.ts';
import { storedCiphers } from '../store/volume-key.ts';
import type { Report } from './finding.ts';

/** The log of atomic writes, which the next start writes again before hosts read: whole, and inside the volume. */
export function checkIntents(volume: VolumeDescription, storage: Storage, report: Report): void {
  const file = `lun-${volume.lun}.intents`;
  if (!storage.exists(file)) return;
  try {
    checkLog(file, volume, storage, report);
  } catch (error) {
    report({
      severity: 'damage',
      file,
      offset: null,
      what: `the disk does not give all of it: ${String(error)}`,
      meaning: `atomic writes to LUN ${volume.lun} (${volume.name}) may be done in part; the array refuses to start`,
      next: 'look after the disk; the rest can be served meanwhile (array serve --leave-out)',
    });
  }
}

function checkLog(name: string, volume: VolumeDescription, storage: Storage, report: Report): void {
  const who = `LUN ${volume.lun} (${volume.name})`;
  const ciphers = volume.encrypted && ciphersOf(volume.lun, storage);
  // Without its keys nothing can be said of it; the check of the keys says that they are lost.
  if (volume.encrypted && !ciphers) return;
  const stored = storage.open(name);
  const file = ciphers ? encryptedFile(stored, () => ciphers.intents) : stored;
  try {
    const damage = (offset: number | null, what: string, meaning: string): void =>
      report({
        severity: 'damage',
        file: name,
        offset,
        what,
        meaning,
        next: 'compare the volume with the other array, or with a copy, before hosts use it',
      });
    const size = file.size();
    if (size > INTENT_LOG_BYTES) {
      const meaning = `something else has written to the log of atomic writes of ${who}`;
      damage(INTENT_LOG_BYTES, `it has ${size} bytes, and such a log at most ${INTENT_LOG_BYTES}`, meaning);
    }
    const { intents, fault } = scanIntents(file);
    const outside = intents.find(({ offset, data }) => offset + data.length > volume.blockSize * volume.blockCount);
    if (outside) {
      const what = `it has a write of ${outside.data.length} bytes at byte ${outside.offset}, beyond the end of ${who}`;
      damage(null, what, 'the log belongs to another volume, and the next start would carry it out');
    }
    if (fault?.wasDurable) {
      damage(
        fault.at,
        `${fault.what}, though later ones stand behind it`,
        `atomic writes to ${who} that were acknowledged may be done in part, and the next start cannot make them whole`,
      );
    } else if (fault) reportTorn(name, who, fault, report);
  } finally {
    stored.close();
  }
}

function ciphersOf(lun: number, storage: Storage): ReturnType<typeof storedCiphers> {
  try {
    return storedCiphers(lun, storage);
  } catch {
    return undefined;
  }
}

function reportTorn(
  file: string,
  who: string,
  fault: { readonly at: number; readonly what: string },
  report: Report,
): void {
  report({
    severity: 'doubt',
    file,
    offset: fault.at,
    what: fault.what,
    meaning: `a power cut tears an atomic write to ${who} that was not acknowledged, and nothing of it is in the volume then; without one, an acknowledged write may be done in part`,
    next: 'nothing after a power cut; otherwise compare the volume with the other array, or with a copy',
  });
}
