import type { Lun } from '../../lun/lun.ts';
import { allowRemovalCdb, releaseCdb } from '../../scsi/cdb.ts';
import { greetFarUnit } from './attentions.ts';
import type { FarLine } from './far-line.ts';

/**
 * Ends what the far LUN keeps for a host as long as its session lasts: an SPC-2 reservation, and that its medium may not be taken out.
 * A persistent registration is meant to outlive the session. Answers do not matter: who has nothing there is refused or not heard.
 */
export async function giveBack(lun: Lun, line: FarLine, timeoutMs: number): Promise<void> {
  // A unit attention would come in place of the first answer, and nothing be done.
  await greetFarUnit(lun, line, timeoutMs);
  const ends = [
    { what: 'RELEASE(6)', cdb: releaseCdb() },
    { what: 'PREVENT ALLOW MEDIUM REMOVAL', cdb: allowRemovalCdb() },
  ];
  for (const request of ends) await lun.passThrough?.execute({ ...request, dataInLength: 0, timeoutMs });
}
