import type { Storage } from '../../base/storage.ts';
import type { VolumeDescription } from '../description.ts';
import { SANITIZE_FILE_BYTES, sanitizeFault } from '../sanitize/sanitize-record.ts';
import { checkGuardedFile } from './check-guarded.ts';
import type { Report } from './finding.ts';

/** That a volume is being sanitized, or could not be, must not be forgotten: hosts would read what was to go. */
export function checkSanitize({ lun, name }: VolumeDescription, storage: Storage, report: Report): void {
  const file = `lun-${lun}.sanitize`;
  const meaning = `a SANITIZE of LUN ${lun} (${name}) that had not ended may be forgotten, so that hosts are served what is left`;
  const content = checkGuardedFile(file, SANITIZE_FILE_BYTES, meaning, storage, report);
  const what = content && sanitizeFault(content);
  if (what === undefined) return;
  report({
    severity: 'damage',
    file,
    offset: null,
    what,
    meaning,
    next: 'serve it with the version that wrote it; where a SANITIZE was under way, order it again before anybody else gets the volume',
  });
}
