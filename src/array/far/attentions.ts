import { LunError, type Lun, type PassedAnswer } from '../../lun/lun.ts';
import { testUnitReadyCdb } from '../../scsi/cdb.ts';
import { SCSI_STATUS, type Sense } from '../../scsi/fault.ts';
import { decodeSense, SENSE_KEY } from '../../scsi/sense.ts';
import type { FarLine } from './far-line.ts';

/** Power on, reset, nexus loss: what the first command of every new nexus is told. */
const BEGINNING = 0x29;
const LIMIT = 10;

/** The sense of an answer that is CHECK CONDITION. */
export function senseOf({ status, sense }: PassedAnswer): Sense | undefined {
  if (status !== SCSI_STATUS.checkCondition || !sense) return undefined;
  const decoded = decodeSense(sense);
  return decoded.ok ? decoded.value : undefined;
}

/** INTERNAL TARGET FAILURE: what every further question would be told, and in a ring of arrays each would go all the way round. */
function hasFailedInside({ key, asc }: Sense): boolean {
  return key === SENSE_KEY.hardwareError && asc === 0x44;
}

/**
 * Hears out what the far unit has to say to a new nexus. That the nexus is new the host has been told by this array; everything else
 * is kept for it.
 */
export async function greetFarUnit(lun: Lun, line: FarLine, timeoutMs: number): Promise<void> {
  for (let left = LIMIT; lun.passThrough && left > 0; left -= 1) {
    const what = 'TEST UNIT READY';
    const answer = await lun.passThrough.execute({ what, cdb: testUnitReadyCdb(), dataInLength: 0, timeoutMs });
    const sense = senseOf(answer);
    if (sense && hasFailedInside(sense)) {
      throw new LunError('check-condition', lun.path, `${lun.path}: ${what}: internal target failure`, { sense });
    }
    if (sense?.key !== SENSE_KEY.unitAttention) return;
    if (sense.asc !== BEGINNING) line.keep(sense);
  }
}
