import type { CommandName } from '../../scsi/opcode-table.ts';
import { compareAndWrite, writeSame } from './block-commands.ts';
import { readCapacity10, readCapacity16 } from './capacity-commands.ts';
import type { Handler } from './command-context.ts';
import { release, reportSupportedOperationCodes, reserve, startStopUnit, testUnitReady } from './control-commands.ts';
import { inquiry, reportLuns, requestSense } from './identity-commands.ts';
import { modeSelect, modeSense } from './mode-commands.ts';
import { preFetch, read, synchronizeCache, write } from './transfer-commands.ts';
import { verify, writeAndVerify } from './verify-commands.ts';

/** One handler for each row of the opcode table; the compiler keeps the two in step. */
export const HANDLERS: Readonly<Record<CommandName, Handler>> = {
  testUnitReady,
  requestSense,
  read6: read,
  write6: write,
  inquiry,
  modeSelect6: modeSelect,
  reserve6: reserve,
  release6: release,
  modeSense6: modeSense,
  startStopUnit,
  readCapacity10,
  read10: read,
  write10: write,
  writeAndVerify10: writeAndVerify,
  verify10: verify,
  preFetch10: preFetch,
  synchronizeCache10: synchronizeCache,
  writeSame10: writeSame,
  modeSelect10: modeSelect,
  modeSense10: modeSense,
  read16: read,
  compareAndWrite,
  write16: write,
  writeAndVerify16: writeAndVerify,
  verify16: verify,
  preFetch16: preFetch,
  synchronizeCache16: synchronizeCache,
  writeSame16: writeSame,
  readCapacity16,
  reportLuns,
  reportSupportedOperationCodes,
  read12: read,
  write12: write,
  writeAndVerify12: writeAndVerify,
  verify12: verify,
};
