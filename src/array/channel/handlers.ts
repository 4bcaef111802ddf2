import type { CommandName } from '../../scsi/opcode-table.ts';
import { compareAndWrite, orWrite, writeAtomic, writeSame } from './block-commands.ts';
import { readCapacity10, readCapacity16 } from './capacity-commands.ts';
import type { Handler } from './command-context.ts';
import { readDefectData, release, reportSupportedOperationCodes, reserve, testUnitReady } from './control-commands.ts';
import { extendedCopy, receiveCopyOperatingParameters, receiveCopyStatus } from './copy-commands.ts';
import { inquiry, reportLuns, requestSense } from './identity-commands.ts';
import {
  sanitizeBlockErase,
  sanitizeCryptoErase,
  sanitizeExitFailureMode,
  sanitizeOverwrite,
} from './sanitize-commands.ts';
import { preventAllowMediumRemoval, startStopUnit } from './medium-commands.ts';
import { modeSelect, modeSense } from './mode-commands.ts';
import {
  persistentClear,
  persistentPreempt,
  persistentPreemptAndAbort,
  persistentRegister,
  persistentRegisterAndIgnore,
  persistentRegisterAndMove,
  persistentRelease,
  persistentReserve,
  readFullStatus,
  readKeys,
  readReservation,
  reportCapabilities,
} from './persistent-commands.ts';
import { getLbaStatus, unmap } from './provisioning-commands.ts';
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
  preventAllowMediumRemoval,
  readCapacity10,
  read10: read,
  write10: write,
  writeAndVerify10: writeAndVerify,
  verify10: verify,
  preFetch10: preFetch,
  synchronizeCache10: synchronizeCache,
  readDefectData10: readDefectData,
  writeSame10: writeSame,
  unmap,
  sanitizeOverwrite,
  sanitizeBlockErase,
  sanitizeCryptoErase,
  sanitizeExitFailureMode,
  modeSelect10: modeSelect,
  modeSense10: modeSense,
  readKeys,
  readReservation,
  reportCapabilities,
  readFullStatus,
  persistentRegister,
  persistentReserve,
  persistentRelease,
  persistentClear,
  persistentPreempt,
  persistentPreemptAndAbort,
  persistentRegisterAndIgnore,
  persistentRegisterAndMove,
  extendedCopy,
  receiveCopyStatus,
  receiveCopyOperatingParameters,
  read16: read,
  compareAndWrite,
  write16: write,
  orWrite16: orWrite,
  writeAndVerify16: writeAndVerify,
  verify16: verify,
  preFetch16: preFetch,
  synchronizeCache16: synchronizeCache,
  writeSame16: writeSame,
  writeAtomic16: writeAtomic,
  readCapacity16,
  getLbaStatus,
  reportLuns,
  reportSupportedOperationCodes,
  read12: read,
  write12: write,
  writeAndVerify12: writeAndVerify,
  verify12: verify,
  readDefectData12: readDefectData,
};
